import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  bootstrapLayerOf,
  dataLayersOf,
  halfOf,
  isContainerImage,
  isIsolated,
  isNydusManifest,
  kindOfEntry,
  marksOf,
} from '../../../src/image/kinds.js';
import type { Descriptor } from '../../../src/oci/descriptor.js';
import { sha256 } from '../../../src/oci/digest.js';
import { type Manifest, parseManifest } from '../../../src/oci/manifest.js';
import { ANNOTATION, MEDIA, NYDUS_OS_FEATURE } from '../../../src/oci/media-types.js';
import { EMPTY_LAYER_BYTES } from '../../../src/oci/nydus.js';

function descriptor(more: Partial<Descriptor> = {}): Descriptor {
  return { mediaType: MEDIA.ociManifest, digest: sha256('x'), size: 1, ...more };
}

function manifest(layers: readonly Descriptor[], more: object = {}): Manifest {
  const config = descriptor({ mediaType: MEDIA.ociConfig });
  const json = { schemaVersion: 2, mediaType: MEDIA.ociManifest, config, layers, ...more };
  return parseManifest(Buffer.from(JSON.stringify(json)));
}

const AMD64 = { os: 'linux', architecture: 'amd64' };
const tar = descriptor({ mediaType: MEDIA.ociLayerGzip });
const boot = { ...tar, annotations: { [ANNOTATION.nydusBootstrap]: 'true' } };
const empty = {
  mediaType: MEDIA.ociLayerGzip,
  digest: sha256(EMPTY_LAYER_BYTES),
  size: EMPTY_LAYER_BYTES.length,
};
const source = { annotations: { [ANNOTATION.nydusSourceDigest]: sha256('source') } };

test('every kind of entry is recognised by its descriptor', () => {
  const cases: readonly (readonly [kind: string, entry: Partial<Descriptor>])[] = [
    ['oci', {}],
    ['oci', { platform: AMD64 }],
    ['oci', { mediaType: MEDIA.dockerManifest, artifactType: 'application/x' }],
    ['nydus', { artifactType: MEDIA.nydusArtifact }],
    ['nydus', { platform: { ...AMD64, osFeatures: ['a', NYDUS_OS_FEATURE] } }],
    ['index', { mediaType: MEDIA.ociIndex }],
    ['index', { mediaType: MEDIA.dockerIndex, artifactType: MEDIA.nydusArtifact }],
    ['attestation', { platform: { os: 'unknown', architecture: 'unknown' } }],
    ['attestation', { annotations: { [ANNOTATION.dockerReferenceType]: 'attestation-manifest' } }],
    ['foreign', { mediaType: 'application/vnd.example+json' }],
    ['foreign', { mediaType: MEDIA.dockerSchema1 }],
  ];
  for (const [kind, entry] of cases)
    assert.equal(kindOfEntry(descriptor(entry)), kind, JSON.stringify(entry));
});

test('both marks of one entry are found', () => {
  const platform = { ...AMD64, osFeatures: [NYDUS_OS_FEATURE] };
  assert.deepEqual(marksOf({ artifactType: MEDIA.nydusArtifact, platform }), ['artifactType', 'os.features']);
  assert.deepEqual(marksOf({ artifactType: '', platform: undefined }), []);
});

test('the bootstrap makes a Nydus image, and words alone do not', () => {
  assert.equal(halfOf(manifest([tar, boot])), 'nydus');
  assert.equal(bootstrapLayerOf(manifest([boot, tar]))?.digest, boot.digest);
  const claims = manifest([tar], { artifactType: MEDIA.nydusArtifact });
  assert.equal(halfOf(claims), 'oci');
  assert.ok(isNydusManifest(claims));
  assert.ok(!isNydusManifest(manifest([tar])));
});

test('a manifest with a config of no image is an artifact', () => {
  const withConfig = (mediaType: string): Manifest => manifest([], { config: descriptor({ mediaType }) });
  for (const type of [MEDIA.ociConfig, MEDIA.dockerConfig, MEDIA.nydusConfig, MEDIA.untypedConfig])
    assert.ok(isContainerImage(withConfig(type)), type);
  assert.ok(!isContainerImage(withConfig(MEDIA.ociEmpty)));
  assert.ok(!isContainerImage(manifest([], { artifactType: MEDIA.attestationManifest })));
});

test('an empty layer isolates an image only where a conversion put it', () => {
  const marked = { ...empty, annotations: { [ANNOTATION.nydusEmptyLayer]: 'true' } };
  assert.ok(isIsolated(manifest([marked, tar], source)));
  assert.ok(isIsolated(manifest([empty, tar], source)));
  // BuildKit writes the same layer for instructions that change nothing.
  assert.ok(!isIsolated(manifest([empty, tar])));
  assert.ok(!isIsolated(manifest([marked, boot], source)));
  assert.ok(!isIsolated(manifest([], source)));
});

test('data layers are all but the bootstrap and the empty layer of a conversion', () => {
  assert.equal(dataLayersOf(manifest([tar, tar, boot])).length, 2);
  assert.equal(dataLayersOf(manifest([empty, tar, tar], source)).length, 2);
  assert.equal(dataLayersOf(manifest([empty, tar, tar])).length, 3);
});
