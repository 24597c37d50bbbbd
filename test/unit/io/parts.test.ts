import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ContentParts } from '../../../src/io/parts.js';
import { type ByteRange, collect, contentOf, type ReplayableContent } from '../../../src/io/streams.js';

/** Content that comes in pieces of three bytes, and a list of how it was opened. */
function pieces(bytes: Uint8Array): { content: ReplayableContent; opened: (ByteRange | undefined)[] } {
  const opened: (ByteRange | undefined)[] = [];
  return {
    opened,
    content: {
      size: bytes.length,
      open: async function* (range) {
        opened.push(range);
        const { start, end } = range ?? { start: 0, end: bytes.length };
        for (let at = start; at < end; at += 3) yield bytes.subarray(at, Math.min(end, at + 3));
      },
    },
  };
}

const bytes = Buffer.from('abcdefghijklmnopqrstuvwxyz');
const text = async (content: ReplayableContent): Promise<string> =>
  (await collect(content.open(), 100, 'part')).toString();

test('parts that follow one another share one read', async () => {
  const { content, opened } = pieces(bytes);
  const parts = new ContentParts(content);
  assert.equal(await text(parts.part({ start: 0, end: 10 })), 'abcdefghij');
  assert.equal(await text(parts.part({ start: 10, end: 11 })), 'k');
  assert.equal(await text(parts.part({ start: 11, end: 26 })), 'lmnopqrstuvwxyz');
  assert.deepEqual(opened, [undefined]);
});

test('a part that is opened again, or follows one that was not read to its end, is read by range', async () => {
  const { content, opened } = pieces(bytes);
  const parts = new ContentParts(content);
  const part = parts.part({ start: 5, end: 12 });
  assert.equal(part.size, 7);
  for await (const piece of part.open()) {
    assert.equal(Buffer.from(piece).toString(), 'fgh');
    break;
  }
  assert.equal(await text(part), 'fghijkl');
  assert.equal(await text(parts.part({ start: 12, end: 14 })), 'mn');
  assert.deepEqual(opened, [
    { start: 5, end: 26 },
    { start: 5, end: 26 },
  ]);
});

test('closing ends the read, and content that ends early gives a short part', async () => {
  let closed = false;
  const parts = new ContentParts({
    size: 10,
    open: async function* () {
      try {
        yield* contentOf(bytes.subarray(0, 4)).open();
      } finally {
        closed = true;
      }
    },
  });
  assert.equal(await text(parts.part({ start: 0, end: 2 })), 'ab');
  assert.equal(await text(parts.part({ start: 2, end: 10 })), 'cd');
  await parts.close();
  assert.ok(closed);
});
