/** The acceleration service as a process, against a real registry: upstream's endpoints, and nothing lost or doubled. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { recordedSource } from '../../src/image/kinds.js';
import { collect } from '../../src/io/streams.js';
import { parseDocument } from '../../src/oci/manifest.js';
import { anonymous } from '../../src/registry/auth/credentials.js';
import { openSource } from '../../src/registry/open.js';
import { nydusify } from '../support/command.js';
import { needs } from '../support/needs.js';
import { freePort, type RealRegistry, startDockerRegistry } from '../support/registries/real-registries.js';
import {
  type Answer,
  pushImage,
  pushOf,
  type ServiceRun,
  startService,
  type StartOptions,
} from '../support/service/running.js';
import { tempFolder } from '../support/temp-folder.js';
import { waitFor } from '../support/wait-for.js';

const CONVERSIONS = '/api/v1/conversions';
const SYNC = `${CONVERSIONS}?sync=true`;

let registry: RealRegistry;

before(async () => {
  registry = await startDockerRegistry();
});

after(async () => {
  await registry[Symbol.asyncDispose]();
});

function service(
  t: TestContext,
  options: StartOptions & { rules?: string; source?: string; more?: string } = {},
): Promise<ServiceRun> {
  const { rules = '[{ tag_suffix: -nydus }]', source = '', more = '' } = options;
  return startService(
    t,
    {
      provider: `  source: { "${registry.host}": { ${source} }, "unused.example": {} }`,
      rest: `converter: { worker: 1, rules: ${rules} }\n${more}`,
    },
    options,
  );
}

/** The digest that a tag points to. */
async function digestOf(reference: string): Promise<string> {
  await using source = openSource(reference, { credentials: anonymous });
  return (await source.resolve()).digest;
}

/** The digest of the image that a Nydus image says it was made from. */
async function madeFrom(reference: string): Promise<string | undefined> {
  await using source = openSource(reference, { credentials: anonymous });
  const root = await source.resolve();
  const document = parseDocument(await collect(source.fetch(root), 1 << 22, 'manifest'), root.mediaType);
  return recordedSource(document).digest;
}

async function tagsOf(repository: string): Promise<readonly string[]> {
  const response = await fetch(`http://${registry.host}/v2/${repository}/tags/list`);
  return ((await response.json()) as { readonly tags?: readonly string[] }).tags ?? [];
}

test("upstream's endpoints: paths, bodies, statuses", async (t) => {
  if (!needs(t, 'docker-registry')) return;
  const run = await service(t, { source: 'webhook: { auth_header: "the secret" }' });
  const at = registry.host;
  const authorized = { authorization: 'the secret' };
  const rows: readonly (readonly [
    body: string | object | undefined,
    headers: object,
    status: number,
    text: RegExp,
  ])[] = [
    [undefined, {}, 200, /^"Ok"\n$/],
    [{}, {}, 200, /^"Ok"\n$/],
    [{ type: 'PULL_ARTIFACT', event_data: 1 }, {}, 200, /^"Ok"\n$/],
    [{ type: 'PUSH_ARTIFACT' }, authorized, 400, /ERR_ILLEGAL_PARAMETER.*event_data/],
    [{ type: 'PUSH_ARTIFACT', event_data: { resources: null } }, authorized, 200, /^"Ok"\n$/],
    [
      { type: 'PUSH_ARTIFACT', event_data: { resources: [{}] } },
      authorized,
      400,
      /resources\.0\.resource_url/,
    ],
    [pushOf(`${at}/A:1`), authorized, 400, /resources\[0\]\.resource_url/],
    [{ type: 1 }, {}, 400, /ERR_ILLEGAL_PARAMETER.*invalid webhook payload/],
    ['no JSON', {}, 400, /ERR_ILLEGAL_PARAMETER.*invalid webhook payload/],
    [`${'['.repeat(5000)}${']'.repeat(5000)}`, {}, 400, /invalid webhook payload/],
    [{}, { 'content-type': 'application/cloudevents+json' }, 400, /invalid webhook payload/],
    [{}, { 'content-type': 'application/json; charset=utf-8' }, 200, /Ok/],
    [pushOf(`${at}/a:1`), {}, 401, /ERR_UNAUTHORIZED.*invalid auth config/],
    [pushOf(`${at}/a:1`), { authorization: 'the secreT' }, 401, /ERR_UNAUTHORIZED.*invalid auth config/],
    [pushOf('elsewhere.example/a:1'), authorized, 403, /ERR_FORBIDDEN/],
    [pushOf(`${at}/a:1`, 'elsewhere.example/a:1'), authorized, 403, /ERR_FORBIDDEN/],
    ['x'.repeat(2 << 20), {}, 413, /ERR_TOO_LARGE/],
    [pushOf(...Array.from({ length: 1001 }, (_, i) => `${at}/a:${i}`)), authorized, 400, /resources/],
  ];
  for (const [body, headers, status, text] of rows) {
    const answer = await run.ask('POST', CONVERSIONS, {
      ...(body === undefined ? {} : { body }),
      headers: headers as Record<string, string>,
    });
    const shown = (JSON.stringify(body) as string | undefined)?.slice(0, 80);
    assert.equal(answer.status, status, `${shown}: ${answer.text}`);
    assert.match(answer.text, text, shown);
    assert.match(answer.type, /^application\/json/);
  }
  assert.deepEqual(await run.tasks(), [], 'nothing of a refused body is accepted');
  for (const [method, path] of [
    ['GET', '/'],
    ['HEAD', CONVERSIONS],
    ['DELETE', CONVERSIONS],
    ['PUT', '/api/v1/health'],
    ['GET', '/api/v1/conversions/x'],
    ['GET', '/%'],
  ] as const) {
    const answer = await run.ask(method, path);
    assert.ok(answer.status === 404 || path === '/%', `${method} ${path}: ${answer.status}`);
    if (answer.status === 404 && method !== 'HEAD')
      assert.deepEqual(answer.json, { code: 'ERR_INVALID_ENDPOINT', message: 'Endpoint not found' });
  }
  const health = await run.ask('GET', '/api/v1/health');
  assert.deepEqual([health.status, health.type, health.text], [200, 'text/plain', 'Ok']);
  assert.ok(!run.log().includes('the secret'));
});

test('a pushed image is converted, listed, and not converted again while its tag stays', async (t) => {
  if (!needs(t, 'docker-registry')) return;
  const run = await service(t, { rules: '[{ tag_suffix: -nydus }, { cache_tag: cache }]' });
  const image = `${registry.host}/first/app:1`;
  await pushImage(image, 'one');
  const sync = await run.ask('POST', SYNC, { body: pushOf(image) });
  assert.deepEqual([sync.status, sync.json], [200, 'Ok'], run.log());
  assert.equal(await madeFrom(`${image}-nydus`), await digestOf(image));
  const [task] = await run.tasks();
  assert.deepEqual([task?.status, task?.source, task?.reason], ['COMPLETED', image, '']);
  assert.ok((task?.source_size ?? 0) > 0);
  await run.ask('POST', SYNC, { body: pushOf(image) });
  assert.match((await run.tasks())[0]?.reason ?? '', /made from this image already/);
  await pushImage(image, 'two');
  await run.ask('POST', SYNC, { body: pushOf(image) });
  assert.equal(await madeFrom(`${image}-nydus`), await digestOf(image), 'other content is converted');
  for (const own of [`${image}-nydus`, `${registry.host}/first/app:cache`]) {
    const answer = await run.ask('POST', SYNC, { body: pushOf(own) });
    assert.equal(answer.status, 200);
    assert.equal((await run.tasks())[0]?.status, 'COMPLETED');
  }
  assert.deepEqual([...(await tagsOf('first/app'))].sort(), ['1', '1-nydus', 'cache']);
});

test('a digest without a tag never becomes latest: its repository is looked at', async (t) => {
  if (!needs(t, 'docker-registry')) return;
  const run = await service(t);
  const image = `${registry.host}/digest/app:1`;
  await pushImage(image, 'by digest');
  const digest = await digestOf(image);
  const answer = await run.ask('POST', CONVERSIONS, {
    body: pushOf(`${registry.host}/digest/app@${digest}`),
  });
  assert.equal(answer.status, 200);
  await sleep(1000);
  assert.deepEqual(await tagsOf('digest/app'), ['1']);
  assert.deepEqual(await run.tasks(), [], 'a look is no conversion');
});

test('a failure is answered to who waits, and listed', async (t) => {
  if (!needs(t, 'docker-registry')) return;
  const run = await service(t, { rules: '[{ name: a, match: { repository: "only/*" }, tag_suffix: -n }]' });
  const none = await run.ask('POST', SYNC, { body: pushOf(`${registry.host}/other/app:1`) });
  assert.deepEqual(none.json, {
    code: 'ERR_CONVERT_FAILED',
    message: 'create target reference by rule: not found matched conversion rule',
  });
  const missing = await run.ask('POST', CONVERSIONS, { body: pushOf(`${registry.host}/only/missing:1`) });
  assert.equal(missing.status, 200);
  const [task] = await run.until(([first]) => (first?.reason ?? '').includes('does not exist'));
  assert.equal(task?.status, 'PROCESSING', 'a registry may tell of a push before it serves it');
});

test('what was accepted before a SIGKILL is converted after it, and spools of dead processes go', async (t) => {
  if (!needs(t, 'docker-registry')) return;
  const images = Array.from({ length: 6 }, (_, i) => `${registry.host}/killed/app:${i}`);
  for (const [i, image] of images.entries()) await pushImage(image, `content ${i} `.repeat(20_000));
  const first = await service(t);
  const answer = await first.ask('POST', CONVERSIONS, { body: pushOf(...images) });
  assert.equal(answer.status, 200);
  await first.until((tasks) => tasks.some(({ status }) => status === 'COMPLETED'));
  await first.end('SIGKILL');
  await pushImage(images[5] ?? '', 'pushed while the service was away');
  const second = await service(t, { folder: first.folder });
  await second.until((tasks) => tasks.length >= 6 && tasks.every(({ status }) => status === 'COMPLETED'));
  for (const image of images) assert.equal(await madeFrom(`${image}-nydus`), await digestOf(image), image);
  assert.match(second.log(), /did not end cleanly/);
  assert.equal(await second.end('SIGTERM'), 0);
  assert.deepEqual(await readdir(join(first.folder, 'work', 'nydusify', 'spool')), []);
});

test('SIGTERM lets the running conversion end, and keeps the others for the next start', async (t) => {
  if (!needs(t, 'docker-registry')) return;
  const images = Array.from({ length: 3 }, (_, i) => `${registry.host}/drained/app:${i}`);
  for (const [i, image] of images.entries()) await pushImage(image, `drained ${i}`);
  const first = await service(t);
  await first.ask('POST', CONVERSIONS, { body: pushOf(...images) });
  assert.equal(await first.end('SIGTERM'), 0, first.log());
  assert.match(first.log(), /stopped/);
  const second = await service(t, { folder: first.folder });
  await second.until((tasks) => tasks.length === 3 && tasks.every(({ status }) => status === 'COMPLETED'));
});

test('a second service on the same folder is refused', async (t) => {
  if (!needs(t, 'docker-registry')) return;
  const run = await service(t);
  const outcome = await nydusify(['serve', '--config', join(run.folder, 'accel.yaml')]);
  assert.equal(outcome.status, 6);
  assert.match(outcome.stderr, /in use by process \d+/);
});

test('SIGHUP reads rules and secrets again, and a bad file leaves the old ones in force', async (t) => {
  if (!needs(t, 'docker-registry')) return;
  const run = await service(t);
  const path = join(run.folder, 'accel.yaml');
  const text = await readFile(path, 'utf8');
  const image = `${registry.host}/reloaded/app:1`;
  await pushImage(image, 'reloaded');
  await writeFile(path, text.replace('-nydus', '-other'));
  run.child.kill('SIGHUP');
  await waitFor(() => run.log().includes('read again'));
  await writeFile(path, 'converter: { worker: none }');
  run.child.kill('SIGHUP');
  await waitFor(() => run.log().includes('stays as it was'));
  assert.equal((await run.ask('POST', SYNC, { body: pushOf(image) })).status, 200);
  assert.deepEqual([...(await tagsOf('reloaded/app'))].sort(), ['1', '1-other']);
});

test('a process that dies is replaced, and its conversion is tried again', async (t) => {
  if (!needs(t, 'docker-registry')) return;
  const run = await service(t);
  const image = `${registry.host}/dying/app:1`;
  await pushImage(image, 'x'.repeat(3_000_000));
  const workers = await childrenOf(run.child.pid ?? 0);
  assert.equal(workers.length, 1, 'exactly converter.worker processes');
  await run.ask('POST', CONVERSIONS, { body: pushOf(image) });
  for (const pid of workers) process.kill(pid, 'SIGKILL');
  await run.until(([task]) => task?.status === 'COMPLETED' || (task?.reason ?? '').includes('died'));
  const other = `${registry.host}/dying/other:1`;
  await pushImage(other, 'fine');
  assert.equal((await run.ask('POST', SYNC, { body: pushOf(other) })).status, 200, run.log());
});

async function childrenOf(pid: number): Promise<readonly number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return text
    .split(' ')
    .filter((word) => word !== '')
    .map(Number);
}

test('--check prints the configuration without secrets, and starts nothing', async (t) => {
  const folder = await tempFolder(t);
  const path = join(folder, 'accel.yaml');
  await writeFile(
    path,
    'provider: { source: { r.example: { webhook: { auth_header: hidden } } } }\nserver: { prot: 1 }',
  );
  const good = await nydusify(['serve', '--check', '--config', path]);
  assert.equal(good.status, 0, good.stderr);
  assert.ok(!good.stdout.includes('hidden'));
  assert.match(good.stderr, /server\.prot is not known/);
  await writeFile(path, 'server: { port: none }');
  const bad = await nydusify(['serve', '--check', '--config', path]);
  assert.equal(bad.status, 2);
  assert.match(bad.stderr, /server\.port/);
  await writeFile(path, 'converter: { driver: { type: estargz } }');
  const later = await nydusify(['serve', '--check', '--config', path]);
  assert.equal(later.status, 2);
  assert.match(later.stderr, /converter\.driver\.type estargz is not supported/);
});

test('the log is one JSON object a line on request, and metrics are there when asked for', async (t) => {
  if (!needs(t, 'docker-registry')) return;
  const run = await service(t);
  const { status, text } = await run.ask('GET', '/metrics', { headers: { host: 'evil.example' } });
  assert.equal(status, 200);
  assert.match(text, /^nydusify_queue_jobs\{state="waiting",kind="sweep"\} 0$/m);
  await run.ask('GET', '/never/seen/before');
  const after404 = (await run.ask('GET', '/metrics')).text;
  assert.match(after404, /^acceleration_service_api_requests_total\{code="404",.*url="\/\*"\} 1$/m);
  assert.ok(!after404.includes('never'));
});

test("a registry's own notifications are converted, whatever host its client has named", async (t) => {
  if (!needs(t, 'docker-registry')) return;
  const port = await freePort();
  await using notifying = await startDockerRegistry(`notifications:
  endpoints:
    - name: accel
      url: http://127.0.0.1:${port}/api/v1/webhooks/own
      headers: { Authorization: [Bearer hook-secret] }
      timeout: 2s
      threshold: 1
      backoff: 100ms`);
  const run = await startService(
    t,
    {
      provider: `  source: { "${notifying.host}": {} }`,
      rest: `converter: { worker: 1, rules: [{ tag_suffix: -nydus }] }
webhooks: [{ name: own, type: distribution, registry: "${notifying.host}", auth: { value: Bearer hook-secret } }]`,
    },
    { port },
  );
  const image = `${notifying.host}/told/app:1`;
  await pushImage(image, 'told');
  const manifest = await fetch(`http://${notifying.host}/v2/told/app/manifests/1`, {
    headers: { accept: 'application/vnd.oci.image.manifest.v1+json' },
  });
  const again = await rawPut(notifying.host, '/v2/told/app/manifests/2', await manifest.text());
  assert.equal(again, 201);
  await run.until((tasks) => tasks.length >= 2 && tasks.every(({ status }) => status === 'COMPLETED'));
  assert.equal(await madeFrom(`${image}-nydus`), await digestOf(image));
  assert.equal(await madeFrom(`${notifying.host}/told/app:2-nydus`), await digestOf(image));
  assert.ok((await run.tasks()).every(({ source }) => source.startsWith(notifying.host)));
  assert.ok(!run.log().includes('evil.example'));
  const { text } = await run.ask('GET', '/metrics');
  assert.match(text, /nydusify_events_total\{receiver="own",outcome="accepted"\}/);
  assert.match(
    text,
    /nydusify_events_skipped_total\{reason="converted"\}/,
    'our own pushes are told of, too',
  );
});

/** Puts a manifest with a `Host` of the client's choice; the status. */
async function rawPut(host: string, path: string, body: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const put = request(
      `http://${host}${path}`,
      {
        method: 'PUT',
        headers: { host: 'evil.example:9999', 'content-type': 'application/vnd.oci.image.manifest.v1+json' },
      },
      (response) => {
        response.resume();
        resolve(response.statusCode);
      },
    );
    put.once('error', reject);
    put.end(body);
  });
}

test('receivers: who may send, what is answered, and secrets that show nowhere', async (t) => {
  const run = await startService(t, {
    provider: '  source: { r.example: {}, ghcr.test: {} }',
    rest: `converter: { worker: 1, rules: [{ tag_suffix: -nydus }] }
webhooks:
  - { name: team, type: harbor, registry: r.example, auth: { value: header-secret } }
  - { name: hub, type: quay, registry: r.example, auth: { value: path-secret } }
  - { name: git, type: github, registry: ghcr.test, auth: { value: mac-secret } }
  - { name: far, type: acr, registry: r.example, auth: { value: x }, allow: [10.0.0.0/8] }
  - { name: free, type: generic, unauthenticated: true }`,
  });
  const post = async (
    path: string,
    body: string | object,
    headers: Record<string, string> = {},
  ): Promise<Answer> => run.ask('POST', `/api/v1/webhooks/${path}`, { body, headers });
  const push = pushOf('r.example/a:1');
  const good = { authorization: 'header-secret' };
  const [missing, wrong] = [
    await post('team', push),
    await post('team', push, { authorization: 'header-secreT' }),
  ];
  assert.deepEqual([missing.status, missing.text], [401, wrong.text]);
  const accepted = await post('team', pushOf('r.example/a:1', 'r.example/B:1', 'r.example/a:1-nydus'), good);
  assert.equal(accepted.status, 202);
  const { accepted: taken, skipped } = accepted.json as {
    readonly accepted: readonly { readonly source: string }[];
    readonly skipped: readonly { readonly source: string; readonly reason: string }[];
  };
  assert.deepEqual(
    taken.map(({ source }) => source),
    ['r.example/a:1'],
  );
  assert.deepEqual(
    skipped.map(({ source }) => source),
    ['r.example/a:1-nydus', 'r.example/B:1'],
  );
  assert.equal((await post('team', { type: 'PULL_ARTIFACT' }, good)).status, 200);
  assert.equal((await post('team', 'no JSON', good)).status, 400);
  assert.match((await post('team', { type: 'PUSH_ARTIFACT' }, good)).text, /event_data/);
  const quay = { repository: 'team/app', updated_tags: ['1'] };
  assert.equal((await post('hub/path-secret', quay)).status, 202);
  assert.equal((await post('hub/path-secreT', quay)).status, 401);
  assert.equal((await post('hub', quay)).status, 401);
  const body = JSON.stringify({
    action: 'published',
    package: { package_type: 'CONTAINER', package_version: { package_url: 'ghcr.test/team/app:1' } },
  });
  const mac = createHmac('sha256', 'mac-secret').update(body).digest('hex');
  const github = { 'x-github-event': 'package' };
  assert.equal((await post('git', body, { ...github, 'x-hub-signature-256': `sha256=${mac}` })).status, 202);
  assert.equal(
    (await post('git', `${body} `, { ...github, 'x-hub-signature-256': `sha256=${mac}` })).status,
    401,
  );
  assert.equal((await post('git', body, github)).status, 401);
  assert.equal((await post('far', { action: 'ping' }, { authorization: 'x' })).status, 403);
  assert.equal((await post('free', { images: [{ reference: 'elsewhere.example/a:1' }] })).status, 403);
  assert.equal((await post('none', {})).status, 404);
  const { text } = await run.ask('GET', '/metrics');
  for (const secret of ['header-secret', 'path-secret', 'mac-secret'])
    assert.ok(!run.log().includes(secret) && !text.includes(secret), secret);
});

test('v2: a task by hand is converted, its layers and log are kept, and events tell of it; garbage is removed', async (t) => {
  if (!needs(t, 'docker-registry')) return;
  const run = await service(t, {
    rules: '[{ tag_suffix: -nydus }]',
    more: 'api: { tokens: [{ name: w, value: by-hand, scope: write }] }',
  });
  const headers = { authorization: 'Bearer by-hand' };
  const image = `${registry.host}/hand/app:1`;
  await pushImage(image, 'by hand');
  const ended = new AbortController();
  const events = await fetch(`${run.address}/api/v2/events`, { headers, signal: ended.signal });
  const created = await run.ask('POST', '/api/v2/tasks', { headers, body: { source: image, wait: true } });
  assert.equal(created.status, 201, created.text);
  const task = created.json as Readonly<Record<string, unknown>> & { readonly id: string };
  const { state, target_digest: target, progress } = task;
  assert.deepEqual([state, target], ['completed', await digestOf(`${image}-nydus`)]);
  const { layers, done, each } = progress as { layers: number; done: number; each: { outcome: string }[] };
  assert.deepEqual([layers, done, each.map(({ outcome }) => outcome)], [1, 1, ['pushed']]);
  const log = await run.ask('GET', `/api/v2/tasks/${task.id}/log`, { headers });
  assert.match(log.text, /converting linux\/amd64/);
  let told = '';
  const decoder = new TextDecoder();
  assert.ok(events.body);
  for await (const part of events.body) {
    told += decoder.decode(part as Uint8Array, { stream: true });
    if (told.includes('"state":"completed"')) break;
  }
  ended.abort();
  assert.ok(told.includes('"state":"waiting"') && told.includes('"state":"active"'));
  assert.equal((await run.ask('GET', '/api/v2/ready', { headers: {} })).status, 200);
  assert.equal((await run.ask('POST', '/api/v2/gc', { headers })).status, 202);
  assert.equal((await run.ask('GET', '/api/v2/tasks')).status, 401);
  assert.ok(!run.log().includes('by-hand'));
});
