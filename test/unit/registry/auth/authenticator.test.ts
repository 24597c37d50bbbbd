import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { AuthError, RegistryError } from '../../../../src/errors.js';
import { Authenticator } from '../../../../src/registry/auth/authenticator.js';
import { parseChallenges } from '../../../../src/registry/auth/challenge.js';
import type { Credential } from '../../../../src/registry/auth/credentials.js';
import { NamedHosts } from '../../../../src/registry/http/addresses.js';
import { Redactor } from '../../../../src/registry/http/redact.js';
import { Transport } from '../../../../src/registry/http/transport.js';
import {
  startTokenServer,
  type TokenServer,
  type TokenServerOptions,
} from '../../../support/registries/token-server.js';

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
      host: 'localhost:1',
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

test('concurrent requests share one token, which is fetched again when it expires', async () => {
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

test('many requests that are refused with the same token fetch one new token', async () => {
  await using r = await rig({ users }, user);
  await r.auth.challenged(r.challenge, PULL, undefined);
  const old = await r.auth.header(PULL);
  const again = await Promise.all(
    Array.from({ length: 10 }, () => r.auth.challenged(r.challenge, PULL, old)),
  );
  assert.ok(again.every(Boolean));
  assert.equal(r.tokens.requests.length, 2);
});

test('the token may be in the field token or access_token', async () => {
  for (const field of ['token', 'access_token'] as const) {
    await using r = await rig({ anonymous: true, field });
    await r.auth.challenged(r.challenge, PULL, undefined);
    assert.match((await r.auth.header(PULL)) ?? '', /^Bearer [\w-]{32}$/);
  }
});

test('the scopes asked for are ours, whatever the registry names', async () => {
  await using r = await rig({ anonymous: true });
  await r.auth.challenged(
    `Bearer realm="${r.tokens.realm}",scope="repository:other:pull,push registry:catalog:*"`,
    PULL,
    undefined,
  );
  assert.deepEqual(r.tokens.requests[0]?.scopes, ['repository:a:pull']);
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

test('a refusal says whether a credential was stored, and never shows it', async () => {
  await using wrong = await rig({ users: { me: 'other' } }, user);
  await assert.rejects(wrong.auth.challenged(wrong.challenge, PULL, undefined), (error) => {
    assert.ok(error instanceof AuthError);
    assert.match(error.message, /refused the stored credentials/);
    assert.deepEqual(error.remedy, {
      kind: 'login',
      host: 'localhost:1',
      searched: 'the test',
      stored: true,
    });
    assert.doesNotMatch(`${error.message}${JSON.stringify(error)}`, /s3:cret/);
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

test('credentials are not sent to a realm in clear text, nor to one that is no URL', async () => {
  await using r = await rig({ users }, user);
  await assert.rejects(
    r.auth.challenged('Bearer realm="http://token.example/t"', PULL, undefined),
    (error) => {
      assert.ok(error instanceof AuthError);
      // No flag helps: --plain-http would speak HTTP with the registry, which speaks TLS.
      assert.deepEqual([error.remedy, error.side], [undefined, 'source']);
      assert.match(error.hint ?? '', /https:/);
      return true;
    },
  );
  await assert.rejects(r.auth.challenged('Bearer realm="file:///etc"', PULL, undefined), AuthError);
  await assert.rejects(r.auth.challenged('Bearer service="x"', PULL, undefined), RegistryError);
  assert.equal(r.tokens.requests.length, 0);
});

test('a registry elsewhere does not get credentials sent to what listens on this machine', async () => {
  const tokens = await startTokenServer({ users });
  await using transport = new Transport({ side: 'source' }, new Redactor());
  const auth = new Authenticator({
    transport,
    credentials: { get: async () => user, description: 'the test' },
    host: 'registry.example',
    repository: 'a',
  });
  await assert.rejects(auth.challenged(`Bearer realm="${tokens.realm}"`, PULL, undefined), AuthError);
  assert.equal(tokens.requests.length, 0);
  await tokens.close();
});

test('a refresh token replaces the password until the token server refuses it', async () => {
  const grants: string[] = [];
  let taken = true;
  const server = createServer((request, response) => {
    if (request.method === 'GET') {
      response.writeHead(405).end();
      return;
    }
    void text(request).then((body) => {
      const grant = new URLSearchParams(body).get('grant_type') ?? '';
      grants.push(grant);
      if (grant === 'refresh_token' && !taken) response.writeHead(401).end();
      else
        response.end(
          JSON.stringify({
            access_token: `token-${grants.length}`,
            expires_in: 60,
            refresh_token: 'r3fresh',
          }),
        );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // a TCP server that listens has such an address
  await using transport = new Transport({ side: 'source' }, new Redactor());
  let now = 0;
  const auth = new Authenticator({
    transport,
    credentials: { get: async () => user, description: 'the test' },
    host: 'localhost:1',
    repository: 'a',
    now: () => now,
  });
  await auth.challenged(`Bearer realm="http://127.0.0.1:${port}/"`, PULL, undefined);
  now += 61_000;
  assert.equal(await auth.header(PULL), 'Bearer token-2');
  taken = false;
  now += 61_000;
  assert.equal(await auth.header(PULL), 'Bearer token-4');
  assert.deepEqual(grants, ['password', 'refresh_token', 'refresh_token', 'password']);
  server.closeAllConnections();
  server.close();
});

test('an answer of the token server without end is not read to its end', async () => {
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    const more = (): void => {
      while (!response.destroyed && response.write(Buffer.alloc(65_536, 0x20)));
    };
    response.on('drain', more);
    more();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // as above
  await using transport = new Transport({ side: 'source' }, new Redactor());
  const auth = new Authenticator({
    transport,
    credentials: { get: async () => undefined, description: 'the test' },
    host: 'localhost:1',
    repository: 'a',
  });
  await assert.rejects(
    auth.challenged(`Bearer realm="http://127.0.0.1:${port}/"`, PULL, undefined),
    /answer of token server .*: more than 1048576 bytes/,
  );
  server.closeAllConnections();
  server.close();
});

test('a password goes to a realm on another host only if the challenge came over TLS, or the user has named that host', async () => {
  for (const [realm, answeredBy, allowedHosts, goes] of [
    ['https://auth.example/token', 'http://registry.example/v2/', [], false],
    ['https://auth.example/token', 'http://registry.example/v2/', ['other.example'], false],
    ['https://auth.example/token', 'https://registry.example/v2/', [], true],
    ['https://auth.example/token', 'http://registry.example/v2/', ['auth.example'], true],
    ['https://registry.example:8443/token', 'http://registry.example/v2/', [], true],
  ] as const) {
    const asked: string[] = [];
    const auth = new Authenticator({
      transport: {
        side: 'source',
        redactor: new Redactor(),
        hosts: new NamedHosts(allowedHosts),
        allowsPlainHttp: () => true,
        send: ({ url }: { url: URL }) => {
          asked.push(url.host);
          return Promise.reject(new Error('asked'));
        },
      } as unknown as Transport, // all that is used of it
      credentials: {
        description: 'a test',
        get: () => Promise.resolve({ username: 'me', password: 'hunter22' }),
      },
      host: 'registry.example',
      repository: 'a',
    });
    const challenged = auth.challenged(`Bearer realm="${realm}"`, PULL, undefined, {}, new URL(answeredBy));
    if (goes) await assert.rejects(challenged, /asked/);
    else
      await assert.rejects(
        challenged,
        (error) => error instanceof AuthError && error.remedy?.kind === 'allow-host',
      );
    assert.equal(asked.length, goes ? 1 : 0, `${realm} ${answeredBy}`);
  }
});
