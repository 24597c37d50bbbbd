/**
 * The addon against the writer in TypeScript, over the images that the golden and the differential tests are about: every case of
 * the reference, the odd archives, the images by hand, and random ones. Each image gives the same bytes or the same error.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { edgeImages } from '../support/images/edge-images.js';
import {
  hasReference,
  PACKING,
  referenceCases,
  referenceJson,
  referenceLayers,
} from '../support/images/fixtures.js';
import { randomImage } from '../support/images/random-layers.js';
import { needs } from '../support/needs.js';
import { asTheReferenceReads, CASE_READINGS } from '../support/references/reference-reading.js';
import { compareWriters, SECOND_OPTIONS } from './images.js';

/** Layers of random images, at least: as many as `test/differential` packs by default, from the same seed. */
const RANDOM_LAYERS = 300;

for (const name of referenceCases()) {
  const options = SECOND_OPTIONS.filter((option) => hasReference(name, option, 'merged.dump'));
  test(`${name}: both writers agree, with every option and in both scopes of deduplication`, async (t) => {
    if (!needs(t, 'python3')) return;
    const layers = referenceLayers(name);
    for (const option of options) assert.equal(await compareWriters(layers, PACKING[option]), undefined);
    for (const dedup of ['layer', 'image'] as const) {
      assert.equal(await compareWriters(layers, { dedup }), undefined);
    }
  });

  const readings = CASE_READINGS[name] ?? [];
  if (readings.length === 0) continue;
  test(`${name}: both writers agree on layers that are rewritten as the reference reads them`, async (t) => {
    if (!needs(t, 'python3')) return;
    const layers = referenceLayers(name);
    for (const option of options) {
      const rewritten = layers.map((tar) => asTheReferenceReads(tar, readings));
      assert.equal(await compareWriters(rewritten, PACKING[option]), undefined);
    }
    for (const reading of readings) {
      const others = readings.filter((one) => one !== reading);
      const rewritten = layers.map((tar) => asTheReferenceReads(tar, others));
      assert.equal(await compareWriters(rewritten, PACKING['v6-zstd']), undefined);
    }
  });
}

for (const name of Object.keys(referenceJson('odd.json') as object)) {
  test(`${name}: both writers agree, or refuse it alike`, async (t) => {
    if (!needs(t, 'python3')) return;
    await compareWriters(referenceLayers(name));
  });
}

for (const [name, { layers, options }] of Object.entries(edgeImages())) {
  test(`${name}: both writers agree`, async () => {
    assert.equal(await compareWriters(layers, options), undefined);
  });
}

test('random images: both writers agree, in both scopes of deduplication', async () => {
  let layers = 0;
  for (let seed = 1; layers < RANDOM_LAYERS; seed++) {
    const image = randomImage(seed);
    for (const dedup of ['layer', 'image'] as const) {
      const error = await compareWriters(image.layers, { ...image, dedup });
      assert.equal(error, undefined, `seed ${seed}, dedup ${dedup}`);
    }
    layers += image.layers.length;
  }
});
