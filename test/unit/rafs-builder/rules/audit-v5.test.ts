/** Each rule over RAFS v5 bootstraps finds what breaks it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeBootstrap } from '../../../../src/native/judge.js';
import { AUDIT_RULES, type AuditId } from '../../../../src/rafs-builder/rules/rules.js';
import { readV5, type StoredV5Inode } from '../../../../src/rafs-builder/read/v5/read.js';
import { referenceBootstrap } from '../../../support/references/reference-bootstraps.js';

const basic = referenceBootstrap('basic', 'v5-zstd');
const image = readV5(basic);
const { superBlock } = image.tables;

function find(what: (stored: StoredV5Inode) => boolean): StoredV5Inode {
  return Array.from(image.inodes.values()).find(what) ?? assert.fail();
}

const file = find(
  ({ kind, chunks, fields }) => kind === 'file' && (chunks[0] ?? 0) > 0 && fields.nlink === 1,
);
const link = find(({ fields, number, kind }) => kind === 'file' && fields.ino !== number);
const symlink = find(({ kind }) => kind === 'symlink');
const named = find(({ path }) => path === 'bin');

type Edit = (bytes: Buffer) => void;
const set =
  (offset: number, value: number, size = 4): Edit =>
  (bytes) =>
    bytes.writeUIntLE(value, offset, size);

const BROKEN: readonly (readonly [AuditId, string, Edit])[] = [
  ['RAFS-READ', 'a version that does not exist', set(4, 0x600)],
  ['RAFS-RESERVED', 'a reserved byte of the super block', set(0x60, 1)],
  ['RAFS-SUPER-FLAGS', 'encryption', set(0x10, superBlock.flags | 0x0200_0000)],
  ['RAFS-INOS', 'another number of inodes', set(0x18, superBlock.inodes - 1)],
  ['RAFS-BLOB', 'an unknown feature', set(superBlock.extendedOffset + 4, 0x5010_0000)],
  ['RAFS-BLOB', 'a larger blob', set(superBlock.extendedOffset + 16, 0xff_ffff)],
  [
    'RAFS-BLOB',
    'a chunk in the place of another',
    set(file.chunksOffset + 0x38, image.bootstrap.blobs[0]?.chunks.at(0).uncompressedOffset ?? 0),
  ],
  ['RAFS-PREFETCH', 'an inode that is not there', set(superBlock.prefetchTableOffset, 9999)],
  ['RAFS-CHUNK-RECORD', 'an unknown flag', set(file.chunksOffset + 0x24, 0x20)],
  ['RAFS-CHUNK-RECORD', 'another file offset', set(file.chunksOffset + 0x40, 5)],
  ['RAFS-CHUNK-LENGTH', 'a longer chunk', set(file.chunksOffset + 0x2c, 0xffff)],
  ['RAFS-INODE', 'too many nanoseconds', set(file.offset + 0x6c, 1_000_000_000)],
  ['RAFS-INODE', 'another number of blocks', set(file.offset + 0x48, 999)],
  ['RAFS-INODE', 'a project', set(file.offset + 0x38, 1)],
  ['RAFS-NLINK', 'too many links', set(file.offset + 0x58, 77)],
  ['RAFS-DIRENT-ORDER', 'a name out of order', set(named.nameOffset, 0x7a7a7a, 3)],
  ['RAFS-SYMLINK', 'a NUL in a target', set(symlink.targetOffset, 0, 1)],
  ['RAFS-DIGEST', 'another digest', set(file.offset, 0)],
  ['RAFS-LINK-CONTENT', 'a link of another size', set(link.offset + 0x40, link.fields.size - 1)],
  ['RAFS-LINK-ATTRIBUTES', 'a link of another owner', set(link.offset + 0x30, 12_345)],
  ['RAFS-GAP', 'padding behind a name', set(named.nameOffset + 3, 1, 1)],
];

for (const [id, what, edit] of BROKEN) {
  test(`${what} is ${id} in a v5 bootstrap: ${AUDIT_RULES[id].holds}`, () => {
    const bytes = Buffer.from(basic);
    edit(bytes);
    const found = judgeBootstrap(bytes).map((finding) => finding.id);
    assert.ok(found.includes(id), `found ${found.join(', ') || 'nothing'}`);
  });
}

test('an empty table in an odd place is RAFS-TABLE', () => {
  const bytes = referenceBootstrap('all-deleted', 'v5-zstd');
  bytes.writeUInt32LE(5, 0x30);
  assert.deepEqual(
    judgeBootstrap(bytes).map(({ id }) => id),
    ['RAFS-TABLE'],
  );
});

test('a file that is longer than its structures is found', () => {
  const longer = Buffer.concat([basic, Buffer.alloc(8)]);
  assert.deepEqual(
    judgeBootstrap(longer).map(({ id }) => id),
    ['RAFS-SIZE'],
  );
});
