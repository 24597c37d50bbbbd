/** A few moments of the kill matrix; `npm run faults -- --kill` makes all of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ENDED_BEFORE } from '../support/faults/kill-lab.js';
import { runKillMatrix } from '../support/faults/kill-matrix.js';

test('killed at any moment, the tag is absent or whole, and the next run sends what is missing and leaves nothing', async (t) => {
  const { results } = await runKillMatrix(4);
  for (const { signal, moment, kind, tag, heldBytes, sentBytes, totalBytes } of results) {
    t.diagnostic(
      `${signal} at request ${moment.request} (${kind}, ${moment.phase}): tag ${tag}, held ${heldBytes}, sent ${sentBytes} of ${totalBytes}`,
    );
  }
  assert.deepEqual(
    results.flatMap(({ signal, moment, faults }) =>
      faults.map((fault) => `${signal} at request ${moment.request} (${moment.phase}): ${fault}`),
    ),
    [],
  );
  assert.equal(results.at(-1)?.tag, 'whole');
  const missed = results.filter(({ kind }) => kind === ENDED_BEFORE);
  assert.ok(missed.length <= 2, `${missed.length} moments did not come`);
  assert.equal(results[0]?.heldBytes, 0);
});
