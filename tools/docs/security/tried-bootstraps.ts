/** Bootstraps and blobs that `ls`, `cat` and `check` read. */
import { type AttackTable, tried } from './row.js';

const FILE = 'test/unit/attacks/bootstraps.test.ts';

export const TRIED_BOOTSTRAPS: AttackTable = {
  title: 'Bootstraps and blobs',
  promise:
    '`ls` and `cat` give the bytes that the digests of the image promise, or one sentence, and `check` calls the image bad.',
  rows: [
    tried('image author', FILE, 'a blob whose id is a path', {
      before: 'one sentence, or the right bytes',
      now: 'the same',
    }),
    tried('image author', FILE, 'a blob that the manifest does not list', {
      before: 'one sentence, or the right bytes',
      now: 'the same',
    }),
    tried('image author', FILE, 'a blob of 4 billion chunks', {
      before: 'one sentence, or the right bytes',
      now: 'the same',
    }),
    tried('image author', FILE, 'a chunk of a blob that is not in the table', {
      before: 'one sentence, or the right bytes',
      now: 'the same',
    }),
    tried('image author', FILE, 'a chunk behind the end of its blob', {
      before: 'one sentence, or the right bytes',
      now: 'the same',
    }),
    tried('image author', FILE, 'a chunk whose place no number holds', {
      before: 'one sentence, or the right bytes',
      now: 'the same',
    }),
    tried('image author', FILE, 'a chunk of 4 GiB', {
      before: 'one sentence, or the right bytes',
      now: 'the same',
    }),
    tried('image author', FILE, 'a chunk that is longer than the file', {
      before: 'one sentence, or the right bytes',
      now: 'the same',
    }),
    tried('image author', FILE, 'a chunk with the digest of other content', {
      before: 'one sentence, or the right bytes',
      now: 'the same',
    }),
    tried('image author', FILE, 'a blob table over the super block', {
      before: 'one sentence, or the right bytes',
      now: 'the same',
    }),
    tried('image author', FILE, 'a blob table behind the end', {
      before: 'one sentence, or the right bytes',
      now: 'the same',
    }),
    tried('image author', FILE, 'a chunk table over the inodes', {
      before: 'one sentence, or the right bytes',
      now: 'the same',
    }),
    tried('image author', FILE, 'a chunk table of 2^60 bytes', {
      before: 'one sentence, or the right bytes',
      now: 'the same',
    }),
    tried('image author', FILE, 'a name with a slash', {
      before: 'one sentence, or the right bytes',
      now: 'the same',
    }),
    tried('image author', FILE, 'a name with a NUL', {
      before: 'one sentence, or the right bytes',
      now: 'the same',
    }),
    tried('image author', FILE, 'two entries with one name', {
      before: 'one sentence, or the right bytes',
      now: 'the same',
    }),
    tried('image author', FILE, 'an entry called ".." that is a file', {
      before: 'one sentence, or the right bytes',
      now: 'the same',
    }),
    tried('image author', FILE, 'an entry that leads behind the end of the file', {
      before: 'one sentence, or the right bytes',
      now: 'the same',
    }),
    tried('image author', FILE, 'a folder inside itself', {
      before: 'one sentence, or the right bytes',
      now: 'the same',
    }),
    tried('image author', FILE, 'a file of 2^62 bytes', {
      before: 'one sentence, or the right bytes',
      now: 'the same',
    }),
    tried('image author', FILE, 'a bootstrap layer with a file out of its folder', {
      before: 'one sentence, or the right bytes',
      now: 'the same',
    }),
    tried('image author', FILE, 'a bootstrap layer with a file that leads out in the middle', {
      before: 'one sentence, or the right bytes',
      now: 'the same',
    }),
    tried('image author', FILE, 'a bootstrap that is a link to a file of the machine', {
      before: 'one sentence, or the right bytes',
      now: 'the same',
    }),
    tried('image author', FILE, 'a bootstrap that is a hard link, a device or a pipe', {
      before: 'one sentence, or the right bytes',
      now: 'the same',
    }),
    tried('image author', FILE, 'a bootstrap layer that gives its bootstrap twice', {
      before: 'one sentence, or the right bytes',
      now: 'the same',
    }),
    tried('image author', FILE, 'a bootstrap layer with records named like the members of every object', {
      before: 'one sentence, or the right bytes',
      now: 'the same',
    }),
    tried('image author', FILE, 'a blob with other bytes at the place of a chunk', {
      before: 'one sentence, or the right bytes',
      now: 'the same',
    }),
    tried('image author', FILE, 'a blob that is shorter than the manifest says', {
      before: 'one sentence, or the right bytes',
      now: 'the same',
    }),
    tried('image author', FILE, 'a manifest that lists another blob in the place of the one that is used', {
      before: 'one sentence, or the right bytes',
      now: 'the same',
    }),
    tried('image author', FILE, 'links of the image that lead out of it, or in a circle', {
      before: 'followed inside the image, 40 at most',
      now: 'the same',
    }),
  ],
};
