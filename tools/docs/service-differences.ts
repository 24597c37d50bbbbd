/** The table in docs/service.md of what upstream's service does otherwise, and the test of ours about each row. */
import { markdownTable } from '../../test/support/markdown-table.js';
import type { NamedTest } from './named-test.js';

interface Difference {
  readonly upstream: string;
  readonly here: string;
  readonly test: NamedTest;
}

const SERVICE = 'test/e2e/service.test.ts';
const DIFFERENCES = 'test/e2e/service-differences.test.ts';
const FAULTS = 'test/e2e/service-faults.test.ts';
const BOTH = 'test/differential/upstream-service.test.ts';
const CONFIG = 'test/unit/service/config.test.ts';
const RUNNER = 'test/unit/service/runner.test.ts';
const GARBAGE = 'test/unit/service/garbage.test.ts';

function row(upstream: string, here: string, file: string, words: string): Difference {
  return { upstream, here, test: { file, words } };
}

const ROWS: readonly Difference[] = [
  row(
    'a request without `Authorization` passes although `auth_header` is set',
    'it is refused; secrets are compared in constant time',
    BOTH,
    "a secret's header is needed here, and passed over there when it is missing",
  ),
  row(
    "any registry that a body names is contacted, with the machine's logins",
    'only those of `provider.source`, unless `provider.allow_any_host` is on',
    DIFFERENCES,
    'only hosts of the file are contacted, whatever a body names',
  ),
  row(
    'an event without `event_data` is a panic, answered with 500',
    '400, with the member named',
    BOTH,
    'both answer the same requests alike, but for what is named',
  ),
  row(
    '`worker: N` runs N + 1 conversions, and each that waits is a goroutine',
    'N, each in a process of its own; those that wait are records',
    RUNNER,
    'no more conversions run than converter.worker says, and those that wait are records',
  ),
  row(
    "`sync=true` goes around the queue, and dies with the client's connection",
    'it goes through the queue, and the conversion goes on',
    DIFFERENCES,
    'a conversion that is waited for goes on when its client hangs up',
  ),
  row(
    'a conversion that succeeds without the cache, at its second try, is FAILED in the list',
    'it is COMPLETED',
    FAULTS,
    'a cache that cannot be read does not keep an image from being converted',
  ),
  row(
    'accepted work is lost by a restart',
    'it is on disk before the answer, and goes on',
    SERVICE,
    'what was accepted before a SIGKILL is converted after it, and spools of dead processes go',
  ),
  row(
    'the end of a task that is unknown is a panic',
    'it has no effect',
    'test/support/service/queue-contract.ts',
    'settling a task that is unknown has no effect',
  ),
  row(
    'a digest without a tag becomes `latest`',
    'its repository is looked at 30 seconds later, and tags whose result is not of their present content are converted',
    SERVICE,
    'a digest without a tag never becomes latest: its repository is looked at',
  ),
  row(
    'the suffix is looked for in the text, so that `tag-nydus@sha256:…` is converted again; only the first rule counts',
    'it is that of the parsed tag, and of every rule',
    DIFFERENCES,
    'a tag that ends as results do is no source, with a digest behind it either',
  ),
  row(
    'a push during the conversion of its tag is not converted',
    'it causes exactly one more conversion',
    FAULTS,
    'a push during the conversion of its tag causes exactly one more run',
  ),
  row(
    "secrets with `:` are refused, and Docker Hub's are looked up under another name",
    'a secret begins after the first `:`, and Docker Hub has its own name',
    DIFFERENCES,
    'a secret may hold colons, and goes to its own host alone, Docker Hub under its own name',
  ),
  row(
    'a refused connection switches the whole process to HTTP',
    'HTTP is spoken with this machine, and where `plain_http` says so',
    DIFFERENCES,
    'HTTP is spoken with a host by the file alone, and no failure changes that',
  ),
  row(
    'what is known of pulled images only grows',
    'processes that convert are replaced after 50 conversions, and records are bounded by `tasks`',
    RUNNER,
    'a process that converts is replaced after fifty conversions',
  ),
  row(
    'the removal of garbage waits for all conversions, and new ones wait for it',
    'none waits for the other',
    GARBAGE,
    'jobs are added and taken while garbage is removed, and rounds at the same time are one',
  ),
  row(
    'after a restart the garbage of latest use goes first, by records that several threads change at once',
    'tasks that ended first go first, in one transaction each',
    GARBAGE,
    'beyond it finished tasks go, those that ended first before others, and the log says what was freed',
  ),
  row(
    'any file at `server.uds` is removed',
    'a socket on which nothing listens is; other files stop the start',
    DIFFERENCES,
    'a file at server.uds that is no socket is left alone, and so is a socket of another process',
  ),
  row(
    'SIGTERM kills',
    'running conversions have `server.shutdown_timeout`, and wait for the next start otherwise',
    SERVICE,
    'SIGTERM lets the running conversion end, and keeps the others for the next start',
  ),
  row(
    "metrics have a label with the client's `Host`",
    'names that the server does not have are `other`',
    'test/unit/service/metrics.test.ts',
    'promtool reads the metrics and has nothing to say about their names, types and help',
  ),
  row(
    'times of failures are not counted, nor any beyond 10 s apart',
    'both are, up to an hour',
    'test/unit/service/metrics.test.ts',
    'long conversions are told apart, and failures have times, too',
  ),
  row(
    'the list of conversions is open to all',
    'it needs a token once the file has one; v2 gives it in pages',
    DIFFERENCES,
    'the list needs a token once the file has one',
  ),
  row(
    'without `cache_size` a cache is written by the first run and emptied by the second; without a threshold nothing starts',
    'both have defaults',
    CONFIG,
    'an empty file has the defaults, and warns that it converts nothing',
  ),
  row(
    'a wrong boolean of the driver is said to be that of `merge_manifest`',
    'the sentence names the option',
    CONFIG,
    String.raw`/driver\.config\.with_referrer should be true or false/`,
  ),
  row(
    'a backend without settings is passed over',
    'half a backend stops the start',
    CONFIG,
    String.raw`/driver\.config\.backend_type needs backend_config/`,
  ),
  row(
    'annotations of a manifest are replaced by those that its index has for it',
    'both are kept, each in its place',
    'test/unit/convert/convert.test.ts',
    'annotations of a manifest are kept beside those that its index has for it',
  ),
  row(
    'a conversion that hangs holds its worker for good',
    'it ends after `converter.timeout`',
    FAULTS,
    'a registry that hangs costs its task the time of converter.timeout, and no worker for ever',
  ),
];

export const DIFFERENCE_TESTS: readonly NamedTest[] = ROWS.map(({ test }) => test);

export function differencesTable(): string {
  return markdownTable(
    ['upstream', 'here'],
    ROWS.map(({ upstream, here }) => [upstream, here]),
  );
}
