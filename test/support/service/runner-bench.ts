/** The queue and the runner without a server, whose clock goes forward to the next attempt by itself. */
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { readServiceConfig, type ServiceConfig } from '../../../src/service/config/config.js';
import { WorkerPool } from '../../../src/service/jobs/pool.js';
import { openLog } from '../../../src/service/log.js';
import { openMetrics } from '../../../src/service/metrics.js';
import { EmbeddedQueue } from '../../../src/service/queue/embedded/engine.js';
import type { Task } from '../../../src/service/queue/task.js';
import { Runner } from '../../../src/service/runner.js';
import { QUICK_DISK, tempFolder } from '../temp-folder.js';

export interface RunnerBench {
  readonly config: ServiceConfig;
  readonly queue: EmbeddedQueue;
  readonly pool: WorkerPool;
  /** Runs the tasks that were added, and waits until all have ended. */
  readonly untilDone: () => Promise<readonly Task[]>;
}

/** `program` is that of the processes that convert, of which there are two. */
export async function openRunnerBench(
  t: TestContext,
  program: string,
  yaml: string,
  { timeoutMs = 60_000, memory = 1 << 30 } = {},
): Promise<RunnerBench> {
  const folder = await tempFolder(t, QUICK_DISK);
  let ahead = 0;
  const queue = await EmbeddedQueue.open(folder, { maxWaiting: 1000, now: () => Date.now() + ahead });
  const config = readServiceConfig(yaml, 'config', { HOME: folder });
  const pool = new WorkerPool({ program, workers: 2, memory, timeoutMs });
  const metrics = openMetrics({
    name: 'test',
    version: '0',
    queue,
    workers: () => ({ busy: 0, free: 0 }),
    storeBytes: () => 0,
  });
  const log = openLog('text', () => undefined);
  const runner = new Runner({ queue, pool, config: () => config, spool: folder, metrics, log });
  t.after(async () => {
    await runner.drain(0);
    await pool[Symbol.asyncDispose]();
    await queue[Symbol.asyncDispose]();
  });
  pool.start();
  return {
    config,
    queue,
    pool,
    untilDone: async () => {
      for (;;) {
        const { states } = await queue.count();
        if (states.waiting + states.delayed + states.active === 0)
          return (await queue.list({ limit: 1000 })).tasks;
        if (states.waiting + states.active === 0) ahead += (await queue.untilNext()) ?? 0;
        runner.wake();
        await sleep(10);
      }
    },
  };
}
