import assert from 'node:assert/strict';
import { test } from 'node:test';
import { paced, RateLimit } from '../../../src/io/rate.js';
import { collect, contentOf } from '../../../src/io/streams.js';
import { noise } from '../../support/images/opaque-image.js';

test('transfers that share a limit stay below it together, and lose no bytes', async () => {
  const bytes = noise(300_000, 1);
  const rate = new RateLimit(1_000_000);
  const started = performance.now();
  const read = async (): Promise<Buffer> =>
    collect(paced(contentOf(bytes).open(), rate, undefined), bytes.length, 'it');
  const both = await Promise.all([read(), read()]);
  const ms = performance.now() - started;
  // 600 kB at 1 MB/s, of which the first tenth of a second is ahead.
  assert.ok(ms >= 480 && ms < 3000, `${ms} ms`);
  for (const got of both) assert.ok(got.equals(bytes));
});

test('the signal ends the wait, which rejects with its reason', async () => {
  const stop = new AbortController();
  const rate = new RateLimit(1);
  setTimeout(() => {
    stop.abort();
  }, 5);
  await assert.rejects(rate.take(1000, stop.signal), (error) => error === stop.signal.reason);
});

test('without a limit bytes pass as they are', async () => {
  const bytes = noise(10, 1);
  for await (const piece of paced(contentOf(bytes).open(), undefined, undefined))
    assert.deepEqual(piece, bytes);
});
