/** Directories, built by us and by the reference: the same bytes where the reference's own are always the same. */
import assert from 'node:assert/strict';
import { mkdir, readFile, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { FORMAT_DEFAULTS } from '../../src/native/formats.js';
import { builtTree } from '../support/images/built-tree.js';
import { everyKind, type LiveEntry, makeLiveTree } from '../support/images/live-tree.js';
import { treeDifferences } from '../support/images/tree-differences.js';
import { needs } from '../support/needs.js';
import { fsckErofs, kernelTree } from '../support/references/erofs.js';
import {
  listTree,
  referenceCheck,
  referenceLayer,
  referenceMerge,
  referenceRead,
  referenceTool,
} from '../support/references/reference-builder.js';
import { pathOrSkip } from '../support/references/tools.js';
import { tempFolder } from '../support/temp-folder.js';

const FORMATS = {
  'v6 zstd': {},
  'v6 none, small chunks': { compressor: 'none', chunkSize: 4096 },
  'v6 lz4, sha256': { compressor: 'lz4_block', digester: 'sha256' },
  'v5 zstd': { fsVersion: 5 },
} as const;

/** In v5 the reference writes a device number of 0 for what is no device, and all ones if it comes from a tar; ours is always that. */
const EQUAL = Object.entries(FORMATS).filter(([name]) => name !== 'v5 zstd');

for (const [name, format] of EQUAL) {
  test(`${name}: a directory gives the bytes of the reference's own directory build`, async (t) => {
    if (!needs(t, 'root') || pathOrSkip(t, referenceTool()) === undefined) return;
    const folder = await tempFolder(t);
    const [directory, theirs] = [join(folder, 'tree'), join(folder, 'reference')];
    for (const path of [directory, theirs]) await mkdir(path);
    await makeLiveTree(directory, everyKind());
    // The reference gives the root no time.
    await utimes(directory, 0, 0);
    const ours = await builtTree(directory, join(folder, 'ours'), format);
    const reference = await referenceLayer(directory, theirs, { ...FORMAT_DEFAULTS, ...format });
    assert.deepEqual(await readFile(ours.blobPath), await readFile(reference.blob));
    const merged = join(theirs, 'merged');
    await referenceMerge(merged, [reference]);
    assert.deepEqual(await readFile(ours.bootstrapPath), await readFile(merged));
  });
}

/** What the reference writes in any order, or has otherwise: several attributes, links of what is no file. */
const BEYOND: readonly LiveEntry[] = [
  {
    kind: 'file',
    path: 'several',
    xattrs: {
      'user.b': '2',
      'user.a': '',
      'security.capability': Buffer.from('0100000200040000000000000000000000000000', 'hex'),
    },
  },
  { kind: 'link', path: 'linked link', target: 'link' },
  { kind: 'link', path: 'linked pipe', target: 'pipe' },
];

test('the reference and the kernel read the tree of a directory as it is on the disk', async (t) => {
  if (!needs(t, 'root', 'fsck.erofs') || pathOrSkip(t, referenceTool()) === undefined) return;
  const folder = await tempFolder(t);
  const directory = join(folder, 'tree');
  await mkdir(directory);
  await makeLiveTree(directory, [...everyKind(), ...BEYOND]);
  const expected = await listTree(directory);
  for (const [name, format] of Object.entries(FORMATS)) {
    const work = join(folder, name);
    const built = await builtTree(directory, work, format);
    await referenceCheck(built.bootstrapPath);
    const devices = join(work, 'devices');
    await mkdir(devices);
    const read = await referenceRead(built.bootstrapPath, built.blobs, devices);
    assert.deepEqual(treeDifferences(read, expected), [], name);
    if (built.fsVersion !== 6) continue;
    await fsckErofs(built.bootstrapPath, devices);
    assert.deepEqual(
      treeDifferences(await kernelTree(built.bootstrapPath, devices, work), expected),
      [],
      name,
    );
  }
});
