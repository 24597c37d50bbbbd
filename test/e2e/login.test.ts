/** `login` and `logout` against real registries, with real helpers, and read by the clients that share the file. */
import assert from 'node:assert/strict';
import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { nydusify, type Outcome, registry } from '../support/command.js';
import { buildImage } from '../support/images/image-builder.js';
import { writeLayout } from '../support/images/oci-layout.js';
import { dir, file, layer } from '../support/images/tar.js';
import { needs } from '../support/needs.js';
import { startDockerRegistry, startSecureDockerRegistry } from '../support/registries/real-registries.js';
import { startTokenServer } from '../support/registries/token-server.js';
import { goClient, pathOrSkip } from '../support/references/tools.js';
import { runTool, tryRun } from '../support/run-tool.js';
import { place, tempFolder } from '../support/temp-folder.js';
import { typeTo } from '../support/typing.js';

const PASSWORD = 'p4ss:wörd';
/** `htpasswd -nbB me PASSWORD` */
const HTPASSWD = 'me:$2b$04$zJBfrRuBaaMk5wW6eb/M/.RHljAe0GJUiurQB8QVpPCxni221lZ4.\n';
const AS_ME = ['-u', 'me', '--password-stdin'];
const LAYERS = [{ tar: layer(dir('etc'), file('etc/motd', 'hello')), compression: 'gzip' }] as const;

function login(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  input = PASSWORD,
): Promise<Outcome> {
  return nydusify(['login', ...args], { env, input: `${input}\n` });
}

/** Nothing that was shown holds the password, in any form that it travels in. */
function assertHidden({ stdout, stderr }: Pick<Outcome, 'stdout' | 'stderr'>, secret = PASSWORD): void {
  for (const form of [secret, encodeURIComponent(secret), Buffer.from(`me:${secret}`).toString('base64')])
    assert.ok(!`${stdout}${stderr}`.includes(form), `${stdout}${stderr}`);
}

async function guarded(t: TestContext): Promise<{ readonly host: string; readonly folder: string }> {
  const folder = await tempFolder(t);
  const users = await place(folder, 'htpasswd', HTPASSWD);
  const running = await startDockerRegistry(`auth: { htpasswd: { realm: test, path: ${users} } }\n`);
  t.after(() => running[Symbol.asyncDispose]());
  return { host: running.host, folder };
}

test('a login is tried, stored for this user alone, and read by skopeo and by us; logout takes it away', async (t) => {
  if (!needs(t, 'docker-registry', 'skopeo')) return;
  const { host, folder } = await guarded(t);
  const authfile = join(folder, 'job', 'auth.json');
  const wrong = await login([...AS_ME, '--authfile', authfile, host, '--debug'], {}, 'wrong-password');
  assert.equal(wrong.status, 4, wrong.stderr);
  assert.match(wrong.stderr, /refused the user name and password; nothing has been stored/);
  assertHidden(wrong, 'wrong-password');
  await assert.rejects(stat(authfile), { code: 'ENOENT' });

  const done = await login([...AS_ME, '--authfile', authfile, host]);
  assert.equal(done.status, 0, done.stderr);
  assert.equal(done.stdout, `logged in to ${host} as me\n`);
  assert.match(
    done.stderr,
    /^note: the login lies in .*auth\.json, readable for you alone and not encrypted/,
  );
  assertHidden(done);
  assert.equal((await stat(authfile)).mode & 0o777, 0o600);
  assert.equal((await stat(join(folder, 'job'))).mode & 0o777, 0o700);

  const layout = join(folder, 'layout');
  await writeLayout(layout, 'made', LAYERS);
  const skopeo = ['copy', '--dest-tls-verify=false', `oci:${layout}:made`, `docker://${host}/app:1`];
  await runTool('skopeo', [...skopeo, '--authfile', authfile]);
  const convert = ['convert', `${host}/app:1`, `${host}/app:1-nydus`];
  const converted = await nydusify([...convert, '--authfile', authfile]);
  assert.equal(converted.status, 0, converted.stderr);
  const byVariable = await nydusify(['ls', `${host}/app:1-nydus`], { env: { REGISTRY_AUTH_FILE: authfile } });
  assert.equal(byVariable.stdout, 'etc\n', byVariable.stderr);
  assert.equal((await nydusify(convert)).status, 4);

  const out = await nydusify(['logout', '--authfile', authfile, `https://${host}/v2/`]);
  assert.equal(out.stdout, `logged out of ${host}\n`, out.stderr);
  assert.equal((await nydusify([...convert, '--authfile', authfile])).status, 4);
  assert.notEqual((await tryRun('skopeo', [...skopeo, '--authfile', authfile])).status, 0);
  const again = await nydusify(['logout', '--authfile', authfile, host]);
  assert.deepEqual([again.status, again.stdout], [0, `${authfile} holds no login of ${host}\n`]);
});

test('a login over TLS needs the authority, and oras and crane read it from the Docker configuration', async (t) => {
  if (!needs(t, 'docker-registry', 'openssl')) return;
  const running = await startSecureDockerRegistry(HTPASSWD);
  t.after(() => running[Symbol.asyncDispose]());
  const { host, folder } = running;
  const docker = join(folder, 'docker');
  const env = { DOCKER_CONFIG: docker };
  const untrusted = await login([...AS_ME, host], env);
  assert.equal(untrusted.status, 3, untrusted.stderr);
  assert.match(untrusted.stderr, /--ca FILE.*--insecure/);
  for (const trust of [['--ca', join(folder, 'cert.pem')], ['--insecure']]) {
    const done = await login([...AS_ME, ...trust, host], env);
    assert.equal(done.status, 0, done.stderr);
  }
  for (const name of ['oras', 'crane'] as const) {
    await t.test(name, async (own) => {
      const client = pathOrSkip(own, await goClient(name));
      if (client === undefined) return;
      const args = name === 'oras' ? ['repo', 'ls', '--insecure', host] : ['catalog', '--insecure', host];
      const ran = await tryRun(client, args, { env: { ...env, HOME: '/nonexistent' } });
      assert.equal(ran.status, 0, ran.stderr);
    });
  }
});

test('docker-credential-pass keeps the login where it is configured, and forgets it', async (t) => {
  if (!needs(t, 'docker-registry', 'pass', 'gpg', 'docker-credential-pass', 'skopeo')) return;
  const { host, folder } = await guarded(t);
  const keys = join(folder, 'gnupg');
  await mkdir(keys, { mode: 0o700 });
  const env = {
    DOCKER_CONFIG: folder,
    GNUPGHOME: keys,
    PASSWORD_STORE_DIR: join(folder, 'store'),
    HOME: folder,
  };
  t.after(() => tryRun('gpgconf', ['--kill', 'gpg-agent'], { env }));
  const owner = ['--quick-gen-key', 'me@test', 'default', 'default', 'never'];
  await runTool('gpg', ['--batch', '--passphrase', '', '--pinentry-mode', 'loopback', ...owner], { env });
  await runTool('pass', ['init', 'me@test'], { env });
  const config = await place(folder, 'config.json', '{"credsStore":"pass","proxies":{}}');

  const done = await login([...AS_ME, host], env);
  assert.equal(done.status, 0, done.stderr);
  assert.match(done.stderr, /docker-credential-pass/);
  assertHidden(done);
  assert.deepEqual(JSON.parse(await readFile(config, 'utf8')), {
    credsStore: 'pass',
    proxies: {},
    auths: { [host]: {} },
  });
  const list = async (): Promise<unknown> =>
    JSON.parse((await runTool('docker-credential-pass', ['list'], { env })).toString());
  assert.deepEqual(await list(), { [host]: 'me' });
  const absent = await nydusify(['ls', `${host}/none:1`], { env });
  assert.match(absent.stderr, /none:1 does not exist/);

  const out = await nydusify(['logout', host], { env });
  assert.equal(out.stdout, `logged out of ${host}\n`, out.stderr);
  assert.deepEqual(await list(), {});
  assert.deepEqual((JSON.parse(await readFile(config, 'utf8')) as { auths: object }).auths, {});
});

test('a person types name and password, which is not shown; Ctrl-C and an empty password store nothing', async (t) => {
  if (!needs(t, 'docker-registry', 'python3')) return;
  const { host, folder } = await guarded(t);
  const env = { DOCKER_CONFIG: folder };
  const asked = ['login', host];
  const name = [`user name at ${host}: `, 'me\n'] as const;
  const done = await typeTo(asked, env, [name, ['password: ', `x\x15p4ss:wörx\x7fd\r`]]);
  assert.equal(done.status, 0, done.screen);
  assert.ok(!done.screen.includes('p4ss'), done.screen);
  assert.match(done.screen, new RegExp(`logged in to ${host} as me`));
  const config = join(folder, 'config.json');
  const { auths } = JSON.parse(await readFile(config, 'utf8')) as { auths: Record<string, { auth: string }> };
  assert.equal(Buffer.from(auths[host]?.auth ?? '', 'base64').toString('utf8'), `me:${PASSWORD}`);

  const before = await readFile(config);
  const stopped = await typeTo(asked, env, [name, ['password: ', 'p4ss\x03']]);
  assert.equal(stopped.status, 130, stopped.screen);
  const empty = await typeTo(['login', '-u', 'me', host], env, [['password: ', '\r']]);
  assert.equal(empty.status, 2, empty.screen);
  assert.match(empty.screen, /the password is empty/);
  assert.deepEqual(await readFile(config), before);
});

test('a registry with tokens: the password is tried at its token server, and an identity token is kept in its place', async (t) => {
  const identity = 'kept-identity-token';
  for (const offline of [false, true]) {
    const tokens = await startTokenServer({ users: { me: PASSWORD }, identityTokens: [identity], offline });
    t.after(() => tokens.close());
    let isGuarded = false;
    const lab = await registry(t, {
      intercept: (request, response) => isGuarded && tokens.guard(request, response),
    });
    await lab.put('a:1', buildImage({ layers: [layer(file('motd', 'hello'))] }));
    isGuarded = true;
    const folder = await tempFolder(t);
    const env = { DOCKER_CONFIG: folder };
    const entry = async (): Promise<unknown> =>
      (JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')) as { auths: object }).auths;
    const base64 = (text: string): string => Buffer.from(text).toString('base64');
    const wrong = await login([...AS_ME, lab.host], env, 'wrong-password');
    assert.equal(wrong.status, 4, wrong.stderr);
    const done = await login([...AS_ME, lab.host, '--debug'], { ...env, NODE_DEBUG: 'nydus:registry,http' });
    assert.equal(done.status, 0, done.stderr);
    assertHidden(done);
    assertHidden(done, identity);
    const stored = offline
      ? { auth: base64('me:'), identitytoken: identity }
      : { auth: base64(`me:${PASSWORD}`) };
    assert.deepEqual(await entry(), { [lab.host]: stored });
    assert.equal((await nydusify(['ls', `${lab.host}/a:1`], { env })).stdout, 'motd\n');

    const byToken = await login(['--identity-token', '--password-stdin', lab.host], env, identity);
    assert.equal(byToken.status, 0, byToken.stderr);
    assert.deepEqual(await entry(), { [lab.host]: { auth: base64('<token>:'), identitytoken: identity } });
    assert.equal((await nydusify(['ls', `${lab.host}/a:1`], { env })).stdout, 'motd\n');
    const badToken = await login(['--identity-token', '--password-stdin', lab.host], env, 'no-such-token');
    assert.equal(badToken.status, 4, badToken.stderr);
  }
});

test('a registry that asks for no login is said to have tried none', async (t) => {
  const lab = await registry(t);
  const folder = await tempFolder(t);
  const done = await login([...AS_ME, lab.host], { DOCKER_CONFIG: folder });
  assert.equal(done.status, 0, done.stderr);
  assert.match(done.stderr, /^warning: registry .* asks for no login, so this one could not be tried$/m);
});

test('a password is taken from a pipe or a terminal alone, and shown nowhere', async (t) => {
  const folder = await tempFolder(t);
  const env = { DOCKER_CONFIG: folder };
  const secret = 'sup3r-s3cret';
  const refused: readonly (readonly [args: readonly string[], input: string | undefined, message: RegExp])[] =
    [
      [
        ['-u', 'me', '--password', secret, 'a.b'],
        undefined,
        /seen by every user.*\nhint: .*--password-stdin/,
      ],
      [['-u', 'me', '-p', secret, 'a.b'], undefined, /seen by every user/],
      [['-u', 'me', `-p${secret}`, 'a.b'], undefined, /seen by every user/],
      [['-u', 'me', `--password=${secret}`, 'a.b'], undefined, /seen by every user/],
      [['-u', 'me', 'a.b'], secret, /there is no terminal.*\nhint: pipe it/],
      [['--password-stdin', 'a.b'], secret, /--password-stdin needs --username/],
      [['-u', 'me', '--password-stdin', 'a.b'], '', /the password is empty/],
      [['-u', 'me:you', '--password-stdin', 'a.b'], secret, /colon/],
      [['-u', 'me', '--password-stdin', `me:${secret}@a.b`], secret, /not a host/],
      [['-u', 'me', '--password-stdin', 'a.b/team'], secret, /more than a host/],
      [['-u', 'me', '--password-stdin', 'nas'], secret, /part of a name/],
      [['-u', 'me', '--password-stdin', 'http://a.b'], secret, /clear text.*\nhint: .*--plain-http/],
    ];
  for (const [args, input, message] of refused) {
    const outcome = await nydusify(['login', ...args], { env, ...(input === undefined ? {} : { input }) });
    assert.equal(outcome.status, 2, `${args.join(' ')}: ${outcome.stderr}`);
    assert.match(outcome.stderr, message);
    assertHidden(outcome, secret);
  }
  const variable = await nydusify(['login', 'a.b'], { env: { ...env, NYDUSIFY_PASSWORD: secret } });
  assert.equal(variable.status, 2);
  assertHidden(variable, secret);
  await assert.rejects(stat(join(folder, 'config.json')), { code: 'ENOENT' });
});

test('a helper that fails keeps the login from being stored, and no file takes its place', async (t) => {
  const lab = await registry(t);
  const folder = await tempFolder(t);
  await writeFile(join(folder, 'docker-credential-fails'), '#!/bin/sh\ncat\nexit 3\n');
  await chmod(join(folder, 'docker-credential-fails'), 0o755);
  const config = await place(folder, 'config.json', '{ "credsStore": "fails" }\n');
  for (const path of [`${folder}:${process.env['PATH'] ?? ''}`, process.env['PATH'] ?? '']) {
    const outcome = await login([...AS_ME, lab.host], { DOCKER_CONFIG: folder, PATH: path });
    assert.equal(outcome.status, 4, outcome.stderr);
    assertHidden(outcome);
    assert.equal(await readFile(config, 'utf8'), '{ "credsStore": "fails" }\n');
  }
});
