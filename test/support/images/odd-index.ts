/**
 * An index with everything that a copy must keep: images of both families, a nested index, an attestation, a Nydus entry, artifacts with
 * an empty config, with types that nobody knows and with documents as their layers, members without meaning, and a layer that lies
 * outside.
 */
import { MEDIA } from '../../../src/oci/media-types.js';
import { type BuiltImage, buildImage, buildIndex, jsonPart, type Part, part } from './image-builder.js';
import { noise } from './opaque-image.js';
import { file, layer } from './tar.js';

const named = ({ descriptor: { mediaType, digest, size } }: Part): object => ({ mediaType, digest, size });

const EMPTY = part(MEDIA.ociEmpty, Buffer.from('{}'));

/** A manifest with other layers than those of an image. */
export function artifact(parts: readonly Part[], members: object = {}, config = EMPTY): BuiltImage {
  const root = jsonPart(MEDIA.ociManifest, {
    schemaVersion: 2,
    mediaType: MEDIA.ociManifest,
    config: { ...named(config), data: Buffer.from(config.bytes).toString('base64') },
    layers: parts.map(named),
    ...members,
  });
  // A registry takes them as blobs, whatever their types are.
  const blobs = [config, ...parts].map(({ bytes }) => part(MEDIA.untypedConfig, bytes));
  return { root, parts: [...blobs, root] };
}

/** An artifact that refers to another document. */
export function referrerOf(subject: Part, artifactType: string, text = artifactType): BuiltImage {
  return artifact([part('text/plain', Buffer.from(text))], { artifactType, subject: named(subject) });
}

const image = (text: string, more: Partial<Parameters<typeof buildImage>[0]> = {}): BuiltImage =>
  buildImage({
    layers: [layer(file('name', text)), layer(file('data', noise(20_000, text.length)))],
    ...more,
  });

export const AMD64 = image('amd64', { indent: 3, manifest: { 'x-unknown': 12.0, annotations: { a: 'b' } } });
export const ARM64 = image('arm64', { docker: true, platform: { os: 'linux', architecture: 'arm64' } });
/** In the index, beside `AMD64`, as the Nydus half. */
export const NYDUS = image('nydus', { manifest: { artifactType: 'application/x-kept' } });
const RISCV = image('riscv', { platform: { os: 'linux', architecture: 'riscv64' } });

const nested = buildIndex([{ image: RISCV, fields: { platform: { os: 'linux', architecture: 'riscv64' } } }]);
const attestation = artifact(
  [part('application/vnd.in-toto+json', Buffer.from('{"predicate":1}'))],
  {},
  jsonPart(MEDIA.ociConfig, {
    architecture: 'unknown',
    os: 'unknown',
    rootfs: { type: 'layers', diff_ids: [] },
  }),
);
const documentsInside = artifact([jsonPart(MEDIA.ociIndex, { schemaVersion: 2, manifests: [] })], {
  artifactType: 'application/x-index',
});
const unknownTypes = artifact(
  [part('application/vnd.example.model.weights.v7', noise(5000, 9))],
  { annotations: { 'org.example': 'ü\u2028' } },
  part('application/vnd.example.config', Buffer.from('no json')),
);

/** The layer that the second image lists lies nowhere. */
const outside = {
  mediaType: MEDIA.dockerForeignLayer,
  digest: `sha256:${'5'.repeat(64)}`,
  size: 1234,
  urls: ['https://example.com/layer'],
};
const windows = ((): BuiltImage => {
  const { root, parts } = image('windows', {
    docker: true,
    platform: { os: 'windows', architecture: 'amd64' },
  });
  const document = JSON.parse(Buffer.from(root.bytes).toString()) as { layers: object[] };
  document.layers.unshift(outside);
  const odd = jsonPart(MEDIA.dockerManifest, document);
  return { root: odd, parts: [...parts.slice(0, -1), odd] };
})();

const platform = (architecture: string, more: object = {}): object => ({
  platform: { os: 'linux', architecture, ...more },
});

export const ODD_INDEX = buildIndex(
  [
    { image: AMD64, fields: { ...platform('amd64'), 'x-entry': [1, null] } },
    { image: ARM64, fields: platform('arm64', { variant: 'v8' }) },
    { image: NYDUS, fields: { ...platform('amd64'), artifactType: MEDIA.nydusArtifact } },
    { image: nested, fields: {} },
    {
      image: windows,
      fields: { platform: { os: 'windows', architecture: 'amd64', 'os.version': '10.0.1' } },
    },
    {
      image: attestation,
      fields: {
        platform: { os: 'unknown', architecture: 'unknown' },
        annotations: { 'vnd.docker.reference.digest': AMD64.root.descriptor.digest },
      },
    },
    { image: documentsInside },
    { image: unknownTypes, fields: { artifactType: 'application/x-model' } },
    { image: AMD64, fields: platform('amd64', { variant: 'v2' }) },
  ],
  { 'x-index': { deep: [true, 'inf'] }, annotations: { 'org.example.kept': 'yes' } },
);
