/**
 * The main path with no options, from source image to pushed Nydus image, against the reference builder's bytes: every blob and the
 * bootstrap of every case. `fixtures.test.ts` proves the same of the packer with each option.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bootstrapOf, readBootstrapLayer } from '../../src/image/bootstrap-layer.js';
import { digestHex, sha256 } from '../../src/oci/digest.js';
import { parseManifest } from '../../src/oci/manifest.js';
import { convert } from '../support/images/folder-conversion.js';
import { referenceDigests, referenceLayers } from '../support/images/fixtures.js';
import { packImage } from '../support/images/image.js';
import { buildImage } from '../support/images/image-builder.js';
import { needs } from '../support/needs.js';
import { asTheReferenceReads, CASE_READINGS } from '../support/references/reference-reading.js';

/** `fixtures.test.ts` says why the reference's bytes of these cases differ; the packer's stand for them here. */
const DEVIATING = new Set(['xattrs', 'devices', 'base-whiteouts', 'missing-parents', 'opaque-misplaced']);

const hexOf = (bytes: Uint8Array): string => digestHex(sha256(bytes));

for (const [name, { 'v6-zstd': reference }] of Object.entries(referenceDigests())) {
  if (reference === undefined) continue;
  test(`a conversion of ${name} without options pushes the reference's bytes`, async (t) => {
    if (!needs(t, 'python3')) return;
    const readings = CASE_READINGS[name] ?? [];
    const layers = referenceLayers(name).map((tar) =>
      readings.length === 0 ? tar : asTheReferenceReads(tar, readings),
    );
    const made = await convert(t, buildImage({ layers }));
    const manifest = parseManifest(made.bytes, made.result.root.mediaType);
    const last = manifest.layers.at(-1);
    assert.ok(last !== undefined);
    const stored = await made.read(last);
    const bootstrap = bootstrapOf(
      await readBootstrapLayer(
        (async function* () {
          yield stored;
        })(),
      ),
    );
    assert.ok(bootstrap !== undefined);
    const pushed = await Promise.all(
      manifest.layers.slice(0, -1).map(async (blob) => hexOf(await made.read(blob))),
    );
    const packed = DEVIATING.has(name) ? await packImage(layers) : undefined;
    assert.deepEqual(pushed, packed?.layers.map((layer) => hexOf(layer.bytes)) ?? reference.layers);
    assert.equal(hexOf(bootstrap), packed === undefined ? reference.bootstrap : hexOf(packed.bootstrap));
  });
}
