import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FormatError } from '../../src/errors.js';
import { encodeBlobMetaHeader, writeChunkMeta } from './blob-meta.js';
import { blobMetaFile, parseBlobMetaFile, readChunkMeta } from '../support/images/blob-meta-file.js';

const sample = {
  compressedOffset: 20,
  compressedSize: 5000,
  uncompressedOffset: 4096,
  uncompressedSize: 5000,
};

test('a chunk record has its bits where the format wants them', () => {
  const buffer = Buffer.alloc(16);
  writeChunkMeta(buffer, 0, sample);
  assert.equal(buffer.toString('hex'), '00100000007038011400000000703801');
  assert.deepEqual(readChunkMeta(buffer, 0), sample);
});

test('an all-zero record is a chunk of one byte at 0', () => {
  assert.deepEqual(readChunkMeta(Buffer.alloc(16), 0), {
    compressedOffset: 0,
    compressedSize: 1,
    uncompressedOffset: 0,
    uncompressedSize: 1,
  });
});

test('the biggest offsets fit', () => {
  const buffer = Buffer.alloc(16);
  buffer.writeBigUInt64LE(0xffff_ffff_f100_0000n, 0);
  buffer.writeBigUInt64LE(0xffff_f0ff_ffff_ffffn, 8);
  const biggest = {
    compressedOffset: 0xff_ffff_ffff,
    compressedSize: 0x10_0000,
    uncompressedOffset: 0xfff_f100_0000,
    uncompressedSize: 0x10_0000,
  };
  assert.deepEqual(readChunkMeta(buffer, 0), biggest);
  const again = Buffer.alloc(16);
  writeChunkMeta(again, 0, biggest);
  assert.deepEqual(again, buffer);
});

test('sizes up to 16 MiB fit', () => {
  for (const size of [1, 0x10_0000, 0x10_0001, 0xff_ffff, 0x100_0000]) {
    const chunk = {
      compressedOffset: 2 ** 33,
      compressedSize: size,
      uncompressedOffset: 2 ** 40,
      uncompressedSize: size,
    };
    const buffer = Buffer.alloc(16);
    writeChunkMeta(buffer, 0, chunk);
    assert.deepEqual(readChunkMeta(buffer, 0), chunk);
  }
});

function cacheFile(entries: number, records: Buffer): Buffer {
  const header = encodeBlobMetaHeader({
    features: 0x7000_0023,
    compressor: 0,
    entries,
    offset: 512,
    compressedSize: records.length,
    uncompressedSize: records.length,
  });
  return blobMetaFile(records, header);
}

test('a cache file holds its records, padded to a block, and the header', () => {
  const records = Buffer.alloc(32);
  writeChunkMeta(records, 0, sample);
  writeChunkMeta(records, 16, sample);
  const file = cacheFile(2, records);
  assert.equal(file.length, 8192);
  const { header, chunks } = parseBlobMetaFile(file);
  assert.equal(header.entries, 2);
  assert.deepEqual(chunks, [sample, sample]);
});

test('a cache file whose header and size disagree is refused', () => {
  assert.throws(() => parseBlobMetaFile(cacheFile(3, Buffer.alloc(32))), FormatError);
  assert.throws(() => parseBlobMetaFile(cacheFile(2, Buffer.alloc(32)).subarray(4096)), FormatError);
  assert.throws(() => parseBlobMetaFile(Buffer.alloc(100)), FormatError);
  const file = cacheFile(2, Buffer.alloc(32));
  file[8191] = 0;
  assert.throws(() => parseBlobMetaFile(file), /magic2/);
});
