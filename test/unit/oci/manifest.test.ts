import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FormatError, UnsupportedError } from '../../../src/errors.js';
import { sha256 } from '../../../src/oci/digest.js';
import {
  descriptorToJson,
  type JsonObject,
  parseConfig,
  parseDocument,
  parseIndex,
  parseManifest,
  serialise,
  toDocument,
} from '../../../src/oci/manifest.js';
import { MEDIA } from '../../../src/oci/media-types.js';

const DIGEST = sha256('x');
const descriptor = { mediaType: MEDIA.ociLayerGzip, digest: DIGEST, size: 1 };
const config = { mediaType: MEDIA.ociConfig, digest: DIGEST, size: 1 };

function manifest(fields: JsonObject = {}): Uint8Array {
  return serialise({
    schemaVersion: 2,
    mediaType: MEDIA.ociManifest,
    config,
    layers: [descriptor],
    ...fields,
  });
}

test('a manifest is read, and what is not understood stays in its raw form', () => {
  const layer = { ...descriptor, urls: ['https://a.b'], data: 'eA==', extra: { deep: [1, null] } };
  const parsed = parseManifest(manifest({ layers: [layer], future: 1, annotations: { a: 'b' } }));
  assert.equal(parsed.config.mediaType, MEDIA.ociConfig);
  assert.deepEqual(parsed.layers[0]?.raw, layer);
  assert.equal(parsed.raw['future'], 1);
  assert.deepEqual(parsed.annotations, { a: 'b' });
});

test('the kind of a manifest without mediaType follows from its fields', () => {
  const bytes = manifest({ mediaType: undefined });
  assert.equal(parseDocument(bytes).mediaType, MEDIA.ociManifest);
  assert.equal(parseDocument(bytes, MEDIA.dockerManifest).mediaType, MEDIA.dockerManifest);
  // An index's type for bytes that are none is not believed, nor is one that says nothing.
  assert.equal(parseDocument(bytes, MEDIA.ociIndex).mediaType, MEDIA.ociManifest);
  assert.equal(parseDocument(bytes, 'application/json').mediaType, MEDIA.ociManifest);
  const index = serialise({ schemaVersion: 2, manifests: [descriptor] });
  assert.equal(parseDocument(index).kind, 'index');
  assert.equal(parseDocument(index, MEDIA.dockerIndex).mediaType, MEDIA.dockerIndex);
});

test('a descriptor without mediaType gets the media type of its family', () => {
  const bare = { digest: DIGEST, size: 1 };
  const oci = parseManifest(manifest({ config: bare, layers: [bare, { ...bare, mediaType: '' }] }));
  assert.equal(oci.config.mediaType, MEDIA.ociConfig);
  assert.deepEqual(
    oci.layers.map((layer) => layer.mediaType),
    [MEDIA.ociLayerGzip, MEDIA.ociLayerGzip],
  );
  const docker = parseManifest(manifest({ mediaType: MEDIA.dockerManifest, config: bare, layers: [bare] }));
  assert.equal(docker.config.mediaType, MEDIA.dockerConfig);
  assert.equal(
    parseIndex(serialise({ schemaVersion: 2, manifests: [bare] })).manifests[0]?.mediaType,
    MEDIA.ociManifest,
  );
});

test('the document itself outranks the header that came with it', () => {
  assert.equal(parseDocument(manifest(), MEDIA.dockerManifest).mediaType, MEDIA.ociManifest);
});

test('a document with the fields of both kinds is refused', () => {
  assert.throws(
    () => parseDocument(manifest({ mediaType: undefined, manifests: [] })),
    /both an index and an image manifest/,
  );
});

test('schema 1 is refused with a sentence', () => {
  const old = serialise({ schemaVersion: 1, name: 'a', fsLayers: [] });
  assert.throws(
    () => parseDocument(old, MEDIA.dockerSchema1Signed),
    (error) => error instanceof UnsupportedError && /schema 1/.test(error.message),
  );
  assert.throws(() => parseDocument(old), UnsupportedError);
});

test('bytes that are no document are refused, with the field that is wrong', () => {
  for (const [bytes, message] of [
    [Buffer.from('{'), /not JSON/],
    [Buffer.from('[]'), /not a JSON object/],
    [Buffer.from([0x7b, 0xff, 0x7d]), /not JSON/],
    [serialise({ schemaVersion: 2 }), /neither an index nor an image manifest/],
    [manifest({ schemaVersion: 3 }), /schemaVersion/],
    [manifest({ config: { ...config, digest: 'sha256:xyz' } }), /config\.digest: not a sha256 digest/],
    [manifest({ layers: [{ ...descriptor, size: -1 }] }), /layers\.0\.size/],
    [manifest({ layers: [{ ...descriptor, size: 1.5 }] }), /layers\.0\.size/],
    [manifest({ annotations: { a: 1 } }), /annotations\.a/],
  ] as const) {
    assert.throws(
      () => parseDocument(bytes),
      (error) => error instanceof FormatError && message.test(error.message),
      String(message),
    );
  }
  assert.throws(() => parseManifest(manifest({ mediaType: 'application/x' })), UnsupportedError);
  assert.throws(() => parseIndex(manifest()), FormatError);
  assert.throws(() => parseManifest(serialise({ schemaVersion: 2, manifests: [] })), FormatError);
});

test("Go's null for an absent list or map reads as absent", () => {
  const parsed = parseManifest(manifest({ layers: null, annotations: null, subject: null }));
  assert.deepEqual([parsed.layers, parsed.annotations, parsed.subject], [[], undefined, undefined]);
});

test('platforms of an index are read under their dotted names and written so again', () => {
  const platform = {
    architecture: 'amd64',
    os: 'windows',
    'os.version': '10.0',
    'os.features': ['win32k'],
    variant: 'v2',
  };
  const index = parseIndex(
    serialise({ schemaVersion: 2, manifests: [{ ...descriptor, platform, artifactType: 'a/b' }] }),
  );
  const [entry] = index.manifests;
  assert.deepEqual(entry?.platform, {
    os: 'windows',
    architecture: 'amd64',
    variant: 'v2',
    osVersion: '10.0',
    osFeatures: ['win32k'],
  });
  assert.deepEqual(descriptorToJson(entry), { ...descriptor, platform, artifactType: 'a/b' });
});

test('a descriptor is written in one order, whatever the order of its annotations', () => {
  const a = serialise(descriptorToJson({ ...descriptor, annotations: { b: '2', a: '1' } }));
  const b = serialise(
    descriptorToJson({
      annotations: { a: '1', b: '2' },
      size: 1,
      digest: DIGEST,
      mediaType: MEDIA.ociLayerGzip,
    }),
  );
  assert.deepEqual(a, b);
});

test('a document carries the digest of the bytes it came in', () => {
  const bytes = Buffer.from(`  ${Buffer.from(manifest()).toString()}\n`);
  const document = toDocument(bytes, parseDocument(bytes));
  assert.equal(document.descriptor.digest, sha256(bytes));
  assert.equal(document.descriptor.size, bytes.length);
});

test('a config gives its platform, diffIDs and history', () => {
  const parsed = parseConfig(
    serialise({
      os: 'linux',
      architecture: 'arm',
      variant: 'v7',
      rootfs: { type: 'layers', diff_ids: [DIGEST] },
      history: [{ created_by: 'a', empty_layer: true }, { created_by: 'b' }],
      moby: { x: 1 },
    }),
  );
  assert.deepEqual(parsed.platform, { os: 'linux', architecture: 'arm', variant: 'v7' });
  assert.deepEqual(parsed.diffIds, [DIGEST]);
  assert.deepEqual(
    parsed.history.map((entry) => [entry.emptyLayer, entry.raw['created_by']]),
    [
      [true, 'a'],
      [false, 'b'],
    ],
  );
  assert.deepEqual(parsed.raw['moby'], { x: 1 });
  assert.throws(() => parseConfig(serialise({ rootfs: { diff_ids: ['x'] } })), /rootfs\.diff_ids\.0/);
});
