/**
 * Every byte counts: of small images each byte is changed, and each cut made. What `check` does not find is in a field with a
 * reason. All cases, and two changes of each byte: `npm run every-byte`.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type FileReport, ONCE } from '../support/damage/every-byte.js';
import { everyByteOfCase } from '../support/damage/every-byte-cases.js';
import { REASONS } from '../support/damage/every-byte-reasons.js';

/** Under all of the images here. */
const SHARE = 0.985;

function hold({ file, flips, missed, missedCuts }: FileReport, least = SHARE): string {
  const unseen = Array.from(missed.values()).reduce((sum, { count }) => sum + count, 0);
  assert.deepEqual(missedCuts, [], `${file}: lengths at which a cut is not seen`);
  assert.deepEqual(
    Array.from(missed.keys()).filter((field) => REASONS[field] === undefined),
    [],
    `${file}: fields without a reason`,
  );
  const share = 1 - unseen / flips;
  assert.ok(share >= least, `${file}: only ${share} found`);
  return `${file}: ${(share * 100).toFixed(2)} % of ${flips} changes found`;
}

test('changes and cuts of the metadata of a v6 image are found', async (t) => {
  for (const report of await everyByteOfCase('all-deleted', ONCE)) t.diagnostic(hold(report));
});

test('changes and cuts of an image with batches are found', async (t) => {
  for (const report of await everyByteOfCase('hardlinks:v6-lz4-batch64k', ONCE)) t.diagnostic(hold(report));
});

test('changes and cuts of a v5 bootstrap are found', async (t) => {
  for (const report of await everyByteOfCase('all-deleted/v5-zstd', ONCE)) t.diagnostic(hold(report));
});

test('changes and cuts of images that we write in v5, with SHA-256 and in LZ4 are found', async (t) => {
  const how = { ...ONCE, wholeTo: 2048 };
  for (const name of ['basic:v6-lz4', 'no-data:v6-sha256'])
    for (const report of await everyByteOfCase(name, how)) t.diagnostic(hold(report));
  // A layer's own bootstrap has no digest in v5, and its names and attributes are used by no reader of the image.
  for (const report of await everyByteOfCase('basic:v5-zstd', how))
    t.diagnostic(hold(report, report.file === 'bootstrap' ? SHARE : 0.85));
});

test('changes and cuts at the end of a v5 blob are found', async (t) => {
  const how = { ...ONCE, wholeTo: 2048 };
  for (const report of await everyByteOfCase('concatenated/v5-zstd', how)) t.diagnostic(hold(report));
});

test('changes and cuts of an image whose chunks stay in its layer are found', async (t) => {
  for (const report of await everyByteOfCase('zran:v6-ref', { ...ONCE, wholeTo: 2048 }))
    t.diagnostic(hold(report));
});
