import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeBootstrap } from '../../../../src/native/judge.js';
import { AUDIT_RULES, type AuditId } from '../../../../src/rafs-builder/rules/rules.js';
import type { Inode } from '../../../../src/rafs-builder/model/tree.js';
import * as v6 from '../../../../src/rafs-builder/layout/v6.js';
import { readV6 } from '../../../../src/rafs-builder/read/v6/read.js';
import { cpuMs } from '../../../support/damage/mutation-run.js';
import { referenceBootstrap } from '../../../support/references/reference-bootstraps.js';

const basic = referenceBootstrap('basic', 'v6-zstd');
const image = readV6(basic);

/** Ids of the findings after `edit` had its way with a sound image. */
function idsAfter(edit: (bytes: Buffer) => void): AuditId[] {
  const bytes = Buffer.from(basic);
  edit(bytes);
  return judgeBootstrap(bytes).map(({ id }) => id);
}

function inodeOffset(kind: Inode['kind']): number {
  const stored = Array.from(image.inodes.values()).find(
    (one) => one.kind === kind && one.path !== '' && one.fields.size > 0,
  );
  return stored?.offset ?? assert.fail();
}

const { superBlock, extended, devices } = image.tables;
const inFile =
  (offset: number, value: number, size = 4): ((bytes: Buffer) => void) =>
  (bytes) =>
    bytes.writeUIntLE(value, offset, size);
const BROKEN: readonly (readonly [AuditId, (bytes: Buffer) => void])[] = [
  ['RAFS-READ', inFile(v6.SUPER_OFFSET, 0)],
  ['RAFS-RESERVED', inFile(v6.SUPER_OFFSET + 0x60, 1)],
  ['RAFS-SUPER-FLAGS', inFile(v6.EXTENDED_SUPER_OFFSET, extended.flags | 0x0200_0000)],
  ['RAFS-INOS', inFile(v6.SUPER_OFFSET + 0x10, superBlock.inos + 1)],
  ['RAFS-BLOCKS', inFile(v6.SUPER_OFFSET + 0x24, superBlock.blocks + 1)],
  ['RAFS-DEVICE', inFile(v6.DEVICE_TABLE_OFFSET, 0x30, 1)],
  ['RAFS-MAPPED', inFile(v6.DEVICE_TABLE_OFFSET + 128 + 0x44, devices[0]?.mappedBlock ?? 0)],
  ['RAFS-BLOB', inFile(extended.blobTableOffset + 0x50, 1)],
  ['RAFS-PREFETCH', inFile(extended.prefetchTableOffset, 129)],
  ['RAFS-CHUNK-RECORD', inFile(extended.chunkTableOffset + 0x24, 0x12)],
  ['RAFS-CHUNK-ORDER', inFile(extended.chunkTableOffset, 0xff, 1)],
  ['RAFS-CHUNK-FORMAT', inFile(inodeOffset('file') + 0x10, 0x29)],
  ['RAFS-INODE', inFile(inodeOffset('file') + 0x28, 1_000_000_000)],
  ['RAFS-NLINK', inFile(inodeOffset('file') + 0x2c, 77)],
  ['RAFS-DIRENT-TYPE', inFile(inodeOffset('directory') + 64 + 12 * 2 + 10, 6, 1)],
  ['RAFS-DOTS', inFile(inodeOffset('directory') + 64 + 12, 0x90, 2)],
  ['RAFS-SYMLINK', inFile(inodeOffset('symlink') + 64, 0, 1)],
  ['RAFS-GAP', inFile(100, 1)],
];

for (const [id, edit] of BROKEN) {
  test(`${id} is found: ${AUDIT_RULES[id].holds}`, () => {
    assert.ok(idsAfter(edit).includes(id), `found ${idsAfter(edit).join(', ') || 'nothing'}`);
  });
}

test('inodes that share bytes are found', () => {
  // Two names for one nid are hard links; the next slot is the second half of the same inode.
  const stored =
    Array.from(image.inodes.values()).find(({ kind, path }) => kind === 'directory' && path !== '') ??
    assert.fail();
  const row = stored.rows.find(({ name }) => name !== '.' && name !== '..') ?? assert.fail();
  const found = idsAfter((bytes) => bytes.writeUInt32LE(row.nid + 1, row.offset));
  assert.ok(found.includes('RAFS-OVERLAP') || found.includes('RAFS-READ'), found.join(', '));
});

test('a file that is longer than its structures is found', () => {
  const found = judgeBootstrap(Buffer.concat([basic, Buffer.alloc(4096)])).map(({ id }) => id);
  assert.deepEqual(found, ['RAFS-SIZE']);
});

test('padding behind the value of an xattr is RAFS-GAP', () => {
  const bytes = referenceBootstrap('xattrs-hardlinks', 'v6-zstd');
  const xattrs = Array.from(readV6(bytes).inodes.values()).flatMap((stored) => stored.xattrs);
  const ends = xattrs.map(
    ({ offset, storedNameSize, value }) => offset + v6.xattrEntry.size + storedNameSize + value.length,
  );
  const padded = ends.find((end) => end % 4 !== 0) ?? assert.fail();
  bytes[padded] = 1;
  assert.deepEqual(
    judgeBootstrap(bytes).map(({ id, offset }) => [id, offset]),
    [['RAFS-GAP', padded]],
  );
});

test('damage of a folder of thousands of names is reported in a time that grows as the folder does', () => {
  const bytes = referenceBootstrap('bigdir', 'v6-zstd');
  bytes[100] = 1;
  const began = process.cpuUsage();
  assert.deepEqual(
    judgeBootstrap(bytes).map(({ id }) => id),
    ['RAFS-GAP'],
  );
  assert.ok(cpuMs(began) < 1000, `${cpuMs(began)} ms of processor time`);
});

test('findings tell the place: path, offset, what is expected and what is found', () => {
  const offset = inodeOffset('file');
  const bytes = Buffer.from(basic);
  bytes.writeUInt32LE(77, offset + 0x2c);
  const [finding, ...others] = judgeBootstrap(bytes);
  assert.deepEqual(others, []);
  assert.equal(finding?.offset, offset);
  assert.equal(finding.found, '77');
  assert.notEqual(finding.expected, undefined);
  assert.notEqual(finding.path, undefined);
});
