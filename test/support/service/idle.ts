/** What a service needs that has nothing to do, or is paused with many tasks that wait. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EmbeddedQueue } from '../../../src/service/queue/embedded/engine.js';
import { cpuSeconds } from './load.js';
import { residentBytes } from '../../../src/service/jobs/resident.js';
import { childrenOf } from './processes.js';
import { startService } from './running.js';
import { type Owner, tempFolder } from '../temp-folder.js';

export interface IdleCost {
  readonly startMs: number;
  readonly serverBytes: number;
  readonly workerBytes: number;
  readonly cpuSeconds: number;
}

/** Time for caches and timers of the start to settle. */
const SETTLE_MS = 5000;
const PIECE = 500;

export async function measureIdle(t: Owner, waiting: number, seconds: number): Promise<IdleCost> {
  const folder = await tempFolder(t);
  const work = join(folder, 'work', 'nydusify');
  await mkdir(work, { recursive: true, mode: 0o700 });
  {
    await using queue = await EmbeddedQueue.open(work, { maxWaiting: waiting + 1 });
    if (waiting > 0) await queue.setPaused(true);
    for (let at = 0; at < waiting; at += PIECE)
      await queue.add(
        Array.from({ length: Math.min(PIECE, waiting - at) }, (_, i) => ({
          kind: 'convert' as const,
          key: `k${at + i}`,
          source: `r.example/team/app:${at + i}`,
          target: `r.example/team/app:${at + i}-nydus`,
          rule: 'suffix',
          origin: 'webhook' as const,
          priority: 5,
        })),
      );
  }
  const started = performance.now();
  const run = await startService(
    t,
    {
      provider: '  source: { r.example: {} }',
      rest: 'converter: { worker: 1, rules: [{ tag_suffix: -nydus }] }',
    },
    { folder },
  );
  const startMs = performance.now() - started;
  const pid = run.child.pid ?? 0;
  await sleep(SETTLE_MS);
  const before = await cpuSeconds(pid);
  await sleep(seconds * 1000);
  const used = (await cpuSeconds(pid)) - before;
  const [worker = 0] = await childrenOf(pid);
  const cost = {
    startMs,
    serverBytes: (await residentBytes(pid)) ?? 0,
    workerBytes: (await residentBytes(worker)) ?? 0,
    cpuSeconds: used,
  };
  await run.end('SIGTERM');
  return cost;
}
