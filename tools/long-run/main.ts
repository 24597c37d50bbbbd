/**
 * `npm run long-run [-- --runs N] [--parallel N] [--aborts SHARE] [--seed N] [--write]`: many conversions in one process, some of
 * them aborted, and what the process holds at the end. `--write` puts the table into docs/reliability.md.
 */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { leftOvers, type LongRun, longRun } from '../../test/support/long-run/long-run.js';
import type { Holdings } from '../../test/support/long-run/holdings.js';
import { markdownTable } from '../../test/support/markdown-table.js';
import { removeFolder } from '../../test/support/temp-folder.js';
import { writePageSection } from '../docs/page-section.js';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '2000' },
    parallel: { type: 'string', default: '8' },
    aborts: { type: 'string', default: '0.3' },
    seed: { type: 'string', default: '1' },
    write: { type: 'boolean', default: false },
  },
});

/** Lets this process collect its garbage before it measures. */
function exposeCollector(): void {
  setFlagsFromString('--expose-gc');
  globalThis.gc = runInNewContext('gc') as typeof globalThis.gc; // V8 defines it in new contexts from now on
}

function report({ early, end, ...run }: LongRun): string {
  const mebibytes = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`;
  const row = (when: string, held: Holdings): string[] => [
    when,
    mebibytes(held.memory),
    mebibytes(held.heap),
    String(held.descriptors),
    String(held.threads),
    String(held.files),
  ];
  const table = markdownTable(
    ['', 'resident memory', 'live objects and buffers', 'descriptors', 'threads', 'files in the work folder'],
    [row(`after ${Math.ceil(Number(values.runs) / 10)} conversions`, early), row('at the end', end)],
  );
  return `${values.runs} conversions, ${values.parallel} at a time: ${run.converted} completed, ${run.aborted} aborted at a random moment, \
${run.failures.length} failed, in ${Math.round(run.seconds)} s. At most ${run.peakThreads} threads and ${mebibytes(run.peakMemory)} at any time.\n\n${table}`;
}

exposeCollector();
const folder = await mkdtemp(join(tmpdir(), 'nydusify-long-run-'));
try {
  const run = await longRun({
    runs: Number(values.runs),
    parallel: Number(values.parallel),
    aborts: Number(values.aborts),
    seed: Number(values.seed),
    folder,
    done: (count) => {
      if (count % 200 === 0) process.stderr.write(`  ${count} conversions\n`);
    },
  });
  const text = report(run);
  process.stdout.write(`${text}\n`);
  if (values.write) await writePageSection('reliability.md', 'long-run', text);
  const found = leftOvers(run);
  for (const what of found) process.stderr.write(`error: ${what}\n`);
  process.exitCode = found.length === 0 ? 0 : 1;
} finally {
  await removeFolder(folder);
}
