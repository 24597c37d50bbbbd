/**
 * Whole images and indexes for tests of the conversion: layers from the tar language, documents as odd as a test wants them.
 * Layers are gzip'd without compression, so that their digests are the same with every zlib.
 */
import { gzipSync } from 'node:zlib';
import { contentOf } from '../../../src/io/streams.js';
import type { Descriptor } from '../../../src/oci/descriptor.js';
import { sha256 } from '../../../src/oci/digest.js';
import { MEDIA } from '../../../src/oci/media-types.js';
import type { ContentSink, ImageTarget } from '../../../src/registry/stores/store.js';

export interface Part {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}

/** A manifest or index and all that it names, children first. */
export interface BuiltImage {
  readonly root: Part;
  readonly parts: readonly Part[];
}

export interface ImageSpec {
  /** Uncompressed tars, lowest first. */
  readonly layers: readonly Uint8Array[];
  readonly docker?: boolean;
  readonly platform?: { readonly os: string; readonly architecture: string; readonly variant?: string };
  /** Members of the config; `undefined` takes one away. */
  readonly config?: object;
  /** Members of the manifest. */
  readonly manifest?: object;
  /** The config as text, made from the default one. */
  readonly rewriteConfig?: (text: string) => string;
  readonly indent?: number;
}

export function part(mediaType: string, bytes: Uint8Array): Part {
  return { descriptor: { mediaType, digest: sha256(bytes), size: bytes.length }, bytes };
}

/** A JSON document on one line. */
export function jsonPart(mediaType: string, value: object): Part {
  return part(mediaType, Buffer.from(JSON.stringify(value)));
}

function named({ descriptor }: Part): object {
  const { mediaType, digest, size } = descriptor;
  return { mediaType, digest, size };
}

export function buildImage(spec: ImageSpec): BuiltImage {
  const docker = spec.docker === true;
  const json = (value: object): Uint8Array => Buffer.from(JSON.stringify(value, null, spec.indent));
  const layerType = docker ? MEDIA.dockerLayerGzip : MEDIA.ociLayerGzip;
  const layers = spec.layers.map((tar) => part(layerType, gzipSync(tar, { level: 0 })));
  const configBytes = json({
    created: '2026-01-01T00:00:00Z',
    ...(spec.platform ?? { architecture: 'amd64', os: 'linux' }),
    config: { Env: ['PATH=/bin'], Cmd: ['/app'] },
    rootfs: { type: 'layers', diff_ids: spec.layers.map((tar) => sha256(tar)) },
    history: spec.layers.map((_, i) => ({ created: '2026-01-01T00:00:00Z', created_by: `step ${i}` })),
    ...spec.config,
  });
  const text = Buffer.from(configBytes).toString('utf8');
  const config = part(
    docker ? MEDIA.dockerConfig : MEDIA.ociConfig,
    spec.rewriteConfig === undefined ? configBytes : Buffer.from(spec.rewriteConfig(text)),
  );
  const root = part(
    docker ? MEDIA.dockerManifest : MEDIA.ociManifest,
    json({
      schemaVersion: 2,
      mediaType: docker ? MEDIA.dockerManifest : MEDIA.ociManifest,
      config: named(config),
      layers: layers.map(named),
      ...spec.manifest,
    }),
  );
  return { root, parts: [...layers, config, root] };
}

export interface IndexEntry {
  readonly image: BuiltImage;
  /** Members added to the entry. */
  readonly fields?: object;
}

export function buildIndex(entries: readonly IndexEntry[], fields: object = {}, docker = false): BuiltImage {
  const mediaType = docker ? MEDIA.dockerIndex : MEDIA.ociIndex;
  const manifests = entries.map(({ image, fields: more }) => ({ ...named(image.root), ...more }));
  const root = part(
    mediaType,
    Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, manifests, ...fields }, null, 2)),
  );
  return { root, parts: [...entries.flatMap(({ image }) => image.parts), root] };
}

/** An attestation as BuildKit puts it beside an image: a manifest whose only layer is an in-toto statement. */
export function buildAttestation(of: BuiltImage): IndexEntry {
  const statement = part(
    'application/vnd.in-toto+json',
    Buffer.from('{"_type":"https://in-toto.io/Statement/v0.1"}'),
  );
  const config = jsonPart(MEDIA.ociConfig, {
    architecture: 'unknown',
    os: 'unknown',
    config: {},
    rootfs: { type: 'layers', diff_ids: [statement.descriptor.digest] },
  });
  const root = jsonPart(MEDIA.ociManifest, {
    schemaVersion: 2,
    mediaType: MEDIA.ociManifest,
    config: named(config),
    layers: [named(statement)],
  });
  return {
    image: { root, parts: [statement, config, root] },
    fields: {
      annotations: {
        'vnd.docker.reference.digest': of.root.descriptor.digest,
        'vnd.docker.reference.type': 'attestation-manifest',
      },
      platform: { architecture: 'unknown', os: 'unknown' },
    },
  };
}

async function pushParts(target: ContentSink, parts: readonly Part[]): Promise<void> {
  for (const { descriptor, bytes } of parts) await target.push(descriptor, contentOf(bytes));
}

/** Makes the target's tag the image. */
export async function putImage(target: ImageTarget, image: BuiltImage): Promise<void> {
  await pushParts(target, image.parts.slice(0, -1));
  await target.tag(image.root.descriptor, image.root.bytes);
}
