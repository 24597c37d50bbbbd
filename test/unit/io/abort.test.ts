import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SharedWork } from '../../../src/io/abort.js';

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
