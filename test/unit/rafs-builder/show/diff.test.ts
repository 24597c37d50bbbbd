import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openBootstrap } from '../../../../src/native/judge.js';
import { describeAt, listTree, permissions, summarize } from '../../../../src/rafs-builder/show/describe.js';
import { diffImages } from '../../../../src/rafs-builder/show/diff.js';
import { writeV6 } from '../../../second-opinion/write.js';
import type { TreeNode } from '../../../../src/rafs-builder/model/tree.js';
import { readV6, type V6Image } from '../../../../src/rafs-builder/read/v6/read.js';
import { parseDump } from '../../../support/images/dump-parser.js';
import { referenceText } from '../../../support/images/fixtures.js';
import { directory, raw, rawPath } from '../../../support/images/worked-example.js';

const FIELDS = { mode: 0o644, uid: 0, gid: 0, mtime: 0, mtimeNsec: 0, xattrs: [], layer: 0 };
const symlink = (name: string, target: string, fields = {}): TreeNode => ({
  name: raw(name),
  inode: { ...FIELDS, ...fields, kind: 'symlink', target: rawPath(target) },
});
function imageOf(...children: readonly TreeNode[]): V6Image {
  const root = directory('', children);
  return readV6(writeV6({ root, blobs: [], chunkSize: 0x10_0000, compressor: 'zstd', digester: 'blake3' }));
}
const basic = readV6(writeV6(parseDump(referenceText('basic', 'v6-zstd', 'merged.dump'))));

test('an image does not differ from itself', () => {
  assert.deepEqual(Array.from(diffImages(basic, basic)), []);
});

test('names that come and go, and each attribute that changes, are a line', () => {
  const before = imageOf(
    symlink('gone', 'x'),
    symlink('same', 'x'),
    symlink('other', 'x', { uid: 1 }),
    directory('kind', []),
  );
  const after = imageOf(
    symlink('new', 'x'),
    symlink('same', 'x'),
    symlink('other', 'y', { mtime: 5 }),
    symlink('kind', 'x', { mode: 0o755, mtime: 1_700_000_000 }),
  );
  assert.deepEqual(Array.from(diffImages(before, after)).sort(), [
    '+ /new',
    '- /gone',
    '~ /kind: target none → x',
    '~ /kind: type directory → symlink',
    '~ /other: mtime 0.000000000 → 5.000000000',
    '~ /other: owner 1:0 → 0:0',
    '~ /other: target x → y',
  ]);
});

test('names that are no longer hard links are reported', () => {
  const shared = symlink('a', 'x').inode;
  const before = imageOf({ name: raw('a'), inode: shared }, { name: raw('b'), inode: shared });
  const after = imageOf(symlink('a', 'x'), symlink('b', 'x'));
  assert.deepEqual(Array.from(diffImages(before, after)), ['~ /b: linked to /a → /b']);
});

test('a listing has a line for every name, as ls writes it', () => {
  const lines = Array.from(
    listTree(imageOf(symlink('link', 'to here', { mode: 0o777, uid: 5, gid: 6, mtime: 1 }))),
  );
  assert.deepEqual(lines[1], 'lrwxrwxrwx   1 5:6                7 1970-01-01T00:00:01 /link -> to here');
  assert.equal(lines.length, 2);
});

test('permissions are written as ls writes them', () => {
  assert.equal(permissions(0o755), 'rwxr-xr-x');
  assert.equal(permissions(0o7777), 'rwsrwsrwt');
  assert.equal(permissions(0o7000), '--S--S--T');
});

test('the summary counts inodes and names every blob', () => {
  const lines = Array.from(summarize(basic)).join('\n');
  for (const { record } of basic.bootstrap.blobs) assert.ok(lines.includes(record.id));
  assert.match(lines, /63 \(11 directory, 48 file, 4 symlink\) under 64 names/);
});

test('an offset is named: structure, field, value', () => {
  const first = (offset: number): string | undefined =>
    Array.from(describeAt(basic.bytes, offset, openBootstrap))[0];
  assert.equal(first(0x40e), '0x40e (1038): SuperBlock.rootNid = 128 (0x80)');
  assert.equal(first(5), '0x5 (5): unused');
  const app = Array.from(basic.inodes.values()).find(({ path }) => path === 'bin/app') ?? assert.fail();
  assert.match(first(app.offset + 9) ?? '', /: InodeExtended\.size = 5000 \(0x1388\)$/);
  const row = basic.inodes.get(128)?.rows.find(({ name }) => name === 'bin') ?? assert.fail();
  assert.match(first(row.nameStart + 1) ?? '', /byte 1 of 3: name bin in directory entries of \/$/);
});

test('every byte of an image has a description', () => {
  for (let offset = 0; offset < basic.bytes.length; offset += 97)
    assert.notEqual(Array.from(describeAt(basic.bytes, offset, openBootstrap)).length, 0);
});

test('of a broken image the tables can still be looked at', () => {
  const broken = Buffer.from(basic.bytes);
  broken.writeUInt32LE(9, basic.tables.extended.blobTableOffset + 0x40);
  const lines = Array.from(describeAt(broken, basic.tables.extended.blobTableOffset + 0x40, openBootstrap));
  assert.match(lines[0] ?? '', /cannot be read.*BlobEntry\.blobIndex at offset 4160/);
  assert.equal(lines[1], '0x1040 (4160): BlobEntry.blobIndex = 9 (0x9)');
});
