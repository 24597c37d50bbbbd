import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AuthError, RegistryError } from '../../../src/errors.js';
import { Authenticator, parseChallenges } from '../../../src/registry/auth.js';
import { type Credential } from '../../../src/registry/credentials.js';
import { Redactor } from '../../../src/registry/redact.js';
import { Transport } from '../../../src/registry/transport.js';
import { startTokenServer, type TokenServer, type TokenServerOptions } from '../../support/token-server.js';

test('challenges are parsed, several in a header, quoted and not', () => {
  assert.deepEqual(
    parseChallenges('Bearer realm="https://a.b/t",service="s, x",scope="repository:a/b:pull,push"'),
    [
      {
        scheme: 'bearer',
        parameters: { realm: 'https://a.b/t', service: 's, x', scope: 'repository:a/b:pull,push' },
      },
    ],
  );
  assert.deepEqual(parseChallenges('Basic realm="a \\"b\\"", BEARER Realm = x , service=y, Negotiate'), [
    { scheme: 'basic', parameters: { realm: 'a "b"' } },
    { scheme: 'bearer', parameters: { realm: 'x', service: 'y' } },
    { scheme: 'negotiate', parameters: {} },
  ]);
  assert.deepEqual(parseChallenges(''), []);
  assert.deepEqual(parseChallenges('Basic'), [{ scheme: 'basic', parameters: {} }]);
  assert.deepEqual(parseChallenges('=;"broken'), []);
});

interface Rig extends AsyncDisposable {
  readonly auth: Authenticator;
  readonly tokens: TokenServer;
  readonly challenge: string;
  now: number;
}

async function rig(options: TokenServerOptions, credential?: Credential): Promise<Rig> {
  const tokens = await startTokenServer(options);
  const transport = new Transport({ side: 'source' }, new Redactor());
  const result: Rig = {
    tokens,
    now: 1_000_000,
    challenge: `Bearer realm="${tokens.realm}",service="s",scope="repository:a:pull"`,
    auth: new Authenticator({
      transport,
      credentials: { get: async () => credential, description: 'the test' },
      host: 'a.b',
      repository: 'a',
      now: () => result.now,
    }),
    [Symbol.asyncDispose]: async () => {
      await transport[Symbol.asyncDispose]();
      await tokens.close();
    },
  };
  return result;
}

const PULL = ['repository:a:pull'];
const user = { username: 'me', password: 's3:cret' };
const users = { me: 's3:cret' };

test('nothing is sent before the registry asks', async () => {
  await using r = await rig({});
  assert.equal(await r.auth.header(PULL), undefined);
});

test('trap 51: a token is fetched once for many who wait, and again when it runs out', async () => {
  await using r = await rig({ users, lifetimeS: 60 }, user);
  assert.ok(await r.auth.challenged(r.challenge, PULL, undefined));
  const headers = await Promise.all(Array.from({ length: 20 }, () => r.auth.header(PULL)));
  assert.equal(new Set(headers).size, 1);
  assert.match(headers[0] ?? '', /^Bearer /);
  assert.equal(r.tokens.requests.length, 1);
  r.now += 53_000;
  assert.equal(await r.auth.header(PULL), headers[0]);
  r.now += 2_000; // 55 of 60 seconds: renewed before it is refused
  const later = await Promise.all(Array.from({ length: 20 }, () => r.auth.header(PULL)));
  assert.equal(new Set(later).size, 1);
  assert.notEqual(later[0], headers[0]);
  assert.equal(r.tokens.requests.length, 2);
});

test('trap 51: many who are refused the same token cause one new one', async () => {
  await using r = await rig({ users }, user);
  await r.auth.challenged(r.challenge, PULL, undefined);
  const old = await r.auth.header(PULL);
  const again = await Promise.all(
    Array.from({ length: 10 }, () => r.auth.challenged(r.challenge, PULL, old)),
  );
  assert.ok(again.every(Boolean));
  assert.equal(r.tokens.requests.length, 2);
});

test('trap 51: the field may be called token or access_token', async () => {
  for (const field of ['token', 'access_token'] as const) {
    await using r = await rig({ anonymous: true, field });
    await r.auth.challenged(r.challenge, PULL, undefined);
    assert.match((await r.auth.header(PULL)) ?? '', /^Bearer [\w-]{32}$/);
  }
});

test('scopes that the registry names are asked for beside our own', async () => {
  await using r = await rig({ anonymous: true });
  await r.auth.challenged(
    `Bearer realm="${r.tokens.realm}",scope="repository:other:pull registry:catalog:*"`,
    PULL,
    undefined,
  );
  assert.deepEqual(r.tokens.requests[0]?.scopes, [
    'repository:a:pull',
    'repository:other:pull',
    'registry:catalog:*',
  ]);
});

test('an identity token is exchanged by POST, a password too where GET is unknown', async () => {
  await using byToken = await rig({ identityTokens: ['refresh'] }, { identityToken: 'refresh' });
  assert.ok(await byToken.auth.challenged(byToken.challenge, PULL, undefined));
  assert.deepEqual(
    byToken.tokens.requests.map((request) => request.method),
    ['POST'],
  );
  await using byPassword = await rig({ users, postOnly: true }, user);
  assert.ok(await byPassword.auth.challenged(byPassword.challenge, PULL, undefined));
  assert.deepEqual(
    byPassword.tokens.requests.map((request) => request.method),
    ['GET', 'POST'],
  );
});

test('a registry token is used as it is', async () => {
  await using r = await rig({}, { registryToken: 'mine' });
  assert.ok(await r.auth.challenged(r.challenge, PULL, undefined));
  assert.equal(await r.auth.header(PULL), 'Bearer mine');
  assert.equal(await r.auth.challenged(r.challenge, PULL, 'Bearer mine'), false);
});

test('a refusal says whether anything was stored, and never what', async () => {
  await using wrong = await rig({ users: { me: 'other' } }, user);
  await assert.rejects(wrong.auth.challenged(wrong.challenge, PULL, undefined), (error) => {
    assert.ok(error instanceof AuthError);
    assert.match(error.message, /refused the stored credentials/);
    assert.match(error.hint ?? '', /docker login a\.b.*the test/);
    assert.doesNotMatch(`${error.message}${String(error.hint)}`, /s3:cret/);
    return true;
  });
  await using none = await rig({});
  await assert.rejects(none.auth.challenged(none.challenge, PULL, undefined), /no anonymous access/);
});

test('Basic is tried once, with credentials only', async () => {
  await using r = await rig({}, user);
  assert.ok(await r.auth.challenged('Basic realm="x"', PULL, undefined));
  const header = await r.auth.header(PULL);
  assert.equal(header, `Basic ${Buffer.from('me:s3:cret').toString('base64')}`);
  assert.equal(await r.auth.challenged('Basic realm="x"', PULL, header), false);
  await using none = await rig({});
  assert.equal(await none.auth.challenged('Basic realm="x"', PULL, undefined), false);
  assert.equal(await none.auth.challenged('Negotiate', PULL, undefined), false);
});

test('credentials are not sent to a realm in clear text, nor to what is no URL', async () => {
  await using r = await rig({ users }, user);
  await assert.rejects(
    r.auth.challenged('Bearer realm="http://token.example/t"', PULL, undefined),
    (error) => {
      assert.ok(error instanceof AuthError);
      assert.match(error.hint ?? '', /--plain-http/);
      return true;
    },
  );
  await assert.rejects(r.auth.challenged('Bearer realm="file:///etc"', PULL, undefined), AuthError);
  await assert.rejects(r.auth.challenged('Bearer service="x"', PULL, undefined), RegistryError);
  assert.equal(r.tokens.requests.length, 0);
});
