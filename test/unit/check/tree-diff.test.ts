import assert from 'node:assert/strict';
import { test } from 'node:test';
import { diffTrees, type ComparableTree } from '../../../src/check/tree-diff.js';
import type { RawName, RawPath } from '../../../src/oci/raw-name.js';
import { chunkRef, type Inode, type TreeNode } from '../../../src/rafs-builder/model/tree.js';

const BASE = { mode: 0o644, uid: 0, gid: 0, mtime: 1, mtimeNsec: 0, xattrs: [], layer: 0 } as const;

const raw = (text: string): RawName => text as RawName; // latin1 in these tests

function node(name: string, inode: Inode): TreeNode {
  return { name: raw(name), inode };
}
function directory(name: string, ...children: readonly TreeNode[]): TreeNode {
  return {
    name: raw(name),
    inode: { ...BASE, kind: 'directory', implied: false },
    children: new Map(children.map((child) => [child.name, child])),
  };
}
/** A file whose chunks are named by numbers; equal numbers are equal chunks. */
function file(...chunks: readonly number[]): Inode {
  return {
    ...BASE,
    kind: 'file',
    size: chunks.length * 10,
    chunks: chunks.map((chunk) => chunkRef(0, chunk)),
  };
}
function tree(...children: readonly TreeNode[]): ComparableTree {
  return {
    root: directory('', ...children),
    tables: [
      {
        length: 100,
        at: (index) => ({
          digest: Buffer.alloc(32, index),
          crc32: undefined,
          compressed: false,
          compressedOffset: 0,
          compressedSize: 10,
          uncompressedOffset: 0,
          uncompressedSize: 10,
        }),
      },
    ],
  };
}
function differences(expected: ComparableTree, found: ComparableTree): string[] {
  return [...diffTrees(expected, found, { chunkSize: 10, contents: true })].map(
    ({ id, path }) => `${id} ${path}`,
  );
}

test('equal trees do not differ, whatever order their names are in', () => {
  const left = tree(node('b', file(1)), directory('a', node('x', file(2))));
  const right = tree(directory('a', node('x', file(2))), node('b', file(1)));
  assert.deepEqual(differences(left, right), []);
});

test('missing and new names are reported once, a directory with all that is in it', () => {
  const left = tree(directory('gone', node('x', file()), node('y', file())), node('same', file()));
  const right = tree(node('new', file()), node('same', file()));
  assert.deepEqual(differences(left, right), ['FS-MISSING gone', 'FS-EXTRA new']);
});

test('another type ends the comparison of that name', () => {
  assert.deepEqual(
    differences(tree(directory('a', node('x', file()))), tree(node('a', { ...BASE, kind: 'fifo' }))),
    ['FS-TYPE a'],
  );
});

test('attributes of the root count', () => {
  const left = tree();
  const right: ComparableTree = {
    ...left,
    root: { ...left.root, inode: { ...left.root.inode, mode: 0o700, mtimeNsec: 5 } },
  };
  assert.deepEqual(differences(left, right), ['FS-MODE ', 'FS-MTIME ']);
});

test('contents differ by digest, by number of chunks, and by size', () => {
  assert.deepEqual(differences(tree(node('f', file(1, 2))), tree(node('f', file(1, 3)))), ['FS-CONTENT f']);
  const short: Inode = { ...BASE, kind: 'file', size: 20, chunks: [chunkRef(0, 1)] };
  assert.deepEqual(differences(tree(node('f', file(1, 2))), tree(node('f', short))), ['FS-CONTENT f']);
  assert.deepEqual(differences(tree(node('f', file(1, 2))), tree(node('f', file(1)))), ['FS-SIZE f']);
});

test('the first differing chunk is reported by its offset', () => {
  const [difference] = diffTrees(tree(node('f', file(1, 2, 3))), tree(node('f', file(1, 2, 4))), {
    chunkSize: 4096,
    contents: true,
  });
  assert.match(difference?.message ?? '', /from 8192$/);
});

test('contents are passed over when the digests are of different kinds', () => {
  const found = [
    ...diffTrees(tree(node('f', file(1))), tree(node('f', file(2))), { chunkSize: 10, contents: false }),
  ];
  assert.deepEqual(found, []);
});

test('attributes are compared by name and bytes', () => {
  const with_ = (name: string, value: string): Inode => ({
    ...file(),
    xattrs: [{ name: raw(name), value: Buffer.from(value) }],
  });
  assert.deepEqual(
    differences(tree(node('f', with_('user.a', '1'))), tree(node('f', with_('user.a', '2')))),
    ['FS-XATTR f'],
  );
  assert.deepEqual(
    differences(tree(node('f', with_('user.a', '1'))), tree(node('f', with_('user.b', '1')))),
    ['FS-XATTR f', 'FS-XATTR f'],
  );
  assert.deepEqual(differences(tree(node('f', with_('user.a', ''))), tree(node('f', file()))), [
    'FS-XATTR f',
  ]);
});

test('links and devices are compared by where they lead', () => {
  const link = (target: string): Inode => ({ ...BASE, kind: 'symlink', target: target as RawPath }); // latin1
  const device = (minor: number): Inode => ({ ...BASE, kind: 'char', major: 1, minor });
  assert.deepEqual(differences(tree(node('l', link('a'))), tree(node('l', link('b')))), ['FS-SYMLINK l']);
  assert.deepEqual(differences(tree(node('d', device(3))), tree(node('d', device(4)))), ['FS-RDEV d']);
});

test('names that share an inode must share one on the other side, in the same sets', () => {
  const shared = file(1);
  const linked = tree(node('a', shared), node('b', shared), node('c', shared));
  const other = file(1);
  const apart = tree(node('a', file(1)), node('b', other), node('c', other));
  assert.deepEqual(differences(linked, linked), []);
  assert.deepEqual(differences(linked, apart), ['FS-LINKS b', 'FS-LINKS c']);
  assert.deepEqual(differences(apart, linked), ['FS-LINKS b', 'FS-LINKS c']);
});

test('a tree as deep as paths can be is compared without recursion', () => {
  const deep = (): TreeNode => {
    let inner = directory('d');
    for (let i = 0; i < 20_000; i++) inner = directory('d', inner);
    return inner;
  };
  assert.deepEqual(differences(tree(deep()), tree(deep())), []);
});
