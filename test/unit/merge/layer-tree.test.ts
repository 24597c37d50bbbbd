import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FormatError } from '../../../src/errors.js';
import { type RawPath, rawNameBytes, rawNameFromBytes } from '../../../src/oci/raw-name.js';
import type { LayerEntry } from '../../../src/rafs-builder/model/tree.js';
import { buildLayerTree } from '../../../src/merge/layer-tree.js';
import {
  cpuMs,
  device,
  directory,
  entries,
  file,
  hardlink,
  inodeAt,
  show,
  special,
  symlink,
  tree,
} from '../../support/images/layer-entries.js';

function refuses(list: readonly LayerEntry[], message: string): void {
  assert.throws(
    () => buildLayerTree(list, 0),
    (error) => {
      assert.ok(error instanceof FormatError);
      assert.equal(error.message, message);
      assert.equal(error.offset, list.at(-1)?.offset);
      return true;
    },
  );
}

test('an empty layer is a root without an entry', () => {
  const { root, rootExplicit } = tree(3);
  assert.deepEqual(show(root), ['/ +dir 755']);
  assert.equal(rootExplicit, false);
  assert.equal(root.inode.layer, 3);
});

test('an entry for the root gives it its attributes, wherever it stands', () => {
  const { root, rootExplicit } = tree(0, file('f', 1), directory('', { mode: 0o1751 }));
  assert.deepEqual(show(root), ['/ dir 1751', '/f file 1']);
  assert.equal(rootExplicit, true);
});

test('a parent directory without an entry is made where the path says', () => {
  const { root } = tree(
    0,
    directory('m'),
    file('m/f', 1),
    file('a/b/c', 2),
    file('m/a/deep', 3),
    file('a/second', 4),
  );
  assert.deepEqual(show(root), [
    '/ +dir 755',
    '/a +dir 755',
    '/a/b +dir 755',
    '/a/b/c file 2',
    '/a/second file 4',
    '/m dir 755',
    '/m/a +dir 755',
    '/m/a/deep file 3',
    '/m/f file 1',
  ]);
});

test('a directory named after its children keeps them', () => {
  const { root } = tree(0, file('d/f', 1), directory('d', { mode: 0o700 }), directory('d', { mode: 0o711 }));
  assert.deepEqual(show(root), ['/ +dir 755', '/d dir 711', '/d/f file 1']);
});

test('the last entry of a path wins, and takes the children of a directory with it', () => {
  const { root } = tree(
    0,
    file('twice', 1),
    file('twice', 2),
    directory('gone'),
    file('gone/child', 3),
    file('gone', 4),
    file('back', 5),
    directory('back'),
    file('back/child', 6),
  );
  assert.deepEqual(show(root), [
    '/ +dir 755',
    '/back dir 755',
    '/back/child file 6',
    '/gone file 4',
    '/twice file 2',
  ]);
});

test('a directory that became a file and a directory again has lost its children', () => {
  const { root } = tree(0, file('d/a', 1), file('d', 2), directory('d'), file('d/b', 3));
  assert.deepEqual(show(root), ['/ +dir 755', '/d dir 755', '/d/b file 3']);
});

test('a parent that is a symlink is followed inside the root', () => {
  const { root } = tree(
    0,
    directory('usr'),
    directory('usr/lib'),
    symlink('lib', 'usr/lib'),
    symlink('usr/up', '../../../lib/'),
    symlink('absolute', '/usr/./lib'),
    file('lib/a', 1),
    file('usr/up/b', 2),
    file('absolute/c', 3),
    symlink('dangling', 'new/place'),
    file('dangling/d', 4),
  );
  assert.deepEqual(show(root), [
    '/ +dir 755',
    '/absolute -> /usr/./lib',
    '/dangling -> new/place',
    '/lib -> usr/lib',
    '/new +dir 755',
    '/new/place +dir 755',
    '/new/place/d file 4',
    '/usr dir 755',
    '/usr/lib dir 755',
    '/usr/lib/a file 1',
    '/usr/lib/b file 2',
    '/usr/lib/c file 3',
    '/usr/up -> ../../../lib/',
  ]);
});

test('a parent that turns from directory to symlink between two entries leads the second one elsewhere', () => {
  const { root } = tree(0, directory('t'), file('d/a', 1), symlink('d', 't'), file('d/b', 2));
  assert.deepEqual(show(root), ['/ +dir 755', '/d -> t', '/t dir 755', '/t/b file 2']);
});

test('symlinks that lead in a circle end as an error', () => {
  refuses(
    entries(symlink('a', 'b'), symlink('b', 'a'), file('a/f', 1)),
    'tar entry "a/f" at offset 1024: its path goes through more than 40 symlinks',
  );
});

test('a symlink to a name that no file system can hold makes no directory', () => {
  refuses(
    entries(symlink('a', 'n'.repeat(256)), file('a/f', 1)),
    'tar entry "a/f" at offset 512: a symlink on its path leads to a name of 256 bytes; 255 is the limit',
  );
});

test('a path deeper than Linux can name is an error, not a stack overflow', () => {
  const deep = Array.from({ length: 100_000 }, () => 'd').join('/');
  assert.throws(() => tree(0, file(deep, 1)), FormatError);
});

test('a file below a file is an error', () => {
  refuses(
    entries(file('d/f', 1), file('d/f/child', 2)),
    'tar entry "d/f/child" at offset 512: "d/f" on its path is not a directory but a file',
  );
});

test('a hard link to a symlink, a fifo or a device is another name of the same inode', () => {
  const { root } = tree(
    0,
    symlink('l', 'x'),
    hardlink('hl', 'l'),
    special('p', 'fifo'),
    hardlink('hp', 'p'),
    device('c', 'char', 1, 3),
    hardlink('hc', 'c'),
  );
  assert.deepEqual(show(root), [
    '/ +dir 755',
    '/c char 1:3',
    '/hc char 1:3',
    '/hl -> x',
    '/hp fifo',
    '/l -> x',
    '/p fifo',
  ]);
  for (const name of ['l', 'p', 'c']) assert.equal(inodeAt(root, name), inodeAt(root, `h${name}`));
});

test('a hard link keeps the inode that its target named at that moment', () => {
  const { root } = tree(
    0,
    file('target', 1),
    hardlink('first', 'target'),
    file('between', 9),
    file('target', 2),
    hardlink('second', 'target'),
    hardlink('of-link', 'first'),
  );
  assert.deepEqual(show(root), [
    '/ +dir 755',
    '/between file 9',
    '/first file 1',
    '/of-link file 1',
    '/second file 2',
    '/target file 2',
  ]);
  assert.equal(inodeAt(root, 'first'), inodeAt(root, 'of-link'));
  assert.equal(inodeAt(root, 'second'), inodeAt(root, 'target'));
});

test('a hard link is found through symlinked parents, on both of its sides', () => {
  const { root } = tree(0, file('usr/f', 1), symlink('u', 'usr'), hardlink('u/g', 'u/f'));
  assert.equal(inodeAt(root, 'usr/g'), inodeAt(root, 'usr/f'));
});

test('a hard link must name something else than a directory, nothing or itself', () => {
  const missing = 'tar entry "h" at offset 0: a hard link to "f", which has no entry before it in this layer';
  refuses(entries(hardlink('h', 'f')), missing);
  refuses(entries(hardlink('h', 'no/f')), missing.replace('"f"', '"no/f"'));
  refuses(
    entries(directory('d'), hardlink('h', 'd')),
    'tar entry "h" at offset 512: a hard link to "d", which is a directory',
  );
  refuses(entries(hardlink('h', '')), 'tar entry "h" at offset 0: a hard link to "", which is a directory');
  refuses(entries(hardlink('h', 'h')), 'tar entry "h" at offset 0: a hard link to "h", which is itself');
  refuses(
    entries(file('h', 1), hardlink('h', 'h')),
    'tar entry "h" at offset 512: a hard link to "h", which is itself',
  );
  refuses(
    entries(file('f', 1), hardlink('h', 'f/x')),
    'tar entry "h" at offset 512: a hard link to "f/x": "f" on its path is not a directory but a file',
  );
});

test('the root is a directory', () => {
  refuses(entries(file('', 1)), 'tar entry "" at offset 0: the root must be a directory, not a file');
});

test('the same layer used twice gives two trees, and hard links stay inside each', () => {
  const list = entries(file('f', 1), hardlink('g', 'f'));
  const [low, high] = [buildLayerTree(list, 0), buildLayerTree(list, 2)];
  assert.equal(inodeAt(high.root, 'f').layer, 2);
  assert.equal(inodeAt(high.root, 'f'), inodeAt(high.root, 'g'));
  assert.notEqual(inodeAt(high.root, 'f'), inodeAt(low.root, 'f'));
});

test('names that are no UTF-8 keep their bytes', () => {
  const bytes = Buffer.from([0x63, 0xe9]);
  const list = entries(file('x', 1)).map((entry) => ({
    ...entry,
    path: rawNameFromBytes(bytes) as string as RawPath,
  })); // one name is a path
  const names = Array.from(buildLayerTree(list, 0).root.children.keys());
  assert.deepEqual(names.map(rawNameBytes), [bytes]);
});

test('a hundred thousand entries take time in proportion', () => {
  const list = entries(
    ...Array.from({ length: 100_000 }, (_, i) =>
      file(`usr/lib/python3/d${i % 1000}/sub${i % 7}/file${i}`, 1),
    ),
  );
  const spentMs = cpuMs(() => buildLayerTree(list, 0));
  assert.ok(spentMs < 3000, `took ${spentMs} ms`);
});
