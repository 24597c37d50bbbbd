/** Runs one conversion on fewer cores, to measure how much of it does not run beside the rest. */
import { availableParallelism } from 'node:os';
import { runTool } from '../../test/support/run-tool.js';
import type { RealRegistry } from '../../test/support/registries/real-registries.js';

/** The first `count` processors, as taskset names them. */
function firstCores(count: number): string {
  return count === 1 ? '0' : `0-${count - 1}`;
}

/** A command that has so many processors. */
export function onCores(count: number, command: readonly string[]): readonly [string, ...string[]] {
  return ['taskset', '-c', firstCores(count), ...command];
}

/** Holds running registries to so many processors while `work` goes on. */
export async function withCores<T>(
  count: number,
  registries: readonly RealRegistry[],
  work: () => Promise<T>,
): Promise<T> {
  const set = async (cores: number): Promise<void> => {
    for (const { pid } of registries) {
      await runTool('taskset', ['-a', '-c', '-p', firstCores(cores), String(pid)]);
    }
  };
  await set(count);
  try {
    return await work();
  } finally {
    await set(availableParallelism());
  }
}

/**
 * The part of the work on one core that more cores do not shorten, by Amdahl's law: time(n) = time(1) × (s + (1 − s) ÷ n).
 * Below 0 when one core costs more than its share, as when its caches are fought for.
 */
export function serialPart(one: number, all: number): number {
  const cores = availableParallelism();
  return (all / one - 1 / cores) / (1 - 1 / cores);
}
