/** Proxies, certificates and names on the way to a registry. Each attack ends with one sentence, and nobody on the way gets a secret. */
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer as createHttps } from 'node:https';
import type { AddressInfo, Server, Socket } from 'node:net';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { createServer as createTls, type PeerCertificate } from 'node:tls';
import { InternalError, NydusError } from '../../../src/errors.js';
import { collect } from '../../../src/io/streams.js';
import type { Proxies } from '../../../src/registry/http/proxies.js';
import { Redactor } from '../../../src/registry/http/redact.js';
import { Transport } from '../../../src/registry/http/transport.js';
import { identityFault, Trust } from '../../../src/registry/http/trust.js';
import { nydusify } from '../../support/command.js';
import { needs } from '../../support/needs.js';
import { selfSigned } from '../../support/registries/certificate.js';
import { scriptedServer } from '../../support/registries/scripted-registry.js';
import { tempFolder } from '../../support/temp-folder.js';

const SECRET = 'T0ken-of-the-registry';

/** A request with a secret, on a way that a proxy makes. */
async function send(proxies: Proxies, url: string): Promise<NydusError> {
  await using transport = new Transport(
    { side: 'source', proxies, timeouts: { connectMs: 2_000, answerMs: 2_000 } },
    new Redactor(),
  );
  const outcome = await transport
    .send({ method: 'GET', url: new URL(url), headers: { authorization: `Bearer ${SECRET}` } })
    .then((response) => collect(response.body, 1000, 'body'))
    .catch((error: unknown) => error);
  assert.ok(outcome instanceof NydusError && !(outcome instanceof InternalError), String(outcome));
  return outcome;
}

interface ProxyAttack {
  readonly attack: string;
  /** The answer to CONNECT. */
  readonly answer: string;
  readonly ends: RegExp;
}

const PROXIES: readonly ProxyAttack[] = [
  {
    attack: 'a proxy that answers in the place of the host behind its tunnel',
    answer: 'HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil',
    ends: /does not speak TLS|no TLS connection/,
  },
  {
    attack: 'a proxy that leads to another host instead of making a tunnel',
    answer: 'HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\n\r\n',
    ends: /refused the way to registry\.invalid \(302\)/,
  },
  {
    attack: 'a proxy that asks for the password of the registry',
    answer: 'HTTP/1.1 407 No\r\nproxy-authenticate: Basic realm="registry.invalid"\r\n\r\n',
    ends: /refused the way to registry\.invalid \(407\)/,
  },
  {
    attack: 'a proxy that announces a tunnel and does not make it',
    answer: 'HTTP/1.1 101 Switching Protocols\r\n\r\n',
    ends: /refused the way|\(101\)/,
  },
  {
    attack: 'a proxy that answers in another protocol, with an escape in it',
    answer: 'SSH-2.0-\x1b]0;evil\x07\r\n\r\n',
    ends: /does not speak HTTP/,
  },
];

for (const { attack, answer, ends } of PROXIES) {
  test(`on the way: ${attack}`, { concurrency: true }, async (t) => {
    let heard = '';
    const host = await scriptedServer(t, (socket, head) => {
      heard += head;
      if (head.startsWith('CONNECT')) socket.write(answer, 'latin1');
    });
    const error = await send({ https: `http://${host}` }, 'https://registry.invalid/v2/');
    assert.match(error.message, ends);
    assert.ok(!heard.includes(SECRET) && !error.message.includes('\x1b'));
  });
}

const SOCKS: Readonly<Record<string, readonly number[]>> = {
  'a SOCKS proxy that answers in another version': [4, 0],
  'a SOCKS proxy that wants a way of login that nothing knows': [5, 9],
  'a SOCKS proxy whose own address is of no kind, and ends in the middle': [5, 0, 5, 0, 0, 9, 255, 1],
};

for (const [attack, answer] of Object.entries(SOCKS)) {
  test(`on the way: ${attack}`, { concurrency: true }, async (t) => {
    let heard = '';
    const host = await scriptedServer(t, (socket, head) => {
      heard += head;
      socket.end(Uint8Array.from(answer));
    });
    assert.match(
      (await send({ all: `socks5://${host}` }, 'http://registry.invalid/v2/')).message,
      /proxy 127/,
    );
    assert.ok(!heard.includes(SECRET));
  });
}

/** [attack, host, names of the certificate]. */
const NAMES: readonly (readonly [string, string, string])[] = [
  ['a certificate for *', 'registry.example', 'DNS:*'],
  ['a certificate for all hosts of a country or of com', 'registry.example', 'DNS:*.example'],
  ['a certificate whose star stands for several labels', 'a.b.registry.example', 'DNS:*.registry.example'],
  [
    'a certificate whose name ends where a NUL stands',
    'registry.example',
    'DNS:registry.example\0.evil.example',
  ],
  ['a certificate with an address written as a name', '10.1.2.3', 'DNS:10.1.2.3'],
  [
    'a certificate with a mail address in the place of a name',
    'registry.example',
    'email:root@registry.example',
  ],
];

for (const [attack, host, subjectaltname] of NAMES) {
  test(`on the way: ${attack}`, () => {
    const certificate = { subject: { CN: host }, subjectaltname } as PeerCertificate; // the fields that decide
    const fault = identityFault(host, certificate);
    assert.equal(fault instanceof Error, true);
  });
}

async function listening(t: TestContext, server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const open = new Set<Socket>();
  server.on('connection', (socket: Socket) => open.add(socket));
  t.after(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`; // a TCP server has one
}

test('on the way: NODE_TLS_REJECT_UNAUTHORIZED=0 in the environment of a pipeline', async (t) => {
  if (!needs(t, 'openssl')) return;
  const folder = await tempFolder(t);
  let requests = 0;
  const server = createHttps(await selfSigned(folder), (_request, response) => {
    requests++;
    response.end();
  });
  const host = await listening(t, server);
  const { status, stderr } = await nydusify(['inspect', `${host}/a:1`], {
    env: { NODE_TLS_REJECT_UNAUTHORIZED: '0' },
  });
  assert.notEqual(status, 0);
  assert.match(stderr, /its TLS certificate is not trusted/);
  assert.equal(requests, 0);
});

test('on the way: a SOCKS proxy whose answers come byte by byte', async (t) => {
  const answers = [
    [5, 0],
    [5, 0, 0, 1, 1, 2, 3, 4, 0, 80],
    [...Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')],
  ];
  const host = await scriptedServer(t, (socket) => {
    const pieces = answers.shift() ?? [];
    const timer = setInterval(() => {
      const next = pieces.shift();
      if (next === undefined) clearInterval(timer);
      else socket.write(Uint8Array.of(next));
    }, 1);
  });
  await using transport = new Transport(
    { side: 'source', proxies: { all: `socks5://${host}` } },
    new Redactor(),
  );
  const response = await transport.send({
    method: 'GET',
    url: new URL('http://registry.invalid/'),
    headers: {},
  });
  assert.equal((await collect(response.body, 10, 'body')).toString(), 'ok');
});

test('on the way: a host that speaks nothing but HTTP/2, or TLS 1.1', async (t) => {
  if (!needs(t, 'openssl')) return;
  const folder = await tempFolder(t);
  const certificate = await selfSigned(folder);
  await writeFile(join(folder, 'ca.pem'), certificate.cert);
  for (const options of [
    { ALPNProtocols: ['h2'] },
    { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' },
  ] as const) {
    let heard = '';
    const server = createTls({ ...certificate, ...options, ALPNProtocols: ['h2'] }, (socket) => {
      socket.on('error', () => undefined).on('data', (bytes: Buffer) => (heard += bytes.toString('latin1')));
    });
    const host = await listening(t, server);
    await using transport = new Transport(
      { side: 'source', trust: { ca: [join(folder, 'ca.pem')] } },
      new Redactor(),
    );
    await assert.rejects(
      transport.send({
        method: 'GET',
        url: new URL(`https://${host}/v2/`),
        headers: { authorization: `Bearer ${SECRET}` },
      }),
      (error) => error instanceof NydusError && /TLS/.test(error.message),
    );
    assert.ok(!heard.includes(SECRET));
  }
});

test('on the way: a registry that leads to a host called "..", whose folder of certificates would be another', async (t) => {
  const folder = await tempFolder(t);
  const certs = join(folder, 'certs.d');
  await mkdir(certs);
  for (const at of [folder, certs])
    for (const name of ['client.cert', 'ca.crt']) await writeFile(join(at, name), 'of other hosts');
  const trust = new Trust({ certDirs: [certs] }, false);
  for (const url of ['https://../v2/', 'https://./v2/', 'https://.../v2/'])
    assert.equal((await trust.settingsFor(new URL(url).host, 'registry', 0))?.secureContext, undefined);
});
