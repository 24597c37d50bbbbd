/**
 * `npm run faults`: what a run does when the network, the registry or the machine fails, tried out in full and written into
 * docs/reliability.md. Without an argument the fault matrix; `--kill`, `--hostile` and `--clients` the others.
 */
import { availableParallelism } from 'node:os';
import { killReport, runKillMatrix } from '../test/support/faults/kill-matrix.js';
import {
  attack,
  ATTACKS,
  hostileFaults,
  hostileReport,
  type HostileResult,
} from '../test/support/faults/hostile.js';
import { matrixReport } from '../test/support/faults/report.js';
import { meetAll, meetingsReport } from '../test/support/interop-table.js';
import { runMatrix } from '../test/support/faults/workers.js';
import { writeSection } from './reliability-page.js';

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** All requests × all faults, once and for good. */
async function matrix(): Promise<boolean> {
  const processes = Math.max(2, Math.min(8, availableParallelism()));
  const started = performance.now();
  let cells = 0;
  const run = await runMatrix(
    [
      { mode: 'once', every: 1 },
      { mode: 'for good', every: 1 },
    ],
    processes,
    ({ cell, faults, message }) => {
      if (++cells % 50 === 0) say(`  ${cells} cells, ${Math.round((performance.now() - started) / 1000)} s`);
      for (const fault of faults)
        say(
          `BROKEN ${cell.kind} × ${cell.fault}, ${cell.mode}: ${fault}${message === undefined ? '' : ` (${message})`}`,
        );
    },
  );
  await writeSection('matrix', matrixReport(run));
  const broken = run.results.filter(({ faults }) => faults.length > 0).length;
  say(
    `${run.results.length} cells in ${Math.round((performance.now() - started) / 1000)} s, ${broken} broken, ${run.leaks.length} secrets printed`,
  );
  return broken === 0 && run.leaks.length === 0;
}

/** Both signals, at moments spread evenly over a conversion. */
async function kill(): Promise<boolean> {
  const { requests, results } = await runKillMatrix(50, (result, done) => {
    if (done % 10 === 0) say(`  ${done} kills`);
    for (const fault of result.faults)
      say(`BROKEN ${result.signal} at request ${result.moment.request} (${result.moment.phase}): ${fault}`);
  });
  await writeSection('kill', killReport(requests, results));
  const broken = results.filter(({ faults }) => faults.length > 0).length;
  say(`${results.length} kills over ${requests} requests, ${broken} broken`);
  return broken === 0;
}

/** Registries and clients of others. */
async function clients(): Promise<boolean> {
  const meetings = await meetAll(({ registry, client, outcome, detail }) => {
    say(`  ${client} at ${registry}: ${outcome} (${detail})`);
  });
  await writeSection('clients', meetingsReport(meetings));
  return meetings.every(({ outcome }) => outcome === 'equal');
}

/** A registry that means harm. */
async function hostile(): Promise<boolean> {
  const results: HostileResult[] = [];
  for (const each of ATTACKS) {
    const result = await attack(each);
    results.push(result);
    say(`  ${each.name}: ${result.sentence} ${hostileFaults(result).join(', ')}`);
  }
  await writeSection('hostile', hostileReport(results));
  return results.every((result) => hostileFaults(result).length === 0);
}

async function main(args: readonly string[]): Promise<boolean> {
  switch (args[0]) {
    case undefined:
      return matrix();
    case '--kill':
      return kill();
    case '--clients':
      return clients();
    case '--hostile':
      return hostile();
    default:
      throw new Error(`unknown argument ${args[0]}`);
  }
}

try {
  process.exitCode = (await main(process.argv.slice(2))) ? 0 : 1;
} catch (error) {
  say(`error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  process.exitCode = 1;
}
