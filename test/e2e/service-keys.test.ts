/** Keys of the service's configuration that need a real registry: endpoint, rate, storage backends and sweeps. */
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, mock, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { anonymous } from '../../src/registry/auth/credentials.js';
import { openSource } from '../../src/registry/open.js';
import { openLog } from '../../src/service/log.js';
import { EmbeddedQueue } from '../../src/service/queue/embedded/engine.js';
import { addSweep, SweepClock } from '../../src/service/sweeps.js';
import { needs } from '../support/needs.js';
import { productCommand } from '../support/project.js';
import { type RealRegistry, startDockerRegistry } from '../support/registries/real-registries.js';
import { openRunnerBench } from '../support/service/runner-bench.js';
import { pushImage, pushOf, startService } from '../support/service/running.js';
import { tempFolder } from '../support/temp-folder.js';

const SYNC = '/api/v1/conversions?sync=true';
const WORKER = join(dirname(productCommand), 'convert-worker.js');

let registry: RealRegistry;

before(async () => {
  registry = await startDockerRegistry();
});

after(async () => {
  await registry[Symbol.asyncDispose]();
});

async function digestOf(reference: string): Promise<string | undefined> {
  await using source = openSource(reference, { credentials: anonymous });
  return await source.resolve().then(
    ({ digest }) => digest,
    () => undefined,
  );
}

test('a registry is reached at its endpoint, under its own name; a rate slows its transfers', async (t) => {
  if (!needs(t, 'docker-registry')) return;
  const content = Buffer.alloc(150_000);
  for (let i = 0; i < content.length; i++) content[i] = (i * i * 7919) >> 3;
  await pushImage(`${registry.host}/placed/app:1`, content.toString('base64'));
  const run = await startService(t, {
    provider: `  source: { registry.example: { endpoint: "http://${registry.host}", rate: 100kB } }`,
    rest: 'converter: { worker: 1, rules: [{ tag_suffix: -nydus }] }',
  });
  const started = performance.now();
  const answer = await run.ask('POST', SYNC, { body: pushOf('registry.example/placed/app:1') });
  assert.equal(answer.status, 200, `${answer.text}\n${run.log()}`);
  const seconds = (performance.now() - started) / 1000;
  assert.ok((await digestOf(`${registry.host}/placed/app:1-nydus`)) !== undefined);
  // About 150 kB in and as much out.
  assert.ok(seconds > 2, `${seconds} s`);
});

test('blobs go to the storage backend of the driver, and the manifest to the registry', async (t) => {
  if (!needs(t, 'docker-registry')) return;
  const folder = await tempFolder(t);
  const image = `${registry.host}/backed/app:1`;
  await pushImage(image, 'blobs of this one lie elsewhere');
  const run = await startService(t, {
    provider: `  source: { "${registry.host}": {} }`,
    rest: `converter:
  worker: 1
  driver: { config: { backend_type: localfs, backend_config: '{"dir":"${folder}"}' } }
  rules: [{ tag_suffix: -nydus }]`,
  });
  const answer = await run.ask('POST', SYNC, { body: pushOf(image) });
  assert.equal(answer.status, 200, `${answer.text}\n${run.log()}`);
  assert.equal((await readdir(folder)).length, 1);
  assert.ok((await digestOf(`${image}-nydus`)) !== undefined);
});

test('a sweep looks through the repositories that match, and converts tags whose result is missing', async (t) => {
  if (!needs(t, 'docker-registry')) return;
  for (const name of ['swept/a:1', 'swept/a:dev', 'swept/deep/b:1', 'single:1', 'elsewhere/c:1'])
    await pushImage(`${registry.host}/${name}`, name);
  const bench = await openRunnerBench(
    t,
    WORKER,
    `provider: { source: { "${registry.host}": {} } }
converter: { worker: 2, rules: [{ tag_suffix: -n }] }
sweeps:
  - { name: all, cron: "0 2 * * *", host: "${registry.host}", repositories: ["swept/**", single, none], tags: ["1"] }`,
  );
  const sweep = bench.config.sweeps.get('all');
  assert.ok(sweep);
  await bench.queue.setPaused(true);
  const first = await addSweep(sweep, bench.queue);
  const second = await addSweep(sweep, bench.queue);
  assert.deepEqual([second.joined, second.task.id], [true, first.task.id], 'one at a time');
  await bench.queue.setPaused(false);
  const tasks = await bench.untilDone();
  assert.deepEqual(
    tasks
      .filter(({ kind }) => kind === 'convert')
      .map(({ source, state, origin }) => `${source} ${state} ${origin}`)
      .sort(),
    ['single:1', 'swept/a:1', 'swept/deep/b:1']
      .map((name) => `${registry.host}/${name} completed sweep`)
      .sort(),
  );
  assert.equal(await digestOf(`${registry.host}/swept/a:dev-n`), undefined);
  await addSweep(sweep, bench.queue);
  const again = (await bench.untilDone()).filter(
    ({ kind, state }) => kind === 'convert' && state === 'skipped',
  );
  assert.equal(again.length, 3, 'what is there is not made again');
});

test('a sweep begins when its time has come, in its zone', async (t) => {
  const queue = await EmbeddedQueue.open(await tempFolder(t), { maxWaiting: 10 });
  mock.timers.enable({ apis: ['setTimeout', 'Date'], now: Date.parse('2026-07-01T23:59:30Z') });
  try {
    using clock = new SweepClock(
      queue,
      openLog('text', () => undefined),
    );
    const sweep = { name: 's', cron: '0 2 * * *', registry: 'r.example', repositories: ['**'], tags: ['*'] };
    clock.set([{ ...sweep, zone: 'Europe/Berlin' }]);
    mock.timers.tick(20_000);
    assert.equal((await queue.count()).states.waiting, 0);
    mock.timers.tick(20_000);
    await turn();
    assert.equal((await queue.count()).states.waiting, 1);
    clock.set([]);
    mock.timers.tick(48 * 3_600_000);
    await turn();
    assert.equal((await queue.list({ limit: 9 })).tasks.length, 1, 'no other after the sweep is gone');
  } finally {
    mock.timers.reset();
    await queue[Symbol.asyncDispose]();
  }
});
