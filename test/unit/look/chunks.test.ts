/** Which requests a set of chunks comes to. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planRanges, type LocatedChunk } from '../../../src/look/chunks.js';
import { sha256 } from '../../../src/oci/digest.js';
import type { BlobRecord } from '../../../src/rafs-builder/model/tree.js';

function blobNamed(name: string): Pick<LocatedChunk, 'blob' | 'layer'> {
  const digest = sha256(Buffer.from(name));
  const record: BlobRecord = {
    id: digest.slice(7),
    chunkCount: 100,
    chunkSize: 0x100000,
    compressor: 'zstd',
    digester: 'blake3',
    features: 0x7000_0021,
    compressedSize: 1e9,
    uncompressedSize: 2e9,
    metaCompressor: 'none',
    metaOffset: 0,
    metaCompressedSize: 0,
    metaUncompressedSize: 0,
  };
  return { blob: record, layer: { mediaType: 'application/octet-stream', digest, size: 1e9 } };
}

function chunk(blob: Pick<LocatedChunk, 'blob' | 'layer'>, offset: number, size: number): LocatedChunk {
  return {
    ...blob,
    record: {
      digest: Buffer.alloc(32),
      crc32: undefined,
      compressed: true,
      compressedOffset: offset,
      compressedSize: size,
      uncompressedOffset: 0,
      uncompressedSize: size * 2,
    },
  };
}

function ranges(...chunks: readonly LocatedChunk[]): readonly (readonly [number, number, number])[] {
  return planRanges(chunks).map(({ start, end, chunks: read }) => [start, end, read.length]);
}

const [one, two] = [blobNamed('one'), blobNamed('two')];

test('neighbours are one request, in whatever order they are asked for', () => {
  assert.deepEqual(ranges(chunk(one, 1000, 500), chunk(one, 0, 1000), chunk(one, 1500, 10)), [[0, 1510, 3]]);
});

test('a small gap is read past, a large one is not', () => {
  assert.deepEqual(ranges(chunk(one, 0, 100), chunk(one, 100 + 16384, 100)), [[0, 16584, 2]]);
  assert.deepEqual(ranges(chunk(one, 0, 100), chunk(one, 101 + 16384, 100)), [
    [0, 100, 1],
    [16485, 16585, 1],
  ]);
});

test('a chunk that a file repeats is read once', () => {
  assert.deepEqual(ranges(chunk(one, 0, 100), chunk(one, 0, 100), chunk(one, 0, 100)), [[0, 100, 3]]);
});

test('blobs are not mixed, and a request is no longer than 8 MiB', () => {
  assert.equal(ranges(chunk(one, 0, 100), chunk(two, 100, 100)).length, 2);
  const mebibyte = 2 ** 20;
  const many = Array.from({ length: 20 }, (_, i) => chunk(one, i * mebibyte, mebibyte));
  assert.deepEqual(
    ranges(...many).map(([start, end]) => end - start),
    [8 * mebibyte, 8 * mebibyte, 4 * mebibyte],
  );
});
