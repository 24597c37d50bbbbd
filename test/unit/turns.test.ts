import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../support/properties.js';
import { atOnce, inTurns, isPause, type Steps, sortSteps } from '../../src/turns.js';

/** So many stretches of 5 ms, with a pause after each. */
function* busy(stretches: number): Steps<string> {
  for (let i = 0; i < stretches; i++) {
    const end = performance.now() + 5;
    while (performance.now() < end);
    yield;
  }
  return 'done';
}

test('long work lets timers and other work have their turns', async () => {
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  assert.equal(await inTurns(busy(40)), 'done');
  clearInterval(timer);
  assert.ok(turns >= 3, `${turns} turns`);
  assert.equal(atOnce(busy(1)), 'done');
});

test('a signal ends long work between two steps, with its reason', async () => {
  const reason = new Error('enough');
  const stop = new AbortController();
  setTimeout(() => {
    stop.abort(reason);
  }, 1);
  await assert.rejects(inTurns(busy(10_000), stop.signal), reason);
});

test('sorting in steps is sorting, and keeps the order of equal items', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(50), { maxLength: 20_000, size: 'max' }), (numbers) => {
      const items = numbers.map((value, place) => ({ value, place }));
      const compare = (a: { value: number }, b: { value: number }): number => a.value - b.value;
      assert.deepEqual(atOnce(sortSteps(items, compare)), items.toSorted(compare));
    }),
    { numRuns: 20 },
  );
});

test('the clock is looked at once in a few hundred items', () => {
  assert.equal(Array.from({ length: 1024 }, (_, i) => i).filter(isPause).length, 4);
});
