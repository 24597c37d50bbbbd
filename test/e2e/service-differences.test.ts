/** Where the service does otherwise than upstream's, each for a fault of that one; docs/service.md lists them. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { parseReference } from '../../src/oci/reference.js';
import { readServiceConfig } from '../../src/service/config/config.js';
import { accessTo, openOptionsFor } from '../../src/service/jobs/access.js';
import { needs } from '../support/needs.js';
import { nydusify } from '../support/command.js';
import { type RealRegistry, startDockerRegistry } from '../support/registries/real-registries.js';
import { pushImage, pushOf, startService } from '../support/service/running.js';
import { tempFolder } from '../support/temp-folder.js';

const CONVERSIONS = '/api/v1/conversions';
const REST = 'converter: { worker: 1, rules: [{ tag_suffix: -nydus }] }';

let registry: RealRegistry;

before(async () => {
  registry = await startDockerRegistry();
});

after(async () => {
  await registry[Symbol.asyncDispose]();
});

test('a conversion that is waited for goes on when its client hangs up', async (t) => {
  if (!needs(t, 'docker-registry')) return;
  const image = `${registry.host}/left/app:1`;
  await pushImage(image, 'content');
  const run = await startService(t, { provider: `  source: { "${registry.host}": {} }`, rest: REST });
  const { hostname, port } = new URL(run.address);
  const body = JSON.stringify(pushOf(image));
  const socket = connect(Number(port), hostname);
  socket.write(
    `POST ${CONVERSIONS}?sync=true HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  await run.until((tasks) => tasks.length === 1);
  socket.destroy();
  await run.until(([task]) => task?.status === 'COMPLETED');
});

test('only hosts of the file are contacted, whatever a body names', async (t) => {
  const asked: string[] = [];
  const stranger = createServer(({ url = '' }, response) => {
    asked.push(url);
    response.end();
  }).listen(0, '127.0.0.1');
  await once(stranger, 'listening');
  t.after(() => stranger.close());
  const host = `127.0.0.1:${(stranger.address() as AddressInfo).port}`;
  const run = await startService(t, {
    provider: '  source: { r.example: { aliases: [alias.example] } }',
    rest: `${REST}
webhooks:
  - { name: free, type: generic, unauthenticated: true }
  - { name: hub, type: dockerhub, registry: r.example, unauthenticated: true }`,
  });
  const post = (path: string, body: object): Promise<{ readonly status: number }> =>
    run.ask('POST', path, { body });
  assert.equal((await post(CONVERSIONS, pushOf(`${host}/a:1`))).status, 403);
  const images = [{ reference: `${host}/a:1` }, { reference: `${host}/a:2`, url: `http://${host}/` }];
  assert.equal((await post('/api/v1/webhooks/free', { images })).status, 403);
  const called = {
    callback_url: `http://${host}/called`,
    push_data: { tag: '1' },
    repository: { repo_name: 'a/b' },
  };
  assert.equal((await post('/api/v1/webhooks/hub', called)).status, 202);
  await run.until((tasks) => tasks.length === 1);
  assert.deepEqual(asked, []);
});

test('a tag that ends as results do is no source, with a digest behind it either', async (t) => {
  const run = await startService(t, { provider: '  source: { r.example: {} }', rest: REST });
  const digest = `sha256:${'1'.repeat(64)}`;
  for (const image of ['r.example/a:1-nydus', `r.example/a:1-nydus@${digest}`]) {
    const answer = await run.ask('POST', `${CONVERSIONS}?sync=true`, { body: pushOf(image) });
    assert.equal(answer.status, 200, answer.text);
  }
  assert.ok(
    (await run.tasks()).every(
      ({ status, reason }) => status === 'COMPLETED' && /already converted/.test(reason),
    ),
  );
});

test('a file at server.uds that is no socket is left alone, and so is a socket of another process', async (t) => {
  const folder = await tempFolder(t);
  const path = join(folder, 'socket');
  const config = join(folder, 'accel.yaml');
  await writeFile(
    config,
    `server: { uds: ${path} }\nprovider: { work_dir: ${folder}, source: { r.example: {} } }\n${REST}`,
  );
  await writeFile(path, 'somebody else wrote this');
  const outcome = await nydusify(['serve', '--config', config]);
  assert.equal(outcome.status, 6);
  assert.match(outcome.stderr, /there is another file/);
  assert.equal(await readFile(path, 'utf8'), 'somebody else wrote this');
  const other = join(folder, 'other');
  const server = createTcpServer().listen(other);
  await once(server, 'listening');
  t.after(() => server.close());
  await writeFile(config, (await readFile(config, 'utf8')).replace(path, other));
  const second = await nydusify(['serve', '--config', config]);
  assert.equal(second.status, 6);
  assert.match(second.stderr, /another process does/);
});

test('the list needs a token once the file has one', async (t) => {
  const run = await startService(t, {
    provider: '  source: { r.example: {} }',
    rest: `${REST}\napi: { tokens: [{ name: a, value: the-token, scope: read }] }`,
  });
  const status = async (token?: string): Promise<number> =>
    (
      await run.ask(
        'GET',
        CONVERSIONS,
        token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } },
      )
    ).status;
  assert.deepEqual([await status(), await status('the-tokem'), await status('the-token')], [401, 401, 200]);
});

test('a secret may hold colons, and goes to its own host alone, Docker Hub under its own name', async () => {
  const auth = (text: string): string => Buffer.from(text).toString('base64');
  const { hosts } = readServiceConfig(
    `provider: { source: { docker.io: { auth: "${auth('user:se:cr:et')}" }, r.example: { auth: "${auth('a:b')}" } } }`,
    'config',
    { HOME: '/h' },
  );
  const image = parseReference('docker.io/library/app:1');
  const access = accessTo(hosts, [image]);
  assert.ok(access);
  const { credentials } = openOptionsFor(access, image, {});
  assert.deepEqual(await credentials?.get('registry-1.docker.io', 'library/app', {}), {
    username: 'user',
    password: 'se:cr:et',
  });
  assert.equal(await credentials?.get('r.example', 'app', {}), undefined);
  assert.equal(await credentials?.get('evil.example', 'app', {}), undefined);
});

test('HTTP is spoken with a host by the file alone, and no failure changes that', () => {
  const { hosts } = readServiceConfig(
    'provider: { source: { r.example: {}, plain.example: { plain_http: true } } }',
    'config',
    { HOME: '/h' },
  );
  const images = ['r.example/a:1', 'plain.example/a:1'].map(parseReference);
  const access = accessTo(hosts, images);
  assert.ok(access);
  for (const image of images) {
    const { registries, plainHttp } = openOptionsFor(access, image, {});
    assert.equal(plainHttp, undefined);
    assert.deepEqual(
      [registries?.['r.example']?.plainHttp, registries?.['plain.example']?.plainHttp],
      [false, true],
    );
  }
});
