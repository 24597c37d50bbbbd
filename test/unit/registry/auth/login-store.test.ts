import assert from 'node:assert/strict';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { AuthError } from '../../../../src/errors.js';
import { dockerCredentials } from '../../../../src/registry/auth/credentials.js';
import { eraseLogin, type LoginStore, storeLogin } from '../../../../src/registry/auth/login-store.js';
import { place, tempFolder } from '../../../support/temp-folder.js';

/** A helper that keeps each login in a file, and notes how it was called; `list` is what it answers to that. */
const HELPER = (folder: string, list: string): string => `#!/bin/sh
verb=$1
input=$(cat)
echo "$verb $*" >>${folder}/calls
name() { printf '%s' "$1" | tr '/:' '__'; }
case $verb in
  store) key=$(printf '%s' "$input" | sed 's/.*"ServerURL":"\\([^"]*\\)".*/\\1/'); printf '%s' "$input" >"${folder}/kept-$(name "$key")" ;;
  get) [ -f "${folder}/kept-$(name "$input")" ] || { echo 'credentials not found in native keychain'; exit 1; }
    cat "${folder}/kept-$(name "$input")" ;;
  erase) rm "${folder}/kept-$(name "$input")" ;;
  list) ${list} ;;
esac
`;

interface Lab extends LoginStore {
  readonly folder: string;
  readonly config: () => Promise<unknown>;
}

async function lab(t: TestContext, config: object | undefined, list = 'echo {}'): Promise<Lab> {
  const folder = await tempFolder(t);
  const path = join(folder, 'config.json');
  if (config !== undefined) await writeFile(path, JSON.stringify(config));
  await place(folder, 'docker-credential-test', HELPER(folder, list));
  await chmod(join(folder, 'docker-credential-test'), 0o755);
  const env = { PATH: `${folder}:${process.env['PATH'] ?? ''}` };
  return { folder, path, env, config: async () => JSON.parse(await readFile(path, 'utf8')) as unknown };
}

test('a login that was stored is the one that is found', async (t) => {
  const store = await lab(t, undefined);
  const credentials = [
    { username: 'me', password: 'a:b:ç' },
    { username: 'me', identityToken: 'refresh' },
  ];
  for (const credential of credentials) {
    await storeLogin('a.b:5000', credential, store);
    const found = await dockerCredentials({ paths: [store.path], env: store.env }).get('a.b:5000');
    assert.deepEqual({ ...credential, ...found }, { password: '', ...credential, ...found });
    assert.equal(found?.identityToken, 'identityToken' in credential ? 'refresh' : undefined);
  }
  await storeLogin('docker.io', { username: 'me', password: 'hub' }, store);
  const hub = await dockerCredentials({ paths: [store.path], env: store.env }).get('registry-1.docker.io');
  assert.equal(hub?.password, 'hub');
  assert.equal(await eraseLogin('a.b:5000', store), true);
  assert.equal(await eraseLogin('a.b:5000', store), false);
  assert.deepEqual(Object.keys((await store.config()) as { auths: object }), ['auths']);
});

test('the helper of the host keeps the login, and an old secret leaves the file', async (t) => {
  const old = { auth: Buffer.from('me:old').toString('base64') };
  const store = await lab(t, { credHelpers: { 'a.b': 'test' }, auths: { 'https://a.b': old, 'c.d': old } });
  const stored = await storeLogin('a.b', { username: 'me', password: 's3cret "quoted"' }, store);
  assert.equal(stored.helper, 'test');
  assert.deepEqual(await store.config(), {
    credHelpers: { 'a.b': 'test' },
    auths: { 'c.d': old, 'a.b': {} },
  });
  const found = await dockerCredentials({ paths: [store.path], env: store.env }).get('a.b');
  assert.deepEqual(found, { username: 'me', password: 's3cret "quoted"' });
  assert.doesNotMatch(await readFile(join(store.folder, 'calls'), 'utf8'), /s3cret/);
  assert.equal((await storeLogin('c.d', { username: 'me', password: 'x' }, store)).helper, undefined);
});

test('an identity token goes to a helper under the user name that marks it', async (t) => {
  const store = await lab(t, { credsStore: 'test' });
  await storeLogin('a.b', { username: 'me', identityToken: 'refresh' }, store);
  const found = await dockerCredentials({ paths: [store.path], env: store.env }).get('a.b');
  assert.deepEqual(found, { identityToken: 'refresh' });
});

test('logging out erases every spelling that the helper lists, and asks for each where it cannot list', async (t) => {
  const kept = '{"https://a.b":"me","a.b":"me","x.a.b":"me"}';
  for (const list of [`echo '${kept}'`, 'exit 1', 'echo no JSON']) {
    const store = await lab(t, { credsStore: 'test', auths: { 'a.b': {} } }, list);
    for (const name of ['https:__a.b', 'a.b', 'x.a.b'])
      await writeFile(join(store.folder, `kept-${name.replace(':', '_')}`), '{"Username":"me","Secret":"s"}');
    assert.equal(await eraseLogin('a.b', store), true, list);
    const credentials = dockerCredentials({ paths: [store.path], env: store.env });
    assert.equal(await credentials.get('a.b'), undefined);
    assert.equal((await credentials.get('x.a.b'))?.password, 's');
    assert.doesNotMatch(await readFile(join(store.folder, 'calls'), 'utf8'), /erase.*x\.a\.b/);
    assert.deepEqual(await store.config(), { credsStore: 'test', auths: {} });
  }
});

test('a helper that is missing stores nothing, and the error names the file that wants it', async (t) => {
  const store = await lab(t, { credsStore: 'missing' });
  await assert.rejects(
    storeLogin('a.b', { username: 'me', password: 's' }, store),
    (error) => error instanceof AuthError && error.hint?.includes(store.path) === true,
  );
  assert.deepEqual(await store.config(), { credsStore: 'missing' });
});

test('an entry that Docker keeps empty, and a file without the host, are left alone', async (t) => {
  const store = await lab(t, { auths: {} });
  assert.equal(await eraseLogin('a.b', store), false);
  assert.equal(await eraseLogin('a.b', { ...store, path: join(store.folder, 'none', 'config.json') }), false);
});
