/** Many clients of one image: what they share, and what they may take of the memory. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FormatError } from '../../../src/errors.js';
import type { IndexedChunk } from '../../../src/look/chunks.js';
import type { ChunkedFilesystem, FileInode } from '../../../src/look/filesystem.js';
import type { RawPath } from '../../../src/oci/raw-name.js';
import { SharedReader } from '../../../src/serve/shared-reader.js';

const CHUNK = 1024 * 1024;
const CHUNKS_OF_A_FILE = 20;
const PATH = 'file' as RawPath;

interface Stub {
  readonly filesystem: ChunkedFilesystem;
  /** Numbers of the chunks that were read. */
  readonly seen: number[];
  fails: boolean;
}

/** Files know the numbers of their first chunks; a chunk is full of its number. */
function stub(): Stub {
  const made: Stub = {
    seen: [],
    fails: false,
    filesystem: {
      locate: (file: FileInode) =>
        Array.from({ length: CHUNKS_OF_A_FILE }, (_, i) => ({
          blob: { id: 'blob' },
          index: (file as unknown as { readonly first: number }).first + i, // made by `fileAt`
          record: { uncompressedSize: CHUNK },
        })),
      read: async function* (chunks: readonly IndexedChunk[]) {
        for (const { index } of chunks) {
          await new Promise((resolve) => setImmediate(resolve));
          if (made.fails) throw new FormatError('damaged');
          made.seen.push(index);
          yield Buffer.alloc(CHUNK, index);
        }
      },
    } as unknown as ChunkedFilesystem, // of which the reader uses this alone
  };
  return made;
}

const fileAt = (first: number): FileInode => ({ first }) as unknown as FileInode; // as the stub takes it
const whole = { start: 0, end: CHUNKS_OF_A_FILE * CHUNK };

async function collect(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const bytes of stream) parts.push(bytes);
  return Buffer.concat(parts);
}

test('clients that read one file at the same time fetch it once', async () => {
  const { filesystem, seen } = stub();
  const reader = new SharedReader(filesystem, {});
  const all = await Promise.all(
    Array.from({ length: 50 }, () => collect(reader.read(fileAt(0), PATH, whole))),
  );
  assert.equal(seen.length, CHUNKS_OF_A_FILE);
  const [first] = all;
  assert.ok(first !== undefined && all.every((bytes) => bytes.equals(first)));
  for (let i = 0; i < CHUNKS_OF_A_FILE; i++) assert.equal(first[i * CHUNK], i);
});

test('a range reads the chunks that hold it, and no others', async () => {
  const { filesystem, seen } = stub();
  const reader = new SharedReader(filesystem, {});
  const range = { start: 3 * CHUNK - 1, end: 4 * CHUNK + 1 };
  const bytes = await collect(reader.read(fileAt(0), PATH, range));
  assert.deepEqual([bytes.length, bytes[0], bytes[1], bytes.at(-1)], [CHUNK + 2, 2, 3, 4]);
  assert.deepEqual(seen, [2, 3, 4]);
  assert.equal((await collect(reader.read(fileAt(0), PATH, { start: 5, end: 5 }))).length, 0);
});

const PIECE = 64 * 1024;
/** Room for four chunks, and no memory of others. */
const SMALL = { held: 4 * CHUNK, remembered: 0, stallMs: 30, turnMs: 30 };
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

test('clients hold no more chunks than there is room for, and those that take nothing give theirs to the others', async () => {
  const { filesystem, seen } = stub();
  const reader = new SharedReader(filesystem, {}, { ...SMALL, stallMs: 200 });
  const clients = Array.from({ length: 20 }, (_, i) =>
    reader.read(fileAt(i * CHUNKS_OF_A_FILE), PATH, whole)[Symbol.asyncIterator](),
  );
  const firsts = clients.map((client) => client.next());
  await pause(100);
  assert.equal(seen.length, 4);
  for (const [i, first] of (await Promise.all(firsts)).entries()) {
    assert.ok(first.done !== true);
    assert.deepEqual([first.value.length, first.value[0]], [PIECE, (i * CHUNKS_OF_A_FILE) % 256]);
  }
  // A client whose chunk is gone goes on where it was.
  const [first] = clients;
  const rest = first === undefined ? Buffer.alloc(0) : await collect({ [Symbol.asyncIterator]: () => first });
  assert.equal(rest.length, whole.end - PIECE);
  for (let i = 0; i < CHUNKS_OF_A_FILE; i++) assert.equal(rest[(i + 1) * CHUNK - PIECE - 1], i);
  for (const client of clients) await client.return?.();
  assert.equal((await collect(reader.read(fileAt(0), PATH, whole))).length, whole.end);
});

test('slow clients that take all room let the next ones have a turn', async () => {
  const { filesystem } = stub();
  const reader = new SharedReader(filesystem, {}, SMALL);
  let isOver = false;
  const slow = Array.from({ length: 6 }, async (_, i) => {
    for await (const piece of reader.read(fileAt(i * CHUNKS_OF_A_FILE), PATH, whole)) {
      assert.ok(piece.length <= PIECE);
      if (isOver) return;
      await pause(10);
    }
  });
  const quick = await collect(reader.read(fileAt(200), PATH, { start: 0, end: CHUNK }));
  isOver = true;
  assert.equal(quick.length, CHUNK);
  await Promise.all(slow);
});

test('a chunk that is larger than all room is given to one client at a time', async () => {
  const { filesystem } = stub();
  const reader = new SharedReader(filesystem, {}, { ...SMALL, held: 1000 });
  const all = await Promise.all(
    [0, 20, 40].map((first) => collect(reader.read(fileAt(first), PATH, { start: 5, end: 2 * CHUNK }))),
  );
  for (const bytes of all) assert.equal(bytes.length, 2 * CHUNK - 5);
});

test('a failure goes to all who wait for the chunk, and the next attempt fetches again', async () => {
  const made = stub();
  const reader = new SharedReader(made.filesystem, {});
  made.fails = true;
  const both = [0, 0].map(() => collect(reader.read(fileAt(0), PATH, whole)));
  for (const one of both) await assert.rejects(one, FormatError);
  made.fails = false;
  assert.equal((await collect(reader.read(fileAt(0), PATH, whole))).length, whole.end);
});
