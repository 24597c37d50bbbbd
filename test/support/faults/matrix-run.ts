/**
 * The matrix over several processes. Each runs with every debug log of the client switched on; what they print is kept, and
 * searched for secrets like all else.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { mapOrdered } from '../../../src/io/concurrency.js';
import { openFaultLab, type SeenRequest } from './fault-lab.js';
import { type Cell, type CellResult, cellsOf, type Mode, runCell, secretsOf } from './fault-matrix.js';
import { isFormatScenario, type Scenario } from './fault-runs.js';

/** Conversions at a time in one process: most of a cell is waiting. */
const AT_ONCE = 6;
/** Those of the fault matrix; `referrer` is one of the matrix of steps. */
export type Scenarios = Exclude<Scenario, 'referrer'>;
const SCENARIOS: readonly Scenarios[] = [
  'usual',
  'chunks',
  'large',
  'mount',
  'elsewhere',
  'v5',
  'lz4',
  'batches',
  'copy',
  'cached',
  'relink',
  'rebuild',
  'optimize',
  'referring',
  'flatten',
  'join',
];
/** Those whose cells the first table of docs/reliability.md has. */
export const UNCACHED = SCENARIOS.filter((scenario) => scenario !== 'cached');
/** Every format makes the same requests, and the other scenarios most of them, so that one cell of so many is enough. The number divides no number of faults. */
const EVERY_OF_FORMAT = 5;
const SAMPLED: ReadonlySet<Scenario> = new Set([
  'relink',
  'rebuild',
  'optimize',
  'referring',
  'flatten',
  'join',
]);

/** The cells that one process runs. */
export interface Share {
  /** Digests that the runs without faults give. */
  readonly references: Readonly<Record<Scenarios, string>>;
  readonly cells: readonly Cell[];
}

/** Cells of a mode, in an order that does not depend on timing; of `every` so many the first. */
export interface Slice {
  readonly mode: Mode;
  readonly every: number;
}

export interface MatrixRun {
  readonly results: readonly CellResult[];
  /** Lines of debug log that were searched. */
  readonly debugLines: number;
  /** Cells whose secrets stood in the debug log. */
  readonly leaks: readonly string[];
}

/** Runs the cells of one share; each result is handed out when it is there. */
export async function runShare(
  { references, cells }: Share,
  found: (result: CellResult) => void,
): Promise<void> {
  for (const scenario of new Set(cells.map((cell) => cell.scenario as Scenarios))) {
    await using lab = await openFaultLab(scenario);
    const own = cells.filter((cell) => cell.scenario === scenario);
    await mapOrdered(own, AT_ONCE, async (cell) => {
      found(await runCell(lab, cell, references[scenario]));
    });
  }
}

/** The requests of the runs without faults, times the faults. */
async function plan(slices: readonly Slice[], scenarios: readonly Scenarios[]): Promise<Share> {
  const references = Object.fromEntries(SCENARIOS.map((scenario) => [scenario, ''])) as Record<
    Scenarios,
    string
  >;
  const cells: Cell[][] = slices.map(() => []);
  for (const scenario of scenarios) {
    await using lab = await openFaultLab(scenario);
    const { error, tagged, requests } = await lab.run({ rules: {} });
    if (error !== undefined || tagged === undefined)
      throw new Error(`the run without faults failed (${scenario})`, { cause: error });
    references[scenario] = tagged;
    const ordered = [...requests].sort((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1));
    const every = isFormatScenario(scenario) || SAMPLED.has(scenario) ? EVERY_OF_FORMAT : 1;
    for (const [number, { mode }] of slices.entries()) {
      const all = distinct(cellsOf(scenario, ordered, lab.config, mode), mode);
      cells[number]?.push(...all.filter((_, index) => index % every === 0));
    }
  }
  const chosen = slices.flatMap(
    ({ every }, number) => cells[number]?.filter((_, index) => index % every === 0) ?? [],
  );
  return { references, cells: chosen };
}

function orderOf({ host, method, path, status }: SeenRequest): string {
  // The request that is asked to log in comes before the same request with a token.
  return [host, method, path, status === 401 ? 0 : 1].join(' ');
}

/** A lasting fault has the same effect for every blob, so that one cell of each kind is enough. */
function distinct(cells: readonly Cell[], mode: Mode): readonly Cell[] {
  if (mode === 'once') return cells;
  const seen = new Set<string>();
  return cells.filter(({ host, kind, fault }) => {
    const key = `${host} ${kind} ${fault}`;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

/** Runs the slices' cells over `processes` processes. */
export async function runMatrix(
  slices: readonly Slice[],
  processes: number,
  progress: (result: CellResult) => void = () => undefined,
  scenarios: readonly Scenarios[] = SCENARIOS,
): Promise<MatrixRun> {
  const { references, cells } = await plan(slices, scenarios);
  const shares = Array.from({ length: processes }, (_, number) => ({
    references,
    cells: cells.filter((_, index) => index % processes === number),
  }));
  const runs = await Promise.all(shares.map(async (share) => runInProcess(share, progress)));
  const results = runs.flatMap((run) => run.results);
  const log = runs.map((run) => run.log).join('\n');
  const secrets = new Set(results.flatMap(({ tokens }) => secretsOf(tokens)));
  return {
    results,
    debugLines: log.split('\n').length - 1,
    leaks: [...secrets].filter((secret) => log.includes(secret)),
  };
}

async function runInProcess(
  share: Share,
  progress: (result: CellResult) => void,
): Promise<{ readonly results: readonly CellResult[]; readonly log: string }> {
  const entry = join(import.meta.dirname, 'matrix-process.js');
  const child = spawn(process.execPath, ['--enable-source-maps', entry], {
    env: { ...process.env, NODE_DEBUG: 'nydus:*' },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  child.stdin.end(JSON.stringify(share));
  const log: string[] = [];
  child.stderr.on('data', (bytes: Buffer) => log.push(bytes.toString('utf8')));
  const closed = new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  const results: CellResult[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    const result = JSON.parse(line) as CellResult; // matrix-process.ts wrote it
    results.push(result);
    progress(result);
  }
  const status = await closed;
  if (status !== 0)
    throw new Error(`a share of the matrix ended with ${status}: ${log.join('').slice(-2000)}`);
  return { results, log: log.join('') };
}
