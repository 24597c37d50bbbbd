/** The memory of other processes, as Linux shows it. */
import { readFile } from 'node:fs/promises';

/** Undefined for a process that has ended, and on systems without /proc. */
export async function residentBytes(pid: number): Promise<number | undefined> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(text)?.[1];
  return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
}
