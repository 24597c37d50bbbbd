import assert from 'node:assert/strict';
import { test } from 'node:test';
import { diffTrees } from '../../../src/check/tree-diff.js';
import { isSameTree, type LinkedTree } from '../../../src/check/tree-same.js';
import type { Inode, TreeNode } from '../../../src/rafs-builder/tree.js';
import { readV6, type V6Image } from '../../../src/rafs-builder/v6-read.js';
import { flippedImages } from '../../support/flipped-images.js';
import { referenceBootstrap } from '../../support/reference-bootstraps.js';

function treeOf({ bootstrap }: V6Image): LinkedTree {
  const linked = new Set<Inode>();
  addLinked(bootstrap.root, new Set(), linked);
  return { root: bootstrap.root, tables: bootstrap.blobs.map(({ chunks }) => chunks), linked };
}

function addLinked({ children }: TreeNode, seen: Set<Inode>, linked: Set<Inode>): void {
  for (const child of children?.values() ?? []) {
    if (seen.has(child.inode)) linked.add(child.inode);
    seen.add(child.inode);
    addLinked(child, seen, linked);
  }
}

for (const name of ['basic', 'xattrs-hardlinks', 'devices', 'chunks', 'symlinks']) {
  test(`the quick comparison with ${name} agrees with the long one, whichever byte is changed`, () => {
    const sound = referenceBootstrap(name, 'v6-zstd');
    const image = readV6(sound);
    const expected = treeOf(image);
    const { chunkSize } = image.bootstrap;
    assert.equal(isSameTree(expected, image), true);
    let read = 0;
    let different = 0;
    for (const { at, image: changed } of flippedImages(sound, 7)) {
      read += 1;
      const [difference] = diffTrees(expected, treeOf(changed), { chunkSize, contents: true });
      if (difference !== undefined) different += 1;
      // Names out of order are a matter of other rules, and for the long comparison.
      if (difference !== undefined) assert.equal(isSameTree(expected, changed), false, `byte ${at}`);
      else if (!isSameTree(expected, changed)) assert.ok(hasNamesOutOfOrder(changed), `byte ${at}`);
    }
    assert.ok(different > 0 && different < read, `${different} of ${read}`);
  });
}

function hasNamesOutOfOrder({ columns }: V6Image): boolean {
  for (let i = 0; i < columns.count; i++) {
    const nid = columns.nidAt(i);
    for (let row = columns.rowsFrom(nid) + 1; row < columns.rowsTo(nid); row++)
      if (columns.compareRows(row - 1, row) >= 0) return true;
  }
  return false;
}

test('links of the source that are files of their own are seen, and the other way round', () => {
  const image = readV6(referenceBootstrap('hardlinks', 'v6-zstd'));
  const expected = treeOf(image);
  assert.equal(isSameTree(expected, image), true);
  const [linked] = expected.linked;
  assert.ok(linked !== undefined);
  // One of its names gets an inode of its own, in all else the same.
  let names = 0;
  const apart = (node: TreeNode): TreeNode => {
    const children =
      node.children && new Map(Array.from(node.children, ([name, child]) => [name, apart(child)]));
    const isSecond = node.inode === linked && ++names === 2;
    return { name: node.name, inode: isSecond ? { ...node.inode } : node.inode, children };
  };
  const tree = { ...expected, root: apart(expected.root) };
  assert.equal(isSameTree(tree, image), false);
  assert.equal(isSameTree({ ...tree, linked: new Set() }, image), false);
});
