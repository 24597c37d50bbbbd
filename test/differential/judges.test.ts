/** The judges themselves: one that accepts everything would prove nothing. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fsckErofs, kernelTree } from '../support/references/erofs.js';
import { packImage } from '../support/images/image.js';
import { needs } from '../support/needs.js';
import { referenceCheck, referenceRead, referenceTool } from '../support/references/reference-builder.js';
import { dir, file, hardlink, layer } from '../support/images/tar.js';
import { pathOrSkip } from '../support/references/tools.js';
import { countEntries, touchedDirectories, treeDifferences } from '../support/images/tree-differences.js';

const TREE = `/ d 0755 0 0 0 5 - -
/a f 0644 1 2 3 7.5 abc - user.x=00 user.y=
/b l 0777 0 0 1 7 a -
`;

test('trees are compared field by field', () => {
  assert.deepEqual(treeDifferences(TREE, TREE), []);
  assert.equal(countEntries(TREE), 3);
  const changes = [
    ['/a f', '/a p', '/a: type is f, expected p'],
    ['0644', '0645', '/a: mode is 0644, expected 0645'],
    [' 1 2 3 ', ' 1 9 3 ', '/a: gid is 2, expected 9'],
    [' 3 7.5', ' 4 7.5', '/a: size is 3, expected 4'],
    ['7.5', '7.25', '/a: mtime is 7.5, expected 7.25'],
    ['abc', 'abd', '/a: content is abc, expected abd'],
    ['abc -', 'abc /a', '/a: first link is -, expected /a'],
    ['user.x=00', 'user.x=01', '/a: xattrs are "user.x=00 user.y=", expected "user.x=01 user.y="'],
  ] as const;
  for (const [from, to, sentence] of changes) {
    assert.deepEqual(treeDifferences(TREE, TREE.replace(from, to)), [sentence]);
  }
  assert.deepEqual(treeDifferences(TREE, TREE.replace('/b ', '/c ')), ['/b: not expected', '/c: missing']);
});

test('only what was asked for is left out of a comparison', () => {
  const unpacked = TREE.replace('7.5', '7')
    .replace(' user.y=', '')
    .replace('/ d 0755 0 0 0 5', '/ d 0755 0 0 0 99.5');
  const options = { wholeSeconds: true, dropEmptyXattrs: true, unpackedSince: 99 };
  assert.deepEqual(treeDifferences(TREE, unpacked, options), []);
  assert.equal(touchedDirectories(unpacked, options), 1);
  assert.equal(treeDifferences(TREE, unpacked, { ...options, unpackedSince: 100 }).length, 1);
  assert.equal(treeDifferences(TREE, unpacked).length, 3);
});

test('the reference refuses one wrong byte in a blob, and a bootstrap cut short', async (t) => {
  if (pathOrSkip(t, referenceTool()) === undefined) return;
  const folder = await mkdtemp(join(tmpdir(), 'nydus-judges-'));
  try {
    const content = Buffer.from('a chunk that zstd cannot make any smaller');
    const made = await packImage([layer(dir('.'), file('a', content), hardlink('b', 'a'), dir('d'))]);
    const [only] = made.layers;
    assert.ok(only?.record !== undefined);
    const blob = join(folder, only.record.id);
    const bootstrap = join(folder, 'image.boot');
    await writeFile(blob, only.bytes);
    await writeFile(bootstrap, made.bootstrap);
    await referenceCheck(bootstrap);
    const tree = await referenceRead(bootstrap, folder);
    assert.match(tree, /^\/b f 0644 0 0 41 1700000000 [0-9a-f]{64} \/a$/m);

    const flipped = await readFile(blob);
    flipped[5] = (flipped[5] ?? 0) ^ 1;
    await writeFile(blob, flipped);
    await assert.rejects(referenceRead(bootstrap, folder), /cannot read \/a/);
    await writeFile(bootstrap, made.bootstrap.subarray(0, 0x1000));
    await assert.rejects(referenceCheck(bootstrap), /cannot load/);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('Linux and fsck.erofs see a damaged directory', async (t) => {
  if (!needs(t, 'root', 'losetup', 'fsck.erofs')) return;
  if (pathOrSkip(t, referenceTool()) === undefined) return;
  const folder = await mkdtemp(join(tmpdir(), 'nydus-judges-'));
  try {
    const made = await packImage([layer(dir('.'), dir('d'), dir('d/known'))]);
    const bootstrap = join(folder, 'image.boot');
    const devices = join(folder, 'devices');
    await mkdir(devices);
    await writeFile(bootstrap, made.bootstrap);
    await fsckErofs(bootstrap, devices);
    assert.match(await kernelTree(bootstrap, devices, folder), /^\/d\/known d 0755 /m);

    const damaged = Buffer.from(made.bootstrap);
    damaged.write('other', damaged.indexOf('known'));
    await writeFile(bootstrap, damaged);
    assert.match(await kernelTree(bootstrap, devices, folder), /^\/d\/other d 0755 /m);
    damaged.fill(0xff, 0x400, 0x404);
    await writeFile(bootstrap, damaged);
    await assert.rejects(fsckErofs(bootstrap, devices));
    await assert.rejects(kernelTree(bootstrap, devices, folder), /mount/);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
