/**
 * Rules say of damaged files what they said when their answers were frozen (`fixtures/frozen`): all damages, and a slice of the
 * mutations and of the changed bytes. The whole is `npm run frozen`.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  damageAnswers,
  everyByteAnswers,
  frozen,
  FROZEN_BASES,
  mutationAnswers,
} from '../support/damage/frozen.js';

/** Slices of each base. */
const SLICES = 5;

test('every damage has the findings that it had', () => {
  const kept = frozen('damages');
  for (const [base, damages] of Object.entries(damageAnswers())) assert.deepEqual(damages, kept[base], base);
});

for (const base of FROZEN_BASES) {
  test(`mutations of ${base} have the findings that they had`, () => {
    const { slices } = mutationAnswers(base, SLICES);
    assert.deepEqual(slices, frozen('mutations')[base]?.slices.slice(0, SLICES));
  });
}

for (const name of ['all-deleted', 'all-deleted/v5-zstd']) {
  test(`every changed byte of ${name} and each of its cuts has the findings that it had`, async () => {
    assert.deepEqual(await everyByteAnswers(name), frozen('everyByte')[name]);
  });
}
