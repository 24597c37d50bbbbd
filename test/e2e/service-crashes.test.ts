/** The queue's file after kills, power cuts and damage, in small; `npm run service-load` does it in large. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DISKS, missingFor } from '../support/faults/loop-disk.js';
import {
  type CrashCount,
  cuts,
  flips,
  fullDisk,
  kills,
  powerCuts,
  twoProcesses,
} from '../support/service/crash-matrix.js';
import { seeded } from '../support/service/mutated-json.js';

function nothingIsLost({ title, rounds, whole, said, silent }: CrashCount): void {
  assert.deepEqual(silent, [], title);
  assert.equal(whole + said, rounds);
}

test('what was answered before a kill is there, or the log says what cannot be read', async (t) => {
  const count = await kills(t, 3, seeded(1));
  nothingIsLost(count);
  assert.equal(count.whole, count.rounds);
});

test('a file or log that is cut, and a flipped bit, are named if a record is gone; what can be read goes on', async (t) => {
  nothingIsLost(await cuts(t, 5, seeded(2)));
  const flipped = await flips(t, 15, seeded(3));
  nothingIsLost(flipped);
  assert.ok(flipped.kept > flipped.answered * 0.9, `${flipped.kept} of ${flipped.answered} could be read`);
});

test('a second process is refused by the number of the first, which goes on writing', async (t) => {
  nothingIsLost(await twoProcesses(t));
});

const [disk] = DISKS;

test(
  'what was answered before a power cut is on the disk',
  { skip: missingFor(disk) ?? false },
  async (t) => {
    const count = await powerCuts(t, 4, seeded(4));
    nothingIsLost(count);
    assert.equal(count.whole, count.rounds);
  },
);

test(
  'a full disk refuses with a sentence, and loses nothing',
  { skip: missingFor(disk) ?? false },
  async (t) => {
    nothingIsLost(await fullDisk(t));
  },
);
