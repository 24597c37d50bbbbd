/** A few moments of the kill matrix; `npm run faults -- --kill` makes all of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runKillMatrix } from '../support/faults/kill-matrix.js';

test('killed at any moment, the tag is absent or whole, and the next run sends what is missing and leaves nothing', async (t) => {
  const { results } = await runKillMatrix(4);
  for (const { signal, atMs, tag, heldBytes, sentBytes, totalBytes } of results) {
    t.diagnostic(
      `${signal} ${Math.round(atMs)} ms: tag ${tag}, held ${heldBytes}, sent ${sentBytes} of ${totalBytes}`,
    );
  }
  assert.deepEqual(
    results.flatMap(({ signal, atMs, faults }) =>
      faults.map((fault) => `${signal} at ${Math.round(atMs)} ms: ${fault}`),
    ),
    [],
  );
});
