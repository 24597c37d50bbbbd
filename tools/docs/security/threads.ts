/** Attacks by programs that use the library and by what we depend on, and the fuzzing of readers. */
import { attack, type AttackTable } from './row.js';

const OWNERSHIP = 'test/unit/native/ownership.test.ts';
const WORKER = 'test/unit/native/terminated-worker.test.ts';
const LONG_RUN = 'test/e2e/long-run.test.ts';
const SUPPLY = 'test/unit/tools/supply.test.ts';
const FUZZ = 'test/unit/support/fuzz.test.ts';

export const THREADS: readonly AttackTable[] = [
  {
    title: 'Memory and threads of the addon',
    promise:
      'Bytes that are given to the addon remain the caller’s, who may change, transfer or resize their buffer as soon as a call has \
returned: the addon copies them. Threads end when their owner is disposed of, and a worker thread that is terminated leaves neither \
threads, files, locks nor folders.',
    rows: [
      attack(
        'caller',
        'a source of the caller’s own that reads into one buffer again and again: a layer that is packed or scanned',
        {
          before: 'the digest of foreign bytes, and a layer that does not unpack',
          now: 'the bytes that were written',
        },
        OWNERSHIP,
        'a layer that is packed or scanned is the one that was written, when the bytes are',
      ),
      attack(
        'caller',
        'a buffer that is transferred to another thread, or resized, after `write`',
        { before: 'foreign bytes digested; SIGSEGV when it was resized', now: 'the bytes that were written' },
        OWNERSHIP,
        'transferred: (bytes)',
      ),
      attack(
        'caller',
        'the same with a blob that is verified',
        { before: 'faults in chunks that have none, or SIGSEGV', now: 'the bytes that were written' },
        OWNERSHIP,
        'a blob that is verified is the one that was written, when the bytes are',
      ),
      attack(
        'caller',
        'the same with an archive that is unpacked',
        { before: 'foreign bytes in the file, or SIGSEGV', now: 'the bytes that were written' },
        OWNERSHIP,
        'an archive is unpacked as it was written, when the bytes are',
      ),
      attack(
        'caller',
        'the same with chunks that are compressed or decompressed, and with bootstrap layers',
        { before: 'foreign bytes, a FormatError, or SIGSEGV', now: 'the bytes that were given' },
        OWNERSHIP,
        'codecs work on the bytes that they were given, when those are',
      ),
      attack(
        'caller',
        'the same with a bootstrap between reading it and comparing its tree',
        { before: 'foreign bytes judged, or SIGSEGV', now: 'the bytes that were read' },
        OWNERSHIP,
        'a bootstrap is judged as it was read, when the bytes are',
      ),
      attack(
        'caller',
        'shared memory that another thread changes during a call',
        { before: 'read while it changed', now: 'copied before the call' },
        OWNERSHIP,
        'bytes of shared memory are taken as they were when they were written',
      ),
      attack(
        'caller',
        'a stream that uses its buffer again, where two readers share it or a document is collected',
        {
          before: 'the slower reader got later bytes in the place of earlier ones',
          now: 'readers have copies of their own',
        },
        OWNERSHIP,
        'a stream may use its buffer again: readers that hold pieces have copies of their own',
      ),
      attack(
        'webhook sender',
        '64 conversions, one after the other',
        { before: '1,037 threads; with a limit of 512 the 14th stopped', now: 'as many as before the first' },
        OWNERSHIP,
        'threads end when their owner is disposed of, whatever state it is in',
      ),
      attack(
        'webhook sender',
        'a worker thread that is terminated in the middle of a conversion',
        { before: 'its folder stayed as long as the process', now: 'nothing stays' },
        WORKER,
        'a terminated worker leaves no folder and no threads',
      ),
      attack(
        'webhook sender',
        'a worker thread that is terminated while it writes a blob, an index or a tag to a layout or an archive',
        { before: 'incomplete files stayed as long as the process', now: 'nothing stays' },
        WORKER,
        'workers that are terminated at any moment of writing to ${kind} leave nothing incomplete',
      ),
      attack(
        'webhook sender',
        'a worker thread that is terminated while it has the lock of a layout',
        {
          before: 'every later run of the process waited for 60 s, and failed',
          now: 'the lock ends with the thread',
        },
        WORKER,
        'the lock of a terminated worker is gone with it, and that of another thread stays',
      ),
      attack(
        'webhook sender',
        'conversions at the same time, many of them given up at any moment',
        { before: 'threads stayed', now: 'no threads, descriptors or files more (docs/reliability.md)' },
        LONG_RUN,
        'conversions that are completed or aborted leave no threads, descriptors or files',
      ),
    ],
  },
  {
    title: 'What we depend on',
    promise:
      'Every dependency is pinned by digest, comes from a registry of packages, has a licence of the list in native/deny.toml, and runs \
nothing when it is installed. `npm run sbom` writes bills of materials, `npm run advisories` asks for known weaknesses where their lists \
can be reached, and `npm run reproducible` builds the addon in two places and compares the bytes.',
    rows: [
      attack(
        'dependency',
        'a package of npm from another place, with other content, or under a licence that binds us',
        { before: 'not looked at, but for digests', now: 'a failed test' },
        SUPPLY,
        'every package of npm has an allowed licence, comes from the registry, and is pinned by digest',
      ),
      attack(
        'dependency',
        'the same with a crate, of the addon, of the fuzzer or of the reference',
        { before: 'not looked at, but for digests', now: 'a failed test' },
        SUPPLY,
        'every crate of ${workspace} has an allowed licence, comes from the registry, and is pinned by digest',
      ),
      attack(
        'dependency',
        'a script that runs when a package is installed',
        { before: 'not looked at', now: 'a failed test' },
        SUPPLY,
        'no package runs a script when it is installed, and actions of other projects are pinned',
      ),
      attack(
        'dependency',
        'a known weakness under an exception that is never looked at again',
        { before: 'no list', now: 'exceptions have a day, after which a test fails' },
        SUPPLY,
        'exceptions from advisories have a day, and none is over',
      ),
      attack(
        'dependency',
        'something in the addon that no source has',
        { before: 'no bill of materials', now: 'bills that are the same each time' },
        SUPPLY,
        'bills of materials list what the published packages contain and nothing else, and are the same each time',
      ),
      attack(
        'dependency',
        'an addon that cannot be built again from its sources',
        { before: 'other bytes in every clone', now: 'the same bytes in every clone' },
        SUPPLY,
        'the addon names no folder of the machine that built it, so that clones in other places make the same bytes',
      ),
    ],
  },
  {
    title: 'Fuzzing',
    promise:
      'Every reader of foreign bytes is fuzzed: `npm run fuzz -- --minutes N`. It answers with a result or with one of our errors, \
within two seconds. Readers in Rust are fuzzed by coverage (native/fuzz), and their corpora run in every `cargo test`. The table below \
counts executions without a fault.',
    rows: [
      attack(
        'image author',
        'layers, bootstraps, sections of blobs, archives, manifests, indexes, configs and edits of them',
        { before: 'only layers were fuzzed', now: 'a result or one sentence' },
        FUZZ,
        'every reader of foreign bytes answers every input of its corpus, and mutations of it',
      ),
      attack(
        'registry',
        'challenges',
        { before: 'not fuzzed', now: 'a result or one sentence' },
        FUZZ,
        'every reader of foreign bytes answers every input of its corpus, and mutations of it',
      ),
      attack(
        'webhook sender',
        'references, locations and platforms',
        {
          before: 'not fuzzed',
          now: 'a result or one sentence; a reference that was read and written is the same when it is read again',
        },
        FUZZ,
        'every reader of foreign bytes answers every input of its corpus, and mutations of it',
      ),
    ],
  },
];
