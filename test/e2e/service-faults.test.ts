/** Registries that are slow, busy, away or refuse, and what becomes of the tasks beside them. */
import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { startRegistry } from '../../src/embedded-registry/server.js';
import { takeIn } from '../../src/service/intake.js';
import type { Task } from '../../src/service/queue/task.js';
import { productCommand } from '../support/project.js';
import { freePort } from '../support/registries/real-registries.js';
import { openRunnerBench, type RunnerBench } from '../support/service/runner-bench.js';
import { pushImage } from '../support/service/running.js';
import { tempFolder } from '../support/temp-folder.js';
import { waitFor } from '../support/wait-for.js';

const WORKER = join(dirname(productCommand), 'convert-worker.js');

interface Faulty {
  readonly host: string;
  /** Answers requests from now on; true for one that it has answered. */
  intercept: (request: IncomingMessage, response: ServerResponse) => boolean;
  readonly bench: RunnerBench;
  readonly push: (name: string) => Promise<string>;
  readonly add: (...names: readonly string[]) => Promise<void>;
}

interface Lab {
  readonly more?: string;
  readonly rules?: string;
  readonly timeoutMs?: number;
}

async function faulty(
  t: TestContext,
  { more = 'attempts: 5', rules = '[{ tag_suffix: -n }]', timeoutMs }: Lab = {},
): Promise<Faulty> {
  const root = await tempFolder(t);
  let intercept: Faulty['intercept'] = () => false;
  const registry = await startRegistry({ root, intercept: (...both) => intercept(...both) });
  t.after(() => registry.close());
  const { host } = registry;
  const bench = await openRunnerBench(
    t,
    WORKER,
    `provider: { source: { "${host}": {} } }\nconverter: { worker: 2, rules: ${rules}, ${more} }`,
    timeoutMs === undefined ? {} : { timeoutMs },
  );
  return {
    host,
    set intercept(next: Faulty['intercept']) {
      intercept = next;
    },
    bench,
    push: async (name) => {
      await pushImage(`${host}/${name}:1`, `content of ${name}`);
      return name;
    },
    add: async (...names) => {
      const images = names.map((repository) => ({ registry: host, repository, tag: '1' }));
      await takeIn(images, bench.config, bench.queue, { origin: 'webhook' });
    },
  };
}

function states(tasks: readonly Task[], host: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    tasks.map(({ source, state }) => [source.slice(host.length + 1).replace(/:1$/, ''), state]),
  );
}

test('429 is waited for as long as the registry asks, and does not count as an attempt', async (t) => {
  const lab = await faulty(t);
  const { bench, host } = lab;
  await lab.push('busy');
  lab.intercept = (_, response) => {
    response.writeHead(429, { 'retry-after': '3000' }).end();
    return true;
  };
  await lab.add('busy');
  await waitFor(async () => (await bench.queue.count()).states.delayed === 1);
  const [waiting] = (await bench.queue.list({ limit: 1 })).tasks;
  assert.equal(waiting?.attempts, 0);
  const seconds = ((waiting.nextAttempt ?? 0) - Date.now()) / 1000;
  assert.ok(seconds > 2900 && seconds <= 3000, `${seconds} s`);
  lab.intercept = () => false;
  assert.deepEqual(states(await bench.untilDone(), host), { busy: 'completed' });
});

test('a target that refuses is final, and the images beside it are converted', async (t) => {
  const lab = await faulty(t);
  for (const name of ['refused', 'fine', 'other']) await lab.push(name);
  lab.intercept = ({ method, url = '' }, response) => {
    if (method === 'GET' || method === 'HEAD' || !url.startsWith('/v2/refused/')) return false;
    response.writeHead(403, { 'content-type': 'application/json' });
    response.end('{"errors":[{"code":"DENIED","message":"a proxy cache takes no pushes"}]}');
    return true;
  };
  await lab.add('refused', 'fine', 'other');
  const tasks = await lab.bench.untilDone();
  assert.deepEqual(states(tasks, lab.host), { refused: 'failed', fine: 'completed', other: 'completed' });
  const refused = tasks.find(({ state }) => state === 'failed');
  assert.equal(refused?.attempts, 1);
  assert.match(refused.reason, /denies|DENIED|proxy cache/);
});

test('a registry that hangs costs its task the time of converter.timeout, and no worker for ever', async (t) => {
  const lab = await faulty(t, { more: 'attempts: 1', timeoutMs: 10_000 });
  for (const name of ['hanging', 'fine']) await lab.push(name);
  lab.intercept = ({ url = '' }) => url.startsWith('/v2/hanging/');
  await lab.add('hanging', 'fine');
  const tasks = await lab.bench.untilDone();
  assert.deepEqual(states(tasks, lab.host), { hanging: 'failed', fine: 'completed' });
  const hanging = tasks.find(({ state }) => state === 'failed');
  assert.deepEqual([hanging?.error?.code, hanging?.attempts], ['TIMEOUT', 1]);
});

test('answers that make no sense fail their task, and the service goes on', async (t) => {
  const lab = await faulty(t);
  for (const name of ['nonsense', 'fine']) await lab.push(name);
  lab.intercept = ({ url = '' }, response) => {
    if (!url.startsWith('/v2/nonsense/manifests/')) return false;
    response.writeHead(200, { 'content-type': 'application/vnd.oci.image.manifest.v1+json' });
    response.end('<html>');
    return true;
  };
  await lab.add('nonsense', 'fine');
  assert.deepEqual(states(await lab.bench.untilDone(), lab.host), { nonsense: 'failed', fine: 'completed' });
});

test('a registry that is away costs attempts, and its tasks go on when it is back', async (t) => {
  const root = await tempFolder(t);
  const port = await freePort();
  const host = `127.0.0.1:${port}`;
  {
    await using registry = await startRegistry({ root, port });
    await pushImage(`${registry.host}/away:1`, 'content');
  }
  const bench = await openRunnerBench(
    t,
    WORKER,
    `provider: { source: { "${host}": {} } }\nconverter: { worker: 2, rules: [{ tag_suffix: -n }] }`,
  );
  await takeIn([{ registry: host, repository: 'away', tag: '1' }], bench.config, bench.queue, {
    origin: 'webhook',
  });
  await waitFor(async () => (await bench.queue.count()).states.delayed === 1);
  const [waiting] = (await bench.queue.list({ limit: 1 })).tasks;
  assert.equal(waiting?.attempts, 1);
  assert.equal(waiting.error?.code, 'REGISTRY');
  await using registry = await startRegistry({ root, port });
  const [done] = await bench.untilDone();
  assert.deepEqual([registry.host, done?.state, done?.attempts], [host, 'completed', 2]);
});

test('a push during the conversion of its tag causes exactly one more run', async (t) => {
  const lab = await faulty(t);
  const { bench } = lab;
  await lab.push('pushed');
  let isHeld = true;
  const held: (() => void)[] = [];
  lab.intercept = ({ method, url = '' }, response) => {
    if (!isHeld || method !== 'POST' || !url.startsWith('/v2/pushed/blobs/uploads')) return false;
    held.push(() => response.writeHead(503).end());
    return true;
  };
  await lab.add('pushed');
  await waitFor(async () => held.length > 0 && (await bench.queue.count()).states.active === 1);
  isHeld = false;
  await pushImage(`${lab.host}/pushed:1`, 'new content');
  for (let i = 0; i < 3; i++) await lab.add('pushed');
  const { states: now } = await bench.queue.count();
  assert.deepEqual([now.active, now.waiting], [1, 1]);
  for (const release of held) release();
  const tasks = await bench.untilDone();
  assert.equal(tasks.length, 2);
  // The run that was under way saw the new content before it set the tag, so that the other finds it there.
  assert.deepEqual(tasks.map(({ state }) => state).sort(), ['completed', 'skipped']);
});

test('a cache that cannot be read does not keep an image from being converted', async (t) => {
  const lab = await faulty(t, { more: 'attempts: 1', rules: '[{ tag_suffix: -n }, { cache_tag: cache }]' });
  await lab.push('cached');
  lab.intercept = ({ url = '' }, response) => {
    if (!url.startsWith('/v2/cached/manifests/cache')) return false;
    response.writeHead(200, { 'content-type': 'application/vnd.oci.image.index.v1+json' });
    response.end('no cache');
    return true;
  };
  await lab.add('cached');
  assert.deepEqual(states(await lab.bench.untilDone(), lab.host), { cached: 'completed' });
});
