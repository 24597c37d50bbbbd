import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { untilAborted } from '../../../src/native/until-aborted.js';

/** A feed whose result comes only when it is aborted. */
function endless(): { readonly feed: { abort(): void }; readonly result: Promise<never>; readonly aborts: () => number } {
  let aborts = 0;
  let reject: (reason: Error) => void = () => undefined;
  const result = new Promise<never>((_, rejected) => {
    reject = rejected;
  });
  result.catch(() => undefined); // not every test waits for it
  const abort = (): void => {
    aborts++;
    reject(new Error('the layer is aborted'));
  };
  return { feed: { abort }, result, aborts: () => aborts };
}

describe('work of the addon for a call with a signal', () => {
  it('ends when the signal comes while it waits for the result, with the reason of the signal', async () => {
    const { feed, result } = endless();
    const stop = new AbortController();
    const reason = new Error('stopped');
    const ended = untilAborted(feed, stop.signal, () => result);
    stop.abort(reason);
    await assert.rejects(ended, reason);
  });

  it('ends at once when the signal came before', async () => {
    const { feed, result } = endless();
    const reason = new Error('stopped');
    await assert.rejects(
      untilAborted(feed, AbortSignal.abort(reason), () => result),
      reason,
    );
  });

  it('aborts the feed when it fails, and throws its own error', async () => {
    const { feed, aborts } = endless();
    const failure = new Error('the registry is gone');
    await assert.rejects(
      untilAborted(feed, new AbortController().signal, () => Promise.reject(failure)),
      failure,
    );
    assert.equal(aborts(), 1);
  });

  it('leaves a feed alone that has come to its end', async () => {
    const { feed, aborts } = endless();
    const stop = new AbortController();
    assert.equal(await untilAborted(feed, stop.signal, () => Promise.resolve(7)), 7);
    stop.abort();
    assert.equal(aborts(), 0);
  });
});
