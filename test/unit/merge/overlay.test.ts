import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../support/properties.js';
import { FormatError } from '../../../src/errors.js';
import type { TreeNode } from '../../../src/rafs-builder/model/tree.js';
import { overlay } from '../../../src/merge/overlay.js';
import {
  type Unplaced,
  cpuMs,
  device,
  directory,
  file,
  hardlink,
  inodeAt,
  nodeAt,
  show,
  symlink,
  tree,
  trees,
} from '../../support/images/layer-entries.js';

type Layer = readonly Unplaced[];

function merged(...layers: readonly Layer[]): string[] {
  return show(overlay(trees(...layers)));
}

test('no layer, and layers without entries, are an empty root', () => {
  assert.deepEqual(merged(), ['/ +dir 755']);
  assert.deepEqual(merged([], [], []), ['/ +dir 755']);
});

test('an empty layer changes nothing, whether first, in the middle or last', () => {
  const a: Layer = [directory('', { mode: 0o700 }), file('d/f', 1), symlink('l', 'd')];
  const b: Layer = [file('d/.wh.f'), file('d/g', 2)];
  const expected = merged(a, b);
  assert.deepEqual(merged([], a, b), expected);
  assert.deepEqual(merged(a, [], b), expected);
  assert.deepEqual(merged(a, b, []), expected);
});

test('a whiteout hides a name of lower layers only, before or after it in the tar', () => {
  const lower: Layer = [file('d/a', 1), file('d/b', 2), directory('d/gone'), file('d/gone/x', 3)];
  const upper: Layer = [
    file('d/a', 4),
    file('d/.wh.a'),
    file('d/.wh.gone'),
    file('d/.wh.never'),
    file('d/.wh.b'),
    file('d/b', 5),
  ];
  assert.deepEqual(merged(lower, upper), ['/ +dir 755', '/d +dir 755', '/d/a file 4', '/d/b file 5']);
});

test('an opaque marker hides lower layers, and keeps what its own layer adds before and after it', () => {
  const result = merged(
    [directory('o', { mode: 0o700 }), file('o/low', 1), file('o/same', 2), file('o/sub/deep', 3)],
    [
      file('o/before', 4),
      file('o/same', 5),
      file('o/.wh..wh..opq'),
      file('o/after', 6),
      directory('o/sub'),
      file('o/sub/up', 7),
    ],
    [file('o/top', 8)],
  );
  assert.deepEqual(result, [
    '/ +dir 755',
    '/o dir 700',
    '/o/after file 6',
    '/o/before file 4',
    '/o/same file 5',
    '/o/sub dir 755',
    '/o/sub/up file 7',
    '/o/top file 8',
  ]);
});

test('an opaque root hides the whole image below', () => {
  assert.deepEqual(merged([file('a', 1), file('d/b', 2)], [file('.wh..wh..opq'), file('d/c', 3)]), [
    '/ +dir 755',
    '/d +dir 755',
    '/d/c file 3',
  ]);
});

test('whiteouts and opaque markers work in directories that have no entry', () => {
  const result = merged(
    [file('a/b/low', 1), file('a/gone', 2), file('b2/low2', 3), file('c/low', 4)],
    [
      directory('c'),
      file('c/new', 5),
      file('a/.wh.gone'),
      file('a/b/.wh..wh..opq'),
      file('a/b/up', 6),
      file('b2/.wh..wh..opq'),
    ],
  );
  assert.deepEqual(result, [
    '/ +dir 755',
    '/a +dir 755',
    '/a/b +dir 755',
    '/a/b/up file 6',
    '/b2 +dir 755',
    '/c dir 755',
    '/c/low file 4',
    '/c/new file 5',
  ]);
});

test('a directory without an entry, the root included, keeps the attributes of the lower layer', () => {
  const result = merged([directory('', { mode: 0o750 }), directory('d', { mode: 0o700 })], [file('d/f', 1)]);
  assert.deepEqual(result, ['/ dir 750', '/d dir 700', '/d/f file 1']);
  assert.deepEqual(merged([directory('', { mode: 0o750 })], [directory('', { mode: 0o711 })]), ['/ dir 711']);
});

test('whiteouts of the lowest layer, and AUFS files of any layer, are left out', () => {
  const aufs: Layer = [
    file('.wh..wh.plnk'),
    directory('.wh..wh.orph'),
    file('.wh..wh.orph/x', 1),
    file('f', 2),
  ];
  assert.deepEqual(merged([file('.wh.x'), file('d/.wh..wh..opq'), file('d/y', 1)]), [
    '/ +dir 755',
    '/d +dir 755',
    '/d/y file 1',
  ]);
  assert.deepEqual(merged(aufs), ['/ +dir 755', '/f file 2']);
  assert.deepEqual(merged([file('plnk', 1), file('wh.plnk', 2)], aufs), [
    '/ +dir 755',
    '/f file 2',
    '/plnk file 1',
    '/wh.plnk file 2',
  ]);
});

test('files below a name that is a whiteout lie in a directory of that name, and only an entry of the name hides', () => {
  const lower: Layer = [directory('d', { mode: 0o700 }), file('d/key', 1)];
  const shown = ['/ +dir 755', '/d dir 700', '/d/.wh.key +dir 755', '/d/.wh.key/in file 2'];
  const inside = file('d/.wh.key/in', 2);
  assert.deepEqual(merged(lower, [inside]), [...shown, '/d/key file 1']);
  for (const whiteout of [file('d/.wh.key'), file('d/.wh.key', 3)]) {
    assert.deepEqual(merged(lower, [whiteout, inside]), shown);
    assert.deepEqual(merged(lower, [inside, whiteout]), shown);
  }
});

test('a whiteout makes no directory on its path, and replaces no file there', () => {
  const lower: Layer = [file('f', 1), symlink('l', 'nowhere')];
  const upper: Layer = [
    file('f/.wh.x'),
    file('l/.wh.x'),
    file('new/deep/.wh..wh..opq'),
    file('g/.wh.y/.wh.z'),
  ];
  assert.deepEqual(merged(lower, upper), merged(lower));
  assert.deepEqual(merged(lower, [...upper, file('new/f', 2)]), [
    '/ +dir 755',
    '/f file 1',
    '/l -> nowhere',
    '/new +dir 755',
    '/new/f file 2',
  ]);
});

test('an entry that replaces a directory leaves nothing of the directory behind', () => {
  const lower: Layer = [
    file('d/child', 1),
    file('e/child', 2),
    file('c/child', 3),
    file('f', 4),
    symlink('l', 'd'),
  ];
  const upper: Layer = [
    symlink('d', 'e'),
    file('e', 5),
    device('c', 'char', 1, 3),
    directory('f'),
    file('f/new', 6),
    directory('l'),
    file('l/new', 7),
  ];
  const result = merged(lower, upper);
  assert.deepEqual(result, [
    '/ +dir 755',
    '/c char 1:3',
    '/d -> e',
    '/e file 5',
    '/f dir 755',
    '/f/new file 6',
    '/l dir 755',
    '/l/new file 7',
  ]);
  assert.deepEqual(merged(lower, upper, []), result);
});

test('a directory without an entry over a symlink is where the symlink leads', () => {
  const lower: Layer = [
    directory('usr/lib', { mode: 0o711 }),
    file('usr/lib/old', 1),
    file('usr/lib/gone', 2),
    symlink('lib', 'usr/lib'),
  ];
  assert.deepEqual(merged(lower, [file('lib/new', 3), file('lib/.wh.gone')]), [
    '/ +dir 755',
    '/lib -> usr/lib',
    '/usr +dir 755',
    '/usr/lib dir 711',
    '/usr/lib/new file 3',
    '/usr/lib/old file 1',
  ]);
});

test('a directory without an entry over a symlink that its layer deletes is new', () => {
  assert.deepEqual(merged([file('usr/f', 1), symlink('l', 'usr')], [file('.wh.l'), file('l/g', 2)]), [
    '/ +dir 755',
    '/l +dir 755',
    '/l/g file 2',
    '/usr +dir 755',
    '/usr/f file 1',
  ]);
});

test('a directory without an entry replaces a file, and a symlink that leads to no directory', () => {
  assert.deepEqual(
    merged(
      [file('f', 1), symlink('l', 'f'), symlink('circle', 'circle')],
      [file('l/a', 2), file('circle/b', 3)],
    ),
    ['/ +dir 755', '/circle +dir 755', '/circle/b file 3', '/f file 1', '/l +dir 755', '/l/a file 2'],
  );
  assert.deepEqual(merged([file('f', 1)], [file('f/a', 2)]), ['/ +dir 755', '/f +dir 755', '/f/a file 2']);
});

test('a dangling symlink above an entry gets its target made', () => {
  assert.deepEqual(merged([symlink('l', 'new/place')], [file('l/a', 1)]), [
    '/ +dir 755',
    '/l -> new/place',
    '/new +dir 755',
    '/new/place +dir 755',
    '/new/place/a file 1',
  ]);
});

test('hard links in three directories survive a merge', () => {
  const root = overlay(
    trees(
      [file('b/first', 1), hardlink('c/second', 'b/first'), hardlink('a/third', 'c/second')],
      [file('d', 2)],
    ),
  );
  assert.equal(inodeAt(root, 'a/third'), inodeAt(root, 'b/first'));
  assert.equal(inodeAt(root, 'c/second'), inodeAt(root, 'b/first'));
});

test('equal hard links of two layers are two inodes', () => {
  const pair: Layer = [file('p', 1), hardlink('q', 'p')];
  const root = overlay(trees(pair, [file('x/p', 1), hardlink('x/q', 'x/p')]));
  assert.equal(inodeAt(root, 'p'), inodeAt(root, 'q'));
  assert.equal(inodeAt(root, 'x/p'), inodeAt(root, 'x/q'));
  assert.notEqual(inodeAt(root, 'p'), inodeAt(root, 'x/p'));
});

test('a name of a hard link that is replaced or hidden leaves the others together', () => {
  const root = overlay(
    trees(
      [file('a', 1), hardlink('b', 'a'), hardlink('c', 'a'), hardlink('d', 'a')],
      [file('.wh.a'), file('b', 2)],
    ),
  );
  assert.deepEqual(show(root), ['/ +dir 755', '/b file 2', '/c file 1', '/d file 1']);
  assert.equal(inodeAt(root, 'c'), inodeAt(root, 'd'));
});

test('a layer that is listed first and third restores its files', () => {
  const low: Layer = [directory('d'), file('d/f', 1), hardlink('d/g', 'd/f')];
  const root = overlay(trees(low, [directory('d'), file('d/.wh.f'), file('d/g', 2)], low));
  assert.deepEqual(show(root), ['/ +dir 755', '/d dir 755', '/d/f file 1', '/d/g file 1']);
  assert.equal(inodeAt(root, 'd/f').layer, 2);
});

test('links of lower layers cannot make a tree deeper than its readers can go', () => {
  const deep = (name: string): string => `${name}/${Array.from({ length: 1500 }, () => 'd').join('/')}`;
  assert.throws(
    () => overlay(trees([directory(deep('a')), symlink('l', deep('a'))], [file(`${deep('l')}/f`, 1)])),
    FormatError,
  );
});

test('the layer trees stay as they are', () => {
  const layers = trees(
    [directory('d', { mode: 0o700 }), file('d/f', 1)],
    [file('d/.wh.f'), file('d/g', 2), directory('d', { mode: 0o711 })],
  );
  const before = layers.map(({ root }) => show(root));
  overlay(layers);
  assert.deepEqual(overlay(layers), overlay(layers));
  assert.deepEqual(
    layers.map(({ root }) => show(root)),
    before,
  );
});

test('property: layers mean what one change after the other means', () => {
  const name = fc.constantFrom('a', 'b', 'c');
  const paths = fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
  const change = fc.oneof(
    fc.record({ kind: fc.constant('file' as const), path: paths, content: fc.integer({ min: 1, max: 99 }) }),
    fc.record({
      kind: fc.constant('directory' as const),
      path: paths,
      content: fc.constantFrom(0o700, 0o711),
    }),
    fc.record({ kind: fc.constant('whiteout' as const), path: paths, content: fc.constant(0) }),
  );
  // One change a layer, so that the order inside a layer does not matter.
  fc.assert(
    fc.property(fc.array(change, { maxLength: 12 }), (changes) => {
      const model = new Map<string, string>();
      const drop = (at: string): void => {
        for (const key of model.keys()) if (key === at || key.startsWith(`${at}/`)) model.delete(key);
      };
      const layers = changes.map(({ kind, path, content }): Layer => {
        // A whiteout makes nothing, nor the directories on its path.
        if (kind === 'whiteout') {
          drop(path);
          const cut = path.lastIndexOf('/') + 1;
          return [file(`${path.slice(0, cut)}.wh.${path.slice(cut)}`)];
        }
        const parents = path.split('/').map((_, i, parts) => parts.slice(0, i).join('/'));
        for (const parent of parents.slice(1)) {
          if (model.get(parent)?.includes('dir') !== true) {
            drop(parent);
            model.set(parent, '+dir 755');
          }
        }
        if (kind === 'file' || model.get(path)?.includes('dir') !== true) drop(path);
        model.set(path, kind === 'file' ? `file ${content}` : `dir ${content.toString(8)}`);
        return [kind === 'file' ? file(path, content) : directory(path, { mode: content })];
      });
      const expected = Array.from(model, ([path, what]) => `/${path} ${what}`).sort();
      assert.deepEqual(
        merged(...layers)
          .slice(1)
          .sort(),
        expected,
      );
    }),
  );
});

test('127 layers of a thousand entries take time in proportion', () => {
  const layers = Array.from({ length: 127 }, (_, layer) =>
    tree(
      layer,
      ...Array.from({ length: 1000 }, (_unused, i) => file(`usr/d${i % 50}/s${layer % 10}/f${i}`, 1)),
    ),
  );
  let root: TreeNode | undefined;
  const spentMs = cpuMs(() => (root = overlay(layers)));
  assert.ok(root !== undefined && nodeAt(root, 'usr/d0/s6/f0') !== undefined);
  assert.ok(spentMs < 4000, `took ${spentMs} ms`);
});
