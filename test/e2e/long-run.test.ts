/** Conversions at the same time, some of them aborted, leave nothing in their process. `npm run long-run` makes two thousand. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { leftOvers, longRun } from '../support/long-run/long-run.js';
import { tempFolder } from '../support/temp-folder.js';

test('conversions that are completed or aborted leave no threads, descriptors or files', async (t) => {
  if (!existsSync('/proc/self/task')) {
    t.skip('/proc, which lists threads and descriptors, is not there');
    return;
  }
  const run = await longRun({ runs: 32, parallel: 8, aborts: 0.5, seed: 7, folder: await tempFolder(t) });
  assert.equal(run.converted + run.aborted, 32);
  assert.ok(run.aborted > 5, `${run.aborted} conversions were aborted`);
  assert.deepEqual(leftOvers(run), []);
});
