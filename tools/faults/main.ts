/**
 * `npm run faults`: what a run does when the network, the registry or the machine fails, tried out in full and written into
 * docs/reliability.md. Without an argument the fault matrix and the
 * matrix of steps; `--cached` (the requests of a build cache alone), `--steps` (these alone), `--kill`, `--power`, `--hostile`, `--clients` and
 * `--link [--layout FOLDER --image TAG]` the others.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type CutCell, runPowerCuts } from '../../test/support/faults/cut-matrix.js';
import { SCENARIOS } from '../../test/support/faults/cut-scenarios.js';
import { runKillMatrix } from '../../test/support/faults/kill-matrix.js';
import {
  attack,
  ATTACKS,
  hostileFaults,
  type HostileResult,
} from '../../test/support/faults/hostile-registry.js';
import { linkRatio, MAX_RATIO, studyLink } from '../../test/support/faults/link-study.js';
import { DISKS } from '../../test/support/faults/loop-disk.js';
import { runSteps } from '../../test/support/faults/step-matrix.js';
import { stepsReport } from './steps-report.js';
import { cachedReport, matrixReport } from './matrix-report.js';
import { meetAll } from '../../test/support/references/interop-table.js';
import { runMatrix, type Scenarios, UNCACHED } from '../../test/support/faults/matrix-run.js';
import { benchImages } from '../bench/images.js';
import { writePageSection } from '../docs/page-section.js';
import { linkText } from './link-report.js';
import { powerReport, powerRow } from './power-report.js';
import { hostileReport, killReport, meetingsReport } from './small-reports.js';
import { say } from '../say.js';

const PAGE = 'reliability.md';

/** All requests × all faults, once and for good: of runs without a build cache, or those of the cache itself. */
async function matrix(scenarios: readonly Scenarios[] = UNCACHED): Promise<boolean> {
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
    scenarios,
  );
  const isCached = scenarios.includes('cached');
  await writePageSection(
    PAGE,
    isCached ? 'cached' : 'matrix',
    isCached ? cachedReport(run) : matrixReport(run),
  );
  const broken = run.results.filter(({ faults }) => faults.length > 0).length;
  say(
    `${run.results.length} cells in ${Math.round((performance.now() - started) / 1000)} s, ${broken} broken, ${run.leaks.length} secrets printed`,
  );
  return broken === 0 && run.leaks.length === 0;
}

/** Steps that a run can do without × statuses. */
async function steps(): Promise<boolean> {
  const started = performance.now();
  let cells = 0;
  const results = await runSteps(1, ({ step, status, mode, faults }) => {
    if (++cells % 50 === 0) say(`  ${cells} cells of steps`);
    for (const fault of faults) say(`BROKEN ${step} × ${status}, ${mode}: ${fault}`);
  });
  await writePageSection(PAGE, 'steps', stepsReport(results));
  const broken = results.filter(({ faults }) => faults.length > 0).length;
  say(
    `${results.length} cells of steps in ${Math.round((performance.now() - started) / 1000)} s, ${broken} broken`,
  );
  return broken === 0;
}

/** Both signals, at moments spread evenly over a conversion. */
async function kill(): Promise<boolean> {
  const { requests, results } = await runKillMatrix(50, (result, done) => {
    if (done % 10 === 0) say(`  ${done} kills`);
    for (const fault of result.faults)
      say(`BROKEN ${result.signal} at request ${result.moment.request} (${result.moment.phase}): ${fault}`);
  });
  await writePageSection(PAGE, 'kill', killReport(requests, results));
  const broken = results.filter(({ faults }) => faults.length > 0).length;
  say(`${results.length} kills over ${requests} requests, ${broken} broken`);
  return broken === 0;
}

/** Copies of each disk, for each conversion. */
const POWER_MOMENTS = 200;

/** Disks as they are when the power fails; and, as a control, what runs that synchronise nothing leave. */
async function power(): Promise<boolean> {
  const started = performance.now();
  const report = (cell: CutCell): void => {
    say(`  ${powerRow(cell).join(' | ')}`);
    for (const fault of new Set(cell.verdicts.flatMap(({ faults }) => faults))) say(`    BROKEN: ${fault}`);
  };
  const cells = await runPowerCuts({ moments: POWER_MOMENTS }, report);
  const control = await runPowerCuts(
    { moments: POWER_MOMENTS, disks: [DISKS[0]], scenarios: [SCENARIOS[0]], isControl: true },
    report,
  );
  await writePageSection(PAGE, 'power', powerReport(cells, control));
  const broken = cells.flatMap(({ verdicts }) => verdicts).filter(({ faults }) => faults.length > 0).length;
  say(`${cells.length} cells in ${Math.round((performance.now() - started) / 1000)} s, ${broken} broken`);
  return broken === 0;
}

/** Registries and clients of others. */
async function clients(): Promise<boolean> {
  const meetings = await meetAll(({ registry, client, outcome, detail }) => {
    say(`  ${client} at ${registry}: ${outcome} (${detail})`);
  });
  await writePageSection(PAGE, 'clients', meetingsReport(meetings));
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
  await writePageSection(PAGE, 'hostile', hostileReport(results));
  return results.every((result) => hostileFaults(result).length === 0);
}

/** 50 Mbit/s. */
const LINK_BYTES_PER_SECOND = 50e6 / 8;
const LINK_ROUND_TRIP_MS = 80;
const LINK_SEED = 1;

/** A slow link, and one that breaks: the image of a layout, or one made here. */
async function link(args: readonly string[]): Promise<boolean> {
  const { values } = parseArgs({
    args: [...args],
    options: { layout: { type: 'string' }, image: { type: 'string', default: 'app' } },
  });
  const folder = await mkdtemp(join(tmpdir(), 'nydusify-link-image-'));
  try {
    const { layout } = await benchImages({ layout: values.layout, names: [values.image] }, folder, say);
    const study = {
      image: `oci:${layout}:${values.image}`,
      name: values.image,
      bytesPerSecond: LINK_BYTES_PER_SECOND,
      roundTripMs: LINK_ROUND_TRIP_MS,
      resets: [
        { of: 'connections', share: 0.01, seed: LINK_SEED },
        { of: 'requests', share: 0.1, seed: LINK_SEED },
      ],
    } as const;
    const report = await studyLink(study, say);
    await writePageSection(PAGE, 'link', linkText(report));
    say(`ratio ${linkRatio(report).toFixed(3)}, ${report.areEqual ? 'equal' : 'DIFFERENT'} results`);
    return report.areEqual && linkRatio(report) <= MAX_RATIO;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function main(args: readonly string[]): Promise<boolean> {
  switch (args[0]) {
    case undefined: {
      const isWhole = await matrix();
      const isCacheWhole = await matrix(['cached']);
      return (await steps()) && isWhole && isCacheWhole;
    }
    case '--cached':
      return matrix(['cached']);
    case '--steps':
      return steps();
    case '--kill':
      return kill();
    case '--power':
      return power();
    case '--clients':
      return clients();
    case '--hostile':
      return hostile();
    case '--link':
      return link(args.slice(1));
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
