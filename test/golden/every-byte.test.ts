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

function hold({ file, flips, missed, missedCuts }: FileReport): string {
  const unseen = Array.from(missed.values()).reduce((sum, { count }) => sum + count, 0);
  assert.deepEqual(missedCuts, [], `${file}: lengths at which a cut is not seen`);
  assert.deepEqual(
    Array.from(missed.keys()).filter((field) => REASONS[field] === undefined),
    [],
    `${file}: fields without a reason`,
  );
  const share = 1 - unseen / flips;
  assert.ok(share >= SHARE, `${file}: only ${share} found`);
  return `${file}: ${(share * 100).toFixed(2)} % of ${flips} changes found`;
}

test('changes and cuts of the metadata of a v6 image are found', async (t) => {
  for (const report of await everyByteOfCase('all-deleted', ONCE)) t.diagnostic(hold(report));
});

test('changes and cuts of an image with batches are found', async (t) => {
  for (const report of await everyByteOfCase('hardlinks/v6-batch', ONCE)) t.diagnostic(hold(report));
});

test('changes and cuts of a v5 bootstrap are found', async (t) => {
  for (const report of await everyByteOfCase('all-deleted/v5-zstd', ONCE)) t.diagnostic(hold(report));
});

test('changes and cuts at the end of a v5 blob are found', async (t) => {
  const how = { ...ONCE, wholeTo: 2048 };
  for (const report of await everyByteOfCase('concatenated/v5-zstd', how)) t.diagnostic(hold(report));
});
