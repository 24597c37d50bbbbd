/** Entries of layers. */
import { type AttackTable, tried } from './row.js';

const FILE = 'test/unit/attacks/layers.test.ts';

export const TRIED_LAYERS: AttackTable = {
  title: 'Entries of layers',
  promise:
    'A layer becomes the tree that clients unpack, with every name below the root of the image, or is refused with one sentence.',
  rows: [
    tried('image author', FILE, 'absolute names, and names with many slashes', {
      before: 'the tree that clients unpack',
      now: 'the same',
    }),
    tried('image author', FILE, 'a name that leads out by a record beside a harmless one', {
      before: 'refused',
      now: 'the same',
    }),
    tried('image author', FILE, 'a NUL in a name, so that checkers and kernels see different names', {
      before: 'refused',
      now: 'the same',
    }),
    tried('image author', FILE, 'a NUL in the target of a link', { before: 'refused', now: 'the same' }),
    tried('image author', FILE, 'a whiteout of a folder itself, of the folder above, and of nothing', {
      before: 'refused',
      now: 'the same',
    }),
    tried('image author', FILE, 'a whiteout of the folder above', { before: 'refused', now: 'the same' }),
    tried('image author', FILE, 'a whiteout of nothing', { before: 'refused', now: 'the same' }),
    tried('image author', FILE, 'a whiteout through a link that leads out of the image', {
      before: 'the tree that clients unpack',
      now: 'the same',
    }),
    tried('image author', FILE, 'a file through a link that leads out of the image', {
      before: 'the tree that clients unpack',
      now: 'the same',
    }),
    tried('image author', FILE, 'a file through an absolute link of a lower layer', {
      before: 'the tree that clients unpack',
      now: 'the same',
    }),
    tried('image author', FILE, 'links in a circle on the way to a file', {
      before: 'refused',
      now: 'the same',
    }),
    tried('image author', FILE, 'a hard link to a file of a lower layer', {
      before: 'refused',
      now: 'the same',
    }),
    tried('image author', FILE, 'a hard link that leads out of the image', {
      before: 'refused',
      now: 'the same',
    }),
    tried('image author', FILE, 'a hard link to the root, and to a folder', {
      before: 'refused',
      now: 'the same',
    }),
    tried('image author', FILE, 'a hard link to a whiteout', { before: 'refused', now: 'the same' }),
    tried('image author', FILE, 'device numbers that are negative or of 64 bits', {
      before: 'refused',
      now: 'the same',
    }),
    tried('image author', FILE, 'a mode with bits beyond those of files', {
      before: 'the tree that clients unpack',
      now: 'the same',
    }),
    tried('image author', FILE, 'owners below zero, and of 33 bits', { before: 'refused', now: 'the same' }),
    tried('image author', FILE, 'a size of 2^62 in the header of 12 bytes', {
      before: 'refused',
      now: 'the same',
    }),
    tried('image author', FILE, 'a size below zero', { before: 'refused', now: 'the same' }),
    tried('image author', FILE, 'a size in a record that no number holds', {
      before: 'refused',
      now: 'the same',
    }),
    tried('image author', FILE, 'a time beyond all years, and before all', {
      before: 'the tree that clients unpack',
      now: 'the same',
    }),
    tried('image author', FILE, 'capabilities of files, under their own name and one that looks like it', {
      before: 'the tree that clients unpack',
      now: 'the same',
    }),
    tried('image author', FILE, 'attributes that tell overlayfs to look elsewhere or to hide what is below', {
      before: 'the tree that clients unpack',
      now: 'the same',
    }),
    tried('image author', FILE, 'attributes of the system, which only a kernel sets', {
      before: 'the tree that clients unpack',
      now: 'the same',
    }),
    tried('image author', FILE, 'names that differ in case or in the form of a letter alone', {
      before: 'the tree that clients unpack',
      now: 'the same',
    }),
    tried('image author', FILE, 'a name for all entries that follow (a global record)', {
      before: 'refused',
      now: 'the same',
    }),
    tried('image author', FILE, 'a file below a file, and a folder below a link to a file', {
      before: 'refused',
      now: 'the same',
    }),
    tried('image author', FILE, 'an entry that takes the place of the root', {
      before: 'refused',
      now: 'the same',
    }),
    tried('image author', FILE, 'a folder that becomes a link while files are put into it', {
      before: 'the tree that clients unpack',
      now: 'the same',
    }),
    tried('image author', FILE, 'a name of 300 bytes, and a path of 5,000', {
      before: 'refused',
      now: 'the same',
    }),
  ],
};
