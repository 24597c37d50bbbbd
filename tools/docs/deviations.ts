/** Where our output differs from the reference builder's, as data: docs/format.md prints it, and each row names its proof. */
import type { NamedTest } from './named-test.js';

export interface Deviation {
  readonly what: string;
  /** The behaviour of nydus-image. */
  readonly reference: string;
  readonly ours: string;
  readonly test: NamedTest;
}

const ODD = 'test/golden/odd.test.ts';
const OVERLAY = 'test/unit/merge/overlay.test.ts';
const LAYER_TREE = 'test/unit/merge/layer-tree.test.ts';
const READINGS = 'test/support/references/reference-reading.ts';
const FIXTURES = 'test/golden/fixtures.test.ts';

export const DEVIATIONS: readonly Deviation[] = [
  {
    what: 'order of xattrs on an inode',
    reference: 'random, new at every run',
    ours: 'by name',
    test: { file: FIXTURES, words: 'xattrs of one inode are stored in a random order' },
  },
  {
    what: 'PAX `mtime`',
    reference: 'ignored; the header’s whole seconds count',
    ours: 'counts, with its fraction and before 1970',
    test: { file: READINGS, words: "basic: ['pax-mtime']" },
  },
  {
    what: 'attributes on a hard link’s own header',
    reference: 'mode, owner and time of the last name in walk order hold for all names',
    ours: 'the target’s hold',
    test: { file: LAYER_TREE, words: 'a hard link keeps the inode that its target named at that moment' },
  },
  {
    what: 'hard links to symlinks, devices and fifos',
    reference: 'refused',
    ours: 'another name of the same inode',
    test: {
      file: LAYER_TREE,
      words: 'a hard link to a symlink, a fifo or a device is another name of the same inode',
    },
  },
  {
    what: 'a directory without an entry of its own',
    reference: 'resets the directory below to 0755, 0:0, time 0, no xattrs',
    ours: 'what lies below keeps its attributes',
    test: {
      file: OVERLAY,
      words: 'a directory without an entry, the root included, keeps the attributes of the lower layer',
    },
  },
  {
    what: 'a layer without an entry for the root',
    reference: 'resets the root to 0755, 0:0, time 0, no xattrs',
    ours: 'the root keeps its attributes',
    test: { file: READINGS, words: "overlay: ['root']" },
  },
  {
    what: 'a directory that another entry replaces, and a directory again after that',
    reference:
      'the children of the first one come back, within a layer and across three (crates of one release before v2.4.4)',
    ours: 'they stay gone',
    test: {
      file: LAYER_TREE,
      words: 'a directory that became a file and a directory again has lost its children',
    },
  },
  {
    what: 'parents without an entry',
    reference: 'what lies in them can end up in another directory, or be lost; whiteouts too',
    ours: 'the path as it is written',
    test: { file: LAYER_TREE, words: 'a parent directory without an entry is made where the path says' },
  },
  {
    what: 'whiteouts of the lowest layer',
    reference: 'stay as empty files',
    ours: 'vanish',
    test: {
      file: OVERLAY,
      words: 'whiteouts of the lowest layer, and AUFS files of any layer, are left out',
    },
  },
  {
    what: 'a whiteout that is a hard link, a symlink or a device',
    reference: 'refused when its target is missing',
    ours: 'the name decides, as in umoci, containerd and Docker',
    test: {
      file: 'test/e2e/whiteouts.test.ts',
      words: 'a name alone makes a whiteout: converted and ordinary images have the names that umoci unpacks',
    },
  },
  {
    what: 'AUFS records (`.wh..wh.plnk` and the like)',
    reference: 'vanish',
    ours: 'vanish at the root of a layer, with all in them, as in Docker (umoci shows folders of such names)',
    test: {
      file: OVERLAY,
      words: 'whiteouts of the lowest layer, and AUFS files of any layer, are left out',
    },
  },
  {
    what: 'an entry below a symlink of its layer',
    reference: 'lost',
    ours: 'the symlink is followed, inside the root',
    test: { file: LAYER_TREE, words: 'a parent that is a symlink is followed inside the root' },
  },
  {
    what: 'an entry below a file',
    reference: 'lost',
    ours: 'refused, with entry and offset',
    test: { file: ODD, words: "'file-under-file'" },
  },
  {
    what: 'directories of old V7 archives (a file’s type, a trailing slash, no magic)',
    reference: 'empty files; what lies in them is lost',
    ours: 'directories',
    test: { file: ODD, words: "'old-v7-dir'" },
  },
  {
    what: 'device numbers of a fifo',
    reference: 'kept; blank ones refused',
    ours: '0; whatever the header says',
    test: { file: FIXTURES, words: 'a fifo keeps the device numbers of its header' },
  },
  {
    what: 'blank device numbers of a fifo',
    reference: 'refused',
    ours: 'accepted',
    test: { file: ODD, words: "'fifo-without-numbers'" },
  },
  {
    what: 'a major number above 4095',
    reference: 'cut silently',
    ours: 'refused',
    test: { file: ODD, words: "'device-major-4096'" },
  },
  {
    what: 'PAX global headers',
    reference: 'refused',
    ours: 'read; their records hold until changed',
    test: { file: ODD, words: "'pax-global'" },
  },
  {
    what: 'old GNU and PAX sparse files, contiguous files',
    reference: 'refused',
    ours: 'read: holes are zeros',
    test: { file: 'native/core/tests', words: 'fn holes_are_chunks_of_zeros' },
  },
  {
    what: 'PAX values that hold a line break (xattrs, paths)',
    reference: 'refused',
    ours: 'read: the record’s length counts',
    test: { file: ODD, words: "'xattr-value-newline'" },
  },
  {
    what: '`LIBARCHIVE.xattr.*` records',
    reference: 'ignored',
    ours: 'read',
    test: { file: ODD, words: "'xattr-libarchive'" },
  },
  {
    what: 'xattrs whose prefix or length RAFS cannot hold',
    reference: 'the build fails',
    ours: 'dropped, with a warning',
    test: { file: ODD, words: "'xattr-unknown-prefix'" },
  },
  {
    what: 'names above 255 bytes, targets that are empty or above 4095',
    reference: 'written, and then not readable',
    ours: 'refused, with entry and offset',
    test: { file: ODD, words: "'symlink-4096'" },
  },
  {
    what: '`..` in a path, an empty name, a root that is no directory',
    reference: 'the process aborts',
    ours: 'refused, with entry and offset',
    test: { file: ODD, words: "'dotdot-only'" },
  },
  {
    what: 'bytes behind the end of an archive',
    reference: 'read as headers, so mostly an error',
    ours: 'ignored, with a warning',
    test: { file: ODD, words: "'garbage-after-end'" },
  },
  {
    what: 'an empty stream as a layer',
    reference: 'refused',
    ours: 'an empty layer',
    test: { file: ODD, words: "'empty-input'" },
  },
  {
    what: 'two chunks of one blob with the same digest (blobs of other builders)',
    reference: 'one record, so files lose the other chunk',
    ours: 'a record each, by index',
    test: {
      file: 'test/second-opinion/write.test.ts',
      words: 'chunks of one blob with one digest keep a record each',
    },
  },
];
