/**
 * What upstream's own code takes for a build cache, and what we do: every form of a root, beside each other, in Debian's
 * docker-registry. Upstream reads an index only as Go encodes it, and refuses a cache if the repository lacks a source layer.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { goIndex } from '../../src/cache/go-index.js';
import { readCache } from '../../src/cache/root.js';
import { contentOf } from '../../src/io/streams.js';
import type { Descriptor } from '../../src/oci/descriptor.js';
import { sha256 } from '../../src/oci/digest.js';
import { ANNOTATION, MEDIA } from '../../src/oci/media-types.js';
import { anonymous } from '../../src/registry/auth/credentials.js';
import { openTarget } from '../../src/registry/open.js';
import type { ImageTarget } from '../../src/registry/stores/store.js';
import { madeUpRecord } from '../support/cache/made-up-record.js';
import { needs } from '../support/needs.js';
import { buildCacheTool, pathOrSkip } from '../support/references/tools.js';
import { startDockerRegistry } from '../support/registries/real-registries.js';
import { tryRun } from '../support/run-tool.js';

type Reading = 'reads' | 'reads nothing' | 'fails';

interface Form {
  readonly name: string;
  readonly upstream: Reading;
  readonly ours: Reading;
  /** Makes the root; the blob, its source layer and the config are there. */
  readonly root: (make: Maker) => Promise<readonly [mediaType: string, bytes: Uint8Array]>;
}

interface Maker {
  /** A manifest with the record, as JSON. */
  readonly manifest: (change?: (json: ManifestJson) => void) => ManifestJson;
  readonly put: (mediaType: string, bytes: Uint8Array) => Promise<Descriptor>;
}

interface ManifestJson {
  schemaVersion: number;
  mediaType: string;
  config: unknown;
  layers: { mediaType: string; annotations: Record<string, string> }[];
  annotations: Record<string, string>;
}

const json = (value: unknown, indent?: number): Buffer =>
  Buffer.from(JSON.stringify(value, undefined, indent));
const PLATFORM = { architecture: 'amd64', os: 'linux' };

/** An index with the manifest, as Go encodes it; `annotation` shows whether letters are escaped. */
async function indexOver({ put }: Maker, manifest: Buffer, annotation?: string): Promise<Buffer> {
  const child = await put(MEDIA.ociManifest, manifest);
  const annotations = annotation === undefined ? undefined : { note: annotation };
  return Buffer.from(goIndex(MEDIA.ociIndex, [{ ...child, platform: PLATFORM }], annotations));
}

const FORMS: readonly Form[] = [
  {
    name: 'an index as Go encodes it',
    upstream: 'reads',
    ours: 'reads',
    root: async (make) => [MEDIA.ociIndex, await indexOver(make, json(make.manifest()), '<a & b>')],
  },
  {
    name: 'an index without blanks',
    upstream: 'fails',
    ours: 'reads',
    root: async (make) => {
      const index: unknown = JSON.parse((await indexOver(make, json(make.manifest()))).toString());
      return [MEDIA.ociIndex, json(index)];
    },
  },
  {
    name: 'an index with its members in another order',
    upstream: 'fails',
    ours: 'reads',
    root: async (make) => {
      const index = JSON.parse((await indexOver(make, json(make.manifest()))).toString()) as object; // just made
      return [MEDIA.ociIndex, json(Object.fromEntries(Object.entries(index).toReversed()), 2)];
    },
  },
  {
    name: 'an index whose letters are not escaped',
    upstream: 'fails',
    ours: 'reads',
    root: async (make) => {
      const index: unknown = JSON.parse((await indexOver(make, json(make.manifest()), '<a & b>')).toString());
      return [MEDIA.ociIndex, json(index, 2)];
    },
  },
  {
    name: 'a manifest in the index in another form of JSON',
    upstream: 'reads',
    ours: 'reads',
    root: async (make) => [MEDIA.ociIndex, await indexOver(make, json(make.manifest(), 7))],
  },
  {
    name: 'one manifest',
    upstream: 'reads',
    ours: 'reads',
    root: (make) => Promise.resolve([MEDIA.ociManifest, json(make.manifest())]),
  },
  {
    name: 'a record without its source layer',
    upstream: 'reads nothing',
    ours: 'reads nothing',
    root: (make) => {
      const manifest = make.manifest(({ layers }) => {
        for (const { annotations } of layers)
          Reflect.deleteProperty(annotations, ANNOTATION.nydusSourceDigest);
      });
      return Promise.resolve([MEDIA.ociManifest, json(manifest)]);
    },
  },
  {
    name: 'a source layer that the repository lacks',
    upstream: 'fails',
    ours: 'reads',
    root: (make) => {
      const manifest = make.manifest(({ layers }) => {
        for (const { annotations } of layers) annotations[ANNOTATION.nydusSourceDigest] = sha256('elsewhere');
      });
      return Promise.resolve([MEDIA.ociManifest, json(manifest)]);
    },
  },
  {
    // Upstream is asked for the version ''. We are asked for none, for which any version will do.
    name: 'a manifest of another version',
    upstream: 'reads nothing',
    ours: 'reads',
    root: (make) => {
      const annotations = { [ANNOTATION.nydusCacheVersion]: 'v2' };
      return Promise.resolve([MEDIA.ociManifest, json({ ...make.manifest(), annotations })]);
    },
  },
  {
    name: "a manifest of Docker's type",
    upstream: 'reads',
    ours: 'reads',
    root: (make) => {
      const manifest = { ...make.manifest(), mediaType: MEDIA.dockerManifest };
      return Promise.resolve([MEDIA.dockerManifest, json(manifest)]);
    },
  },
];

async function put(target: ImageTarget, mediaType: string, bytes: Uint8Array): Promise<Descriptor> {
  const descriptor = { mediaType, digest: sha256(bytes), size: bytes.length };
  await target.push(descriptor, contentOf(bytes));
  return descriptor;
}

test('every form of a cache is read by us, and by upstream those that its code takes', async (t) => {
  if (!needs(t, 'docker-registry')) return;
  const tool = pathOrSkip(t, await buildCacheTool());
  if (tool === undefined) return;
  await using real = await startDockerRegistry();
  const { record, bytes, source } = madeUpRecord('only');
  for (const [number, { name, upstream, ours, root }] of FORMS.entries()) {
    const location = `${real.host}/app:form-${number}`;
    await using target = openTarget(location, { credentials: anonymous });
    await put(target, MEDIA.nydusBlob, bytes);
    await put(target, MEDIA.ociLayerTar, source);
    const config = await put(target, MEDIA.ociConfig, json(PLATFORM));
    const [mediaType, document] = await root({
      put: (type, content) => put(target, type, content),
      manifest: (change) => {
        const manifest = {
          schemaVersion: 2,
          mediaType: MEDIA.ociManifest,
          config,
          layers: [structuredClone(record.json) as unknown as ManifestJson['layers'][0]],
          annotations: { [ANNOTATION.nydusCacheVersion]: '' },
        };
        change?.(manifest);
        return manifest;
      },
    });
    await target.tag({ mediaType, digest: sha256(document), size: document.length }, document);
    const { status, stdout } = await tryRun(tool, ['read', location, '', sha256(source)]);
    const found = status === 0 && stdout.toString().includes(record.digest);
    assert.equal(status !== 0 ? 'fails' : found ? 'reads' : 'reads nothing', upstream, `upstream: ${name}`);
    const records = (await readCache(target, {}))?.manifests.flatMap((manifest) => manifest.records) ?? [];
    const usable = records.filter((one) => one.usable !== undefined);
    assert.equal(usable.length > 0 ? 'reads' : 'reads nothing', ours, `ours: ${name}`);
  }
});
