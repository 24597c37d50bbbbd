import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { RegistryError } from '../../../../src/errors.js';
import { collect } from '../../../../src/io/streams.js';
import { lively, MIN_BYTES_PER_WAIT } from '../../../../src/registry/http/liveness.js';

async function* drops(count: number, size: number, everyMs: number, onClose = (): void => undefined) {
  try {
    for (let i = 0; i < count; i++) {
      await sleep(everyMs);
      yield Buffer.alloc(size);
    }
  } finally {
    onClose();
  }
}

test('a server whose answer trickles is given up, and its connection closed', async () => {
  let closed = false;
  const body = drops(1000, 1, 5, () => (closed = true));
  await assert.rejects(
    collect(lively(body, 50, 'r.example'), 1e6, 'body'),
    (error) => error instanceof RegistryError && error.retryable && /next to nothing/.test(error.message),
  );
  assert.ok(closed);
});

test('a slow server is not given up, and the time that the reader takes does not count', async () => {
  const slow = lively(drops(20, MIN_BYTES_PER_WAIT, 5), 20, 'r.example');
  assert.equal((await collect(slow, 1e7, 'body')).length, 20 * MIN_BYTES_PER_WAIT);
  let size = 0;
  for await (const bytes of lively(drops(5, 1, 0), 50, 'r.example')) {
    await sleep(20);
    size += bytes.length;
  }
  assert.equal(size, 5);
});

test('a body that stays just above a trickle is given up for good when its rate over all the time is known', async () => {
  const body = lively(drops(1000, 2, 5), 10_000, 'r.example', 60);
  await assert.rejects(
    collect(body, 1e6, 'body'),
    (error) => error instanceof RegistryError && !error.retryable && /too slowly/.test(error.message),
  );
});
