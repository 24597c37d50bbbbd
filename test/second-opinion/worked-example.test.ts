import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { type BlobTail, buildBlobTail } from './blob-tail.js';
import { writeV6 } from './write.js';
import type { BlobRecord, Bootstrap, ChunkTable } from '../../src/rafs-builder/model/tree.js';
import { tocOf } from '../support/images/blob-toc.js';
import { readV6 } from '../../src/rafs-builder/read/v6/read.js';
import {
  APP,
  CHUNKS_1,
  CHUNKS_2,
  digestWith,
  HOSTS,
  layer1,
  layer2,
  merged,
  NEW,
} from '../support/images/worked-example.js';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Stands for zstd: of the bootstrap only the size matters here, and the records do not shrink. */
const compressed = Buffer.alloc(465, 1);

async function tailOf(
  data: Buffer,
  chunks: ChunkTable,
  uncompressedSize: number,
  make: (record: BlobRecord) => Bootstrap,
): Promise<BlobTail> {
  return buildBlobTail({
    chunks,
    dataSize: data.length,
    uncompressedSize,
    chunkSize: 0x10_0000,
    compressor: 'zstd',
    digester: 'blake3',
    compress: async (bytes) => (bytes.length > 1000 ? compressed : undefined),
    dataDigestWith: digestWith(data),
    bootstrapFor: (record) => {
      assert.ok(record);
      return writeV6(make(record));
    },
  });
}

const data1 = Buffer.concat([HOSTS, APP]);
const first = await tailOf(data1, CHUNKS_1, 12288, layer1);
const second = await tailOf(NEW, CHUNKS_2, 4096, layer2);

test('the bootstraps of both layers have the bytes of the reference', () => {
  assert.equal(sha256(first.bootstrap), '88ca8ecedd8da1f3f0abb162d201279fffda76700e91b3ab3ec1ca2fd3407b6d');
  assert.equal(sha256(second.bootstrap), 'f990bc4a5cc37a26eb09ade1dcb11c466b5a7c224d08b00ff25c9f7e24243b13');
});

test('everything before the bootstrap section has the bytes of the reference', () => {
  const blob = Buffer.concat([data1, first.tail]);
  assert.equal(
    sha256(blob.subarray(0, 10748)),
    '87412c0ea25b0ac124e707b95c782aa7000602fd05422274f5fc4c50fc76d2fe',
  );
  assert.equal(blob.length, 12877);
});

test('the records say where the sections are', () => {
  const { metaOffset, metaCompressedSize, compressedSize, features, uncompressedSize, metaCompressor } =
    first.record ?? assert.fail();
  assert.deepEqual(
    { metaOffset, metaCompressedSize, compressedSize, features, uncompressedSize, metaCompressor },
    {
      metaOffset: 5532,
      metaCompressedSize: 32,
      compressedSize: 10748,
      features: 0x7000_0023,
      uncompressedSize: 12288,
      metaCompressor: 'none',
    },
  );
  assert.equal(second.record?.metaOffset, 521);
  assert.equal(second.record.compressedSize, 5689);
});

test('the table of contents lists every section with its digest', () => {
  const blob = Buffer.concat([data1, first.tail]);
  const rows = tocOf(blob).map((entry) => [
    entry.name,
    entry.flags,
    Buffer.from(entry.digest).toString('hex'),
    entry.offset,
    entry.compressedSize,
    entry.uncompressedSize,
  ]);
  assert.deepEqual(rows, [
    ['image.blob', 1, '0e167d9c0280fd83aff12b6993acb2535b531e54e7d5292afd7a42b5edb28e36', 0, 5020, 12288],
    ['blob.meta', 1, 'd5599376b7399429a893db1283465c1476c34d1efbb317a445e30617421f8a39', 5532, 32, 32],
    [
      'blob.meta.header',
      1,
      '77a67760d283af031ce4bfdc511b39f6506b64ef215679a71feb829ebc7f228b',
      5564,
      4096,
      4096,
    ],
    ['blob.digest', 1, 'b7331b771914582ebc874a5b4454037ffb1800b4300bfe3a108b91e7c1ecab4a', 10172, 64, 64],
    ['image.boot', 2, sha256(first.bootstrap), 10748, 465, 20480],
  ]);
});

test('the merged bootstrap has the bytes of the reference', () => {
  assert.ok(first.record && second.record);
  const features = 0x7000_0021;
  const bytes = writeV6(
    merged(
      { ...first.record, features, id: 'a'.repeat(64) },
      { ...second.record, features, id: 'b'.repeat(64) },
    ),
  );
  assert.equal(sha256(bytes), '0dbcb654eb9a81bfcb12dfdec7d4dc246e50442d43a776464faa18b4a01ae409');
});

test('inodes, xattrs and chunk entries lie where the example draws them', () => {
  const bytes = Buffer.from(first.bootstrap);
  const hex = (start: number, size: number): string => bytes.toString('hex', start, start + size);
  assert.equal(
    hex(12288, 48),
    '05000000ed41000039000000000000000300000001000000000000000000000000f1536500000000000000000400000000'.slice(
      0,
      96,
    ),
  );
  assert.equal(hex(12400, 9), '2e2e2e62696e657463');
  assert.equal(
    hex(12544 + 64, 48),
    `${'00'.repeat(12)}0a061400${Buffer.from('capability').toString('hex')}0100000200200000${'00'.repeat(14)}`,
  );
  assert.equal(hex(12544 + 112, 8), '0100010001000000');
  assert.equal(hex(12896 + 64, 8), '0000010000000000');
  assert.equal(hex(12672 + 64, 3), Buffer.from('app').toString('hex'));
  const image = readV6(bytes);
  assert.deepEqual(
    Array.from(image.inodes.values(), ({ path, nid, fields }) => [
      path,
      nid,
      fields.ino,
      fields.nlink,
    ]).sort(),
    [
      ['', 128, 1, 4],
      ['bin', 132, 2, 2],
      ['bin/app', 136, 4, 1],
      ['bin/sh', 140, 5, 1],
      ['etc', 143, 3, 2],
      ['etc/hosts', 147, 6, 2],
    ].sort(),
  );
  assert.equal(image.tables.superBlock.inos, 7);
  assert.equal(image.tables.devices[0]?.mappedBlock, 128);
});

test('a blob without chunks is a bootstrap and a table of contents', async () => {
  const bootstrap = Buffer.alloc(8192, 7);
  const tail = await buildBlobTail({
    chunks: { length: 0, at: () => assert.fail() },
    dataSize: 0,
    uncompressedSize: 0,
    chunkSize: 0x10_0000,
    compressor: 'none',
    digester: 'blake3',
    compress: async () => undefined,
    dataDigestWith: () => assert.fail(),
    bootstrapFor: (record) => {
      assert.equal(record, undefined);
      return bootstrap;
    },
  });
  assert.equal(tail.record, undefined);
  assert.equal(tail.blobMeta.length, 0);
  assert.equal(tail.tail.length, 8192 + 512 + 128 + 512);
  const [entry, ...others] = tocOf(Buffer.from(tail.tail));
  assert.deepEqual(
    [entry?.name, entry?.flags, entry?.offset, entry?.compressedSize],
    ['image.boot', 1, 0, 8192],
  );
  assert.deepEqual(others, []);
});
