/** The resources of the system that this process holds. */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

export interface Holdings {
  /** Bytes of resident memory. */
  readonly memory: number;
  /** Bytes of live objects of JavaScript, and of buffers beside them. */
  readonly heap: number;
  readonly descriptors: number;
  readonly threads: number;
  /** Files and folders in the work folder. */
  readonly files: number;
}

/** The threads of this process. */
export function threadCount(): number {
  return Number(/^Threads:\s*(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);
}

/** Reads what is held now. No conversion may run, since folders that are being removed cannot be listed. */
export function holdings(workDir: string): Holdings {
  const { rss, heapUsed, external } = process.memoryUsage();
  return {
    memory: rss,
    heap: heapUsed + external,
    descriptors: readdirSync('/proc/self/fd').length,
    threads: threadCount(),
    files: readdirSync(workDir, { recursive: true }).length,
  };
}

/**
 * Waits until no more descriptors, threads and files are held than `before`, for five seconds at most; returns what is held then.
 * With `--expose-gc` garbage does not count.
 */
export async function settled(workDir: string, before: Holdings): Promise<Holdings> {
  for (let wait = 0; ; wait++) {
    globalThis.gc?.();
    const now = holdings(workDir);
    const isBack =
      now.descriptors <= before.descriptors && now.threads <= before.threads && now.files <= before.files;
    if (isBack || wait === 50) return now;
    await delay(100);
  }
}
