import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FormatError, InternalError, UnsupportedError } from '../../src/errors.js';
import { writeV6 } from './write.js';
import {
  type Blob,
  type BootstrapInput,
  chunkRef,
  type ChunkRecord,
  type Inode,
  type TreeNode,
} from '../../src/rafs-builder/model/tree.js';
import * as v6 from '../../src/rafs-builder/layout/v6.js';
import { readV6, type StoredInode } from '../../src/rafs-builder/read/v6/read.js';
import { directory, raw, rawPath } from '../support/images/worked-example.js';

const COMMON = { mode: 0o644, uid: 0, gid: 0, mtime: 0, mtimeNsec: 0, xattrs: [], layer: 0 };

/** A blob whose chunks are full and follow each other; none of it exists but its numbers. */
function blobOf(id: string, chunkCount: number, chunkSize: number): Blob {
  return {
    record: {
      id: id.repeat(64),
      chunkCount,
      chunkSize,
      compressor: 'zstd',
      digester: 'blake3',
      features: 0x7000_0021,
      compressedSize: 2 ** 32,
      uncompressedSize: chunkCount * chunkSize,
      metaCompressor: 'none',
      metaOffset: 2 ** 31,
      metaCompressedSize: 16 * chunkCount,
      metaUncompressedSize: 16 * chunkCount,
    },
    chunks: {
      length: chunkCount,
      at: (index): ChunkRecord => {
        const digest = Buffer.alloc(32, id);
        digest.writeUInt32BE(index);
        return {
          digest,
          crc32: index,
          compressed: true,
          compressedOffset: index * 10,
          compressedSize: 10,
          uncompressedOffset: index * chunkSize,
          uncompressedSize: chunkSize,
        };
      },
    },
  };
}

function imageOf(
  children: readonly TreeNode[],
  blobs: readonly Blob[] = [],
  chunkSize = 0x10_0000,
): BootstrapInput {
  return { root: directory('', children), blobs, chunkSize, compressor: 'zstd', digester: 'blake3' };
}

const fileNode = (name: string, size: number, chunks: readonly (readonly [number, number])[]): TreeNode => ({
  name: raw(name),
  inode: { ...COMMON, kind: 'file', size, chunks: chunks.map(([blob, index]) => chunkRef(blob, index)) },
});
const symlink = (name: string, target: string): TreeNode => ({
  name: raw(name),
  inode: { ...COMMON, kind: 'symlink', target: rawPath(target) },
});

function storedAt(bytes: Uint8Array, path: string): StoredInode {
  return (
    Array.from(readV6(bytes).inodes.values()).find((one) => one.path === path) ?? assert.fail(`no ${path}`)
  );
}

test('a chunk entry has 24 bits of index around the number of its blob, and the block', () => {
  const entry = Buffer.alloc(8);
  v6.chunkIndexEntry.write(entry, 0, { indexLow: 0x3456, device: 4, indexHigh: 0x12, block: 0xa5a5_3412 });
  assert.equal(entry.toString('hex'), '563404121234a5a5');
});

test('a chunk index beyond 16 bits and a second blob reach their bits', () => {
  const size = 4096;
  const image = imageOf(
    [fileNode('f', size, [[1, 0x01_2345]]), fileNode('g', size, [[0, 0]])],
    [blobOf('a', 1, size), blobOf('b', 0x1_2346, size)],
    size,
  );
  const bytes = Buffer.from(writeV6(image));
  const { offset } = storedAt(bytes, 'f').chunkEntries;
  assert.equal(bytes.toString('hex', offset, offset + 8), '4523020145230100');
});

test('a file of contiguous chunks shows one extent, others the chunk size', () => {
  const size = 0x1_0000;
  const blob = blobOf('a', 10, size);
  const chunks = (...indexes: number[]): (readonly [number, number])[] => indexes.map((index) => [0, index]);
  const image = imageOf(
    [
      fileNode('contiguous', 3 * size, chunks(1, 2, 3)),
      fileNode('single', size, chunks(5)),
      fileNode('gap', 3 * size, chunks(1, 2, 4)),
      fileNode('empty', 0, []),
      fileNode('exact', 4 * size, chunks(4, 5, 6, 7)),
    ],
    [blob],
    size,
  );
  const bytes = writeV6(image);
  const words = ['contiguous', 'single', 'gap', 'empty', 'exact'].map(
    (path) => storedAt(bytes, path).fields.union,
  );
  assert.deepEqual(words, [0x20 | 6, 0x20 | 4, 0x20 | 4, 0x20 | 4, 0x20 | 6]);
});

test('without blobs the metadata starts at the first block, and there is no prefetch table', () => {
  const image = readV6(writeV6(imageOf([])));
  assert.deepEqual(
    [
      image.tables.metaOffset,
      image.tables.extended.blobTableOffset,
      image.tables.prefetch.length,
      image.bytes.length,
    ],
    [0, 4096, 0, 8192],
  );
});

test('22 blobs push the blob table into the third block', () => {
  const blobs = Array.from({ length: 22 }, (_, i) => blobOf(String.fromCharCode(97 + i), 1, 0x10_0000));
  const files = blobs.map((_, i) => fileNode(`f${String(i)}`, 0x10_0000, [[i, 0]]));
  const image = readV6(writeV6(imageOf(files, blobs)));
  assert.equal(image.tables.extended.blobTableOffset, 8192);
  assert.deepEqual(image.tables.prefetch, [128]);
});

test('a symlink of a whole block less the inode lies inline, a longer one in a block of its own', () => {
  const bytes = writeV6(imageOf([symlink('a', 'x'.repeat(4032)), symlink('b', 'y'.repeat(4033))]));
  assert.equal(storedAt(bytes, 'a').fields.format, 5);
  assert.equal(storedAt(bytes, 'b').fields.format, 1);
});

test('devices keep 12 bits of major and 20 of minor', () => {
  const device: Inode = { ...COMMON, kind: 'char', major: 0xabc, minor: 0x1_2345 };
  const bytes = writeV6(imageOf([{ name: raw('d'), inode: device }]));
  assert.equal(storedAt(bytes, 'd').fields.union, 0x123a_bc45);
  assert.deepEqual(storedAt(bytes, 'd').inode, device);
});

test('hard links to symlinks and devices share their inode and count', () => {
  const { inode } = symlink('', 'target');
  const bytes = writeV6(imageOf([{ name: raw('a'), inode }, directory('d', [{ name: raw('b'), inode }])]));
  const image = readV6(bytes);
  assert.equal(storedAt(bytes, 'a').fields.nlink, 2);
  assert.equal(
    image.bootstrap.root.children?.get(raw('d'))?.children?.get(raw('b'))?.inode,
    image.bootstrap.root.children?.get(raw('a'))?.inode,
  );
});

test('names share an inode only where the input allows it or is silent about it', () => {
  const inode = fileNode('a', 0, []).inode;
  const image = imageOf([
    { name: raw('a'), inode },
    { name: raw('b'), inode },
  ]);
  const nlinks = (linked: BootstrapInput['linked']): number[] => {
    const { inodes } = readV6(writeV6({ ...image, linked }));
    return Array.from(inodes.values(), ({ fields }) => fields.nlink);
  };
  assert.deepEqual(nlinks(undefined), [2, 2], 'the root and one file');
  assert.deepEqual(nlinks(new Set([inode])), [2, 2]);
  assert.deepEqual(
    nlinks(new Set()),
    [2, 1, 1],
    'one layer twice in an image: a file at two places is two files',
  );
});

test('chunks of one blob with one digest keep a record each', () => {
  const size = 4096;
  const blob = blobOf('a', 2, size);
  const twins: Blob = {
    ...blob,
    chunks: { length: 2, at: (index) => ({ ...blob.chunks.at(index), digest: Buffer.alloc(32, 7) }) },
  };
  const image = imageOf([fileNode('f', size, [[0, 0]]), fileNode('g', size, [[0, 1]])], [twins], size);
  assert.equal(readV6(writeV6(image)).tables.chunkCount, 2);
});

const refused: readonly (readonly [string, readonly TreeNode[], new (...args: never[]) => Error, RegExp])[] =
  [
    ['a name of 256 bytes', [symlink('n'.repeat(256), 'x')], FormatError, /not 256/],
    ['a name with a slash', [symlink('a/b', 'x')], FormatError, /no file can have this name/],
    ['a file called ..', [symlink('..', 'x')], FormatError, /no file can have this name/],
    ['an empty target', [symlink('s', '')], FormatError, /not 0/],
    ['a target of 4096 bytes', [symlink('s', 'x'.repeat(4096))], FormatError, /not 4096/],
    [
      'a major number of 4096',
      [{ name: raw('d'), inode: { ...COMMON, kind: 'char', major: 4096, minor: 0 } }],
      FormatError,
      /4096:0/,
    ],
    [
      'an xattr without a known prefix',
      [
        {
          name: raw('x'),
          inode: {
            ...COMMON,
            kind: 'fifo',
            xattrs: [{ name: raw('system.nfs4_acl'), value: Buffer.alloc(1) }],
          },
        },
      ],
      FormatError,
      /system\.nfs4_acl/,
    ],
    [
      'xattrs of more than 262 KB',
      [
        {
          name: raw('x'),
          inode: {
            ...COMMON,
            kind: 'fifo',
            xattrs: ['a', 'b', 'c', 'd', 'e'].map((name) => ({
              name: raw(`user.${name}`),
              value: Buffer.alloc(65_535),
            })),
          },
        },
      ],
      FormatError,
      /262 KB/,
    ],
    ['a chunk of a blob that is not there', [fileNode('f', 1, [[3, 0]])], InternalError, /blob 3/],
    ['fewer chunks than the size needs', [fileNode('f', 1, [])], InternalError, /0 chunks for 1 bytes/],
  ];
for (const [what, children, type, message] of refused) {
  test(`${what} is not written, and the error names the file`, () => {
    assert.throws(
      () => writeV6(imageOf(children)),
      (error) => error instanceof type && message.test(error.message),
    );
  });
}

test('more than 254 blobs do not fit, and the error says what to do', () => {
  const blobs = Array.from({ length: 255 }, () => blobOf('a', 1, 0x10_0000));
  assert.throws(
    () => writeV6(imageOf([], blobs)),
    (error) => error instanceof UnsupportedError && error.hint !== undefined,
  );
});
