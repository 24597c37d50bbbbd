import assert from 'node:assert/strict';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { AuthError, FormatError } from '../../../../src/errors.js';
import { type CredentialStore, dockerCredentials } from '../../../../src/registry/auth/credentials.js';
import { credentialPaths } from '../../../../src/registry/auth/docker-config.js';
import { tempFolder } from '../../../support/temp-folder.js';

const basic = (text: string): { auth: string } => ({ auth: Buffer.from(text).toString('base64') });

async function store(folder: string, config: unknown, helperTimeoutMs?: number): Promise<CredentialStore> {
  const path = join(folder, 'config.json');
  await writeFile(path, typeof config === 'string' ? config : JSON.stringify(config));
  return dockerCredentials({
    paths: [join(folder, 'absent.json'), path],
    env: { PATH: `${folder}:/usr/bin:/bin` },
    helperTimeoutMs,
  });
}

async function helper(folder: string, name: string, script: string): Promise<void> {
  const path = join(folder, `docker-credential-${name}`);
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
}

test('a host matches only itself, port included', async (t) => {
  const credentials = await store(await tempFolder(t), {
    auths: {
      'registry.example': basic('me:one'),
      'registry.example:5000': basic('me:two'),
      'https://old.example/v1/': basic('me:three'),
    },
  });
  assert.deepEqual(await credentials.get('registry.example'), { username: 'me', password: 'one' });
  assert.deepEqual(await credentials.get('registry.example:5000'), { username: 'me', password: 'two' });
  assert.deepEqual(await credentials.get('old.example'), { username: 'me', password: 'three' });
  for (const host of [
    'evil-registry.example',
    'registry.example.evil',
    'example',
    'registry.example:443',
    'REGISTRY.example',
  ]) {
    assert.equal(await credentials.get(host), undefined, host);
  }
});

test("Docker Hub's entry is found under the name Docker gives it", async (t) => {
  const credentials = await store(await tempFolder(t), {
    auths: { 'https://index.docker.io/v1/': basic('me:hub') },
  });
  assert.deepEqual(await credentials.get('registry-1.docker.io', 'library/nginx'), {
    username: 'me',
    password: 'hub',
  });
});

test('the longest key that begins the repository wins, as in podman', async (t) => {
  const credentials = await store(await tempFolder(t), {
    auths: { 'a.b': basic('u:host'), 'a.b/team': basic('u:team'), 'a.b/team/app': basic('u:app') },
  });
  assert.equal((await credentials.get('a.b', 'team/app'))?.password, 'app');
  assert.equal((await credentials.get('a.b', 'team/other'))?.password, 'team');
  assert.equal((await credentials.get('a.b', 'teams/app'))?.password, 'host');
});

test('secrets may hold colons; identity and registry tokens are distinguished', async (t) => {
  const credentials = await store(await tempFolder(t), {
    auths: {
      'a.b': basic('me:a:b:c'),
      'c.d': { ...basic('me:'), identitytoken: 'refresh' },
      'e.f': { registrytoken: 'bearer' },
      'g.h': { username: 'u', password: 'p' },
      'i.j': {},
    },
  });
  assert.deepEqual(await credentials.get('a.b'), { username: 'me', password: 'a:b:c' });
  assert.equal((await credentials.get('c.d'))?.identityToken, 'refresh');
  assert.deepEqual(await credentials.get('e.f'), { registryToken: 'bearer' });
  assert.deepEqual(await credentials.get('g.h'), { username: 'u', password: 'p' });
  assert.equal(await credentials.get('i.j'), undefined);
});

test('a helper is asked on its standard input, a host-specific one first', async (t) => {
  const folder = await tempFolder(t);
  await helper(folder, 'mine', `read host; echo "{\\"Username\\":\\"u\\",\\"Secret\\":\\"for $host\\"}"`);
  await helper(folder, 'token', `echo '{"Username":"<token>","Secret":"refresh"}'`);
  const credentials = await store(folder, { credsStore: 'mine', credHelpers: { 'tok.en': 'token' } });
  assert.deepEqual(await credentials.get('a.b:1'), { username: 'u', password: 'for a.b:1' });
  assert.deepEqual(await credentials.get('registry-1.docker.io'), {
    username: 'u',
    password: 'for https://index.docker.io/v1/',
  });
  assert.deepEqual(await credentials.get('tok.en'), { identityToken: 'refresh' });
});

test('the file is used when a helper has no credential', async (t) => {
  const folder = await tempFolder(t);
  await helper(folder, 'none', 'echo "credentials not found in native keychain"; exit 1');
  const credentials = await store(folder, { credsStore: 'none', auths: { 'a.b': basic('u:file') } });
  assert.equal((await credentials.get('a.b'))?.password, 'file');
  assert.equal(await credentials.get('c.d'), undefined);
});

test('a helper that fails or is missing is no obstacle to a login that is stored in a file', async (t) => {
  const folder = await tempFolder(t);
  await helper(folder, 'fails', 'echo "exit status 1"; exit 1');
  for (const credsStore of ['fails', 'missing']) {
    const credentials = await store(folder, { credsStore, auths: { 'a.b': basic('u:file') } });
    assert.equal((await credentials.get('a.b'))?.password, 'file');
    await assert.rejects(credentials.get('c.d'), AuthError);
  }
});

test('a helper may have nothing to say, or something else to say first', async (t) => {
  const folder = await tempFolder(t);
  await helper(folder, 'silent', 'cat >/dev/null');
  const answer = '{"Username":"me","Secret":"s"}';
  await helper(folder, 'news', `cat >/dev/null; echo "a new version is out"; echo '${answer}'`);
  const credentials = await store(folder, { credHelpers: { 'a.b': 'silent', 'c.d': 'news' } });
  assert.equal(await credentials.get('a.b'), undefined);
  assert.deepEqual(await credentials.get('c.d'), { username: 'me', password: 's' });
});

test('a helper that fails, hangs, babbles or is missing is an error, and shows nothing of what it said', async (t) => {
  const folder = await tempFolder(t);
  await helper(folder, 'fails', 'echo s3cret; exit 3');
  await helper(folder, 'hangs', 'exec sleep 60');
  await helper(folder, 'babbles', 'echo s3cret');
  for (const [name, message] of [
    ['fails', /failed for a\.b with status 3/],
    ['hangs', /gave no answer for a\.b/],
    ['babbles', /not JSON/],
    ['missing', /is not installed/],
    ['../evil', /no name of a credential helper/],
  ] as const) {
    const credentials = await store(folder, { credHelpers: { 'a.b': name } }, 300);
    await assert.rejects(credentials.get('a.b'), (error) => {
      assert.ok(error instanceof AuthError);
      assert.match(error.message, message);
      assert.doesNotMatch(`${error.message} ${String(error.hint)} ${String(error.cause)}`, /s3cret/);
      return true;
    });
  }
});

test('a file that is not as Docker writes it is an error that does not quote it', async (t) => {
  const folder = await tempFolder(t);
  for (const text of ['{"auths": s3cret', '{"auths": {"a.b": {"auth": ["s3cret"]}}}']) {
    const credentials = await store(folder, text);
    await assert.rejects(credentials.get('a.b'), (error) => {
      assert.ok(error instanceof FormatError);
      assert.match(error.message, /config\.json/);
      assert.doesNotMatch(`${error.message} ${String(error.cause)}`, /s3cret/);
      return true;
    });
  }
  const broken = await store(folder, { auths: { 'a.b': { auth: 'bm9jb2xvbg==' } } });
  await assert.rejects(broken.get('a.b'), AuthError);
});

test('no file at all means no credentials', async () => {
  assert.equal(
    await dockerCredentials({ paths: ['/nonexistent/config.json'], env: {} }).get('a.b'),
    undefined,
  );
});

test('without paths the files are those of Docker and podman, as the environment locates them', async (t) => {
  const folder = await tempFolder(t);
  await writeFile(join(folder, 'config.json'), JSON.stringify({ auths: { 'a.b': basic('me:mine') } }));
  const env = { DOCKER_CONFIG: folder, HOME: '/nonexistent' };
  const credentials = dockerCredentials({ env });
  assert.deepEqual(await credentials.get('a.b'), { username: 'me', password: 'mine' });
  assert.equal(
    credentials.description,
    [
      join(folder, 'config.json'),
      `/run/containers/${process.getuid?.() ?? ''}/auth.json`,
      '/nonexistent/.config/containers/auth.json',
    ].join(', '),
  );
  const session = credentialPaths({ HOME: '/h', XDG_RUNTIME_DIR: '/run/user/7' }, 7);
  assert.equal(session[1], '/run/user/7/containers/auth.json');
  assert.equal(credentialPaths({ HOME: '/h' }, 7)[1], '/run/containers/7/auth.json');
  const named = credentialPaths({ HOME: '/h', REGISTRY_AUTH_FILE: '/job/auth.json', DOCKER_CONFIG: '/d' }, 7);
  assert.deepEqual(named.slice(0, 2), ['/job/auth.json', '/d/config.json']);
});

test('an empty file has no credentials, as Docker reads it', async (t) => {
  const path = join(await tempFolder(t), 'config.json');
  for (const text of ['', '\n']) {
    await writeFile(path, text);
    assert.equal(await dockerCredentials({ paths: [path], env: {} }).get('a.b'), undefined);
  }
});
