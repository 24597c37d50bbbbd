/** What is wrong with the end of a run on a bomb. */
import type { BombResult } from './run.js';
import { BOMB_BUDGET } from './table.js';

/** Success, no, or one of the failures that an image can cause. */
const EXIT_CODES: readonly (number | null)[] = [0, 1, 3, 5];

export function bombFaults({ exitCode, memory, disk, wall, said }: BombResult): readonly string[] {
  const faults: string[] = [];
  if (!EXIT_CODES.includes(exitCode)) faults.push(`exit code ${exitCode}`);
  if (memory > BOMB_BUDGET.memory) faults.push(`${Math.round(memory / 2 ** 20)} MiB of memory`);
  if (disk > BOMB_BUDGET.disk) faults.push(`${Math.round(disk / 2 ** 20)} MiB of disk`);
  if (wall > BOMB_BUDGET.seconds) faults.push(`${Math.round(wall)} s`);
  if (exitCode !== 0 && exitCode !== 1 && said.length !== 1) faults.push(`${said.length} sentences`);
  return faults;
}
