import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { readFile } from 'node:fs/promises';
import type { AddressInfo, Server } from 'node:net';
import { test, type TestContext } from 'node:test';
import { RegistryError } from '../../../../src/errors.js';
import { collect } from '../../../../src/io/streams.js';
import { Redactor } from '../../../../src/registry/http/redact.js';
import { Transport, type TransportOptions } from '../../../../src/registry/http/transport.js';
import { authority } from '../../../support/registries/certificate.js';
import { needs } from '../../../support/needs.js';
import { startSocksServer, type SocksServerOptions } from '../../../support/registries/socks-server.js';
import { tempFolder } from '../../../support/temp-folder.js';

async function listen(t: TestContext, server: Server & { closeAllConnections(): void }): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`; // a TCP server that listens has such an address
}

async function socks(t: TestContext, options: SocksServerOptions): ReturnType<typeof startSocksServer> {
  const server = await startSocksServer(options);
  t.after(() => server[Symbol.asyncDispose]());
  return server;
}

async function get(all: string, url: string, options: Partial<TransportOptions> = {}): Promise<string> {
  const own = { side: 'source', proxies: { all }, timeouts: { connectMs: 5000 }, ...options } as const;
  await using transport = new Transport(own, new Redactor());
  const response = await transport.send({ method: 'GET', url: new URL(url), headers: {} });
  return (await collect(response.body, 1000, 'body')).toString();
}

test('requests go through a SOCKS5 proxy, which looks up the names, by a bounded number of connections', async (t) => {
  const host = await listen(
    t,
    createServer((request, response) => {
      setTimeout(() => response.end(`you asked ${request.headers.host ?? ''}`), 5);
    }),
  );
  const proxy = await socks(t, { lead: () => host });
  for (const scheme of ['socks5', 'socks5h'])
    assert.equal(
      await get(`${scheme}://${proxy.host}`, 'http://registry.invalid/v2/'),
      'you asked registry.invalid',
    );
  assert.equal(await get(`socks5://${proxy.host}`, 'http://10.1.2.3:5000/'), 'you asked 10.1.2.3:5000');
  await get(`socks5://${proxy.host}`, 'http://[2001:db8::5]:5000/');
  await get(`socks5://${proxy.host}`, 'http://[::ffff:10.1.2.3]/');
  assert.deepEqual(proxy.asked, [
    'registry.invalid:80',
    'registry.invalid:80',
    '10.1.2.3:5000',
    '20010db8000000000000000000000005:5000',
    '00000000000000000000ffff0a010203:80',
  ]);
  await using transport = new Transport(
    { side: 'source', proxies: { all: `socks5://${proxy.host}` }, connections: 2 },
    new Redactor(),
  );
  const url = new URL('http://registry.invalid/');
  const one = async (): Promise<void> =>
    (await transport.send({ method: 'GET', url, headers: {} })).discard();
  await Promise.all(Array.from({ length: 10 }, one));
  assert.equal(proxy.asked.length, 5 + 2);
});

test('TLS goes through to the host, whose certificate is verified', async (t) => {
  if (!needs(t, 'openssl')) return;
  const signer = await authority(await tempFolder(t));
  const { key, cert } = await signer.issue('registry.test');
  const host = await listen(
    t,
    createTlsServer({ key: await readFile(key), cert: await readFile(cert) }, (_request, response) => {
      response.end('secret answer');
    }),
  );
  const proxy = await socks(t, { lead: () => host });
  const url = 'https://registry.test/v2/';
  assert.equal(await get(`socks5://${proxy.host}`, url, { trust: { ca: [signer.file] } }), 'secret answer');
  assert.deepEqual([...new Set(proxy.asked)], ['registry.test:443']);
  await assert.rejects(get(`socks5://${proxy.host}`, url), /its TLS certificate is not trusted/);
});

test('a login is given when the proxy asks for it, and a refusal names no secret', async (t) => {
  const host = await listen(
    t,
    createServer((_request, response) => {
      response.end('in');
    }),
  );
  const proxy = await socks(t, { login: 'me:s3cret#1', lead: () => host });
  const open = await socks(t, { lead: () => host });
  const url = 'http://registry.invalid/';
  assert.equal(await get(`socks5://me:s3cret%231@${proxy.host}`, url), 'in');
  assert.equal(await get(`socks5://me:s3cret%231@${open.host}`, url), 'in');
  for (const [login, message] of [
    ['', /takes no connection without a login/],
    ['me:s3cret@', /refused the login/],
  ] as const) {
    await assert.rejects(get(`socks5://${login}${proxy.host}`, url), (error) => {
      assert.ok(error instanceof RegistryError && !error.retryable);
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /s3cret/);
      return true;
    });
  }
});

test('each refusal of the proxy has its message, and a silent proxy is given up', async (t) => {
  const url = 'http://registry.invalid/';
  for (const [reply, message, retryable] of [
    [2, /registry\.invalid:80: its rules do not allow it/, false],
    [4, /registry\.invalid:80: the host cannot be reached/, true],
    [99, /its answer is 99/, false],
  ] as const) {
    const proxy = await socks(t, { lead: () => reply });
    await assert.rejects(get(`socks5://${proxy.host}`, url), (error) => {
      assert.ok(error instanceof RegistryError);
      assert.match(error.message, message);
      assert.equal(error.retryable, retryable);
      return true;
    });
  }
  const silent = await socks(t, { lead: () => 1, isSilent: true });
  await assert.rejects(
    get(`socks5://${silent.host}`, url, { timeouts: { connectMs: 200 } }),
    (error) => error instanceof RegistryError && error.retryable && /timed out/.test(error.message),
  );
  const web = await listen(t, createServer());
  await assert.rejects(get(`socks5://${web}`, url), /does not speak SOCKS5|closed|reset|ended/);
  await assert.rejects(
    get('socks5://127.0.0.1:9', url),
    /by way of proxy 127\.0\.0\.1:9\): connection refused/,
  );
});
