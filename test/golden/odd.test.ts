/**
 * Archives of one or two entries that the reference builder refuses, crashes on or reads in a way of its own. What is right
 * for each is said in `fixtures/reference/odd.json`; here is what we do.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { NydusError } from '../../src/errors.js';
import { dumpV6 } from '../../src/rafs-builder/show/dump-v6.js';
import { readV6 } from '../../src/rafs-builder/index.js';
import { expectedTreeLines } from '../support/images/tree-lines.js';
import { referenceJson, referenceLayers } from '../support/images/fixtures.js';
import { contentDigest, packImage } from '../support/images/image.js';
import { treeDifferences } from '../support/images/tree-differences.js';
import { needs } from '../support/needs.js';

interface Refused {
  /** The whole message. */
  readonly refused: string;
  readonly code?: 'FORMAT' | 'UNSUPPORTED';
}
interface Accepted {
  /** Lines of the tree without its root, each without path and digest fields that `line` fills in. */
  readonly tree: readonly string[];
  readonly warnings?: readonly string[];
  /** The reference accepts it too, and its inodes and chunks are ours. */
  readonly asReference?: boolean;
}

const sha256Hex = (content: string): string => createHash('sha256').update(content).digest('hex');
/** A regular file as every odd case has it, 0644 and 0:0. */
function file(
  path: string,
  rest: { content?: string; mtime?: number; link?: string; xattr?: string } = {},
): string {
  const { content = 'f\n', mtime = 1_700_000_000, link = '-', xattr } = rest;
  const line = `${path} f 0644 0 0 ${content.length} ${mtime} ${sha256Hex(content)} ${link}`;
  return xattr === undefined ? line : `${line} ${xattr}`;
}
const plainFile: Accepted = { tree: [file('/f')] };

/** The value of make-sources.py's `line("v", SIZE)`: numbered lines, with `;` for each line end. */
function lineValue(size: number): string {
  const word = sha256Hex('v').slice(0, 24);
  let text = '';
  for (let i = 0; text.length < size; i += 1)
    text += `${word} line ${String(i).padStart(8, '0')} of the fixture v;`;
  return Buffer.from(text.slice(0, size)).toString('hex');
}

const ODD: Readonly<Record<string, Accepted | Refused>> = {
  'hardlink-to-symlink': {
    tree: ['/h l 0777 0 0 1 1700000000 x /h', '/l l 0777 0 0 1 1700000000 x /h'],
  },
  'hardlink-to-fifo': { tree: ['/h p 0644 0 0 0 1700000000 - /h', '/p p 0644 0 0 0 1700000000 - /h'] },
  'hardlink-to-dir': { refused: 'tar entry "h" at offset 512: a hard link to "d", which is a directory' },
  'hardlink-before-target': {
    refused: 'tar entry "h" at offset 0: a hard link to "f", which has no entry before it in this layer',
  },
  'hardlink-to-itself': { refused: 'tar entry "h" at offset 0: a hard link to "h", which is itself' },
  'hardlink-with-data': {
    tree: [file('/f', { link: '/f' }), file('/g', { content: 'g\n' }), file('/h', { link: '/f' })],
    asReference: true,
  },
  dotdot: { refused: 'tar entry "a/../b" at offset 0: the path has a ".." component' },
  'dotdot-only': { refused: 'tar entry "../escape" at offset 0: the path has a ".." component' },
  'pax-global': plainFile,
  contiguous: plainFile,
  'gnu-sparse': {
    refused: 'tar entry "f" at offset 0: the sparse map describes 0 bytes, the archive holds 2',
  },
  'unknown-type': {
    refused: `tar entry "f" at offset 0: type 'V' (a GNU volume label) cannot be part of a layer`,
    code: 'UNSUPPORTED',
  },
  'xattr-unknown-prefix': { ...plainFile, warnings: ['XATTR_DROPPED'] },
  'xattr-system-nfs4': { ...plainFile, warnings: ['XATTR_DROPPED'] },
  'xattr-value-65536': {
    refused: 'tar entry "f" at offset 66560: extended attribute "user.v" has 65536 bytes, more than 65535',
  },
  'xattr-value-65535': { tree: [file('/f', { xattr: `user.v=${lineValue(65535)}` })], asReference: true },
  'xattr-name-256': { ...plainFile, warnings: ['XATTR_DROPPED'] },
  'xattr-libarchive': { tree: [file('/f', { xattr: 'user.k=76' })] },
  'xattr-value-newline': {
    tree: [file('/f', { xattr: `user.nl=${Buffer.from('a\nb=c\n').toString('hex')}` })],
  },
  'pax-path-newline': { tree: [file(`/${'new\\x0aline'.repeat(20)}`)] },
  'pax-path-not-utf8': { tree: [file(`/${'\\xe9'.repeat(110)}`)], asReference: true },
  'pax-mtime-garbage': { ...plainFile, warnings: ['PAX_MTIME'], asReference: true },
  'name-256': {
    refused: `tar entry "${'n'.repeat(256)}" at offset 1024: the path has a component of 256 bytes, more than 255`,
  },
  'symlink-4096': {
    refused: `tar entry "l" at offset 5120: the symbolic link's target has 4096 bytes, more than 4095`,
  },
  'symlink-5000': {
    refused: `tar entry "l" at offset 5632: the symbolic link's target has 5000 bytes, more than 4095`,
  },
  'symlink-empty': { refused: 'tar entry "l" at offset 0: the symbolic link has no target' },
  'fifo-without-numbers': { tree: ['/p p 0644 0 0 0 1700000000 - -'] },
  'uid-too-big': { refused: 'tar entry "f" at offset 0: the user id 8589934592 does not fit 32 bits' },
  'mtime-negative': { tree: [file('/f', { mtime: -5 })], asReference: true },
  'old-v7-dir': { tree: ['/d d 0755 0 0 0 1700000000 - -', file('/d/f')] },
  'file-trailing-slash': { ...plainFile, asReference: true },
  'name-empty': { refused: 'tar entry "" at offset 0: the path is empty' },
  'root-as-file': { refused: 'tar entry "/" at offset 0: the root must be a directory' },
  truncated: { refused: 'tar entry "f" at offset 0: the archive ends 1464 bytes before the end of its data' },
  'bad-checksum': { refused: `tar entry "f" at offset 0: the header's checksum is wrong` },
  'pax-size': { ...plainFile, asReference: true },
  'file-under-file': {
    refused: 'tar entry "f/child" at offset 1024: "f" on its path is not a directory but a file',
  },
  'device-major-4096': {
    refused: `tar entry "d" at offset 0: the device's major number 4096 is not within 0 and 4095`,
  },
  'garbage-after-end': { ...plainFile, warnings: ['TAR_TRAILING'] },
  'empty-input': { tree: [] },
};

/** The cases of odd.json: the reason for each, and the dump lines of inodes and chunks where the reference accepts it. */
const verdicts = referenceJson('odd.json') as Readonly<
  Record<string, { readonly right: string; readonly v6: readonly string[] | { readonly stage: string } }>
>;

test('every odd case has its verdict here', () => {
  assert.deepEqual(
    Object.keys(ODD).sort(),
    Object.keys(verdicts)
      .map((name) => name.slice('odd-'.length))
      .sort(),
  );
});

for (const [name, expected] of Object.entries(ODD)) {
  const verdict = verdicts[`odd-${name}`];
  test(`${name}: ${verdict?.right ?? ''}`, async (t) => {
    if (!needs(t, 'python3')) return;
    const layers = referenceLayers(`odd-${name}`);
    if ('refused' in expected) {
      await assert.rejects(packImage(layers), (error) => {
        assert.ok(error instanceof NydusError);
        assert.equal(error.message, expected.refused);
        assert.equal(error.code, expected.code ?? 'FORMAT');
        return true;
      });
      return;
    }
    const image = await packImage(layers);
    const lines = await expectedTreeLines(image.merged.root, (inode) => contentDigest(image, inode));
    const tree = ['/ d 0755 0 0 0 - - -', ...expected.tree];
    assert.deepEqual(treeDifferences(lines.join('\n'), tree.join('\n')), []);
    const warnings = image.layers.flatMap((packed) => packed.warnings.map(({ code }) => code));
    assert.deepEqual(warnings, expected.warnings ?? []);
    if (expected.asReference === true) {
      const dump = Array.from(dumpV6(readV6(image.bootstrap))).filter((line) => /^[ILXC] /.test(line));
      assert.ok(Array.isArray(verdict?.v6));
      assert.deepEqual(dump.map(comparable), verdict.v6.map(comparable));
    }
  });
}

/** odd.json holds long values cut short, and times before 1970 as the unsigned numbers that they are stored as. */
function comparable(line: string): string {
  return line.slice(0, 300).replace(/\b\d{20}\b/, (time) => String(BigInt.asIntN(64, BigInt(time))));
}
