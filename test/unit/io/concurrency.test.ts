import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'node:test';
import { mapOrdered } from '../../../src/io/concurrency.js';

test('results are in order, and never more than the limit run at once', async () => {
  let running = 0;
  let most = 0;
  const results = await mapOrdered([5, 1, 4, 2, 3, 0], 3, async (n, index) => {
    most = Math.max(most, ++running);
    await sleep(n);
    running--;
    return [n, index];
  });
  assert.deepEqual(results, [
    [5, 0],
    [1, 1],
    [4, 2],
    [2, 3],
    [3, 4],
    [0, 5],
  ]);
  assert.equal(most, 3);
});

test('the first failure stops the rest, is waited for, and is the one thrown', async () => {
  const ended: number[] = [];
  const run = mapOrdered([0, 1, 2, 3, 4], 2, async (n, _index, signal) => {
    if (n === 0) throw new Error('first');
    await sleep(20, undefined, { signal }).catch(() => undefined);
    ended.push(n);
    throw new Error('later');
  });
  await assert.rejects(run, /first/);
  assert.deepEqual(ended, [1]);
});

test("the caller's signal stops everything", async () => {
  const stop = new AbortController();
  const run = mapOrdered(
    [1, 2, 3],
    1,
    async () => {
      stop.abort();
    },
    stop.signal,
  );
  await assert.rejects(run, (error) => error === stop.signal.reason);
});

test('an empty list ends at once', async () => {
  assert.deepEqual(await mapOrdered([], 3, async () => 1), []);
});
