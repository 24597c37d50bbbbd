import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Inode, TreeNode } from '../../../../src/rafs-builder/model/tree.js';
import { walk } from '../../../../src/rafs-builder/model/walk.js';
import { directory, raw, rawPath } from '../../../support/images/worked-example.js';

const link: Inode = {
  kind: 'symlink',
  target: rawPath('x'),
  mode: 0o777,
  uid: 0,
  gid: 0,
  mtime: 0,
  mtimeNsec: 0,
  xattrs: [],
  layer: 0,
};
const leaf = (name: string): TreeNode => ({ name: raw(name), inode: link });

test('all names of a directory come first, then the directories among them', () => {
  const root = directory('', [
    directory('b', [leaf('z'), directory('a', [leaf('q')])]),
    leaf('c'),
    directory('a', [leaf('y')]),
  ]);
  assert.deepEqual(
    Array.from(walk(root), ({ path }) => path),
    ['', 'a', 'b', 'c', 'a/y', 'b/a', 'b/z', 'b/a/q'],
  );
});

test('names are sorted by bytes, the shorter of two prefixes first', () => {
  const root = directory('', ['\xff', 'a', 'a\0', 'B', '.', '\x01', 'ab'].map(leaf));
  assert.deepEqual(Array.from(walk(root), ({ node }) => node.name).slice(1), [
    '\x01',
    '.',
    'B',
    'a',
    'a\0',
    'ab',
    '\xff',
  ]);
});

test('a walk goes as deep as the tree, without a stack to overflow', () => {
  let node = directory('bottom', []);
  for (let i = 0; i < 100_000; i++) node = directory('d', [node]);
  let count = 0;
  for (const step of walk(node)) if (step.parent !== undefined) count += 1;
  assert.equal(count, 100_000);
});
