/** Kills of the command at many moments of a conversion. */
import { mapOrdered } from '../../../src/io/concurrency.js';
import { type KillResult, type Moment, openKillLab } from './kill-lab.js';

export interface KillRun {
  /** Requests of an undisturbed run. */
  readonly requests: number;
  readonly results: readonly KillResult[];
}

/** SIGTERM and SIGKILL, each at `moments` moments, from the first request's arrival to the last one's answer. */
export async function runKillMatrix(
  moments: number,
  progress: (result: KillResult, done: number) => void = () => undefined,
): Promise<KillRun> {
  // Three runs at a time: most of a run is waiting.
  await using first = await openKillLab();
  await using second = await openKillLab();
  await using third = await openKillLab();
  const free = [first, second, third];
  const requests = Math.max(...free.map((lab) => lab.requests));
  const kills = (['SIGTERM', 'SIGKILL'] as const).flatMap((signal) =>
    Array.from({ length: moments }, (_, number) => ({ signal, part: number / (moments - 1) })),
  );
  let done = 0;
  const results = await mapOrdered(kills, free.length, async ({ signal, part }) => {
    const lab = free.pop();
    if (lab === undefined) throw new Error('more runs at a time than laboratories');
    const result = await lab.run(signal, momentAt(part, lab.requests));
    free.push(lab);
    progress(result, ++done);
    return result;
  });
  return { requests, results };
}

/** `part` from 0, the first request has come, to 1, the last one is answered. */
function momentAt(part: number, requests: number): Moment {
  const point = Math.round(part * (2 * requests - 1));
  return { request: Math.floor(point / 2) + 1, phase: point % 2 === 0 ? 'come' : 'answered' };
}
