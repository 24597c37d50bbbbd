/** Runs commands and measures what they cost: wall time, CPU time, peak memory. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { findCommand } from '../../test/support/needs.js';
import { runTool } from '../../test/support/run-tool.js';

/** The cost of one run of a command. */
export interface Cost {
  /** Seconds. */
  readonly wall: number;
  /** Seconds, user and system, of the command and its children. */
  readonly cpu: number;
  /** Bytes, of the largest process. */
  readonly memory: number;
  /** The text that it wrote to stderr. */
  readonly said: string;
}

/** Throws when a command that the bench needs is not there. */
export function requireCommands(packages: Readonly<Record<string, string>>): void {
  for (const [command, name] of Object.entries(packages)) {
    if (findCommand(command) === undefined) {
      throw new Error(`the bench needs ${command} (Debian package ${name})`);
    }
  }
}

/** Runs a command that must succeed, under GNU time, which knows of all its threads and children. */
export async function costOf(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Cost> {
  const child = spawn('time', ['-f', 'cost %e %U %S %M', command, ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (bytes: Buffer) => (said += bytes.toString('utf8')));
  const started = performance.now();
  const [status] = (await once(child, 'close')) as [number | null];
  const wall = (performance.now() - started) / 1000;
  const match = /cost ([0-9.]+) ([0-9.]+) ([0-9.]+) ([0-9]+)\s*$/.exec(said);
  if (status !== 0 || match === null) {
    throw new Error(`${command} ${args.join(' ')}: status ${status ?? 'none'}\n${said.slice(-2000)}`);
  }
  return { wall, cpu: Number(match[2]) + Number(match[3]), memory: Number(match[4]) * 1024, said };
}

/** Lets the disk finish what earlier runs wrote, so that a run pays for itself alone. */
export async function settleDisk(): Promise<void> {
  await runTool('sync', []);
}

/** Seconds of CPU that a process has used so far; Linux only. */
export async function cpuSecondsOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // Fields 14 and 15; the name in parentheses may hold spaces. A tick is 10 ms wherever Node runs.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)] ?? 0;
  const lower = sorted[Math.ceil(sorted.length / 2) - 1] ?? upper;
  return (upper + lower) / 2;
}

/** Half of the range as a part of the median: 0.05 is ± 5 %. */
export function spread(numbers: readonly number[]): number {
  const middle = median(numbers);
  return middle === 0 ? 0 : (Math.max(...numbers) - Math.min(...numbers)) / 2 / middle;
}
