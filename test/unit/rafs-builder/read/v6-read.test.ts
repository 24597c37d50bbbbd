import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FormatError, UnsupportedError } from '../../../../src/errors.js';
import type { RawName } from '../../../../src/oci/raw-name.js';
import { dumpV6 } from '../../../../src/rafs-builder/show/dump-v6.js';
import { writeV6 } from '../../../second-opinion/write.js';
import * as v6 from '../../../../src/rafs-builder/layout/v6.js';
import { openBootstrap } from '../../../../src/native/judge.js';
import { readV6, type V6Image } from '../../../../src/rafs-builder/read/v6/read.js';
import { parseDump } from '../../../support/images/dump-parser.js';
import { referenceText } from '../../../support/images/fixtures.js';
import { directory, layer1, raw } from '../../../support/images/worked-example.js';

const sound = Buffer.from(writeV6(parseDump(referenceText('xattrs-hardlinks', 'v6-none', 'merged.dump'))));

/** Opens a bootstrap as the looking commands do: the reader never gets what the judge refuses. */
function open(bytes: Buffer): V6Image {
  const image = openBootstrap(bytes);
  return image.version === 6 ? image : assert.fail();
}

/** True when the image opens; false for an error of ours; anything else is thrown on. The reader alone must end, too. */
function reads(bytes: Buffer): boolean {
  endsAlone(bytes);
  try {
    for (const line of dumpV6(open(bytes))) assert.ok(line !== '');
    return true;
  } catch (error) {
    if (error instanceof FormatError || error instanceof UnsupportedError) return false;
    throw error;
  }
}

/** The reader has bounds of its own: without the judge, too, it gives an image or an error of ours. */
function endsAlone(bytes: Buffer): void {
  try {
    const image = readV6(bytes);
    for (const { fields, path } of image.inodes.values())
      assert.ok(fields.size >= 0 && path.length < bytes.length);
    assert.notEqual(image.bootstrap.root, undefined);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
  }
}

test('a file cut short anywhere is refused', () => {
  for (let size = 0; size < sound.length; size += size < 2048 ? 1 : 61)
    assert.equal(reads(sound.subarray(0, size)), false, `${size} bytes`);
});

test('cut at a block, with the rest zero, it is refused or still an image', () => {
  for (let size = 0; size < sound.length; size += 512) {
    const cut = Buffer.alloc(sound.length);
    sound.copy(cut, 0, 0, size);
    reads(cut);
  }
});

test('any single byte changed gives an error of ours, or another image', () => {
  let refused = 0;
  for (const mask of [0x01, 0x80, 0xff]) {
    for (let i = 0; i < sound.length; i++) {
      const before = sound[i] ?? 0;
      // Runs of zeros between structures tell nothing new; one in sixteen is enough.
      if (before === 0 && i % 16 !== 0 && (i < 1024 || i > 1408)) continue;
      sound[i] = before ^ mask;
      if (!reads(sound)) refused += 1;
      sound[i] = before;
    }
  }
  assert.ok(refused > 100, `${refused} refused`);
});

/** An image of one file below directories, to be broken. */
function nested(depth: number): Buffer {
  let tree = directory('d', []);
  for (let i = 1; i < depth; i++) tree = directory('d', [tree]);
  const root = directory('', [tree]);
  return Buffer.from(
    writeV6({ root, blobs: [], chunkSize: 0x10_0000, compressor: 'zstd', digester: 'blake3' }),
  );
}

test('directories nested to the limit read, deeper ones are neither written nor read', () => {
  assert.ok(reads(nested(v6.MAX_DEPTH)));
  assert.throws(() => nested(v6.MAX_DEPTH + 1), /nested more than 4096 deep/);
});

test('a directory that leads back to one above it is refused', () => {
  const bytes = nested(3);
  const image = readV6(bytes);
  const deepest = Array.from(image.inodes.values()).find(({ path }) => path === 'd/d') ?? assert.fail();
  const row = deepest.rows.find(({ name }) => name === 'd') ?? assert.fail();
  bytes.writeUInt32LE(v6.ROOT_NID, row.offset);
  assert.throws(
    () => open(bytes),
    (error) =>
      error instanceof FormatError && error.offset === row.offset && /stands elsewhere/.test(error.message),
  );
});

test('many directories that share one block of entries are refused soon, not walked', () => {
  // 100 directories, all made to show the entries of a full one: every level would multiply the names.
  const wide = directory(
    'w',
    Array.from({ length: 200 }, (_, i) => directory(`n${String(i).padStart(3, '0')}`, [])),
  );
  const root = directory('', [wide]);
  const bytes = Buffer.from(
    writeV6({ root, blobs: [], chunkSize: 0x10_0000, compressor: 'zstd', digester: 'blake3' }),
  );
  const image = readV6(bytes);
  const model = Array.from(image.inodes.values()).find(({ path }) => path === 'w') ?? assert.fail();
  for (const stored of image.inodes.values()) {
    if (!stored.path.startsWith('w/')) continue;
    bytes.writeUInt16LE(1, stored.offset); // plain layout
    bytes.writeUInt32LE(4096, stored.offset + 8);
    bytes.writeUInt32LE(model.fields.union, stored.offset + 16);
  }
  endsAlone(bytes);
  assert.throws(() => open(bytes), FormatError);
});

test('counts are believed only as far as the file goes', () => {
  for (const [offset, value] of [
    [v6.EXTENDED_SUPER_OFFSET + 0x20, 2 ** 40 - (2 ** 40 % 80)],
    [v6.EXTENDED_SUPER_OFFSET + 0x10, 0x7fff_ff00],
  ] as const) {
    const bytes = Buffer.from(sound);
    bytes.writeUIntLE(value, offset, 6);
    assert.equal(reads(bytes), false);
  }
});

test('an image of tarfs is not supported, and said to be so', () => {
  const bytes = Buffer.from(sound);
  bytes[v6.SUPER_OFFSET + 0x0c] = 9;
  assert.throws(() => open(bytes), UnsupportedError);
});

test('names that share a nid share their inode', () => {
  const record = {
    ...readV6(sound).bootstrap.blobs[0]?.record,
    id: 'a'.repeat(64),
    chunkCount: 2,
    chunkSize: 0x10_0000,
    metaUncompressedSize: 32,
    metaCompressedSize: 32,
  };
  const image = readV6(writeV6(layer1(record as Parameters<typeof layer1>[0]))); // a record, whole, with some fields changed
  const etc = image.bootstrap.root.children?.get(raw('etc'))?.children;
  assert.equal(etc?.get(raw('hosts'))?.inode, etc?.get(raw('hosts2'))?.inode);
  assert.notEqual(etc?.get(raw('hosts')), undefined);
});

test('compact inodes of old builders are read; they have no times', () => {
  const bytes = nested(1);
  const stored = Array.from(readV6(bytes).inodes.values()).find(({ path }) => path === 'd') ?? assert.fail();
  const body = Buffer.from(bytes.subarray(stored.bodyOffset, stored.bodyOffset + stored.fields.size));
  bytes.fill(0, stored.offset, stored.bodyOffset + body.length);
  v6.inodeCompact.write(bytes, stored.offset, {
    format: 2 << 1,
    xattrCount: 0,
    mode: 0o040750,
    nlink: 2,
    size: body.length,
    union: 0,
    ino: 2,
    uid: 10,
    gid: 20,
  });
  body.copy(bytes, stored.offset + v6.inodeCompact.size);
  const inode = readV6(bytes).bootstrap.root.children?.get('d' as RawName)?.inode; // ASCII
  assert.deepEqual(
    { kind: inode?.kind, mode: inode?.mode, uid: inode?.uid, gid: inode?.gid, mtime: inode?.mtime },
    { kind: 'directory', mode: 0o750, uid: 10, gid: 20, mtime: 0 },
  );
});
