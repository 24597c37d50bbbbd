/** `nydusify check`: flags in, `checkImage`, findings out. Exit 0 when nothing is wrong, 1 when something is. */
import { availableParallelism } from 'node:os';
import { checkImage } from '../../check/check.js';
import type { CheckResult } from '../../check/result.js';
import { LocalIoError, UsageError } from '../../errors.js';
import { parsePlatforms } from '../../oci/platform.js';
import { openSource } from '../../registry/open.js';
import { silentReporter } from '../../reporter.js';
import type { CommandCall, CommandTable } from '../command.js';
import type { CliContext } from '../context.js';
import { backedSource } from '../backend.js';
import { openOptions } from '../flags/environment.js';
import { ACCEPTED_FLAGS, CHECK_FLAGS, SEVERITIES } from '../flags/check.js';
import { type BackendPlace, backendOf, idleBackendNotes } from '../flags/backend.js';
import { GLOBAL_FLAGS } from '../flags/global.js';
import { requireFlags, type FlagValues } from '../flags/flags.js';
import { imageWord } from '../flags/image-word.js';
import { limitsOf } from '../flags/limits.js';
import { hostPlatform, machineArchitecture } from '../flags/machine.js';
import { keepIn, tryToKeep } from '../kept-files.js';
import { openBudget } from '../../native/budget.js';
import { returnFreedMemory } from '../../native/program.js';
import { registryFlags, transferOptions } from '../flags/registry.js';
import { isJobSummary, setOutputs } from '../ci/github-files.js';
import { ciLog } from '../ci/server.js';
import { annotateFindings } from '../report/finding-annotations.js';
import { LogSection } from '../text/log-section.js';
import { appendToReportFile, tryReportFile, writeReportFile } from '../report-file.js';
import { commandLine } from '../text/command-line.js';
import { checkLines } from '../text/check.js';
import { printLines, printMessage, printReport } from '../text/print.js';
import { openProgress } from '../text/progress.js';
import { plural } from '../text/units.js';
import { asNydusError } from '../text/errors.js';
import { adviceText, withAdvice, withHints } from '../text/remedies.js';
import { isAtLeast } from '../report/model.js';
import type { FailedCheck } from '../report/report-run.js';
import { FAILURE_REPORTS, isReportFormat, REPORTS, type ReportFormat } from '../report/report.js';

const RUNNING = { name: 'check', flags: CHECK_FLAGS };

const EXAMPLES = `
Examples:
  Manifest, bootstrap and every chunk of every platform:
    $ nydusify check registry.example/app:1.0-nydus
  And the whole filesystem, file by file, against the image that it was made from:
    $ nydusify check registry.example/app:1.0-nydus registry.example/app:1.0
  What every client makes of it, as a page and for the CI server too:
    $ nydusify check --clients --report html=check.html --report junit=check.xml registry.example/app:1.0-nydus
  For a program:
    $ nydusify check --json registry.example/app:1.0-nydus | jq '.findings[].id'

Exit code 0: nothing wrong. 1: faults were found.`;

export const CHECK: CommandTable = {
  description:
    'Verifies a Nydus image: manifest, config, bootstrap and the digest of every chunk, and with a source the whole ' +
    'filesystem. Every platform and both halves of a merged index are looked at.',
  words: [
    ['[target]', 'Nydus image to check, as --target'],
    ['[source]', 'image that it was made from, as --source'],
  ],
  usage: '[options] TARGET [SOURCE]',
  flags: CHECK_FLAGS,
  examples: EXAMPLES,
  run: async (call) => {
    const [target, source] = call.words;
    await runCheck(call, { target, source });
  },
};

interface Positional {
  readonly target: string | undefined;
  readonly source: string | undefined;
}

async function runCheck(call: CommandCall, positional: Positional): Promise<void> {
  const { flags, log, context } = call;
  const notes: string[] = [];
  const location = imageWord(flags, 'target', positional.target, notes);
  if (location === undefined) requireFlags(['target']);
  const sourceLocation = imageWord(flags, 'source', positional.source, notes);
  const backends = { source: backendOf(flags, 'source-'), target: backendOf(flags, 'target-') };
  notes.push(...idleBackendNotes(flags, 'source-'), ...idleBackendNotes(flags, 'target-'));
  const json = flags.isOn('json');
  const reports = reportsOf(flags);
  const sample = sampleOf(flags);
  const say = (line: string): void => {
    if (!json || log.file !== undefined) printMessage(context, line);
  };
  for (const note of notes) say(`note: ${note}`);
  for (const { name, note } of ACCEPTED_FLAGS)
    if (flags.isGiven(name)) say(`note: --${name} has no effect: ${note}`);

  const failOn = flags.oneOf('fail-on', SEVERITIES) ?? 'error';
  for (const { path } of reports) if (path !== '-') tryReportFile(path, '--report');

  const started = performance.now();
  const made = {
    started: new Date(),
    commandLine: commandLine(call.argv, [...GLOBAL_FLAGS, ...call.declared]),
  };
  const milliseconds = (): number => performance.now() - started;
  const ci = ciLog(flags, context);
  const section = ci === 'gitlab' && !log.quiet ? new LogSection(context.stderr) : undefined;
  section?.start(`check ${location ?? ''}`);
  let result: CheckResult;
  try {
    const found = await check(call, {
      target: location ?? '',
      source: sourceLocation,
      sample,
      reports,
      say,
      backends,
    });
    result = { ...found, findings: withHints(found.findings, RUNNING) };
  } catch (cause) {
    const error = asNydusError(cause);
    const hint = adviceText(error, RUNNING);
    const failure = {
      target: location ?? '',
      source: sourceLocation,
      error,
      hint,
      milliseconds: milliseconds(),
      ...made,
    };
    for (const report of reports) writeFailure(report, failure, context);
    setOutputs({ verdict: 'unknown' }, flags, context);
    throw cause;
  } finally {
    section?.end();
  }
  const failing = result.findings.filter(({ severity }) => isAtLeast(severity, failOn));
  // An answer that cannot be written in full is an answer all the same.
  if (failing.length > 0) context.exitCode = 1;
  for (const { format, path } of reports) {
    const text = REPORTS[format](result, { milliseconds: milliseconds(), failOn, ...made });
    if (path === '-') printReport(context.stdout, text);
    else if (isJobSummary(path, context.env)) appendToReportFile(path, text, '--report');
    else writeReportFile(path, text, '--report');
  }
  setOutputs({ verdict: result.verdict, digest: result.root.digest }, flags, context);
  if (ci === 'github') annotateFindings(context.stderr, result.findings);
  if (json) printReport(context.stdout, REPORTS.json(result));
  else if (!reports.some(({ path }) => path === '-'))
    await printLines(context.stdout, checkLines(withAskedClients(result, flags), context), context.signal);
  if (result.verdict === 'good' && failing.length > 0)
    say(`note: the exit code is 1, since --fail-on ${failOn} counts ${plural(failing.length, 'finding')}`);
}

/** Reports hold what clients do in any case; a log of a pipeline need not, unless that was asked for. */
function withAskedClients(result: CheckResult, flags: FlagValues): CheckResult {
  return flags.isOn('clients') ? result : { ...result, clients: undefined };
}

interface Asked {
  readonly target: string;
  readonly source: string | undefined;
  /** Percent; undefined for all. */
  readonly sample: number | undefined;
  readonly reports: readonly WantedReport[];
  readonly backends: Readonly<Record<'source' | 'target', BackendPlace | undefined>>;
  readonly say: (line: string) => void;
}

async function check({ flags, log, context, words }: CommandCall, asked: Asked): Promise<CheckResult> {
  const { reports, sample, say, backends } = asked;
  returnFreedMemory();
  const transfer = transferOptions(flags);
  const budget = openBudget(limitsOf(flags));
  const targetOptions = {
    ...(await openOptions(context.env, registryFlags(flags, 'target'), { transfer, budget })),
    side: 'target',
  } as const;
  await using target = await backedSource(
    openSource(asked.target, targetOptions),
    backends.target,
    targetOptions,
  );
  const sourceOptions = await openOptions(context.env, registryFlags(flags, 'source'), { transfer, budget });
  await using source =
    asked.source === undefined
      ? undefined
      : await backedSource(openSource(asked.source, sourceOptions), backends.source, sourceOptions);
  const platform = flags.text('platform');
  const selection = platform === undefined ? undefined : parsePlatforms(platform, machineArchitecture());
  const platforms = selection?.kind === 'list' ? selection.platforms : undefined;
  const workDir = flags.text('work-dir');
  // Words are a way of calling that upstream does not have, so no script relies on the folder then.
  const byFlags =
    words.length === 0
      ? tryToKeep((text) => {
          say(`note: ${text}`);
        })
      : undefined;
  const keep = workDir === undefined ? byFlags : keepIn(workDir);
  const isMute = flags.isOn('json') && log.file === undefined;
  const progress = isMute
    ? { reporter: silentReporter, stop: () => undefined }
    : await openProgress(log.quiet ? 'none' : 'auto', context);
  return await checkImage(
    { source, target },
    {
      ...(selection === undefined ? {} : { platforms: selection }),
      threads: flags.number('threads') ?? availableParallelism(),
      ...(sample === undefined ? {} : { sample }),
      clients: flags.isOn('clients'),
      details: reports.length > 0,
      allowMissingPlatforms: flags.isOn('allow-missing-platforms'),
      allContent: flags.isOn('all-content'),
      bootstrapOnly: flags.isOn('bootstrap-only'),
      ...(keep === undefined ? {} : { keep, keptPlatform: platforms?.[0] ?? hostPlatform() }),
    },
    {
      signal: context.signal,
      budget,
      reporter: withAdvice(progress.reporter, RUNNING),
    },
  ).finally(() => {
    progress.stop();
  });
}

/** The failure of the check says more than that this cannot be written. */
function writeFailure({ format, path }: WantedReport, failure: FailedCheck, context: CliContext): void {
  const text = FAILURE_REPORTS[format](failure);
  if (path === '-') {
    printReport(context.stdout, text);
    return;
  }
  try {
    if (isJobSummary(path, context.env)) appendToReportFile(path, text, '--report');
    else writeReportFile(path, text, '--report');
  } catch (error) {
    if (error instanceof LocalIoError) printMessage(context, `warning: ${error.message}`);
  }
}

interface WantedReport {
  readonly format: ReportFormat;
  /** `-` is standard output. */
  readonly path: string;
}

function reportsOf(flags: FlagValues): readonly WantedReport[] {
  return flags.pairs('report').map(([format, path]) => {
    if (!isReportFormat(format))
      throw new UsageError(`--report should be one of [${Object.keys(REPORTS).join(' ')}], not "${format}"`, {
        hint: '--report html=check.html',
      });
    return { format, path };
  });
}

/** Percent; undefined for all. */
function sampleOf(flags: FlagValues): number | undefined {
  const text = flags.text('sample');
  if (text === undefined) return undefined;
  const percent = /^([0-9]+(?:\.[0-9]+)?)%?$/.exec(text)?.[1];
  if (percent === undefined || Number(percent) <= 0 || Number(percent) > 100)
    throw new UsageError(`--sample "${text}" is no percentage above 0 and up to 100`, {
      hint: '--sample 5%',
    });
  return Number(percent) === 100 ? undefined : Number(percent);
}
