/**
 * Layers of a hostile image. Each becomes the tree that a client unpacks, with every name below the root of the image, or is refused
 * with one sentence.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FormatError, UnsupportedError } from '../../../src/errors.js';
import { displayName } from '../../../src/oci/raw-name.js';
import { walk } from '../../../src/rafs-builder/index.js';
import type { Inode } from '../../../src/rafs-builder/model/tree.js';
import { packImage } from '../../support/images/image.js';
import {
  dir,
  entry,
  file,
  hardlink,
  layer,
  symlink,
  type TarItem,
  whiteout,
} from '../../support/images/tar.js';

interface Attack {
  readonly attack: string;
  /** Lowest first. */
  readonly layers: readonly (readonly TarItem[])[];
  /** Paths of the tree, or the sentence of the refusal. */
  readonly gives: readonly string[] | RegExp;
  readonly also?: (inodes: ReadonlyMap<string, Inode>) => void;
}

const CAPABILITY = Buffer.from('0100000200200000000000000000000000000000', 'hex');
const pax = (name: string, value: string): TarItem => file('a', '', { pax: [[name, value]] });

const ATTACKS: readonly Attack[] = [
  {
    attack: 'absolute names, and names with many slashes',
    layers: [[file('/etc/passwd'), file('///a//./b/')]],
    gives: ['a', 'a/b', 'etc', 'etc/passwd'],
  },
  {
    attack: 'a name that leads out by a record beside a harmless one',
    layers: [[pax('path', 'x/../../etc/passwd')]],
    gives: /has a "\.\." component/,
  },
  {
    attack: 'a NUL in a name, so that checkers and kernels see different names',
    layers: [[pax('path', 'a\0/../b')]],
    gives: /NUL|"\.\."/,
  },
  {
    attack: 'a NUL in the target of a link',
    layers: [[entry('2', 'l', { link: 'x', pax: [['linkpath', 'a\0b']] })]],
    gives: /holds a NUL byte/,
  },
  {
    attack: 'a whiteout of a folder itself, of the folder above, and of nothing',
    layers: [[file('d/.wh..')]],
    gives: /removes no name/,
  },
  { attack: 'a whiteout of the folder above', layers: [[file('d/.wh...')]], gives: /removes no name/ },
  { attack: 'a whiteout of nothing', layers: [[file('.wh.')]], gives: /removes no name/ },
  {
    attack: 'a whiteout through a link that leads out of the image',
    layers: [
      [dir('etc'), file('etc/a')],
      [symlink('up', '../../../../'), whiteout('up/etc/a')],
    ],
    gives: ['etc', 'up'],
  },
  {
    attack: 'a file through a link that leads out of the image',
    layers: [[symlink('up', '../../../../..'), file('up/escaped')]],
    gives: ['escaped', 'up'],
  },
  {
    attack: 'a file through an absolute link of a lower layer',
    layers: [[symlink('var', '/run'), dir('run')], [file('var/x')]],
    gives: ['run', 'run/x', 'var'],
  },
  {
    attack: 'links in a circle on the way to a file',
    layers: [[symlink('a', 'b'), symlink('b', 'a'), file('a/x')]],
    gives: /circle|symbolic links|symlinks/,
  },
  {
    attack: 'a hard link to a file of a lower layer',
    layers: [[file('secret', 's')], [hardlink('copy', 'secret')]],
    gives: /has no entry before it in this layer/,
  },
  {
    attack: 'a hard link that leads out of the image',
    layers: [[file('a'), hardlink('h', '../../../etc/shadow')]],
    gives: /"\.\." component/,
  },
  {
    attack: 'a hard link to the root, and to a folder',
    layers: [[dir('d'), hardlink('h', '/')]],
    gives: /root directory/,
  },
  {
    attack: 'a hard link to a whiteout',
    layers: [[file('a')], [whiteout('a'), hardlink('h', '.wh.a')]],
    gives: /has no entry|whiteout/,
  },
  {
    attack: 'device numbers that are negative or of 64 bits',
    layers: [[entry('4', 'sda', { major: -1, minor: 2 ** 40 })]],
    gives: /device's major number -1/,
  },
  {
    attack: 'a mode with bits beyond those of files',
    layers: [[file('a', '', { mode: 2 ** 50 + 0o4755 })]],
    gives: ['a'],
    also: (inodes) => {
      assert.equal(inodes.get('a')?.mode, 0o4755);
    },
  },
  {
    attack: 'owners below zero, and of 33 bits',
    layers: [[file('a', '', { uid: -1 })]],
    gives: /does not fit 32 bits/,
  },
  {
    attack: 'a size of 2^62 in the header of 12 bytes',
    layers: [[file('a', 'x', { size: 2 ** 62 })]],
    gives: /the archive ends|refers to more than/,
  },
  { attack: 'a size below zero', layers: [[file('a', 'x', { size: -512 })]], gives: /is negative/ },
  {
    attack: 'a size in a record that no number holds',
    layers: [[pax('size', '99999999999999999999')]],
    gives: /is not a number/,
  },
  {
    attack: 'a time beyond all years, and before all',
    layers: [
      [
        file('a', '', { pax: [['mtime', '99999999999999999999999']] }),
        file('b', '', { pax: [['mtime', '-9223372036854775808.999999999']] }),
      ],
    ],
    gives: ['a', 'b'],
  },
  {
    attack: 'capabilities of files, under their own name and one that looks like it',
    layers: [
      [
        file('a', '', {
          xattrs: {
            'security.capability': CAPABILITY,
            'Security.capability': CAPABILITY,
            'security.capability\u200b': CAPABILITY,
          },
        }),
      ],
    ],
    gives: ['a'],
    also: (inodes) => {
      const names = [...(inodes.get('a')?.xattrs ?? [])].map(({ name }) => displayName(name));
      assert.deepEqual(names, ['security.capability', 'security.capability\\xe2\\x80\\x8b']);
    },
  },
  {
    attack: 'attributes that tell overlayfs to look elsewhere or to hide what is below',
    layers: [
      [dir('d'), file('d/a')],
      [dir('d', { xattrs: { 'trusted.overlay.opaque': 'y', 'trusted.overlay.redirect': '/../../etc' } })],
    ],
    gives: ['d', 'd/a'],
  },
  {
    attack: 'attributes of the system, which only a kernel sets',
    layers: [[file('a', '', { xattrs: { 'system.data': 'x', 'system.nfs4_acl': 'x', 'user.': 'x' } })]],
    gives: ['a'],
    also: (inodes) => {
      assert.equal(inodes.get('a')?.xattrs.length ?? 0, 0);
    },
  },
  {
    attack: 'names that differ in case or in the form of a letter alone',
    layers: [[file('A'), file('a'), file('\u00e9'), file('e\u0301')]],
    gives: ['A', 'a', 'e\u0301', '\u00e9'],
  },
  {
    attack: 'a name for all entries that follow (a global record)',
    layers: [[entry('g', 'x', { data: '17 path=/etc/evil\n' }), file('a'), file('b')]],
    gives: /./,
  },
  {
    attack: 'a file below a file, and a folder below a link to a file',
    layers: [[file('f'), symlink('l', 'f'), file('l/x')]],
    gives: /./,
  },
  {
    attack: 'an entry that takes the place of the root',
    layers: [[symlink('/', '/etc')]],
    gives: /root must be a directory/,
  },
  {
    attack: 'a folder that becomes a link while files are put into it',
    layers: [[dir('d'), file('d/a'), symlink('d', '/etc'), file('d/passwd')]],
    gives: ['d', 'etc', 'etc/passwd'],
  },
  {
    attack: 'a name of 300 bytes, and a path of 5,000',
    layers: [[file('n'.repeat(300))]],
    gives: /more than 255/,
  },
];

for (const { attack, layers, gives, also } of ATTACKS) {
  test(`a hostile layer: ${attack}`, { concurrency: true, timeout: 20_000 }, async () => {
    const tars = layers.map((items) => layer(...items));
    if (gives instanceof RegExp) {
      await assert.rejects(packImage(tars), (error) => {
        if (!(error instanceof FormatError || error instanceof UnsupportedError)) throw error;
        assert.match(error.message, gives);
        return true;
      });
      return;
    }
    const { merged } = await packImage(tars);
    const inodes = new Map<string, Inode>();
    for (const { node, path } of walk(merged.root))
      if (path !== '') inodes.set(Buffer.from(path, 'latin1').toString('utf8'), node.inode);
    assert.deepEqual([...inodes.keys()].sort(), [...gives].sort());
    also?.(inodes);
  });
}
