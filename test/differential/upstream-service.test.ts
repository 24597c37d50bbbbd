/**
 * Upstream's acceleration service beside ours: the same requests to both, upstream's client with our server and ours with upstream's, and
 * upstream's templates as our configuration.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { needs } from '../support/needs.js';
import { productCommand } from '../support/project.js';
import { type AccelerationPart, accelerationTools, pathOrSkip } from '../support/references/tools.js';
import { freePort, startDockerRegistry } from '../support/registries/real-registries.js';
import { type Ran, tryRun } from '../support/run-tool.js';
import { pushImage, pushOf } from '../support/service/running.js';
import { tempFolder } from '../support/temp-folder.js';

const CONVERSIONS = '/api/v1/conversions';
const OURS: readonly string[] = [process.execPath, join(dirname(productCommand), 'acceld.js')];
const OUR_CLIENT: readonly string[] = [process.execPath, join(dirname(productCommand), 'accelctl.js')];
const SECRET = 'Bearer the-secret';

async function parts(t: TestContext): Promise<((part: AccelerationPart) => string) | undefined> {
  const folder = pathOrSkip(t, await accelerationTools());
  return folder === undefined ? undefined : (part) => join(folder, part);
}

/** One file for both; `host` is a registry of this machine. */
function configuration(port: number, folder: string, host: string, source = ''): string {
  return `server: { name: API, host: 127.0.0.1, port: ${port} }
metric: { enabled: true }
provider:
  source: { "${host}": { ${source} } }
  work_dir: ${folder}
  gcpolicy: { threshold: 1000MB }
  cache_size: 200
  cache_version: v1
converter:
  worker: 1
  driver: { type: nydus, config: { work_dir: ${folder} } }
  rules: [{ tag_suffix: -nydus }, { cache_tag: nydus-cache }]
`;
}

/** Starts a server, and returns its `HOST:PORT` once it answers. */
async function serve(
  t: TestContext,
  command: readonly string[],
  host: string,
  source?: string,
): Promise<string> {
  const folder = await tempFolder(t);
  const port = await freePort();
  const path = join(folder, 'config.yaml');
  await writeFile(path, configuration(port, folder, host, source));
  const [program = '', ...args] = command;
  const child = spawn(program, [...args, '--config', path], {
    env: { PATH: process.env['PATH'], HOME: folder },
    stdio: 'ignore',
  });
  t.after(async () => {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  });
  const address = `127.0.0.1:${port}`;
  for (let i = 0; i < 1000; i++) {
    const health = await ask(address, 'GET', '/api/v1/health').catch(() => undefined);
    if (health?.status === 200) return address;
    assert.equal(child.exitCode, null, `${program} has ended`);
    await sleep(50);
  }
  throw new Error(`${program} does not answer`);
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

/** Any method, and a body with any; `fetch` refuses some. */
async function ask(
  address: string,
  method: string,
  path: string,
  body?: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(`http://${address}${path}`, { method, headers, agent: false }, (response) => {
      const bytes: Buffer[] = [];
      response.on('data', (part: Buffer) => bytes.push(part));
      response.once('error', reject);
      response.once('end', () => {
        resolve({
          status: response.statusCode ?? 0,
          type: (response.headers['content-type'] ?? '').replace(/;.*/, ''),
          text: Buffer.concat(bytes).toString('utf8').trim(),
        });
      });
    });
    sent.once('error', reject);
    sent.end(body);
  });
}

const JSON_TYPE = { 'content-type': 'application/json' };

interface Row {
  readonly title: string;
  readonly method?: string;
  readonly path?: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** What is ours where it differs, and why. */
  readonly ours?: { readonly answer: Answer; readonly why: string };
}

const refusal = (status: number, code: string, message: string): Answer => ({
  status,
  type: 'application/json',
  text: JSON.stringify({ code, message }),
});

function rows(host: string): readonly Row[] {
  const push = (...resources: readonly string[]): string => JSON.stringify(pushOf(...resources));
  return [
    { title: 'an event without resources', body: push() },
    { title: 'a push of our own result', body: push(`${host}/team/app:1-nydus`) },
    {
      title: 'the same, waited for',
      path: `${CONVERSIONS}?sync=true`,
      body: push(`${host}/team/app:1-nydus`),
    },
    {
      title: 'a push of the cache, waited for',
      path: `${CONVERSIONS}?sync=1`,
      body: push(`${host}/team/app:nydus-cache`),
    },
    { title: 'sync that is no boolean', path: `${CONVERSIONS}?sync=maybe`, body: push() },
    { title: 'members that nobody knows', body: JSON.stringify({ ...pushOf(), more: 1, occur_at: 2 }) },
    { title: 'another event', body: '{"type":"PULL_ARTIFACT","event_data":{"resources":[]}}' },
    { title: 'an empty object', body: '{}' },
    { title: 'no body' },
    {
      title: 'no event_data',
      body: '{"type":"PUSH_ARTIFACT"}',
      ours: {
        answer: refusal(400, 'ERR_ILLEGAL_PARAMETER', 'invalid webhook payload: event_data'),
        why: 'upstream panics',
      },
    },
    { title: 'no JSON', body: 'no JSON' },
    { title: 'a wrong type', body: '{"type":1}' },
    { title: 'a list', body: '[]' },
    { title: 'nothing', body: 'null' },
    { title: 'a text', body: '"PUSH_ARTIFACT"' },
    { title: 'a number', body: '1' },
    { title: 'a list as an event', body: '{"type":"PUSH_ARTIFACT","event_data":[]}' },
    { title: 'a text as an event', body: '{"type":"PUSH_ARTIFACT","event_data":"x"}' },
    { title: 'an object as resources', body: '{"type":"PUSH_ARTIFACT","event_data":{"resources":{}}}' },
    { title: 'a number as a resource', body: '{"type":"PUSH_ARTIFACT","event_data":{"resources":[1]}}' },
    {
      title: 'a number as a name',
      body: '{"type":"PUSH_ARTIFACT","event_data":{"resources":[{"resource_url":1}]}}',
    },
    { title: 'no resources', body: '{"type":"PUSH_ARTIFACT","event_data":{"resources":null}}' },
    { title: 'no type', body: '{"event_data":{"resources":[]}}' },
    { title: 'a type that is nothing', body: '{"type":null}' },
    { title: 'another media type', body: '{}', headers: { 'content-type': 'application/cloudevents+json' } },
    { title: 'another media type with a push', body: push(), headers: { 'content-type': 'text/plain' } },
    {
      title: 'an image that is not there, waited for',
      path: `${CONVERSIONS}?sync=true`,
      body: push('127.0.0.1:1/team/missing:1'),
      ours: {
        answer: refusal(403, 'ERR_FORBIDDEN', '127.0.0.1:1 is not in provider.source'),
        why: 'upstream asks any host that a body names',
      },
    },
    { title: 'health', method: 'GET', path: '/api/v1/health' },
    { title: 'no path', method: 'GET', path: '/' },
    { title: 'another path', method: 'GET', path: '/api/v1/other' },
    { title: 'another version', method: 'GET', path: '/api/v9/conversions' },
    { title: 'another method', method: 'DELETE', path: CONVERSIONS },
    { title: 'another method with a body', method: 'PUT', path: CONVERSIONS, body: '{}' },
    { title: 'another method of health', method: 'POST', path: '/api/v1/health', body: '{}' },
    { title: 'below a path', method: 'GET', path: `${CONVERSIONS}/1` },
  ];
}

async function answerTo(
  address: string,
  { method = 'POST', path = CONVERSIONS, body, headers }: Row,
): Promise<Answer> {
  return ask(address, method, path, body, headers ?? (body === undefined ? {} : JSON_TYPE));
}

test('both answer the same requests alike, but for what is named', async (t) => {
  if (!needs(t, 'docker-registry')) return;
  const part = await parts(t);
  if (part === undefined) return;
  await using registry = await startDockerRegistry();
  const [upstream, ours] = [
    await serve(t, [part('acceld')], registry.host),
    await serve(t, OURS, registry.host),
  ];
  for (const row of rows(registry.host)) {
    const [theirs, own] = [await answerTo(upstream, row), await answerTo(ours, row)];
    if (row.ours === undefined) {
      // Ours names the member that is wrong.
      const named = own.text.replace(/(invalid webhook payload): [a-z_.0-9]+/, '$1');
      assert.deepEqual({ ...own, text: named }, theirs, row.title);
    } else {
      assert.deepEqual(own, row.ours.answer, row.title);
      assert.notDeepEqual(theirs, own, `${row.title}: ${row.ours.why}`);
    }
  }
  const members = async (address: string): Promise<readonly string[]> => {
    const { status, type, text } = await ask(address, 'GET', CONVERSIONS);
    assert.deepEqual([status, type], [200, 'application/json']);
    const [first] = JSON.parse(text) as readonly object[];
    return Object.entries(first ?? {})
      .map(([name, value]) => `${name} ${typeof value}`)
      .sort();
  };
  assert.deepEqual(await members(ours), await members(upstream), 'a task has the same members');
  const names = async (address: string): Promise<ReadonlySet<string>> =>
    new Set(
      [...(await ask(address, 'GET', '/metrics')).text.matchAll(/^# TYPE (acceleration\S+ \S+)$/gm)].map(
        ([, name = '']) => name,
      ),
    );
  const [theirNames, ourNames] = [await names(upstream), await names(ours)];
  assert.ok(theirNames.size >= 4, [...theirNames].join());
  for (const name of theirNames) assert.ok(ourNames.has(name), name);
});

test("a secret's header is needed here, and passed over there when it is missing", async (t) => {
  if (!needs(t, 'docker-registry')) return;
  const part = await parts(t);
  if (part === undefined) return;
  await using registry = await startDockerRegistry();
  const source = `webhook: { auth_header: "${SECRET}" }`;
  const upstream = await serve(t, [part('acceld')], registry.host, source);
  const ours = await serve(t, OURS, registry.host, source);
  const body = JSON.stringify(pushOf(`${registry.host}/team/app:1-nydus`));
  const status = async (address: string, headers: Readonly<Record<string, string>>): Promise<Answer> =>
    ask(address, 'POST', CONVERSIONS, body, { ...JSON_TYPE, ...headers });
  for (const headers of [{ authorization: SECRET }, { authorization: 'Bearer wrong' }])
    assert.deepEqual(await status(ours, headers), await status(upstream, headers), headers.authorization);
  assert.equal((await status(upstream, {})).status, 200);
  assert.deepEqual(await status(ours, {}), await status(ours, { authorization: 'Bearer wrong' }));
});

/** Times, ids and columns' padding apart. */
function plain({ status, stdout, stderr }: Ran): unknown {
  const messages = stderr
    .split('\n')
    .map((line) => line.replace(/time="[^"]*" /, '').replaceAll(/127\.0\.0\.1:\d+/g, 'HOST'))
    .filter((line) => line !== '' && !line.includes('Version: '));
  return { status, stdout: stdout.toString('utf8'), messages };
}

test("upstream's client and ours say the same of either server", async (t) => {
  if (!needs(t, 'docker-registry')) return;
  const part = await parts(t);
  if (part === undefined) return;
  await using registry = await startDockerRegistry();
  const upstream = await serve(t, [part('acceld')], registry.host);
  const ours = await serve(t, OURS, registry.host);
  const image = `${registry.host}/team/app:1`;
  await pushImage(image, 'content');
  const own = `${registry.host}/team/app:1-nydus`;
  const run = async (client: readonly string[], ...args: readonly string[]): Promise<Ran> => {
    const [program = '', ...first] = client;
    return tryRun(program, [...first, ...args]);
  };
  const theirClient = [part('accelctl')];
  for (const server of [upstream, ours]) {
    for (const args of [['create', '--sync', own], ['create', own], ['create'], ['list'], ['ls']]) {
      const [theirs, mine] = [
        await run(theirClient, 'task', '--addr', server, ...args),
        await run(OUR_CLIENT, 'task', '--addr', server, ...args),
      ];
      // The list has one more task by then only if a call has made one, which these do not between both calls of `list`.
      assert.deepEqual(
        plain(mine),
        plain(theirs),
        `${args.join(' ')} of ${server === ours ? 'our' : 'their'} server`,
      );
    }
  }
  const converted = await run(theirClient, 'task', '--addr', ours, 'create', '--sync', image);
  assert.equal(converted.status, 0, converted.stderr);
  assert.match(converted.stderr, /Task has been completed\./);
  const foreign = await run(
    theirClient,
    'task',
    '--addr',
    ours,
    'create',
    '--sync',
    'elsewhere.example/app:1',
  );
  assert.equal(foreign.status, 1);
  assert.match(
    foreign.stderr,
    /level=fatal msg="service response: elsewhere\.example is not in provider\.source"/,
  );
  const listed = await run(theirClient, 'task', '--addr', ours, 'list');
  assert.match(listed.stdout.toString('utf8'), /COMPLETED\t+127\.0\.0\.1:\d+\/team\/app:1\t/);
});

for (const template of ['config.nydus.yaml', 'config.nydus.ref.yaml'] as const) {
  test(`upstream's template ${template} is read unchanged, and starts`, async (t) => {
    if (!needs(t, 'docker-registry')) return;
    const part = await parts(t);
    if (part === undefined) return;
    const check = await tryRun(process.execPath, [
      productCommand,
      'serve',
      '--check',
      '--config',
      part(template),
    ]);
    assert.equal(check.status, 0, check.stderr);
    assert.doesNotMatch(check.stderr, /is not known|not supported|has no effect/);
    assert.match(check.stdout.toString('utf8'), /tag_suffix: -nydus/);
    // Only where it listens and works is changed, since tests run side by side.
    const folder = await tempFolder(t);
    const port = await freePort();
    const text = await readFile(part(template), 'utf8');
    const path = join(folder, 'config.yaml');
    await writeFile(
      path,
      text.replace('port: 2077', `port: ${port}`).replaceAll('work_dir: /tmp', `work_dir: ${folder}`),
    );
    const [program = '', ...args] = OURS;
    const child = spawn(program, [...args, '--config', path], { stdio: 'ignore', env: { HOME: folder } });
    t.after(() => child.kill('SIGKILL'));
    for (let i = 0; i < 600; i++) {
      const health = await ask(`127.0.0.1:${port}`, 'GET', '/api/v1/health').catch(() => undefined);
      if (health !== undefined) {
        assert.deepEqual(health, { status: 200, type: 'text/plain', text: 'Ok' });
        child.kill('SIGTERM');
        assert.deepEqual(await once(child, 'exit'), [0, null]);
        return;
      }
      assert.equal(child.exitCode, null);
      await sleep(50);
    }
    assert.fail('the service does not answer');
  });
}
