/** Sizes of directories: exact on trees small enough to count by hand, and against counting each directory for itself. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../../support/properties.js';
import { usageByDirectory, type ChunkSizes } from '../../../../src/rafs-builder/show/usage.js';
import { buildLayerTree } from '../../../../src/merge/layer-tree.js';
import {
  chunkIndex,
  type ChunkRef,
  type Inode,
  type TreeNode,
} from '../../../../src/rafs-builder/model/tree.js';
import { walk } from '../../../../src/rafs-builder/model/walk.js';
import {
  chunked,
  directory,
  entries,
  hardlink,
  type Unplaced,
} from '../../../support/images/layer-entries.js';

const sizes: ChunkSizes = (ref) => ({
  uncompressedSize: 4096 * (chunkIndex(ref) + 1),
  compressedSize: 1000 + chunkIndex(ref),
});

function usages(
  ...list: readonly Unplaced[]
): ReadonlyMap<string, ReturnType<typeof usageByDirectory>[number]> {
  const { root } = buildLayerTree(entries(...list), 0);
  return new Map(usageByDirectory(root, sizes).map((usage) => [usage.path, usage]));
}

test('a chunk that two directories use is shared in both, and owned by the directory above', () => {
  const found = usages(
    directory('a'),
    directory('b'),
    chunked('a/one', [0, 0], [0, 1]),
    chunked('b/two', [0, 1], [0, 2]),
    chunked('b/three', [0, 2]),
  );
  assert.deepEqual(found.get('a')?.own, { uncompressed: 4096, stored: 1000 });
  assert.deepEqual(found.get('a')?.shared, { uncompressed: 8192, stored: 1001 });
  assert.deepEqual(found.get('b')?.own, { uncompressed: 12288, stored: 1002 });
  assert.deepEqual(found.get('b')?.unique, { uncompressed: 8192 + 12288, stored: 2003 });
  assert.deepEqual(found.get('')?.unique, found.get('')?.own);
  assert.deepEqual(found.get('')?.own, { uncompressed: 4096 + 8192 + 12288, stored: 3003 });
  assert.equal(found.get('')?.files, 3);
});

test('a file with several names counts once in every directory that holds one of them', () => {
  const found = usages(
    directory('a'),
    directory('b'),
    chunked('a/file', [0, 0]),
    hardlink('a/again', 'a/file'),
    hardlink('b/too', 'a/file'),
  );
  for (const path of ['', 'a', 'b']) {
    assert.equal(found.get(path)?.files, 1, path);
    assert.equal(found.get(path)?.bytes, 4096, path);
  }
  assert.deepEqual(found.get('a')?.own, { uncompressed: 0, stored: 0 });
  assert.deepEqual(found.get('')?.own, { uncompressed: 4096, stored: 1000 });
});

/** Slowly: every directory looks at all that is below it, and at all that is not. */
function byHand(root: TreeNode, path: string): { bytes: number; unique: number; own: number } {
  const inside = new Set<ChunkRef>();
  const outside = new Set<ChunkRef>();
  const inodes = new Set<Inode>();
  for (const { node, path: at } of walk(root)) {
    if (node.inode.kind !== 'file') continue;
    const below = path === '' || at.startsWith(`${path}/`);
    if (below) inodes.add(node.inode);
    for (const ref of node.inode.chunks) (below ? inside : outside).add(ref);
  }
  const sum = (refs: readonly ChunkRef[]): number =>
    refs.reduce((total, ref) => total + sizes(ref).compressedSize, 0);
  return {
    bytes: [...inodes].reduce((total, inode) => total + (inode.kind === 'file' ? inode.size : 0), 0),
    unique: sum([...inside]),
    own: sum([...inside].filter((ref) => !outside.has(ref))),
  };
}

test('every directory of random trees weighs what counting it by hand gives', () => {
  const folders = ['', 'a', 'b', 'a/c', 'a/d', 'a/c/e', 'b/f'];
  const anyFile = fc.record({
    folder: fc.constantFrom(...folders),
    chunks: fc.array(fc.integer({ min: 0, max: 6 }), { maxLength: 4 }),
    link: fc.option(fc.nat(), { nil: undefined }),
  });
  fc.assert(
    fc.property(fc.array(anyFile, { maxLength: 12 }), (files) => {
      const list: Unplaced[] = folders.filter((name) => name !== '').map((name) => directory(name));
      const names: string[] = [];
      for (const [i, { folder, chunks, link }] of files.entries()) {
        const name = `${folder === '' ? '' : `${folder}/`}f${i}`;
        const target = link === undefined ? undefined : names[link % Math.max(1, names.length)];
        list.push(
          target === undefined
            ? chunked(name, ...chunks.map((c) => [0, c] as const))
            : hardlink(name, target),
        );
        names.push(name);
      }
      const { root } = buildLayerTree(entries(...list), 0);
      for (const usage of usageByDirectory(root, sizes)) {
        assert.deepEqual(
          { bytes: usage.bytes, unique: usage.unique.stored, own: usage.own.stored },
          byHand(root, usage.path),
          usage.path,
        );
      }
    }),
  );
});
