/** Upstream's own tests that call its command line, and what answers for each here. */
import type { NamedTest } from '../named-test.js';

interface Row {
  readonly suite: string;
  readonly cases: string;
  /** The test of ours, or the reason why there is none. */
  readonly here: NamedTest | string;
}

const FLAGS: NamedTest = {
  file: 'test/unit/cli/upstream-cases.test.ts',
  words: "upstream's cases of flags end as they do there",
};
const SMOKE: NamedTest = {
  file: 'test/e2e/upstream-cases.test.ts',
  words: "the command lines of upstream's smoke tests run unchanged",
};
const INSIDE = 'a function inside of that program';
const OTHER = 'it calls nydus-image and nydusd, not nydusify';

const SMOKE_SUITE = '`smoke/tests`';
const FLAGS_SUITE = '`contrib/nydusify/cmd`';
const PACKAGES = '`contrib/nydusify/pkg`';

export const CASES: readonly Row[] = [
  row(SMOKE_SUITE, 'TestConvertImages: RAFS v5 and v6, copies to and from `file://`', SMOKE),
  row(
    SMOKE_SUITE,
    'TestConvertImages: RAFS v5 with `--oci-ref`',
    'refused: upstream overrides the version, here both flags are named',
  ),
  row(
    SMOKE_SUITE,
    'TestConvertImages: batches and encryption',
    'skipped by a slip upstream; batches run in the row above',
  ),
  row(SMOKE_SUITE, 'TestGenerateChunkdicts', SMOKE),
  row(SMOKE_SUITE, 'compatibility tests', 'they call older binaries of upstream'),
  row(SMOKE_SUITE, 'benchmark tests: numbers of `--output-json`', {
    file: 'test/e2e/convert.test.ts',
    words: 'SourceImageSize',
  }),
  row(SMOKE_SUITE, 'TestCommitContainer', 'a container is refused; changes are a tar'),
  row(SMOKE_SUITE, 'external tests (models)', 'models are refused'),
  row(
    SMOKE_SUITE,
    'native layer, zran layer, dedup, cas, overlay, API, uffd, upgrade and takeover tests',
    OTHER,
  ),
  row('`.github/workflows/convert.yml`', 'platforms and `--output-json`, `check`, `fsck.erofs`', {
    file: 'test/differential',
    words: 'fsckErofs(',
  }),
  row(FLAGS_SUITE, 'suffix, target, cache, backend, prefetch, archives, log flags, reverse, main', FLAGS),
  row(FLAGS_SUITE, 'TestAddReferenceSuffix: names with their suffix', {
    file: 'test/unit/cli/flags/options.test.ts',
    words: 'a suffix goes behind the tag, which is added where it is missing',
  }),
  row(FLAGS_SUITE, 'TestIsPossibleValue, TestDefaultLogLevel, TestGetGlobalFlags', INSIDE),
  row(PACKAGES, 'converter: chunk dictionary expressions', {
    file: 'test/unit/cli/flags/chunk-dict.test.ts',
    words: 'bootstrap:registry:',
  }),
  row(PACKAGES, 'backend: settings', { file: 'test/unit/backend', words: 'bucket_name' }),
  row(PACKAGES, 'checker: manifest rules and tree comparison', {
    file: 'test/e2e/upstream-verdicts.test.ts',
    words: 'upstream',
  }),
  row(PACKAGES, 'committer: whiteouts of a differ', {
    file: 'test/differential/commit.test.ts',
    words: 'ten sets of changes, in three styles of whiteouts, give what overlayfs shows',
  }),
  row(PACKAGES, 'committer: containers, mounts; hooks; old cache; provider; utils', INSIDE),
];

function row(suite: string, cases: string, here: Row['here']): Row {
  return { suite, cases, here };
}

export const CASE_TESTS: readonly NamedTest[] = CASES.flatMap(({ here }) =>
  typeof here === 'string' ? [] : [here],
);
