/** The runner: what becomes of attempts that end well, badly, or not at all. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { takeIn } from '../../../src/service/intake.js';
import { projectRoot } from '../../support/project.js';
import { openRunnerBench } from '../../support/service/runner-bench.js';

const worker = (name: string): string => join(projectRoot, `dist/test/support/service/${name}-worker.js`);
const CONFIG =
  'provider: { source: { r.example: {} } }\nconverter: { worker: 2, rules: [{ tag_suffix: -n }] }';

test('an image that kills its process each time fails at its third try, beside nine that are converted', async (t) => {
  const good = Array.from({ length: 9 }, (_, i) => `good${i}`);
  const { config, queue, untilDone } = await openRunnerBench(t, worker('fatal'), CONFIG);
  const images = ['fatal', ...good].map((repository) => ({ registry: 'r.example', repository, tag: '1' }));
  await takeIn(images, config, queue, { origin: 'webhook' });
  const tasks = await untilDone();
  assert.deepEqual(
    tasks.map(({ source, state, attempts }) => `${source} ${state} ${attempts}`).sort(),
    ['r.example/fatal:1 failed 3', ...good.map((name) => `r.example/${name}:1 completed 1`)].sort(),
  );
  const failed = tasks.find(({ state }) => state === 'failed');
  assert.match(failed?.reason ?? '', /died \(SIGKILL\), as 3 times in a row/);
});

test('a process that grows beyond converter.memory is ended while it works, and its task fails with that sentence', async (t) => {
  const { config, queue, untilDone } = await openRunnerBench(t, worker('growing'), CONFIG, {
    memory: 200 << 20,
  });
  const images = ['growing', 'good'].map((repository) => ({ registry: 'r.example', repository, tag: '1' }));
  await takeIn(images, config, queue, { origin: 'webhook' });
  const tasks = await untilDone();
  assert.deepEqual(tasks.map(({ source, state, attempts }) => `${source} ${state} ${attempts}`).sort(), [
    'r.example/good:1 completed 1',
    'r.example/growing:1 failed 3',
  ]);
  const failed = tasks.find(({ state }) => state === 'failed');
  assert.match(
    failed?.reason ?? '',
    /died \(it grew to \d+ MiB, and converter\.memory allows 200 MiB\), as 3 times in a row/,
  );
  assert.match(failed?.error?.hint ?? '', /memory/);
});

test('no more conversions run than converter.worker says, and those that wait are records', async (t) => {
  const { config, queue, pool, untilDone } = await openRunnerBench(t, worker('slow'), CONFIG);
  const images = Array.from({ length: 20 }, (_, i) => ({
    registry: 'r.example',
    repository: 'a',
    tag: `${i}`,
  }));
  const counts: number[] = [];
  queue.subscribe(() => {
    void queue.count().then(({ states }) => counts.push(states.active));
    counts.push(pool.busy);
  });
  await takeIn(images, config, queue, { origin: 'webhook' });
  assert.equal((await queue.count()).states.waiting, 20);
  assert.equal((await untilDone()).filter(({ state }) => state === 'completed').length, 20);
  assert.equal(Math.max(...counts), 2);
});

test('a process that converts is replaced after fifty conversions', async (t) => {
  const { config, queue, pool, untilDone } = await openRunnerBench(t, worker('fatal'), CONFIG);
  const images = Array.from({ length: 120 }, (_, i) => ({
    registry: 'r.example',
    repository: 'a',
    tag: `${i}`,
  }));
  const jobs = new Map<number, number>();
  queue.subscribe(() => {
    for (const { pid, jobs: count } of pool.processes()) if (pid !== undefined) jobs.set(pid, count);
  });
  await takeIn(images, config, queue, { origin: 'webhook' });
  assert.ok((await untilDone()).every(({ state }) => state === 'completed'));
  assert.ok(jobs.size > 2, 'both of the first processes were replaced, or one of them');
  assert.ok([...jobs.values()].every((count) => count <= 50));
});
