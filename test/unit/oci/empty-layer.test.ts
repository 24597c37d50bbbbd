import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../support/properties.js';
import { prependEmptyLayer, removeEmptyLayer } from '../../../src/oci/empty-layer.js';
import { sha256 } from '../../../src/oci/digest.js';
import { parseManifest } from '../../../src/oci/manifest.js';
import { ANNOTATION, MEDIA } from '../../../src/oci/media-types.js';
import { EMPTY_LAYER_BYTES, EMPTY_LAYER_DIFF_ID, EMPTY_LAYER_DIGEST } from '../../../src/oci/nydus.js';
import { gunzipSync } from 'node:zlib';

const bytes = (value: unknown, indent?: string): Uint8Array =>
  Buffer.from(JSON.stringify(value, null, indent), 'utf8');
const layer = { mediaType: MEDIA.ociLayerGzip, digest: sha256('layer'), size: 10 };
const configJson = {
  rootfs: { type: 'layers', diff_ids: [sha256('tar')] },
  history: [{ created_by: 'ADD' }],
};

function image(extra: object, indent?: string): { manifest: Uint8Array; config: Uint8Array } {
  const config = bytes(configJson, indent);
  const descriptor = { mediaType: MEDIA.ociConfig, digest: sha256(config), size: config.length };
  return {
    manifest: bytes({ schemaVersion: 2, config: descriptor, layers: [layer], ...extra }, indent),
    config,
  };
}

test('the constants of the empty layer hold for its bytes', () => {
  assert.equal(sha256(EMPTY_LAYER_BYTES), EMPTY_LAYER_DIGEST);
  assert.equal(sha256(gunzipSync(EMPTY_LAYER_BYTES)), EMPTY_LAYER_DIFF_ID);
});

test('the OCI half of a merged index starts with an empty layer, and its config lists that layer', () => {
  const source = image({ mediaType: MEDIA.ociManifest });
  const derived = prependEmptyLayer(source, MEDIA.ociLayerGzip, 'app');
  const manifest = parseManifest(derived.manifest);
  assert.equal(manifest.layers.length, 2);
  assert.equal(manifest.layers[0]?.digest, EMPTY_LAYER_DIGEST);
  assert.equal(manifest.layers[0].annotations?.[ANNOTATION.nydusEmptyLayer], 'true');
  assert.equal(manifest.config.digest, sha256(derived.config));
  assert.equal(manifest.config.size, derived.config.length);
  assert.equal(manifest.annotations?.[ANNOTATION.nydusSourceDigest], sha256(source.manifest));
});

test('a Docker image keeps Docker types', () => {
  const derived = prependEmptyLayer(image({}), MEDIA.dockerLayerGzip, 'app');
  assert.equal(parseManifest(derived.manifest).layers[0]?.mediaType, MEDIA.dockerLayerGzip);
});

test('taking the empty layer out gives the original bytes, whatever their style and annotations', () => {
  const annotations = fc.constantFrom(
    {},
    { annotations: {} },
    { annotations: null },
    { annotations: { a: 'b' } },
    { annotations: { a: 'b', c: 'd' }, zz: 1 },
  );
  fc.assert(
    fc.property(annotations, fc.constantFrom(undefined, '\t', '  ', '   '), (extra, indent) => {
      const source = image(extra, indent);
      const derived = prependEmptyLayer(source, MEDIA.ociLayerGzip, 'app');
      assert.notEqual(sha256(derived.manifest), sha256(source.manifest));
      const back = removeEmptyLayer(derived, 'app');
      assert.equal(back === undefined ? '' : sha256(back.manifest), sha256(source.manifest));
      assert.equal(back === undefined ? '' : sha256(back.config), sha256(source.config));
    }),
  );
});

test('what another tool has encoded anew is not taken for the original', () => {
  const derived = prependEmptyLayer(image({}), MEDIA.ociLayerGzip, 'app');
  const manifest = bytes(JSON.parse(Buffer.from(derived.manifest).toString('utf8')), '    ');
  assert.equal(removeEmptyLayer({ manifest, config: derived.config }, 'app'), undefined);
});
