/**
 * `node dist/tools/damage/every-byte.js [--share BYTES] [--twice] [--jobs N] [--write] [CASE…]`: changes every byte of the metadata
 * of small images, and cuts it at every length; says what share of it `check` finds, and in which fields it does not, with
 * the reason. A CASE of `fixtures/reference` is converted; `CASE/v5-…` is a v5 image with the reference's bootstrap; without
 * any: all of them. `--share`: of files with more bytes only some, evenly; `--twice`: besides all bits of a byte, its lowest.
 * `--write` puts what was found into docs/every-byte.md. Exit status 1 when a change stays unseen in a field that has no
 * reason, a cut stays unseen, or a case takes too much memory.
 *
 * A case has a process of its own, with little heap; there are as many at a time as processors.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { mapOrdered } from '../../src/io/concurrency.js';
import { returnFreedMemory } from '../../src/native/program.js';
import { ONCE, type Thoroughness } from '../../test/support/damage/every-byte.js';
import { everyByteCases, everyByteOfCase } from '../../test/support/damage/every-byte-cases.js';
import { type CaseReport, pageSection, totalsOf } from './every-byte-page.js';
import { writePageSection } from '../docs/page-section.js';

/** The memory that a process may use, in MiB; Node itself takes about 60, and uncollected garbage counts. */
const MOST_MEMORY = 200;
/** So that garbage is collected before it counts; a larger young generation would save a tenth of the time. MiB. */
const HEAP = ['--max-old-space-size=64', '--max-semi-space-size=2'];

/** Started first, so that no processor waits for them at the end. */
const LONGEST = ['smallfiles/v5-zstd', 'bigdir', 'smallfiles', 'xattrs/v5-zstd', 'xattrs'];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    share: { type: 'string' },
    twice: { type: 'boolean', default: false },
    jobs: { type: 'string', default: String(availableParallelism()) },
    write: { type: 'boolean', default: false },
  },
});
const HOW: Thoroughness = {
  flips: values.twice ? [0xff, 0x01] : ONCE.flips,
  wholeTo: values.share === undefined ? ONCE.wholeTo : Number(values.share),
};

async function caseReport(name: string): Promise<CaseReport> {
  returnFreedMemory(); // as the command does
  const began = process.cpuUsage();
  const reports = await everyByteOfCase(name, HOW);
  const { user, system } = process.cpuUsage(began);
  const files = reports.map((file) => ({
    ...file,
    found: Array.from(file.found),
    missed: Array.from(file.missed),
  }));
  const memory = Math.round(process.resourceUsage().maxRSS / 1024);
  return { name, files, memory, seconds: (user + system) / 1e6 };
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

async function main(): Promise<void> {
  const names = positionals.length > 0 ? positionals : everyByteCases();
  const first = LONGEST.filter((name) => names.includes(name));
  const reports = await mapOrdered(
    [...new Set([...first, ...names])],
    Number(values.jobs),
    async (name): Promise<[string, CaseReport]> => {
      const report = await inProcess(name);
      const { changes, unseen, seconds, memory } = totalsOf([report]);
      process.stderr.write(
        `${name}: ${changes} changes, ${unseen} unseen, ${seconds.toFixed(0)} s, ${memory} MiB\n`,
      );
      return [name, report];
    },
  );
  const byName = new Map(reports);
  const cases = names.flatMap((name) => byName.get(name) ?? []);
  const command = [
    'npm run every-byte',
    ...(process.argv.length > 2 ? ['--', ...process.argv.slice(2)] : []),
  ];
  const section = pageSection(cases, command.join(' '));
  if (values.write) await writePageSection('every-byte.md', 'every-byte', section);
  else process.stdout.write(`${section}\n`);
  const { fields, unseenCuts, memory } = totalsOf(cases);
  const unexplained = fields.some(({ reason }) => reason === undefined);
  process.exitCode = unexplained || unseenCuts > 0 || memory > MOST_MEMORY ? 1 : 0;
}

const { EVERY_BYTE_OF: mine } = process.env;
if (mine === undefined) await main();
else process.send?.(await caseReport(mine));
