/** Many kills, and the table of them for docs/reliability.md. */
import { mapOrdered } from '../../../src/io/concurrency.js';
import { type KillResult, openKillLab } from './kill.js';
import { table } from './report.js';

/** Runs at a time: more would stretch every run, and move the moments. */
const AT_ONCE = 2;
/** Kills in a row of the table. */
const BAND = 5;

export interface KillRun {
  /** What a run that nobody disturbs took. */
  readonly durationMs: number;
  readonly results: readonly KillResult[];
}

/** SIGTERM and SIGKILL, each at `moments` moments from the start of the command to its end. */
export async function runKillMatrix(
  moments: number,
  progress: (result: KillResult, done: number) => void = () => undefined,
): Promise<KillRun> {
  await using lab = await openKillLab();
  const { durationMs } = lab;
  const kills = (['SIGTERM', 'SIGKILL'] as const).flatMap((signal) =>
    Array.from({ length: moments }, (_, number) => ({
      signal,
      atMs: (durationMs * (number + 0.5)) / moments,
    })),
  );
  let done = 0;
  const results = await mapOrdered(kills, AT_ONCE, async ({ signal, atMs }) => {
    const result = await lab.run(signal, atMs);
    progress(result, ++done);
    return result;
  });
  return { durationMs, results };
}

export function killReport(durationMs: number, results: readonly KillResult[]): string {
  const broken = results.filter(({ faults }) => faults.length > 0).length;
  const rows: string[][] = [];
  for (let from = 0; from < results.length; from += BAND) {
    const band = results.slice(from, from + BAND);
    const [first, last] = [band[0], band.at(-1)];
    if (first === undefined || last === undefined) continue;
    rows.push([
      first.signal,
      `${Math.round(first.atMs)}–${Math.round(last.atMs)}`,
      [...new Set(band.map(({ status }) => String(status ?? 'killed')))].join(', '),
      count(band.map(({ tag }) => tag)),
      range(band.map(({ heldBytes }) => heldBytes)),
      range(band.map(({ sentBytes }) => sentBytes)),
      range(band.map(({ totalBytes, heldBytes }) => totalBytes - heldBytes)),
    ]);
  }
  return [
    `${results.length} kills, spread over a conversion of ${Math.round(durationMs)} ms (${String(results[0]?.totalBytes ?? 0)} bytes of blobs in the result); ${broken} broke a promise.`,
    table(
      [
        'signal',
        'after ms',
        'exit code',
        'tag',
        'bytes held after the kill',
        'bytes sent by the next run',
        'bytes that were missing',
      ],
      rows,
    ),
  ].join('\n\n');
}

function count(values: readonly string[]): string {
  return [...new Set(values)]
    .map((value) => `${value} ${values.filter((other) => other === value).length}`)
    .join(', ');
}

function range(values: readonly number[]): string {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return low === high ? String(low) : `${low}–${high}`;
}
