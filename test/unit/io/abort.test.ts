import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { onAbort, SharedWork } from '../../../src/io/abort.js';

test('the end of one wait leaves shared work to the others, and the end of the last stops it', async () => {
  let given: AbortSignal | undefined;
  let finish: (value: string) => void = () => undefined;
  const work = new SharedWork<string>((signal) => {
    given = signal;
    return new Promise((resolve, reject) => {
      finish = resolve;
      signal.addEventListener('abort', () => {
        reject(new Error('stopped'));
      });
    });
  });
  const [first, second] = [new AbortController(), new AbortController()];
  const waits = [work.wait(first.signal), work.wait(second.signal)];
  first.abort(new Error('enough'));
  await assert.rejects(waits[0] ?? Promise.resolve(), /^Error: enough$/);
  assert.equal(given?.aborted, false);
  finish('done');
  assert.equal(await waits[1], 'done');
  assert.equal(await work.wait(undefined), 'done');
  assert.equal(work.isStopped, false);

  const other = new SharedWork<string>((signal) => {
    given = signal;
    return new Promise(() => undefined);
  });
  const wait = other.wait(second.signal);
  second.abort(new Error('enough'));
  await assert.rejects(wait, /^Error: enough$/);
  assert.equal(given.aborted, true);
  assert.equal(other.isStopped, true);
});

test('many waits for one piece of work with one signal give no warning of too many listeners', async (t) => {
  const warnings: Error[] = [];
  const note = (warning: Error): void => void warnings.push(warning);
  process.on('warning', note);
  t.after(() => process.off('warning', note));
  const { signal } = new AbortController();
  const work = new SharedWork(() => sleep(20));
  await Promise.all(Array.from({ length: 30 }, () => work.wait(signal)));
  await Promise.all(Array.from({ length: 30 }, () => work.wait(signal)));
  await sleep(10);
  assert.deepEqual(warnings, []);
});

test('calls on a signal are made once, and not after they were taken back', () => {
  const stop = new AbortController();
  const made: number[] = [];
  const releases = [1, 2, 3].map((n) => onAbort(stop.signal, () => void made.push(n)));
  releases[1]?.();
  releases[1]?.();
  stop.abort();
  assert.deepEqual(made, [1, 3]);
  for (const release of releases) release();
  const other = new AbortController();
  onAbort(other.signal, () => void made.push(4))();
  onAbort(other.signal, () => void made.push(5));
  other.abort();
  assert.deepEqual(made, [1, 3, 5]);
});
