/** What is wrong with the end of a run on a bomb. */
import type { BombResult } from './run.js';

/** What a run may take, whatever the input: bytes of memory, bytes of disk, seconds, milliseconds without a look at signals. */
export const BOMB_BUDGET = {
  memory: 512 * 2 ** 20,
  disk: 2 ** 30 + 2 ** 28,
  seconds: 60,
  held: 200,
  stop: 1,
} as const;

/** Success, no, or one of the failures that an image can cause. */
const EXIT_CODES: readonly (number | null)[] = [0, 1, 3, 5];

export function bombFaults({ exitCode, memory, disk, wall, held, said }: BombResult): readonly string[] {
  const faults: string[] = [];
  if (!EXIT_CODES.includes(exitCode)) faults.push(`exit code ${exitCode}`);
  if (memory > BOMB_BUDGET.memory) faults.push(`${Math.round(memory / 2 ** 20)} MiB of memory`);
  if (disk > BOMB_BUDGET.disk) faults.push(`${Math.round(disk / 2 ** 20)} MiB of disk`);
  if (wall > BOMB_BUDGET.seconds) faults.push(`${Math.round(wall)} s`);
  if (held > BOMB_BUDGET.held) faults.push(`the loop was held for ${Math.round(held)} ms`);
  if (exitCode !== 0 && exitCode !== 1 && said.length !== 1) faults.push(`${said.length} sentences`);
  return faults;
}

/** The faults of a run that got a signal. */
export function stopFaults({ stopped }: BombResult): readonly string[] {
  return stopped === undefined || stopped <= BOMB_BUDGET.stop
    ? []
    : [`ended ${stopped.toFixed(1)} s after the signal`];
}
