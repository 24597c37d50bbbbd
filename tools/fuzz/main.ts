/**
 * `npm run fuzz -- [--minutes N] [--targets NAME,…] [--seed N] [--processes N] [--write]`: runs every reader of foreign bytes on
 * mutations of its corpus, each target for the same time. `--write` adds the executions to counts.json, from which docs/security.md
 * is made, and keeps inputs with outcomes of new kinds in the corpus.
 */
import { fork } from 'node:child_process';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { keepInputs, readCorpus } from '../../test/support/fuzz/corpus.js';
import { fuzz } from '../../test/support/fuzz/fuzz.js';
import { fuzzTargets } from '../../test/support/fuzz/targets.js';
import { projectRoot } from '../../test/support/project.js';
import { removeFolder } from '../../test/support/temp-folder.js';

const COUNTS = join(projectRoot, 'tools', 'fuzz', 'counts.txt');

interface Report {
  readonly name: string;
  readonly executions: number;
  readonly faults: readonly { readonly input: string; readonly reason: string }[];
  readonly found: readonly string[];
}

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    targets: { type: 'string' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    processes: { type: 'string', default: String(availableParallelism()) },
    write: { type: 'boolean', default: false },
    child: { type: 'string' },
    milliseconds: { type: 'string', default: '0' },
  },
});

async function withFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'nydusify-fuzz-'));
  try {
    return await use(folder);
  } finally {
    await removeFolder(folder);
  }
}

/** Runs one target in this process and sends a report to the parent. */
async function runChild(name: string): Promise<void> {
  const report = await withFolder(async (folder): Promise<Report> => {
    const target = fuzzTargets(folder).find((one) => one.name === name);
    if (target === undefined) throw new Error(`there is no target ${name}`);
    const until = performance.now() + Number(values.milliseconds);
    const { executions, faults, found } = await fuzz(target, await readCorpus(name), {
      seed: Number(values.seed),
      until,
      executions: Infinity,
    });
    const text = (input: Buffer): string => input.toString('base64');
    return {
      name,
      executions,
      faults: faults.map(({ input, reason }) => ({ input: text(input), reason })),
      found: found.map(text),
    };
  });
  // The process ends when the report is gone, although threads of the addon may still wait.
  process.send?.(report, () => process.exit());
}

/** Runs one target in a process of its own, since a fault may end it. */
async function runTarget(name: string, milliseconds: number): Promise<Report> {
  const args = ['--child', name, '--milliseconds', String(milliseconds), '--seed', values.seed];
  const child = fork(fileURLToPath(import.meta.url), args);
  return new Promise((resolve) => {
    let report: Report | undefined;
    child.on('message', (message) => {
      report = message as Report; // as runChild sends it
    });
    child.on('exit', (code, signal) => {
      const reason = `the process ended with ${signal ?? code}; again: --targets '${name}' --seed ${values.seed}`;
      resolve(report ?? { name, executions: 0, faults: [{ input: '', reason }], found: [] });
    });
  });
}

/** The lines of counts.txt: name, tab, executions. */
async function addToCounts(reports: readonly Report[]): Promise<void> {
  const text = await readFile(COUNTS, 'utf8').catch(() => '');
  const counts = new Map(
    text
      .split('\n')
      .filter((line) => line !== '')
      .map((line): [string, number] => {
        const [name = '', count] = line.split('\t');
        return [name, Number(count)];
      }),
  );
  for (const { name, executions } of reports) counts.set(name, (counts.get(name) ?? 0) + executions);
  await writeFile(COUNTS, [...counts].map(([name, count]) => `${name}\t${count}\n`).join(''));
}

async function runAll(): Promise<boolean> {
  const names = await withFolder((folder) => Promise.resolve(fuzzTargets(folder).map(({ name }) => name)));
  const wanted = values.targets?.split(',') ?? names;
  const processes = Number(values.processes);
  const milliseconds = (Number(values.minutes) * 60_000 * processes) / wanted.length;
  const waiting = [...wanted];
  const reports: Report[] = [];
  const lane = async (): Promise<void> => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      const report = await runTarget(name, milliseconds);
      reports.push(report);
      console.log(
        `${name}: ${report.executions} executions, ${report.found.length} new outcomes, ${report.faults.length} faults`,
      );
      for (const { input, reason } of report.faults)
        console.log(`  FAULT ${reason}\n  input (base64): ${input}`);
    }
  };
  await Promise.all(Array.from({ length: processes }, lane));
  const clean = reports.every(({ faults }) => faults.length === 0);
  console.log(
    `${reports.reduce((sum, { executions }) => sum + executions, 0)} executions, seed ${values.seed}`,
  );
  if (values.write && clean) {
    await addToCounts(reports);
    for (const { name, found } of reports)
      await keepInputs(
        name,
        found.map((input) => Buffer.from(input, 'base64')),
      );
  }
  return clean;
}

if (values.child !== undefined) await runChild(values.child);
else {
  process.exitCode = (await runAll()) ? 0 : 1;
  process.exit(); // threads of the addon may still wait
}
