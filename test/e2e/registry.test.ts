/** Sources and targets against Debian's docker-registry and our own, with logins, TLS and a search for the secret. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readdir, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer, request as forward } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { registryListener, type RegistryOptions, startRegistry } from '../../src/embedded-registry/server.js';
import { AuthError, type NydusError, RegistryError } from '../../src/errors.js';
import { GrowingBytes } from '../support/growing-bytes.js';
import { contentOf } from '../../src/io/streams.js';
import { anonymous, type CredentialStore, dockerCredentials } from '../../src/registry/auth/credentials.js';
import { openSource, openTarget } from '../../src/registry/open.js';
import { isMountable, takesGrowing } from '../../src/registry/stores/store.js';
import { selfSigned } from '../support/registries/certificate.js';
import { needs } from '../support/needs.js';
import { startDockerRegistry } from '../support/registries/real-registries.js';
import { noise, pushImage, readImage, sampleImage } from '../support/images/opaque-image.js';
import { tempFolder } from '../support/temp-folder.js';
import { startTokenServer } from '../support/registries/token-server.js';
import { tryRun } from '../support/run-tool.js';

const SECRET = 'p4ss:wörd';
/** bcrypt of the secret, with the lowest cost there is. */
const HTPASSWD = 'me:$2b$04$zJBfrRuBaaMk5wW6eb/M/.RHljAe0GJUiurQB8QVpPCxni221lZ4.\n';
const quick = { retry: { attempts: 3, baseMs: 1, capMs: 100 } };
const open = { credentials: anonymous, ...quick };
const image = sampleImage([noise(3_000_000, 1), noise(20, 2)]);

function login(secret: string): CredentialStore {
  return { get: async () => ({ username: 'me', password: secret }), description: 'the test' };
}

test('docker-registry: an image is pushed, tagged, read back and mounted', async (t) => {
  if (!needs(t, 'docker-registry')) return;
  await using registry = await startDockerRegistry();
  await using target = openTarget(`${registry.host}/team/app:1`, open);
  assert.equal(await target.resolve(), undefined);
  await pushImage(target, image);
  assert.deepEqual(await target.resolve(), image.manifest);
  await using source = openSource(`${registry.host}/team/app@${image.manifest.digest}`, open);
  assert.ok((await readImage(source)) > 3_000_000);
  await using other = openTarget(`${registry.host}/other:1`, open);
  assert.ok(isMountable(other));
  for (const { descriptor } of image.parts.slice(0, -1))
    assert.equal(await other.mount(descriptor, source.place), true);
  await other.tag(image.manifest, image.parts.at(-1)?.bytes ?? new Uint8Array());
  assert.deepEqual(await other.resolve(), image.manifest);
  const missing = { ...image.manifest, mediaType: 'x', digest: sampleImage([]).manifest.digest };
  assert.equal(await other.mount(missing, source.place), false);
});

test('docker-registry: an upload that is cut is repeated, with the content opened anew', async (t) => {
  if (!needs(t, 'docker-registry')) return;
  await using registry = await startDockerRegistry();
  await using target = openTarget(`${registry.host}/app:1`, open);
  const [part] = image.parts;
  assert.ok(part);
  let opened = 0;
  const breaking = {
    size: part.bytes.length,
    open: () =>
      opened++ > 0
        ? contentOf(part.bytes).open()
        : (async function* () {
            yield part.bytes.subarray(0, 1000);
            throw new RegistryError('the source was cut', { retryable: true });
          })(),
  };
  assert.equal(await target.push(part.descriptor, breaking), 'pushed');
  assert.equal(opened, 2);
});

// distribution knows a session only by a URL that says how much of it is there: in the middle of a request it cannot be cancelled.
test('docker-registry: an upload that is given up between two chunks leaves no bytes there', async (t) => {
  if (!needs(t, 'docker-registry')) return;
  await using registry = await startDockerRegistry();
  const uploads = join(registry.folder, 'storage/docker/registry/v2/repositories/app/_uploads');
  const growing = new GrowingBytes(noise(150_000, 3));
  growing.grow(150_000);
  {
    await using target = openTarget(`${registry.host}/app:1`, { ...open, chunkSize: 100_000 });
    assert.ok(takesGrowing(target));
    const push = target.pushGrowing(growing);
    // The registry has one chunk, its answer may be on the way, and the next chunk is not complete.
    let isSent = false;
    while (!isSent) {
      await sleep(1);
      const names = await readdir(uploads, { recursive: true }).catch(() => []);
      isSent = names.some((name) => name.endsWith('hashstates/sha256/100000'));
    }
    push?.cancel();
  }
  const left = await readdir(uploads, { recursive: true });
  assert.deepEqual(
    left.filter((name) => name.endsWith('/data')),
    [],
  );
});

test('docker-registry: where a PUT with a body is refused, one PATCH brings every blob', async (t) => {
  if (!needs(t, 'docker-registry')) return;
  await using registry = await startDockerRegistry();
  const patches: string[] = [];
  const proxy = createHttpServer((request, response) => {
    const { method = '', url = '', headers } = request;
    if (method === 'PUT' && url.includes('/uploads/') && headers['content-length'] !== '0') {
      request.resume();
      response.writeHead(405).end();
      return;
    }
    if (method === 'PATCH') patches.push(url);
    const onward = forward(
      { host: '127.0.0.1', port: registry.host.split(':')[1], method, path: url, headers },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      },
    );
    request.pipe(onward);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    proxy.closeAllConnections();
    proxy.close();
  });
  const host = `127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  await using target = openTarget(`${host}/app:1`, open);
  await pushImage(target, image);
  assert.equal(patches.length, image.parts.length - 1);
  await using source = openSource(`${registry.host}/app:1`, open);
  assert.ok((await readImage(source)) > 3_000_000);
});

test('docker-registry: Basic credentials from the Docker configuration', async (t) => {
  if (!needs(t, 'docker-registry')) return;
  const folder = await tempFolder(t);
  await writeFile(join(folder, 'htpasswd'), HTPASSWD);
  await using registry = await startDockerRegistry(
    `auth: { htpasswd: { realm: test, path: ${folder}/htpasswd } }\n`,
  );
  const config = join(folder, 'config.json');
  await writeFile(
    config,
    JSON.stringify({ auths: { [registry.host]: { auth: Buffer.from(`me:${SECRET}`).toString('base64') } } }),
  );
  await using target = openTarget(`${registry.host}/app:1`, {
    credentials: dockerCredentials({ paths: [config], env: {} }),
    ...quick,
  });
  await pushImage(target, image);
  await using stranger = openSource(`${registry.host}/app:1`, open);
  await assert.rejects(
    stranger.resolve(),
    (error) => error instanceof AuthError && error.remedy?.kind === 'login',
  );
  await using wrong = openSource(`${registry.host}/app:1`, { credentials: login('wrong'), ...quick });
  await assert.rejects(
    wrong.resolve(),
    (error) => error instanceof AuthError && /denied with the stored credentials/.test(error.message),
  );
});

async function embedded(t: TestContext, options: Omit<RegistryOptions, 'root'> = {}): Promise<string> {
  const registry = await startRegistry({ root: await tempFolder(t), ...options });
  t.after(() => registry.close());
  return registry.host;
}

test('source and target are two plain HTTP registries on loopback, without any flag', async (t) => {
  const [from, to] = [await embedded(t), await embedded(t)];
  await using first = openTarget(`${from}/a:1`, open);
  await pushImage(first, image);
  await using source = openSource(`${from}/a:1`, open);
  await using target = openTarget(`${to}/b:1`, open);
  for (const { descriptor } of image.parts) {
    await target.push(descriptor, { size: descriptor.size, open: () => source.fetch(descriptor) });
  }
  assert.ok(await target.exists(image.manifest));
});

test('tokens are fetched by scope, shared by concurrent requests, and renewed when the registry revokes them', async (t) => {
  for (const field of ['token', 'access_token'] as const) {
    const tokens = await startTokenServer({ users: { me: SECRET }, anonymous: true, field });
    t.after(() => tokens.close());
    const host = await embedded(t, { intercept: tokens.guard });
    const credentials = login(SECRET);
    await using target = openTarget(`${host}/a:1`, { credentials, ...quick });
    await Promise.all(
      image.parts.slice(0, -1).map(({ descriptor, bytes }) => target.push(descriptor, contentOf(bytes))),
    );
    assert.equal(tokens.requests.length, 1);
    assert.deepEqual(tokens.requests[0]?.scopes, ['repository:a:pull,push']);
    tokens.revoke();
    await pushImage(target, image);
    assert.equal(tokens.requests.length, 2);
    await using source = openSource(`${host}/a:1`, open);
    assert.ok((await readImage(source)) > 3_000_000);
    await using stranger = openTarget(`${host}/a:2`, open);
    await assert.rejects(
      stranger.push({ ...image.manifest, mediaType: 'x', size: 1 }, contentOf(Buffer.alloc(1))),
      AuthError,
    );
    await using other = openTarget(`${host}/b:1`, { credentials, ...quick });
    assert.ok(isMountable(other) && image.parts[0] !== undefined);
    assert.equal(await other.mount(image.parts[0].descriptor, source.place), true);
  }
});

test('a token that expires during an upload is renewed, and the blob is sent again', async (t) => {
  const tokens = await startTokenServer({ users: { me: SECRET } });
  t.after(() => tokens.close());
  let puts = 0;
  const host = await embedded(t, {
    intercept: (request, response) => {
      if (request.method === 'PUT' && puts++ === 0) tokens.revoke();
      return tokens.guard(request, response);
    },
  });
  await using target = openTarget(`${host}/a:1`, { credentials: login(SECRET), ...quick });
  const [part] = image.parts;
  assert.ok(part);
  assert.equal(await target.push(part.descriptor, contentOf(part.bytes)), 'pushed');
  assert.equal(puts, 2);
});

test('an identity token opens the registry', async (t) => {
  const tokens = await startTokenServer({ identityTokens: ['refresh-me'] });
  t.after(() => tokens.close());
  const host = await embedded(t, { intercept: tokens.guard });
  const credentials = { get: async () => ({ identityToken: 'refresh-me' }), description: 'test' };
  await using target = openTarget(`${host}/a:1`, { credentials, ...quick });
  await pushImage(target, image);
});

async function tlsRegistry(t: TestContext): Promise<string> {
  const folder = await tempFolder(t);
  const server = createServer(await selfSigned(folder), registryListener({ root: join(folder, 'registry') }));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('an unsigned certificate is refused, by an error that names the side', async (t) => {
  if (!needs(t, 'openssl')) return;
  const host = await tlsRegistry(t);
  await using target = openTarget(`${host}/a:1`, open);
  await assert.rejects(
    target.resolve(),
    (error) => error instanceof RegistryError && error.remedy?.kind === 'trust-ca' && error.side === 'target',
  );
  await using source = openSource(`${host}/a:1`, open);
  await assert.rejects(
    source.resolve(),
    (error) => error instanceof RegistryError && error.remedy?.kind === 'trust-ca' && error.side === 'source',
  );
  await using trusting = openTarget(`${host}/a:1`, { ...open, insecure: true });
  await pushImage(trusting, image);
  assert.deepEqual(await trusting.resolve(), image.manifest);
});

test('plain HTTP is allowed for one side, while the other stays with TLS', async (t) => {
  if (!needs(t, 'openssl')) return;
  const host = await tlsRegistry(t);
  const plain = await embedded(t);
  await using target = openTarget(`${plain}/a:1`, { ...open, plainHttp: true });
  await pushImage(target, image);
  await using source = openSource(`${host}/a:1`, { ...open, insecure: true });
  await assert.rejects(source.resolve(), /does not exist/);
  await using wrong = openSource(`${host}/a:1`, { ...open, plainHttp: true });
  await assert.rejects(wrong.resolve(), (error) => error instanceof RegistryError);
});

/** Runs in a process of its own, because the debug log is a matter of the environment at its start. */
const TALK = `
const [open, credentials, streams, location] = process.argv.slice(1);
const { openTarget } = await import(open);
const { dockerCredentials } = await import(credentials);
const { contentOf } = await import(streams);
const events = [];
const reporter = { emit: (event) => events.push(event) };
for (const path of (process.env.CONFIGS ?? '').split(',')) {
  await using_(openTarget(location, { credentials: dockerCredentials({ paths: [path], env: {} }), retry: { attempts: 2, baseMs: 1, capMs: 10 } }));
}
async function using_(target) {
  const blob = { mediaType: 'x', digest: 'sha256:${'0'.repeat(64)}', size: 3 };
  for (const act of [
    () => target.resolve({ reporter }),
    () => target.push(blob, contentOf(Buffer.from('abc')), { reporter }),
    async () => { for await (const bytes of target.fetch(blob, { reporter })) console.log(bytes.length); },
    () => target.tag({ ...blob, mediaType: 'application/vnd.oci.image.manifest.v1+json' }, Buffer.from('{}'), { reporter }),
  ]) {
    try { console.log(await act()); } catch (error) { console.log(error, error.hint, error.stack, JSON.stringify(error)); }
  }
  await target[Symbol.asyncDispose]();
}
console.log(JSON.stringify(events, (_, value) => value instanceof Error ? { ...value, message: value.message, stack: value.stack } : value));
`;

test('errors, events and the debug log show no secret, even when the registry echoes one', async (t) => {
  const folder = await tempFolder(t);
  const tokens = await startTokenServer({ users: { me: SECRET } });
  t.after(() => tokens.close());
  const seenTokens: string[] = [];
  const host = await embedded(t, {
    intercept: (request, response) => {
      const said = request.headers.authorization ?? '';
      if (said.startsWith('Bearer ')) seenTokens.push(said.slice('Bearer '.length));
      if (request.url?.includes('/blobs/sha256') === true && request.method === 'GET') {
        response
          .writeHead(307, {
            location: `http://${host}/v2/store?X-Amz-Signature=s1gnature&token=${said.slice(7)}`,
          })
          .end();
        return true;
      }
      if (tokens.guard(request, response)) return true;
      // A hostile answer quotes the request.
      response.writeHead(request.method === 'HEAD' ? 404 : 500, { 'content-type': 'application/json' });
      response.end(
        JSON.stringify({
          errors: [{ code: 'DENIED', message: `you said ${said}, I know ${said.slice(7)}` }],
        }),
      );
      return true;
    },
  });
  const auth = Buffer.from(`me:${SECRET}`).toString('base64');
  const configs = [join(folder, 'good.json'), join(folder, 'wrong.json')];
  await writeFile(configs[0] ?? '', JSON.stringify({ auths: { [host]: { auth } } }));
  await writeFile(
    configs[1] ?? '',
    JSON.stringify({ auths: { [host]: { auth: Buffer.from('me:wr0ngsecret').toString('base64') } } }),
  );
  const modules = [
    '../../src/registry/open.js',
    '../../src/registry/auth/credentials.js',
    '../../src/io/streams.js',
  ].map((path) => new URL(path, import.meta.url).href);
  const child = await run(['--input-type=module', '-e', TALK, ...modules, `${host}/a:1`], {
    NODE_DEBUG: 'nydus:registry',
    CONFIGS: configs.join(','),
  });
  assert.match(child, /NYDUS:REGISTRY \d+: HEAD http:\/\/127/);
  assert.match(child, /you said Bearer REDACTED/);
  assert.ok(seenTokens.length > 0);
  for (const secret of [
    SECRET,
    encodeURIComponent(SECRET),
    auth,
    'wr0ngsecret',
    's1gnature',
    ...seenTokens,
  ]) {
    assert.ok(!child.includes(secret), `"${secret}" was printed:\n${child}`);
  }
});

/** Everything that a Node process prints, on both channels. */
async function run(args: readonly string[], env: Readonly<Record<string, string>>): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    child.stdout.on('data', (bytes: Buffer) => (output += bytes.toString()));
    child.stderr.on('data', (bytes: Buffer) => (output += bytes.toString()));
    child.once('error', reject);
    child.once('close', () => {
      resolve(output);
    });
  });
}

async function skopeo(...args: readonly string[]): Promise<string> {
  const { status, stderr, stdout } = await tryRun('skopeo', args);
  assert.equal(status, 0, stderr);
  return stdout.toString('utf8');
}

test('skopeo reads what we write, and we read what skopeo writes, in every kind of store', async (t) => {
  if (!needs(t, 'skopeo')) return;
  const folder = await tempFolder(t);
  const host = await embedded(t);
  await using target = openTarget(`oci:${folder}/ours:1`, open);
  await pushImage(target, image);
  const inspect = async (location: string): Promise<string> =>
    (JSON.parse(await skopeo('inspect', '--tls-verify=false', location)) as { Digest: string }).Digest; // as skopeo documents it
  assert.equal(await inspect(`oci:${folder}/ours:1`), image.manifest.digest);

  const copy = async (from: string, to: string): Promise<string> =>
    skopeo('copy', '-q', '--preserve-digests', '--src-tls-verify=false', '--dest-tls-verify=false', from, to);
  await copy(`oci:${folder}/ours:1`, `docker://${host}/app:1`);
  await copy(`docker://${host}/app:1`, `oci:${folder}/theirs:2`);
  await copy(`docker://${host}/app:1`, `oci-archive:${folder}/theirs.tar:3`);
  for (const location of [
    `${host}/app:1`,
    `oci:${folder}/theirs:2`,
    `oci-archive:${folder}/theirs.tar:3`,
    `oci-archive:${folder}/theirs.tar`,
  ]) {
    await using source = openSource(location, open);
    assert.deepEqual(await source.resolve(), image.manifest, location);
    assert.ok((await readImage(source)) > 3_000_000);
  }

  await using archive = openTarget(`oci-archive:${folder}/ours.tar:4`, open);
  await pushImage(archive, image);
  assert.equal(await inspect(`oci-archive:${folder}/ours.tar:4`), image.manifest.digest);
  // A tag of ours beside one of theirs in the same layout.
  await using beside = openTarget(`oci:${folder}/theirs:5`, open);
  await pushImage(beside, image);
  assert.equal(await inspect(`oci:${folder}/theirs:2`), image.manifest.digest);
});

test('a docker-archive made by skopeo is read, by name or without', async (t) => {
  if (!needs(t, 'skopeo')) return;
  const folder = await tempFolder(t);
  await using target = openTarget(`oci:${folder}/x:1`, open);
  await pushImage(target, image);
  await skopeo('copy', '-q', `oci:${folder}/x:1`, `docker-archive:${folder}/d.tar:example.com/team/app:1`);
  for (const location of [
    `docker-archive:${folder}/d.tar`,
    `docker-archive:${folder}/d.tar:example.com/team/app:1`,
  ]) {
    await using source = openSource(location, open);
    assert.ok((await readImage(source)) > 3_000_000);
  }
  await using wrong = openSource(`docker-archive:${folder}/d.tar:team/app:1`, open);
  await assert.rejects(wrong.resolve(), (error) =>
    /holds @0 \(example\.com\/team\/app:1\)/.test((error as NydusError).hint ?? ''),
  );
});
