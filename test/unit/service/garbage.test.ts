/** Garbage: the work folder stays below its threshold, and nothing that is in use goes. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { openScratch } from '../../../src/io/scratch.js';
import { GarbageCollector } from '../../../src/service/garbage.js';
import { openLog } from '../../../src/service/log.js';
import { EmbeddedQueue } from '../../../src/service/queue/embedded/engine.js';
import { bytesIn, openWorkDir, type WorkDir } from '../../../src/service/work-dir.js';
import { QUICK_DISK, tempFolder } from '../../support/temp-folder.js';

interface Bench {
  readonly work: WorkDir;
  readonly queue: EmbeddedQueue;
  readonly log: readonly string[];
  readonly collector: GarbageCollector;
  /** Adds tasks that have ended, with about so many bytes of log each. */
  readonly ended: (count: number, bytes: number) => Promise<readonly string[]>;
}

async function bench(t: TestContext, threshold: number): Promise<Bench> {
  const work = openWorkDir(join(await tempFolder(t, QUICK_DISK), 'nydusify'));
  let time = 1_700_000_000_000;
  const queue = await EmbeddedQueue.open(work.path, { maxWaiting: 10_000, now: () => (time += 1000) });
  t.after(() => queue[Symbol.asyncDispose]());
  const log: string[] = [];
  const collector = new GarbageCollector({
    work,
    queue,
    log: openLog('text', (line) => log.push(line)),
    threshold: () => threshold,
  });
  return {
    work,
    queue,
    log,
    collector,
    ended: async (count, bytes) => {
      const ids: string[] = [];
      for (let i = 0; i < count; i++) {
        const source = `r.example/a${time}:1`;
        const [added] = await queue.add([
          {
            kind: 'convert',
            key: source,
            source,
            target: `${source}-n`,
            rule: 'r',
            origin: 'hand',
            priority: 1,
          },
        ]);
        const task = await queue.take();
        assert.equal(task?.id, added?.task.id);
        for (let left = bytes; left > 0; left -= 2000) await queue.log(task?.id ?? '', 'x'.repeat(2000));
        await queue.settle(task?.id ?? '', { kind: 'completed' });
        ids.push(task?.id ?? '');
      }
      return ids;
    },
  };
}

test('below the threshold nothing is removed, and nothing said', async (t) => {
  const { collector, ended, queue, log } = await bench(t, 1e9);
  await ended(3, 2000);
  const { freedBytes, removedTasks, keptBytes, thresholdBytes } = await collector.collect();
  assert.deepEqual([freedBytes, removedTasks, thresholdBytes, log], [0, 0, 1e9, []]);
  assert.ok(keptBytes > 0);
  assert.equal((await queue.list({ limit: 10 })).tasks.length, 3);
});

test('beyond it finished tasks go, those that ended first before others, and the log says what was freed', async (t) => {
  const { collector, ended, queue, log, work } = await bench(t, 3_000_000);
  const old = await ended(250, 8000);
  const young = await ended(100, 4000);
  assert.ok(bytesIn(work.path) > 3_000_000);
  const { freedBytes, removedTasks, keptBytes } = await collector.collect();
  assert.ok(keptBytes <= 2_400_000, String(keptBytes));
  assert.equal(keptBytes, bytesIn(work.path));
  assert.ok(freedBytes > 0 && removedTasks > 0);
  assert.equal(await queue.get(old[0] ?? ''), undefined);
  assert.ok(await queue.get(young.at(-1) ?? ''), 'the last one stays');
  assert.match(
    log.join('\n'),
    new RegExp(`msg="garbage was removed" freed=${freedBytes} tasks=${removedTasks} kept=${keptBytes}`),
  );
});

test('what a dead process has left goes; what a living one holds, waiting tasks and damaged queues stay', async (t) => {
  const { collector, queue, log, work } = await bench(t, 1_000_000);
  const leave = (path: string): void => {
    mkdirSync(path, { mode: 0o700 });
    writeFileSync(join(path, 'blob'), Buffer.alloc(900_000));
  };
  await using held = await openScratch(work.spool);
  writeFileSync(held.file('blob'), Buffer.alloc(900_000));
  const [, mark = ''] = /^nydusify-\d+-\d+(-[0-9a-f]{8}-)/.exec(readdirSync(work.spool)[0] ?? '') ?? [];
  assert.notEqual(mark, '');
  const dead = join(work.spool, `nydusify-999999999-1${mark}0123456789abcdef`);
  leave(dead);
  writeFileSync(join(work.path, 'queue.db.damaged-2026'), Buffer.alloc(900_000));
  const source = 'r.example/a:1';
  await queue.add([
    { kind: 'convert', key: source, source, target: `${source}-n`, rule: 'r', origin: 'hand', priority: 1 },
  ]);
  const { freedBytes } = await collector.collect();
  assert.ok(freedBytes >= 900_000 && freedBytes < 1_000_000, String(freedBytes));
  assert.ok(!existsSync(dead));
  assert.ok(existsSync(held.file('blob')));
  assert.ok(existsSync(join(work.path, 'queue.db.damaged-2026')));
  assert.ok(await queue.take());
  await collector.collect();
  const warnings = log.filter((line) => line.includes('level=warning'));
  assert.equal(warnings.length, 1, 'a folder that cannot be emptied is said once, not after each job');
});

test('jobs are added and taken while garbage is removed, and rounds at the same time are one', async (t) => {
  const { collector, ended, queue } = await bench(t, 500_000);
  await ended(600, 3000);
  const rounds = Promise.all([collector.collect(), collector.collect()]);
  let isOver = false;
  void rounds.then(() => (isOver = true));
  let jobs = 0;
  while (!isOver) {
    const source = `r.example/during${jobs}:1`;
    await queue.add([
      { kind: 'convert', key: source, source, target: `${source}-n`, rule: 'r', origin: 'hand', priority: 1 },
    ]);
    const task = await queue.take();
    assert.ok(task);
    await queue.settle(task.id, { kind: 'completed' });
    jobs++;
    await new Promise(setImmediate);
  }
  assert.ok(jobs > 1, `${jobs} jobs meanwhile`);
  const [one, two] = await rounds;
  assert.equal(one, two);
});
