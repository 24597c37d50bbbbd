/** Processes of this machine, as /proc tells of them. */
import { readFile } from 'node:fs/promises';

/** Empty for a process that has ended. */
export async function childrenOf(pid: number): Promise<readonly number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  return text
    .split(' ')
    .filter((word) => word !== '')
    .map(Number);
}
