/**
 * Runs everything: format, lint, Rust checks, and all test files, then sums them up.
 *
 *   node dist/test/run.js [--no-skips] [NAME…]
 *
 * A step such as the linter counts as one test. Skipped tests are listed at the end with their reason; `--no-skips`
 * makes them failures. With NAMEs only test files whose path, or tests whose title, match are run. A file that fails in a whole run is run
 * once more, alone; a test that passes then is listed as unsteady.
 */
import { spawn, spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { finished } from 'node:stream/promises';
import { run } from 'node:test';
import { projectRoot } from './support/project.js';

interface Failure {
  readonly title: string;
  /** Of a test; undefined for a step. */
  readonly file?: string | undefined;
}

interface Tally {
  passed: number;
  failed: Failure[];
  skipped: string[];
  /** Tests that failed once, and passed alone. */
  unsteady: string[];
}

const tests = import.meta.dirname;
const tally: Tally = { passed: 0, failed: [], skipped: [], unsteady: [] };

/** Where tests of more files fail, the change or the machine is at fault, and not chance. */
const MAX_UNSTEADY = 2;

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

interface StepOptions {
  /** Counts taken from the output instead of one for the whole command. */
  readonly count?: ((output: string) => number) | undefined;
}

/** Runs a command, quiet unless it fails. */
async function step(
  title: string,
  command: string,
  args: readonly string[],
  options: StepOptions = {},
): Promise<void> {
  const started = Date.now();
  const output: Buffer[] = [];
  const status = await new Promise<number | null>((resolve) => {
    const child = spawn(command, args, { cwd: projectRoot, stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.on('data', (bytes: Buffer) => output.push(bytes));
    child.stderr.on('data', (bytes: Buffer) => output.push(bytes));
    child.on('error', (error) => {
      output.push(Buffer.from(error.message));
      resolve(null);
    });
    child.on('close', resolve);
  });
  const text = Buffer.concat(output).toString('utf8');
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  if (status === 0) {
    tally.passed += options.count?.(text) ?? 1;
    print(`ok    ${title} (${seconds} s)`);
  } else {
    tally.failed.push({ title: `${title}: ${[command, ...args].join(' ')}` });
    print(`FAIL  ${title} (${seconds} s)\n${text}`);
  }
}

/** Sum of `test result: ok. N passed` over all crates. */
function cargoPassed(output: string): number {
  let sum = 0;
  for (const match of output.matchAll(/^test result: ok\. (\d+) passed/gm)) sum += Number(match[1]);
  return sum;
}

function testFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.js'))
    .map((name) => join(folder, name))
    .sort();
}

/** Compiled `dist/test/x.test.js` as the source file that a person opens; with source maps Node names that itself. */
function sourceOf(file: string): string {
  return relative(projectRoot, file)
    .replace(/^dist\//, '')
    .replace(/\.js$/, '.ts');
}

interface TestEvent {
  readonly name: string;
  readonly nesting: number;
  readonly file?: string;
  readonly skip?: string | boolean;
}

function titleOf(event: TestEvent): string {
  return `${sourceOf(event.file ?? '')} › ${event.name}`;
}

/** A file's own process shows up as a test named by its path: only its failing to run is news. */
function isFile(event: TestEvent): boolean {
  return event.nesting === 0 && event.name.endsWith('.test.js');
}

/** Notes a skip, and says whether there was one. */
function noteSkip(event: TestEvent): boolean {
  if (event.skip === undefined || event.skip === false) return false;
  const reason = typeof event.skip === 'string' && event.skip !== '' ? event.skip : 'no reason given';
  tally.skipped.push(`${titleOf(event)}: ${reason}`);
  return true;
}

/** What went wrong, and what it came of: a property says of its counterexample only in its cause why it is one. */
function textOf(cause: unknown): string | undefined {
  if (typeof cause === 'string') return cause;
  if (!(cause instanceof Error)) return undefined;
  const below = textOf(cause.cause);
  return [cause.stack ?? cause.message, ...(below === undefined ? [] : [`because: ${below}`])].join('\n');
}

interface PassEvent extends TestEvent {
  readonly details: { readonly duration_ms: number; readonly type?: string };
}

/** Sums the time of a file's outermost tests. */
function noteTime(times: Map<string, number>, event: PassEvent): void {
  if (event.nesting > 0 || isFile(event)) return;
  const file = againOf(event);
  times.set(file, (times.get(file) ?? 0) + event.details.duration_ms);
}

/** The name by which `npm test -- NAME` runs the file alone. */
function againOf(event: TestEvent): string {
  return sourceOf(event.file ?? '')
    .replace(/^test\//, '')
    .replace(/\.test\.ts$/, '');
}

interface NodeTestOptions {
  readonly concurrency: number;
  readonly namePattern?: string | undefined;
}

interface Heard {
  readonly pass: (event: PassEvent) => void;
  /** `text` is what went wrong. */
  readonly fail: (event: TestEvent, text: string) => void;
}

/** Runs test files with node:test, each in a process of its own. */
async function runFiles(files: readonly string[], options: NodeTestOptions, heard: Heard): Promise<void> {
  const stream = run({
    files: [...files],
    concurrency: options.concurrency,
    timeout: 20 * 60_000,
    ...(options.namePattern === undefined ? {} : { testNamePatterns: [options.namePattern] }),
  });
  stream.on('test:pass', heard.pass);
  stream.on('test:fail', (event) => {
    const { error } = event.details;
    // A suite or file fails with its tests, which are listed themselves.
    const ofSubtests = 'failureType' in error && error.failureType === 'subtestsFailed';
    if (ofSubtests && (event.details.type === 'suite' || isFile(event))) return;
    const text = textOf(error.cause) ?? error.message;
    heard.fail(event, text.split('\n').slice(0, 60).join('\n      '));
  });
  stream.resume();
  await finished(stream);
}

async function nodeTests(title: string, files: readonly string[], options: NodeTestOptions): Promise<void> {
  if (files.length === 0) return;
  const started = Date.now();
  const before = { passed: tally.passed, failed: tally.failed.length };
  const times = new Map<string, number>();
  await runFiles(files, options, {
    pass: (event) => {
      noteTime(times, event);
      if (!noteSkip(event) && event.details.type !== 'suite' && !isFile(event)) tally.passed++;
    },
    fail: (event, text) => {
      if (noteSkip(event)) return;
      print(`FAIL  ${titleOf(event)}\n      ${text}\n      again: npm test -- ${againOf(event)}`);
      tally.failed.push({ title: titleOf(event), file: event.file });
    },
  });
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  const verdict = tally.failed.length === before.failed ? 'ok  ' : 'FAIL';
  print(
    `${verdict}  ${title}: ${tally.passed - before.passed} passed in ${files.length} files (${seconds} s)`,
  );
  const slowest = [...times].sort(([, a], [, b]) => b - a).slice(0, 6);
  if (files.length > 6)
    print(`      slowest: ${slowest.map(([file, ms]) => `${file} ${Math.round(ms / 1000)} s`).join(', ')}`);
}

/**
 * Runs the few files that have failed once more, alone. Random cases are the same again, so what passes now has failed by its timing or
 * by the machine. It counts as passed, and is said at the end.
 */
async function failedAgain(): Promise<void> {
  const files = new Set(tally.failed.flatMap(({ file }) => file ?? []));
  if (files.size === 0 || files.size > MAX_UNSTEADY) return;
  print(`\nonce more, alone: ${[...files].map(sourceOf).join(', ')}`);
  const [passed, failed] = [new Set<string>(), new Set<string>()];
  await runFiles(
    [...files],
    { concurrency: 1 },
    {
      pass: (event) => passed.add(titleOf(event)),
      fail: (event, text) => {
        failed.add(titleOf(event));
        print(`FAIL  ${titleOf(event)}, again\n      ${text}`);
      },
    },
  );
  tally.unsteady = tally.failed.flatMap(({ title, file }) =>
    file !== undefined && passed.has(title) && !failed.has(title) ? [title] : [],
  );
  tally.failed = tally.failed.filter(({ title }) => !tally.unsteady.includes(title));
  tally.passed += tally.unsteady.length;
}

/** Folders of tests. Quick ones run side by side; those that load the machine, or time things, one after another. */
const KINDS: ReadonlyMap<string, number> = new Map([
  ['unit', 2],
  ['golden', 2],
  ['second-opinion', 2],
  ['property', 2],
  ['differential', 1],
  ['e2e', 1],
]);

async function everything(): Promise<void> {
  const bin = (name: string): string => join('node_modules', '.bin', name);
  await step('format (prettier)', bin('prettier'), ['--check', '--log-level', 'warn', '.']);
  await step('lint (eslint)', bin('eslint'), ['--max-warnings', '0', '.']);
  await step('nothing unused (knip)', bin('knip'), ['--no-progress']);
  await step('generated pages and layouts are up to date', process.execPath, [
    'dist/tools/docs/main.js',
    '--check',
  ]);
  const manifest = ['--manifest-path', 'native/Cargo.toml'];
  await step('cargo fmt', 'cargo', ['fmt', '--all', ...manifest, '--', '--check']);
  await step('clippy', 'cargo', ['clippy', '--locked', '--all-targets', ...manifest, '--', '-D', 'warnings']);
  await step('cargo test', 'cargo', ['test', '--locked', ...manifest], { count: cargoPassed });
  for (const [kind, concurrency] of KINDS) {
    await nodeTests(kind, testFiles(join(tests, kind)), { concurrency });
  }
  await failedAgain();
}

async function named(names: readonly string[]): Promise<void> {
  const files = testFiles(tests);
  for (const name of names) {
    const matching = KINDS.has(name)
      ? testFiles(join(tests, name))
      : files.filter((file) => sourceOf(file).includes(name));
    if (matching.length > 0) await nodeTests(name, matching, { concurrency: KINDS.get(name) ?? 1 });
    else await nodeTests(`tests named "${name}"`, files, { concurrency: 2, namePattern: name });
  }
}

/** What random cases are drawn by, in TypeScript and in Rust: `NYDUSIFY_SEED` if it is given, or else the commit. */
function drawnBy(): string {
  const given = process.env['NYDUSIFY_SEED'];
  if (given !== undefined) return given;
  const { status, stdout } = spawnSync('git', ['rev-parse', '--verify', 'HEAD^{tree}'], {
    cwd: projectRoot,
    encoding: 'utf8',
  });
  return status === 0 ? String(Number.parseInt(stdout.slice(0, 7), 16)) : '1';
}

// Below `nohup` commands would leave SIGHUP alone, and tests of that signal wait for ever.
delete process.env['_'];
const seed = drawnBy();
process.env['NYDUSIFY_SEED'] = seed;
process.env['PROPTEST_RNG_SEED'] = seed;
print(`random cases: NYDUSIFY_SEED=${seed}`);
const noSkips = process.argv.includes('--no-skips');
const names = process.argv.slice(2).filter((argument) => !argument.startsWith('-'));
await (names.length === 0 ? everything() : named(names));

if (tally.unsteady.length > 0)
  print(
    `\nunsteady, passed when run again alone; each is a defect to mend:\n${tally.unsteady.map((title) => `  ${title}`).join('\n')}`,
  );
if (tally.failed.length > 0) print(`\nfailed:\n${tally.failed.map(({ title }) => `  ${title}`).join('\n')}`);
if (tally.skipped.length > 0)
  print(
    `\nskipped${noSkips ? ' (a failure here)' : ''}:\n${tally.skipped.map((name) => `  ${name}`).join('\n')}`,
  );
const failed = tally.failed.length + (noSkips ? tally.skipped.length : 0);
const skips = noSkips ? 0 : tally.skipped.length;
if (tally.passed === 0 && failed === 0) print('\nno test matches');
print(`\n${tally.passed} passed, ${failed} failed, ${skips} skipped`);
process.exitCode = failed > 0 || tally.passed === 0 ? 1 : 0;
