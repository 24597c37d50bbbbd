/** Attacks by other users of the machine, by power failures, and by content that only has the right size. */
import { attack, type AttackTable } from './row.js';

const ABANDONED = 'test/unit/io/abandoned.test.ts';
const OUTPUT = 'test/unit/cli/output-file.test.ts';
const LOCK = 'test/unit/io/file-lock.test.ts';
const RANGE = 'test/unit/io/file-range.test.ts';
const LAYOUT = 'test/unit/registry/stores/layout-safety.test.ts';
const SETTINGS = 'test/unit/io/settings-file.test.ts';
const CHANGED = 'test/unit/io/changed-settings.test.ts';
const CONFIG = 'test/unit/cli/config/find.test.ts';
const POWER = 'test/e2e/power-cut.test.ts';
const PUSH = 'test/unit/registry/upload/push.test.ts';

export const LOCAL: readonly AttackTable[] = [
  {
    title: 'Folders that other users share',
    promise:
      'Only what this user alone can have left is removed, and nothing that another user has put in a shared folder is written to.',
    rows: [
      attack(
        'local user',
        'folders named as those of a killed run, in a shared work folder, with modes 777, 1777, 775 and 702',
        { before: '50 of 50 files of root removed', now: 'nothing is removed from shared folders' },
        ABANDONED,
        'nothing is removed from a folder that others may write to, whatever the names in it say',
      ),
      attack(
        'local user',
        'a private work folder below one that all may write to, which can be replaced while it is cleaned',
        { before: 'removed', now: 'not cleaned' },
        ABANDONED,
        'nothing is removed below a folder that another user could put in place of ours',
      ),
      attack(
        'local user',
        'a link, a folder with mode 755, a second name of a file, and a folder of another user, with the names of leftovers',
        { before: 'removed', now: 'kept' },
        ABANDONED,
        'a link, a folder that others may read, and a file with a second name are no leftovers of ours',
      ),
      attack(
        'local user',
        'a link in the place of the folder that this user has in a shared one',
        { before: 'there was no such folder', now: 'not used, and what it leads to is not cleaned' },
        ABANDONED,
        'a folder of this name that is a link or belongs to others is not used',
      ),
      attack(
        'local user',
        'another folder in the place of the temporary folder of a running conversion',
        {
          before: 'written to, and removed with all that was in it',
          now: 'neither; the run keeps its own folder',
        },
        ABANDONED,
        'a run keeps to its own temporary folder when another is put in its place, and removes nothing of that',
      ),
      attack(
        'local user',
        'a link, device, pipe or second name where `--report`, `--output-json`, `--digest-file`, `--image-file`, `--metadata-file` or `--log-file` are to be written',
        {
          before: 'the file behind the link was overwritten; the pipe held the run for good',
          now: 'refused before the work',
        },
        OUTPUT,
        'a report or log in a shared folder goes to no link, pipe or second name that was planted there',
      ),
      attack(
        'local user',
        'a file that belongs to the attacker under the name of a report, or a link of his on the way to it',
        { before: 'written', now: 'refused' },
        OUTPUT,
        'files of other users, and their links on the way, are refused',
      ),
      attack(
        'local user',
        'a log that is a pipe without a reader',
        { before: 'no end, and signals were not heard', now: 'a warning, and no log' },
        OUTPUT,
        'in a folder of its own, a user may arrange links and pipes as he likes',
      ),
      attack(
        'local user',
        'links and pipes under the names that `check --work-dir` writes, and in the place of its folders',
        {
          before: 'the files behind the links were overwritten',
          now: 'an error; a second name is replaced, not written through',
        },
        OUTPUT,
        'files that check keeps replace files alone: links and pipes in their place, or on the way, are refused',
      ),
      attack(
        'local user',
        'a link, a second name or a pipe in the place of the file that `login` writes, in a shared folder',
        {
          before: 'there was no such command',
          now: 'refused; the file is new each time, with mode 600 from its first byte on',
        },
        CHANGED,
        'a login in a shared folder goes through no link or second name, and into no pipe',
      ),
      attack(
        'local user',
        'a `nydusify.toml` of his own, or one that he can change, where the home folder is a shared one or that of another user',
        { before: 'there was no such file', now: 'passed over with a warning, unless it is named' },
        CONFIG,
        'a configuration file that another user can have written is read only when it is named',
      ),
      attack(
        'local user',
        'links in the place of blobs and of `oci-layout` in a layout that is written',
        { before: 'the blob behind the link counted as present', now: 'a file takes its place' },
        LAYOUT,
        'a link in place of a blob is not followed: it is no content, and a file takes its place',
      ),
      attack(
        'local user',
        'links in the place of `blobs` and `blobs/sha256`',
        { before: 'blobs were written where they lead', now: 'an error, and nothing is written' },
        LAYOUT,
        'links in place of the folders of blobs are refused when a layout is written',
      ),
      attack(
        'local user',
        'a link, a device, a pipe or a folder in the place of the lock of a layout',
        { before: 'a wait of 60 s, or without end', now: 'an error at once' },
        LOCK,
        'links, pipes and folders in the place of a lock end a run at once, and nothing behind them is touched',
      ),
    ],
  },
  {
    title: 'Files that are none, or have no end',
    promise:
      'Where a regular file belongs, pipes, devices and folders are refused at once; small files have a largest size.',
    rows: [
      attack(
        'image author',
        'a pipe, or a link to `/dev/zero`, as `index.json` or as a blob of a layout',
        { before: 'no end; memory until the machine had none', now: 'an error at once' },
        LAYOUT,
        'pipes and endless files where a layout has documents and blobs are refused at once',
      ),
      attack(
        'local user',
        'the same where bootstraps and archives are read',
        { before: 'no end', now: 'an error at once' },
        RANGE,
        'pipes, devices and folders are no files: they are refused at once, where reading them would block or never end',
      ),
      attack(
        'local user',
        'the same, and a file of 1 TiB, as login, certificate, `hosts.toml` or `nydusify.toml`',
        { before: 'no end', now: 'an error at once; at most 16 MiB' },
        SETTINGS,
        'logins, certificates and settings of hosts are read from files alone, up to a size',
      ),
    ],
  },
  {
    title: 'Power failures',
    promise:
      'A layout or archive has no tag, or the whole image. Everything below an index is on the disk before the index gets its name.',
    rows: [
      attack(
        'power failure',
        'at each call of a conversion into a layout; the disk keeps what is synchronised, or all names without other bytes, or the last name alone',
        { before: 'a tag on empty blobs', now: 'no tag, or the whole image' },
        POWER,
        'whenever the power fails, a layout has no tag or the whole image',
      ),
      attack(
        'power failure',
        'the same with an archive',
        { before: 'an empty archive', now: 'no archive, or the whole image' },
        POWER,
        'whenever the power fails, an archive has no tag or the whole image',
      ),
      attack(
        'power failure',
        'at 200 moments of each conversion into layouts and archives, new, resumed and in place of others; on ext4, ext4 with data=writeback and xfs, seen by copies of the disk',
        {
          before: 'a tag without its image',
          now: 'no tag, or the whole image, which skopeo copies; the next run completes it (docs/reliability.md)',
        },
        POWER,
        'a disk that is copied while a run writes to it has no tag or the whole image, and the next run completes it',
      ),
      attack(
        'power failure',
        'an `index.json` without content, or full of zeros',
        {
          before: 'every later run failed',
          now: 'a new index takes its place; reading says that it is empty',
        },
        LAYOUT,
        'an index without content stops no run that sets a tag, and reading it says what is wrong',
      ),
      attack(
        'power failure',
        'a lock that is empty, full of zeros or cut, with a date in the future',
        { before: 'a wait of 60 s, then an error', now: 'a wait of 1 s' },
        LOCK,
        'a lock that names no owner delays a run by a second, whatever its date says',
      ),
      attack(
        'power failure',
        'a lock of a run before the machine was started anew',
        { before: 'an error after 60 s, for a day', now: 'a wait of 20 s' },
        LOCK,
        'a lock from before the machine was started anew is taken when nothing touches it',
      ),
      attack(
        'power failure',
        'SIGKILL between opening and writing a lock',
        { before: 'an empty lock', now: 'the lock gets its name with its content' },
        LOCK,
        'whenever a lock is there, it names its owner',
      ),
    ],
  },
  {
    title: 'Identity by size',
    promise:
      'Content of a target layout is digested before it counts as present. A registry is believed, as it must verify what is pushed; with `--verify-present` what it has is read.',
    rows: [
      attack(
        'local user',
        'a damaged blob of the right size in a target layout',
        { before: 'counted as present, and was tagged', now: 'written anew' },
        LAYOUT,
        'a damaged blob of the right size is not present in a layout, and the next push mends it',
      ),
      attack(
        'registry',
        'damaged content whose HEAD has the right size',
        {
          before: 'counted as present',
          now: 'the same; with `--verify-present` it is read and pushed again',
        },
        PUSH,
        'a registry that keeps damaged content is believed, unless what it has is to be read',
      ),
    ],
  },
];
