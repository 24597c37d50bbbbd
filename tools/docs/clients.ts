/**
 * docs/clients.md: what every client makes of our merged index, out of the code that writes it and the code that replays clients, and
 * which readers take which images.
 */
import { clientsOf, EVIDENCE, platformsOf, type ClientVerdict } from '../../src/check/clients.js';
import { Detector } from '../../src/check/detect.js';
import { clientName, OUTCOMES, pickText } from '../../src/cli/report/model.js';
import { mergedIndex } from '../../src/convert/merge-index.js';
import type { IndexMarks } from '../../src/convert/options.js';
import type { SourceImage } from '../../src/convert/source-images.js';
import { RegistryError } from '../../src/errors.js';
import { contentOf } from '../../src/io/streams.js';
import type { Descriptor } from '../../src/oci/descriptor.js';
import { sha256, type Digest } from '../../src/oci/digest.js';
import {
  parseConfig,
  parseManifest,
  serialise,
  toDocument,
  type JsonObject,
} from '../../src/oci/manifest.js';
import { ANNOTATION, MEDIA } from '../../src/oci/media-types.js';
import { parseLocation } from '../../src/registry/location.js';
import type { ImageSource } from '../../src/registry/stores/store.js';
import { markdownTable } from '../../test/support/markdown-table.js';
import { readersSection } from './readers.js';

export const MARKS: readonly IndexMarks[] = ['both', 'artifact-type', 'os-features', 'dual'];

const MEANING: Readonly<Record<IndexMarks, string>> = {
  both: 'one Nydus entry with `artifactType` and the `os.features` mark; the default',
  'artifact-type':
    'one Nydus entry with `artifactType` alone, as acceleration-service writes it since 0.2.19',
  'os-features': 'one Nydus entry with the `os.features` mark alone, as acceleration-service wrote it before',
  dual: 'two entries of the same manifest: `artifactType` alone, then both marks',
};

export async function clientsPage(): Promise<string> {
  const sections: string[] = [];
  for (const marks of MARKS) {
    const table = clientsTable(await clientsOfMarks(marks));
    sections.push(`## \`--index-marks ${marks}\`\n\n${MEANING[marks]}.\n\n${table}`);
  }
  return [HEAD, ...sections, TAIL, readersSection(), ''].join('\n\n');
}

export function clientsTable(clients: readonly ClientVerdict[]): string {
  const rows = clients.map((verdict) => [
    clientName(verdict),
    verdict.versions === '' ? 'all' : verdict.versions,
    pickText(verdict),
    verdict.outcome === 'lazily' ? `**${OUTCOMES.lazily}**` : OUTCOMES[verdict.outcome],
    EVIDENCE[verdict.client],
  ]);
  return markdownTable(['client', 'versions', 'takes', 'result', 'known from'], rows);
}

async function clientsOfMarks(marks: IndexMarks): Promise<readonly ClientVerdict[]> {
  const store = new Documents();
  const config = store.put(MEDIA.ociConfig, {
    os: 'linux',
    architecture: 'amd64',
    rootfs: { type: 'layers', diff_ids: [] },
  });
  const oci = store.put(MEDIA.ociManifest, image(config, []));
  const bootstrap = { [ANNOTATION.nydusBootstrap]: 'true' };
  const layer = {
    mediaType: MEDIA.ociLayerGzip,
    digest: sha256('bootstrap'),
    size: 9,
    annotations: bootstrap,
  };
  const nydus = store.put(MEDIA.ociManifest, image({ ...config, mediaType: MEDIA.nydusConfig }, [layer]));
  const source = sourceImage(store, oci, config);
  store.root = store.putBytes(MEDIA.ociIndex, mergedIndex(undefined, [{ source, oci, nydus }], [], marks));
  const entries = (await new Detector(store).entries()) ?? [];
  const [table] = await clientsOf(store, platformsOf(entries), [
    { digest: oci.digest, kind: 'oci', configType: MEDIA.ociConfig },
    { digest: nydus.digest, kind: 'nydus', configType: MEDIA.nydusConfig },
  ]);
  return table?.clients ?? [];
}

function image(config: Descriptor, layers: readonly JsonObject[]): JsonObject {
  const { mediaType, digest, size } = config;
  return { schemaVersion: 2, mediaType: MEDIA.ociManifest, config: { mediaType, digest, size }, layers };
}

function sourceImage(store: Documents, manifest: Descriptor, config: Descriptor): SourceImage {
  const bytes = store.bytesOf(manifest.digest);
  const configBytes = store.bytesOf(config.digest);
  const value = parseConfig(configBytes);
  return {
    entry: undefined,
    manifest: toDocument(bytes, parseManifest(bytes)),
    config: { descriptor: config, bytes: configBytes, value },
    platform: value.platform,
    origin: { kind: 'recorded', text: 'registry.example/app:1.0' },
  };
}

/** Documents in memory, as a source. */
class Documents implements ImageSource {
  readonly location = 'registry.example/app:1.0-nydus';
  readonly place = parseLocation(this.location);
  readonly #documents = new Map<Digest, Uint8Array>();
  root: Descriptor | undefined;

  put(mediaType: string, json: JsonObject): Descriptor {
    return this.putBytes(mediaType, serialise(json));
  }

  putBytes(mediaType: string, bytes: Uint8Array): Descriptor {
    const digest = sha256(bytes);
    this.#documents.set(digest, bytes);
    return { mediaType, digest, size: bytes.length };
  }

  bytesOf(digest: Digest): Uint8Array {
    const bytes = this.#documents.get(digest);
    if (bytes === undefined) throw new RegistryError(`${digest} is not there`, { status: 404 });
    return bytes;
  }

  resolve(): Promise<Descriptor> {
    if (this.root === undefined) throw new RegistryError('no such tag', { status: 404 });
    return Promise.resolve(this.root);
  }

  fetch({ digest }: Descriptor): AsyncIterable<Uint8Array> {
    return contentOf(this.bytesOf(digest)).open();
  }

  exists({ digest }: Descriptor): Promise<boolean> {
    return Promise.resolve(this.#documents.has(digest));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Nothing is held open.
  }
}

const HEAD = `<!-- Written by tools/docs/main.ts: src/convert/merge-index.ts seen by src/check/clients.ts, and tools/docs/readers.ts. Do not edit: npm run docs. -->

# Clients

Which image a client takes out of an index, and which [reader](#readers) takes which image.

A merged index (\`convert --merge-platform\`) serves clients that know Nydus and clients that do not. Which entry each of them takes
depends on the marks of the Nydus entry (\`--index-marks\`). These tables are for \`linux/amd64\`, an index of one OCI and one Nydus image;
\`nydusify check --clients IMAGE\` makes them for any image, and shows every step of nydus-snapshotter's detection in its HTML report.

How far they can be trusted: \`test/differential/detection.test.ts\` puts the same questions to the real code, for more than seventy indexes, ours,
as upstream's tools write them, odd and broken ones: nydus-snapshotter's detection as it is released and built with containerd's
newer platform matcher, containerd's and go-containerregistry's choice, skopeo, regctl and oras. \`test/differential/clients.test.ts\` has the
clients themselves pull what we write, out of a real registry: podman, containerd, skopeo, crane, regctl and oras. The answers are the same.
Docker alone is modelled: it takes its matcher, and since 29 its image store, from containerd.

- **containerd to 2.2** has a platform matcher that takes no notice of \`os.features\`; **from 2.3** on it passes by an entry with features that
  are not wanted. Docker uses the same matchers. Every nydus-snapshotter *as released* has the older one; *coming* is one with the newer.
- *runs, lazily*: mounted as a Nydus filesystem. *runs, unpacked*: an ordinary image, downloaded as a whole.
- Index detection is \`enable_index_detect\`, referrer detection \`enable_referrer_detect\`, both under \`[experimental]\` and off by default. Referrer
  detection needs \`convert --with-referrer\`, and looks at the first referrer alone.`;

const TAIL = `## Which to choose

\`both\` is found by everything that exists today. \`dual\` is found by everything that exists or is foreseen; its index names one digest
twice, which is legal, and which some user interfaces show as two images. A Nydus image without merging is for nodes that all run
nydus-snapshotter: other clients cannot run it.

\`both\` stays the default: the snapshotter that would pass by its entry does not exist yet, while the second entry of \`dual\` is seen by every user
interface today. So a check is silent about it, and \`check --clients\` has the note \`DETECT-INDEX-NEXT\`, for those who plan ahead.`;
