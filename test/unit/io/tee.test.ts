import assert from 'node:assert/strict';
import { setImmediate as tick, setTimeout as sleep } from 'node:timers/promises';
import { test } from 'node:test';
import { ByteBudget } from '../../../src/io/byte-budget.js';
import { type ByteStream, contentOf } from '../../../src/io/streams.js';
import { shareContent, tee } from '../../../src/io/tee.js';

async function read(stream: ByteStream): Promise<string> {
  let text = '';
  for await (const bytes of stream) text += Buffer.from(bytes).toString('latin1');
  return text;
}

/** Pieces of one byte each; counts what was asked for and whether it was closed. */
function source(count: number): { stream: ByteStream; taken: () => number; closed: () => boolean } {
  let taken = 0;
  let closed = false;
  return {
    stream: (async function* () {
      try {
        for (let i = 0; i < count; i++) {
          taken++;
          yield Buffer.from(String(i % 10));
        }
      } finally {
        closed = true;
      }
    })(),
    taken: () => taken,
    closed: () => closed,
  };
}

test('both readers get every byte of a stream that is read once', async () => {
  const { stream, taken } = source(100);
  const [left, right] = tee(stream, { bufferBytes: 4 });
  const texts = await Promise.all([read(left), read(right)]);
  assert.equal(texts[0].length, 100);
  assert.equal(texts[0], texts[1]);
  assert.equal(taken(), 100);
});

test('the faster reader waits when the buffer is full', async () => {
  const { stream, taken } = source(100);
  const [left, right] = tee(stream, { bufferBytes: 5 });
  const leftText = read(left);
  for (let i = 0; i < 200; i++) await tick();
  assert.ok(taken() <= 6, `${taken()} pieces were taken`);
  assert.equal((await read(right)).length, 100);
  assert.equal((await leftText).length, 100);
});

test('streams that share a budget hold no more than it allows, and all of them go on', async () => {
  const budget = new ByteBudget(10);
  const sources = Array.from({ length: 20 }, () => source(50));
  const pairs = sources.map(({ stream }) => tee(stream, { bufferBytes: 8, budget }));
  const ahead = pairs.map(([left]) => read(left));
  for (let i = 0; i < 500; i++) await tick();
  // Each stream may hold a piece beyond what all may hold.
  assert.ok(budget.used >= 10 && budget.used <= 10 + 20, `${budget.used} bytes are held`);
  const behind = [];
  for (const [, right] of pairs) behind.push(await read(right));
  assert.deepEqual([...(await Promise.all(ahead)), ...behind], Array(40).fill('0123456789'.repeat(5)));
  assert.equal(budget.used, 0);
});

test('a stream that waits for room goes on when another one gives it up', async () => {
  const budget = new ByteBudget(10);
  const [slow, quick] = tee(source(20).stream, { bufferBytes: 20, budget });
  const [left, right] = tee(source(6).stream, { bufferBytes: 8, budget });
  const pieces = quick[Symbol.asyncIterator]();
  for (let i = 0; i < 10; i++) await pieces.next();
  assert.equal(budget.used, 10);
  const reading = read(left);
  for (let i = 0; i < 50; i++) await tick();
  assert.equal(budget.used, 11);
  // The second stream is neither read nor closed.
  slow.close();
  assert.equal(await reading, '012345');
  assert.equal(budget.used, 6);
  right.close();
  assert.equal(budget.used, 0);
});

test('when one reader stops, the other goes on alone', async () => {
  const { stream } = source(50);
  const [left, right] = tee(stream, { bufferBytes: 3 });
  const stopped = (async () => {
    for await (const bytes of left) {
      assert.equal(bytes.length, 1);
      return;
    }
  })();
  assert.equal((await read(right)).length, 50);
  await stopped;
});

test('a branch that is never read does not hold the other one back once it is closed', async () => {
  const { stream } = source(50);
  const [left, right] = tee(stream, { bufferBytes: 3 });
  const text = read(right);
  await sleep(5);
  left.close();
  assert.equal((await text).length, 50);
});

test('the stream is closed when both readers have stopped', async () => {
  const { stream, closed, taken } = source(50);
  const [left, right] = tee(stream, { bufferBytes: 10 });
  for await (const bytes of left) {
    assert.ok(bytes);
    break;
  }
  assert.equal(closed(), false);
  right.close();
  await tick();
  assert.equal(closed(), true);
  assert.ok(taken() < 50);
});

test('an error of the stream reaches both readers, after the bytes before it', async () => {
  const failing = (async function* (): ByteStream {
    yield Buffer.from('ab');
    await tick();
    throw new Error('cut');
  })();
  const [left, right] = tee(failing);
  for (const branch of [left, right]) {
    let text = '';
    await assert.rejects(async () => {
      for await (const bytes of branch) text += Buffer.from(bytes).toString();
    }, /cut/);
    assert.equal(text, 'ab');
  }
});

test('shared content is read once for main and side, and anew for a retry or a range', async () => {
  let opened = 0;
  const content = contentOf(Buffer.from('hello'));
  const counting = {
    size: 5,
    open: (range?: { start: number; end: number }) => {
      opened++;
      return content.open(range);
    },
  };
  const shared = shareContent(counting);
  const texts = await Promise.all([read(shared.main), read(shared.side.open())]);
  assert.deepEqual(texts, ['hello', 'hello']);
  assert.equal(opened, 1);
  assert.equal(await read(shared.side.open()), 'hello');
  assert.equal(await read(shared.side.open({ start: 1, end: 3 })), 'el');
  assert.equal(opened, 3);
});

test('main ends when the side is released without being read', async () => {
  const shared = shareContent(contentOf(Buffer.alloc(100)), { bufferBytes: 10 });
  shared.release();
  assert.equal((await read(shared.main)).length, 100);
});
