/**
 * `npm run fuzz -- [--minutes N] [--targets NAME;…] [--seed N] [--processes N] [--write]`: runs every reader of foreign bytes, in
 * TypeScript and in Rust, on mutations of its corpus, each target for the same time. `--write` adds the executions to counts.txt,
 * from which docs/security.md is made, and keeps inputs with new outcomes in the corpora.
 */
import { mkdtemp } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { removeFolder } from '../../test/support/temp-folder.js';
import { addToCounts } from './counts.js';
import { buildFuzzer, nativeTargetNames, runNativeTarget } from './native-targets.js';
import type { Report } from './report.js';
import { runScriptTarget, scriptTargetNames } from './script-targets.js';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    targets: { type: 'string' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    processes: { type: 'string', default: String(availableParallelism()) },
    write: { type: 'boolean', default: false },
  },
});
const seed = Number(values.seed);
const native = new Set(nativeTargetNames());
// Names contain commas.
const wanted = values.targets?.split(';') ?? [...scriptTargetNames(), ...native];
const processes = Number(values.processes);
const milliseconds = (Number(values.minutes) * 60_000 * processes) / wanted.length;

async function runAll(folder: string): Promise<readonly Report[]> {
  const program = wanted.some((name) => native.has(name)) ? buildFuzzer() : '';
  const waiting = [...wanted];
  const reports: Report[] = [];
  const lane = async (): Promise<void> => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      const report = native.has(name)
        ? await runNativeTarget(program, folder, { name, milliseconds, seed })
        : await runScriptTarget(name, milliseconds, seed);
      reports.push(report);
      const { executions, found, faults } = report;
      console.log(`${name}: ${executions} executions, ${found} new outcomes, ${faults.length} faults`);
      for (const { input, reason } of faults)
        console.log(`  FAULT ${reason}\n  input, as a line of a corpus: ${input}`);
    }
  };
  await Promise.all(Array.from({ length: processes }, lane));
  console.log(`${reports.reduce((sum, { executions }) => sum + executions, 0)} executions, seed ${seed}`);
  return reports;
}

const folder = await mkdtemp(join(tmpdir(), 'nydusify-fuzz-'));
try {
  const reports = await runAll(folder);
  const clean = reports.filter(({ faults }) => faults.length === 0);
  if (values.write) {
    await addToCounts(clean);
    for (const report of clean) await report.keep();
  }
  process.exitCode = clean.length === reports.length ? 0 : 1;
} finally {
  await removeFolder(folder);
}
process.exit(); // threads of the addon may still wait
