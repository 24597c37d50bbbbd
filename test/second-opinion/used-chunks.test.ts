import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Blob,
  type Bootstrap,
  type BootstrapInput,
  chunkRef,
  type ChunkRecord,
  type Inode,
} from '../../src/rafs-builder/model/tree.js';
import { UsedChunks } from './used-chunks.js';

const CHUNK_SIZE = 4096;

function record(digest: Buffer, index: number): ChunkRecord {
  return {
    digest,
    crc32: undefined,
    compressed: false,
    compressedOffset: index * CHUNK_SIZE,
    compressedSize: CHUNK_SIZE,
    uncompressedOffset: index * CHUNK_SIZE,
    uncompressedSize: CHUNK_SIZE,
  };
}

function bootstrapOf(...blobs: readonly (readonly Buffer[])[]): Pick<Bootstrap, 'blobs' | 'chunkSize'> {
  return {
    chunkSize: CHUNK_SIZE,
    blobs: blobs.map(
      (digests) =>
        ({
          chunks: {
            length: digests.length,
            at: (index: number) => record(digests[index] ?? assert.fail(), index),
          },
        }) as Blob, // its record is not looked at
    ),
  };
}

function file(
  ...refs: readonly (readonly [blob: number, index: number])[]
): Inode & { readonly kind: 'file' } {
  const chunks = refs.map(([blob, index]) => chunkRef(blob, index));
  const size = chunks.length * CHUNK_SIZE;
  return {
    kind: 'file',
    mode: 0,
    uid: 0,
    gid: 0,
    mtime: 0,
    mtimeNsec: 0,
    xattrs: [],
    layer: 0,
    size,
    chunks,
  };
}

function rowsOf(
  bootstrap: Pick<Bootstrap, 'blobs' | 'chunkSize'>,
  ...files: ReturnType<typeof file>[]
): number[][] {
  const used = new UsedChunks(bootstrap as BootstrapInput); // no other field is looked at
  for (const one of files) used.add(one, () => 'a file');
  const rows = used.rows();
  return Array.from({ length: rows.length }, (_, i) => {
    const { blob, index, fileOffset } = rows.at(i);
    return [blob, index, fileOffset];
  });
}

function digest(...bytes: number[]): Buffer {
  const whole = Buffer.alloc(32);
  whole.set(bytes);
  return whole;
}

test('rows are sorted by digest, and chunks that no file uses are left out', () => {
  const bootstrap = bootstrapOf([digest(9), digest(1), digest(5)], [digest(3)]);
  assert.deepEqual(rowsOf(bootstrap, file([0, 0], [1, 0]), file([0, 1])), [
    [0, 1, 0],
    [1, 0, 4096],
    [0, 0, 0],
  ]);
});

test('digests that differ late are sorted by all of their bytes, equal ones by blob', () => {
  const late = (last: number): Buffer => Buffer.concat([digest(7).subarray(0, 31), Buffer.of(last)]);
  const bootstrap = bootstrapOf([late(3), late(1), late(2)], [late(1)]);
  assert.deepEqual(rowsOf(bootstrap, file([1, 0], [0, 0], [0, 1], [0, 2])), [
    [0, 1, 8192],
    [1, 0, 0],
    [0, 2, 12288],
    [0, 0, 4096],
  ]);
});

test('a chunk that several files use shows the offset in the last one', () => {
  const bootstrap = bootstrapOf([digest(1), digest(2)]);
  assert.deepEqual(rowsOf(bootstrap, file([0, 0], [0, 1]), file([0, 1], [0, 0])), [
    [0, 0, 4096],
    [0, 1, 0],
  ]);
});

test('twenty thousand chunks come in the order that comparing whole digests gives', () => {
  let seed = 1;
  const digests = Array.from({ length: 20_000 }, () => {
    const bytes = Buffer.alloc(32);
    // Few different leading bytes, so that many rows agree in them.
    for (let i = 0; i < 12; i++) bytes[i] = (seed = (seed * 48_271) % 0x7fff_ffff) % (i < 8 ? 3 : 256);
    return bytes;
  });
  const expected = digests
    .map((bytes, index) => ({ bytes, index }))
    .sort((a, b) => Buffer.compare(a.bytes, b.bytes) || a.index - b.index)
    .map(({ index }) => index);
  const rows = rowsOf(bootstrapOf(digests), ...digests.map((_, index) => file([0, index])));
  assert.deepEqual(
    rows.map(([, index]) => index),
    expected,
  );
});
