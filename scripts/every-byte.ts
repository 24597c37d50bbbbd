/**
 * `node dist/scripts/every-byte.js [--twice] [--quick] [CASE…]`: changes every byte of the metadata of small images, and cuts it
 * at every length; says what share of it `check` finds, and in which fields it does not, with the reason. A CASE of
 * `fixtures/reference` is converted; `CASE/v5-…` is the reference's bootstrap; without any: all of them. `--twice`: besides all
 * bits of a byte, its lowest; `--quick`: of files over 4 KiB only some bytes, evenly. What is printed is Markdown, the tables of
 * docs/every-byte.md. Exit status 1 when a change stays unseen in a field that has no reason, a cut stays unseen, or a case
 * takes too much memory.
 *
 * A case has a process of its own, with little heap; there are as many at a time as processors.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { mapOrdered } from '../src/io/concurrency.js';
import {
  everyByteOfBootstrap,
  everyByteOfCase,
  type FileReport,
  ONCE,
  TWICE,
} from '../test/support/every-byte.js';
import { REASONS } from '../test/support/every-byte-reasons.js';
import { referenceDigests, referenceJson } from '../test/support/fixtures.js';
import { referenceBootstrap } from '../test/support/reference-bootstraps.js';

/** What a process may have in memory, Node itself (some 60) and uncollected garbage included; MiB. */
const MOST_MEMORY = 200;
/** So that garbage is collected before it counts; MiB. */
const HEAP = ['--max-old-space-size=64', '--max-semi-space-size=2'];
const { twice, quick } = { twice: process.argv.includes('--twice'), quick: process.argv.includes('--quick') };
const HOW = { ...(twice ? TWICE : ONCE), ...(quick ? { sizeOfAll: 4096 } : {}) };

/** As a message from a process: maps become lists. */
interface CaseReport {
  readonly files: readonly (Omit<FileReport, 'found' | 'missed'> & {
    readonly found: readonly (readonly [rule: string, count: number])[];
    readonly missed: readonly (readonly [field: string, count: number])[];
  })[];
  /** MiB. */
  readonly memory: number;
}

function allCases(): string[] {
  const v5 = referenceJson('v5-digests.json') as Record<string, Record<string, string>>; // our own file
  return [
    ...Object.keys(referenceDigests()),
    ...Object.entries(v5).map(([name, options]) => `${name}/${Object.keys(options)[0] ?? ''}`),
  ];
}

async function caseReport(name: string): Promise<CaseReport> {
  const [first = '', option] = name.split('/');
  const reports =
    option === undefined
      ? await everyByteOfCase(first, HOW)
      : [await everyByteOfBootstrap(referenceBootstrap(first, option), HOW)];
  const files = reports.map((file) => ({
    ...file,
    found: Array.from(file.found),
    missed: Array.from(file.missed),
  }));
  return { files, memory: Math.round(process.resourceUsage().maxRSS / 1024) };
}

async function inProcess(name: string): Promise<CaseReport> {
  const child = fork(fileURLToPath(import.meta.url), process.argv.slice(2), {
    execArgv: [...process.execArgv, ...HEAP],
    env: { ...process.env, EVERY_BYTE_OF: name },
  });
  const ended = new AbortController();
  child.once('exit', () => {
    ended.abort(new Error(`the process of case ${name} has ended`));
  });
  const [report] = (await once(child, 'message', { signal: ended.signal })) as [CaseReport]; // sent below
  return report;
}

function percent(part: number, all: number): string {
  return `${((100 * part) / Math.max(1, all)).toFixed(2)} %`;
}

async function main(): Promise<void> {
  const named = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
  const names = named.length > 0 ? named : allCases();
  const fields = new Map<string, number>();
  let [flips, unseen, cuts, unseenCuts, memory] = [0, 0, 0, 0, 0];
  process.stdout.write('| case | part | changes | found | by rules | cuts | unseen | slowest | memory |\n');
  process.stdout.write('| - | - | - | - | - | - | - | - | - |\n');
  await mapOrdered(names, availableParallelism(), async (name) => {
    const report = await inProcess(name);
    memory = Math.max(memory, report.memory);
    for (const file of report.files) {
      const missed = file.missed.reduce((sum, [, count]) => sum + count, 0);
      const step = file.step === 1 ? '' : ` (1 byte of ${file.step})`;
      const cells = [
        name,
        file.file,
        `${file.flips}${step}`,
        percent(file.flips - missed, file.flips),
        file.found.map(([rule, count]) => `${rule} ${count}`).join(', '),
        file.cuts,
        file.missedCuts.length,
        `${file.slowestMs.toFixed(0)} ms`,
        `${report.memory} MiB`,
      ];
      process.stdout.write(`| ${cells.join(' | ')} |\n`);
      for (const [field, count] of file.missed) fields.set(field, (fields.get(field) ?? 0) + count);
      flips += file.flips;
      unseen += missed;
      cuts += file.cuts;
      unseenCuts += file.missedCuts.length;
    }
  });
  process.stdout.write('\n| field | unseen | reason |\n| - | - | - |\n');
  for (const [field, count] of Array.from(fields).sort((a, b) => b[1] - a[1])) {
    process.stdout.write(`| \`${field}\` | ${count} | ${REASONS[field] ?? 'NONE'} |\n`);
  }
  process.stdout.write(
    `\n${flips} changes, ${percent(flips - unseen, flips)} found; ${cuts} cuts, ${unseenCuts} unseen; at most ${memory} MiB in a process.\n`,
  );
  const unexplained = Array.from(fields.keys()).filter((field) => REASONS[field] === undefined);
  process.exitCode = unexplained.length > 0 || unseenCuts > 0 || memory > MOST_MEMORY ? 1 : 0;
}

const { EVERY_BYTE_OF: mine } = process.env;
if (mine === undefined) await main();
else process.send?.(await caseReport(mine));
