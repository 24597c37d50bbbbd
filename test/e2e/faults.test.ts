/** A slice of the fault matrix; `npm run faults` makes all of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultNames } from '../support/faults/fault-matrix.js';
import { runSteps } from '../support/faults/step-matrix.js';
import { runMatrix } from '../support/faults/matrix-run.js';

/** Primes that do not divide the number of faults, so that the slice meets all of them, at all kinds of requests. */
const EVERY_ONCE = 11;
const EVERY_FOR_GOOD = 5;
const EVERY_STEP = 17;

test('a slice of the fault matrix: the same result or a documented error, and nothing left behind', async (t) => {
  const run = await runMatrix(
    [
      { mode: 'once', every: EVERY_ONCE },
      { mode: 'for good', every: EVERY_FOR_GOOD },
    ],
    2,
  );
  const broken = run.results.flatMap(({ cell, faults, message = '' }) =>
    faults.map((fault) => `${cell.kind} × ${cell.fault}, ${cell.mode}: ${fault} (${message})`),
  );
  assert.deepEqual(broken, []);
  assert.deepEqual(run.leaks, []);
  assert.ok(run.debugLines > 1000, `${run.debugLines} lines of debug log`);
  assert.deepEqual([...new Set(run.results.map(({ cell }) => cell.fault))].sort(), faultNames().sort());
  t.diagnostic(`${run.results.length} cells`);
});

test('a slice of the matrix of steps: what a run can do without never ends it', async (t) => {
  const results = await runSteps(EVERY_STEP);
  const broken = results.flatMap(({ step, status, mode, faults }) =>
    faults.map((fault) => `${step} × ${status}, ${mode}: ${fault}`),
  );
  assert.deepEqual(broken, []);
  t.diagnostic(`${results.length} cells`);
});
