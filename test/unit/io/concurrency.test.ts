import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'node:test';
import { InterruptedError } from '../../../src/errors.js';
import { ByteBudget, mapOrdered } from '../../../src/io/concurrency.js';

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
  await assert.rejects(run, InterruptedError);
});

test('nothing to do is done at once', async () => {
  assert.deepEqual(await mapOrdered([], 3, async () => 1), []);
});

test('a budget admits what fits, in the order of asking', async () => {
  const budget = new ByteBudget(10);
  const order: string[] = [];
  const a = await budget.reserve(6);
  const b = budget.reserve(6).then((share) => {
    order.push('b');
    return share;
  });
  const c = budget.reserve(1).then((share) => {
    order.push('c');
    return share;
  });
  await sleep(1);
  assert.deepEqual(order, []); // c would fit, but b was first
  a[Symbol.dispose]();
  a[Symbol.dispose](); // giving back twice gives back once
  (await b)[Symbol.dispose]();
  (await c)[Symbol.dispose]();
  assert.deepEqual(order, ['b', 'c']);
  assert.equal(budget.used, 0);
});

test('a wish larger than the budget is granted alone', async () => {
  const budget = new ByteBudget(10);
  const small = await budget.reserve(1);
  const large = budget.reserve(100);
  await sleep(1);
  assert.equal(budget.used, 1);
  small[Symbol.dispose]();
  (await large)[Symbol.dispose]();
});

test('who gives up waiting leaves the queue', async () => {
  const budget = new ByteBudget(10);
  const first = await budget.reserve(10);
  const stop = new AbortController();
  const second = budget.reserve(10, stop.signal);
  const third = budget.reserve(1);
  stop.abort();
  await assert.rejects(second, InterruptedError);
  first[Symbol.dispose]();
  (await third)[Symbol.dispose]();
  assert.equal(budget.used, 0);
});
