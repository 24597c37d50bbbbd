/** Small images that describe a great deal. `npm run bombs` measures all of them. */
import { attack, type AttackTable } from './row.js';

const BOMBS = 'test/e2e/bombs.test.ts';
const WORDS =
  'a small image takes a bounded part of the machine, leaves the event loop free, and ends in one sentence';
const STOPPED = 'a run on such an image ends within a second of a signal';

export const MEMORY: readonly AttackTable[] = [
  {
    title: 'Memory, disk and time for a small image',
    promise:
      'What the images of a run take is charged to one budget before memory or disk is taken for it, and grows with the bytes that \
they bring. Beyond it the run ends with one sentence and exit code 5, whatever arrives first; `--max-entries`, `--max-metadata`, `--max-disk` and \
`--max-expansion` raise the limits.',
    rows: [
      attack(
        'image author',
        'a global attribute of 60 KB that every entry gets, 285 KB in all',
        { before: '3.7 GiB of memory', now: 'refused; equal attributes are kept once' },
        BOMBS,
        WORDS,
      ),
      attack(
        'image author',
        'a hole of 16 TiB, 265 bytes in all',
        {
          before: '1.1 GiB of memory at 15 TiB, 671 MiB while a check waits for its turn',
          now: 'refused before a reference to a chunk is made',
        },
        BOMBS,
        WORDS,
      ),
      attack(
        'image author',
        'the same, and the user raises the limit',
        {
          before: 'refused: no file had more than 2^24 - 1 chunks',
          now: 'converted in 330 MiB of memory, of which 256 MiB are the chunk index and its copy; a hole is one run in trees, tables and comparisons',
        },
        BOMBS,
        'a hole of 16 TiB takes the room of its chunk index, and no more',
      ),
      attack(
        'image author',
        '2,000 paths that imply 1,000 folders each',
        { before: '1.4 GiB of memory in `ls`', now: 'refused' },
        BOMBS,
        WORDS,
      ),
      attack(
        'image author',
        'a bootstrap layer of 2 MB that unpacks to 2 GiB of zeros',
        { before: '4.2 GiB of memory in `ls`', now: 'refused; files that are not asked for are not kept' },
        BOMBS,
        WORDS,
      ),
      attack(
        'image author',
        'equal attributes of 60 KB in lists that differ, equal targets of links, equal long names',
        {
          before: 'only equal lists were kept once',
          now: 'each value once in a layer; what the output takes is charged all the same',
        },
        'native/core/src/rafs/model/store.rs',
        'equal_values_targets_and_long_names_are_kept_once',
      ),
      attack(
        'image author',
        'several images in one run, or both sides of a check, each just below the limits',
        { before: 'each had a budget of its own', now: 'one sum for the run' },
        'test/unit/native/budget.test.ts',
        'images of one run share one budget, to the byte, whatever arrives first',
      ),
      attack(
        'image author',
        'a layer at the limit, so that the same image fails in one run and passes in another',
        {
          before: 'what it might take depended on how many bytes of other layers had come',
          now: 'the same in every run',
        },
        'test/unit/native/budget.test.ts',
        'what a layer takes does not depend on the pieces in which it arrives',
      ),
      attack(
        'image author',
        'compressed archives that unpack to gigabytes',
        {
          before: 'each up to 1 GiB and 50 times its size, whatever `--max-disk` said',
          now: 'charged to `--max-disk`, which is 1 GiB by default, together with chunk data',
        },
        'test/unit/native/budget.test.ts',
        'unpacked archives are charged to the limit for disks, together',
      ),
      attack(
        'image author',
        'a compressed archive that is no tar',
        { before: 'unpacked whole, up to 1 GiB and more', now: 'refused at its first block' },
        BOMBS,
        WORDS,
      ),
      attack(
        'image author',
        'a large layer that is listed 1,000 times',
        { before: 'read and kept 1,000 times', now: 'read once, and what listing it again takes is charged' },
        BOMBS,
        WORDS,
      ),
      attack(
        'image author',
        'a large layer that is listed 1,000 times, as the source of `check`',
        {
          before: 'no end: 20 million entries were made and compared',
          now: 'refused once listing it again takes more than 64 MiB of metadata',
        },
        BOMBS,
        WORDS,
      ),
      attack(
        'image author',
        '2,000 paths that imply 1,000 folders each, as the source of `check`',
        {
          before: '1.4 GiB of memory; the event loop was held for 2.2 s',
          now: 'refused; trees are compared on another thread, up to a number of implied folders',
        },
        BOMBS,
        WORDS,
      ),
      attack(
        'image author',
        'an index of 1,000 entries that another index lists for 1,000 platforms',
        { before: '1.6 GiB of memory', now: 'refused beyond 65,536 entries; an index inside is read once' },
        BOMBS,
        WORDS,
      ),
      attack(
        'image author',
        '204,000 folders, 2,040 deep: their paths have 400 MB, in `du`, `diff`, `ls --json`',
        { before: '0.7 to 3.4 GiB of memory', now: 'answers are made while they are printed' },
        BOMBS,
        WORDS,
      ),
      attack(
        'image author',
        '200,000 names in a folder: `ls`, `tree`, `du`, `diff`, `stat`, `check --source`',
        {
          before: 'the event loop was held for 0.3 to 2.4 s',
          now: 'read, merged, sorted, compared and printed in steps of 20 ms',
        },
        BOMBS,
        WORDS,
      ),
      attack(
        'image author',
        '120,000 annotations, labels, or entries of an index',
        {
          before: 'the event loop was held for 0.2 to 0.5 s',
          now: 'read, checked and edited in steps; JSON.parse alone takes one',
        },
        BOMBS,
        WORDS,
      ),
      attack(
        'image author',
        'any of these, and a run that is to be stopped',
        { before: 'up to 10 s', now: 'within 1 s of the signal' },
        BOMBS,
        STOPPED,
      ),
    ],
  },
];
