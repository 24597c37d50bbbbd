/** Whom the command believes, and by which way it goes: authorities, client certificates, mirrors, proxies. */
import assert from 'node:assert/strict';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer as createProxy, type IncomingMessage, request as ask } from 'node:http';
import { createServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { registryListener } from '../../src/embedded-registry/server.js';
import { anonymous } from '../../src/registry/auth/credentials.js';
import { openTarget } from '../../src/registry/open.js';
import { buildImage, putImage } from '../support/images/image-builder.js';
import { type Authority, authority } from '../support/registries/certificate.js';
import { needs } from '../support/needs.js';
import { dir, file, layer } from '../support/images/tar.js';
import { startSocksServer } from '../support/registries/socks-server.js';
import { tempFolder } from '../support/temp-folder.js';
import { nydusify, registry } from '../support/command.js';

const image = buildImage({ layers: [layer(dir('etc'), file('etc/motd', 'hello'))] });

interface TlsRegistry {
  readonly host: string;
  readonly seen: IncomingMessage[];
}

/** A registry behind TLS that holds `a:1`. */
async function tlsRegistry(
  t: TestContext,
  signer: Authority,
  options: ServerOptions = {},
  address = '127.0.0.1',
  names?: readonly string[],
): Promise<TlsRegistry> {
  const root = await tempFolder(t);
  const { cert, key } = await signer.issue(`server-${Math.random().toString(36).slice(2)}`, names);
  const seen: IncomingMessage[] = [];
  const listener = registryListener({ root });
  const server = createServer(
    { cert: await readFile(cert), key: await readFile(key), ...options },
    (request, response) => {
      seen.push(request);
      listener(request, response);
    },
  );
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo; // of a TCP server that listens
  // Filled by a plain way of its own: only reading is looked at here.
  const filler = createProxy(registryListener({ root }));
  await new Promise<void>((resolve) => filler.listen(0, '127.0.0.1', resolve));
  await using target = openTarget(`127.0.0.1:${(filler.address() as AddressInfo).port}/a:1`, {
    credentials: anonymous,
  });
  await putImage(target, image);
  filler.closeAllConnections();
  filler.close();
  return { host: `${address.includes(':') ? `[${address}]` : address}:${port}`, seen };
}

test('a private authority is trusted by --ca, SSL_CERT_FILE, SSL_CERT_DIR and certs.d, and by nothing else', async (t) => {
  if (!needs(t, 'openssl')) return;
  const folder = await tempFolder(t);
  const signer = await authority(folder);
  const { host } = await tlsRegistry(t, signer);
  const target = (name: string): string => `oci:${join(folder, name)}:1`;
  const certs = join(folder, 'config', 'docker', 'certs.d', host);
  await mkdir(certs, { recursive: true });
  await copyFile(signer.file, join(certs, 'ca.crt'));
  await mkdir(join(folder, 'roots'));
  await copyFile(signer.file, join(folder, 'roots', 'one.pem'));
  const ways: readonly (readonly [string[], Record<string, string>])[] = [
    [['--ca', signer.file], {}],
    [[], { SSL_CERT_FILE: signer.file }],
    [[], { SSL_CERT_DIR: join(folder, 'roots') }],
    [[], { NODE_EXTRA_CA_CERTS: signer.file }],
    [[], { XDG_CONFIG_HOME: join(folder, 'config') }],
    [['--source-insecure'], {}],
  ];
  for (const [i, [flags, env]] of ways.entries()) {
    const { status, stderr } = await nydusify(['convert', ...flags, `${host}/a:1`, target(`out-${i}`)], {
      env,
    });
    assert.equal(status, 0, `${flags.join(' ')} ${Object.keys(env).join(' ')}: ${stderr}`);
  }
  const strangers: readonly (readonly [string[], RegExp])[] = [
    [[], /its TLS certificate is not trusted .*\nhint: .*--ca FILE.*--source-insecure/],
    [['--target-insecure'], /is not trusted/],
    [['--ca', join(folder, 'absent.pem')], /cannot read .*absent\.pem: no such file/],
    [['--ca', join(folder, 'authority.key')], /authority\.key: no certificate in PEM form/],
  ];
  for (const [flags, said] of strangers) {
    const { status, stderr } = await nydusify(['convert', ...flags, `${host}/a:1`, target('never')]);
    assert.notEqual(status, 0);
    assert.match(stderr, said);
  }
});

test('a certificate that has a common name and no subjectAltName is for no host', async (t) => {
  if (!needs(t, 'openssl')) return;
  const folder = await tempFolder(t);
  const signer = await authority(folder);
  const { host } = await tlsRegistry(t, { ...signer, issue: () => signer.issue('localhost', []) });
  const name = host.replace('127.0.0.1', 'localhost');
  const args = ['convert', '--ca', signer.file, `${name}/a:1`, `oci:${join(folder, 'out')}:1`];
  const { status, stderr } = await nydusify(args);
  assert.equal(status, 3, stderr);
  assert.match(stderr, /is not trusted .*\nhint: use a name of the registry that the certificate is for/);
});

test('a client certificate of certs.d is sent to its host, which refuses requests without it', async (t) => {
  if (!needs(t, 'openssl')) return;
  const folder = await tempFolder(t);
  const signer = await authority(folder);
  const ca = await readFile(signer.file);
  const { host } = await tlsRegistry(t, signer, { ca, requestCert: true, rejectUnauthorized: true });
  const certs = join(folder, 'config', 'containers', 'certs.d', host);
  await mkdir(certs, { recursive: true });
  await copyFile(signer.file, join(certs, 'ca.crt'));
  const out = `oci:${join(folder, 'out')}:1`;
  const env = { XDG_CONFIG_HOME: join(folder, 'config') };
  const without = await nydusify(['convert', `${host}/a:1`, out], { env });
  assert.equal(without.status, 3, without.stderr);
  const own = await signer.issue('client');
  await copyFile(own.cert, join(certs, 'client.cert'));
  await copyFile(own.key, join(certs, 'client.key'));
  const { status, stderr } = await nydusify(['convert', `${host}/a:1`, out], { env });
  assert.equal(status, 0, stderr);
});

test('a registry at an IPv6 address is reached with TLS, if its certificate is for that address', async (t) => {
  if (!needs(t, 'openssl')) return;
  const folder = await tempFolder(t);
  const signer = await authority(folder);
  for (const [names, isFor] of [
    [undefined, true],
    [['DNS:registry.example', 'IP:0:0:0:0:0:0:0:1'], true],
    [['IP:::2', 'IP:127.0.0.1'], false],
    [['DNS:::1', 'DNS:localhost'], false],
  ] as const) {
    const { host } = await tlsRegistry(t, signer, {}, '::1', names);
    const { status, stderr } = await nydusify(['ls', '--ca', signer.file, `${host}/a:1`]);
    assert.equal(status, isFor ? 0 : 3, stderr);
    assert.match(stderr, isFor ? /^/ : /certificate is not trusted \(ERR_TLS_CERT_ALTNAME_INVALID\)/);
  }
});

test('mirrors of hosts.toml are asked first, in their order and within their capabilities, and the registry answers the rest', async (t) => {
  if (!needs(t, 'openssl')) return;
  const folder = await tempFolder(t);
  const signer = await authority(folder);
  const origin = await registry(t);
  const from = await origin.put('a:1', image);
  const mirror = await tlsRegistry(t, signer);
  const empty = await registry(t);
  const hosts = join(folder, 'hosts', origin.host);
  await mkdir(hosts, { recursive: true });
  await writeFile(
    join(hosts, 'hosts.toml'),
    `
[host."http://127.0.0.1:9"]
  capabilities = ["pull", "resolve"]
  dial_timeout = "2s"
[host."http://${empty.host}"]
  capabilities = ["pull", "resolve"]
[host."https://${mirror.host}"]
  capabilities = ["pull"]
  ca = "${signer.file}"
  [host."https://${mirror.host}".header]
    x-team = "blue"
`,
  );
  const target = `${origin.host}/a:1-nydus`;
  const { status, stderr } = await nydusify(['convert', '--hosts-dir', join(folder, 'hosts'), from, target]);
  assert.equal(status, 0, stderr);
  assert.match(stderr, /warning: mirror 127\.0\.0\.1:9 is left out from now on: .*connection refused/);
  const paths = mirror.seen.map(({ url }) => url ?? '');
  // Tags are for the registry, which alone knows what they mean now; the rest comes from here.
  assert.ok(paths.length >= 3 && paths.every((path) => !path.includes('/manifests/1')), paths.join('\n'));
  assert.ok(
    paths.every((path) => new URL(path, 'http://x').searchParams.get('ns') === origin.host),
    paths.join('\n'),
  );
  assert.ok(mirror.seen.every(({ headers }) => headers['x-team'] === 'blue'));
  assert.ok(empty.requests.some(({ path }) => path.includes('/manifests/1')));
  assert.ok(
    empty.requests.every(({ method, headers }) => method !== 'PUT' && headers['x-team'] === undefined),
  );
  const pulled = origin.requests.filter(({ method, path }) => method === 'GET' && path.includes('/blobs/'));
  assert.deepEqual(pulled, [], 'blobs came from the mirror');
  assert.ok(await origin.hasTag(target), 'what is pushed goes to the registry');
});

test('a proxy from the environment is used with its login, but not for what NO_PROXY excepts', async (t) => {
  const folder = await tempFolder(t);
  const origin = await registry(t);
  await origin.put('a:1', image);
  const asked: string[] = [];
  const proxy = createProxy((request, response) => {
    const url = new URL(request.url ?? '');
    asked.push(`${url.host} ${request.headers['proxy-authorization'] ?? ''}`);
    if (request.headers['proxy-authorization'] === undefined) {
      response.writeHead(407).end();
      return;
    }
    const { method, headers } = request;
    const forwarded = ask(
      `http://${origin.host}${url.pathname}${url.search}`,
      { method, headers },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      },
    );
    request.pipe(forwarded);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    proxy.closeAllConnections();
    proxy.close();
  });
  const at = `127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const convert = (env: Record<string, string>): ReturnType<typeof nydusify> =>
    nydusify(['convert', '--plain-http', 'registry.invalid/a:1', `oci:${join(folder, 'out')}:1`], { env });
  const through = await convert({ HTTP_PROXY: `http://me:s%23cret@${at}` });
  assert.equal(through.status, 0, through.stderr);
  const login = Buffer.from('me:s#cret').toString('base64');
  assert.ok(
    asked.length > 0 && asked.every((line) => line === `registry.invalid Basic ${login}`),
    asked.join('\n'),
  );
  const refused = await convert({ HTTP_PROXY: `http://${at}` });
  assert.equal(refused.status, 3);
  assert.match(
    refused.stderr,
    /proxy 127\.0\.0\.1:\d+ refused the way to registry\.invalid \(407\)\nhint: it asks for a login/,
  );
  await using socks = await startSocksServer({ login: 'me:s#cret', lead: () => origin.host });
  const bySocks = await convert({ ALL_PROXY: `socks5://me:s%23cret@${socks.host}` });
  assert.equal(bySocks.status, 0, bySocks.stderr);
  assert.ok(socks.asked.length > 0 && socks.asked.every((name) => name === 'registry.invalid:80'));
  const count = asked.length;
  const direct = await convert({ HTTP_PROXY: `http://me:x@${at}`, NO_PROXY: '.invalid' });
  assert.equal(direct.status, 3);
  assert.equal(asked.length, count);
});
