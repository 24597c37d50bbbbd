import assert from 'node:assert/strict';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import {
  type AddressInfo,
  connect,
  createServer as createTcpServer,
  type Server as TcpServer,
  type Socket,
} from 'node:net';
import { createServer as createTls } from 'node:https';
import { test, type TestContext } from 'node:test';
import { RegistryError } from '../../../../src/errors.js';
import { RateLimit } from '../../../../src/io/rate.js';
import { collect, contentOf } from '../../../../src/io/streams.js';
import { Redactor } from '../../../../src/registry/http/redact.js';
import { Transport } from '../../../../src/registry/http/transport.js';
import { noise } from '../../../support/images/opaque-image.js';
import { selfSigned } from '../../../support/registries/certificate.js';
import { tempFolder } from '../../../support/temp-folder.js';

async function listen(t: TestContext, server: Server | TcpServer): Promise<string> {
  const open = new Set<Socket>();
  server.on('connection', (socket: Socket) => open.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

interface Asked {
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
}

/** A proxy that answers for every host, and refuses to make tunnels. */
async function forwardingProxy(t: TestContext, status = 200): Promise<{ host: string; asked: Asked[] }> {
  const asked: Asked[] = [];
  const proxy = createServer(({ url = '', headers }, response) => {
    asked.push({ url, headers });
    response.writeHead(status).end('answer');
  });
  return { host: await listen(t, proxy), asked };
}

test('a proxy is asked for the whole URL of plain HTTP, not for a tunnel', async (t) => {
  const { host, asked } = await forwardingProxy(t);
  const proxies = { http: `http://me:s3%40cret@${host}` };
  await using transport = new Transport({ side: 'source', proxies }, new Redactor());
  for (const method of ['GET', 'PUT'] as const) {
    const response = await transport.send({
      method,
      url: new URL('http://registry.invalid:5000/v2/a%2Fb?x=1'),
      headers: { authorization: 'Bearer t' },
      body: method === 'PUT' ? contentOf(Buffer.from('body')) : undefined,
    });
    assert.equal((await collect(response.body, 100, 'body')).toString(), 'answer');
    assert.equal(response.url.href, 'http://registry.invalid:5000/v2/a%2Fb?x=1');
  }
  for (const { url, headers } of asked) {
    assert.equal(url, 'http://registry.invalid:5000/v2/a%2Fb?x=1');
    assert.equal(headers.host, 'registry.invalid:5000');
    assert.equal(headers.authorization, 'Bearer t');
    assert.equal(headers['proxy-authorization'], `Basic ${Buffer.from('me:s3@cret').toString('base64')}`);
  }
  assert.equal(asked.length, 2);
});

test('TLS goes through a tunnel of the proxy, one connection for successive requests', async (t) => {
  const certificate = await selfSigned(await tempFolder(t));
  const secure = createTls(certificate, (_request, response) => {
    response.end('secret');
  });
  const [, port = ''] = (await listen(t, secure)).split(':');
  const asked: string[] = [];
  const tunnels = createServer();
  tunnels.on('connect', (request, client) => {
    asked.push(`${request.url ?? ''} ${request.headers['proxy-authorization'] ?? ''}`);
    const upstream = connect(Number(port), '127.0.0.1', () => {
      client.write('HTTP/1.1 200 OK\r\nvia: a test\r\n\r\n');
      client.pipe(upstream).pipe(client);
    });
    for (const socket of [client, upstream]) socket.on('error', () => client.destroy());
  });
  const proxies = { https: `http://me:pw@${await listen(t, tunnels)}` };
  await using transport = new Transport({ side: 'source', proxies, insecure: true }, new Redactor());
  for (let i = 0; i < 3; i++) {
    const response = await transport.send({
      method: 'GET',
      url: new URL('https://registry.invalid/v2/'),
      headers: {},
    });
    assert.equal((await collect(response.body, 100, 'body')).toString(), 'secret');
  }
  assert.deepEqual(asked, [`registry.invalid:443 Basic ${Buffer.from('me:pw').toString('base64')}`]);
});

test('a proxy is not used for loopback nor for those excepted', async (t) => {
  const host = await listen(
    t,
    createServer((_request, response) => {
      response.end('itself');
    }),
  );
  const proxy = await forwardingProxy(t);
  const proxies = { http: `http://${proxy.host}`, no: '.internal.invalid' };
  await using transport = new Transport({ side: 'source', proxies }, new Redactor());
  const get = async (url: string): Promise<string> => {
    const response = await transport.send({ method: 'GET', url: new URL(url), headers: {} });
    return (await collect(response.body, 100, 'body')).toString();
  };
  assert.equal(await get('http://registry.invalid/v2/'), 'answer');
  assert.equal(await get(`http://${host}/v2/`), 'itself');
  await assert.rejects(get('http://x.internal.invalid/v2/'), RegistryError);
  assert.equal(proxy.asked.length, 1);
});

test('a proxy that wants a login is named, for plain HTTP as for a tunnel', async (t) => {
  const { host } = await forwardingProxy(t, 407);
  const tunnels = createServer();
  tunnels.on('connect', (_request, client) => {
    client.end('HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n');
  });
  const proxies = { http: `http://${host}`, https: `http://${await listen(t, tunnels)}` };
  await using transport = new Transport({ side: 'source', proxies }, new Redactor());
  for (const scheme of ['http', 'https']) {
    await assert.rejects(
      transport.send({ method: 'GET', url: new URL(`${scheme}://registry.invalid/v2/`), headers: {} }),
      (error) => {
        assert.ok(error instanceof RegistryError);
        assert.match(error.message, /^proxy 127\.0\.0\.1:\d+ refused the way to registry\.invalid \(407\)$/);
        assert.deepEqual(error.remedy, { kind: 'proxy-login' });
        assert.equal(error.retryable, false);
        return true;
      },
    );
  }
});

test('a tunnel that the proxy does not answer for, ends or answers at length is given up', async (t) => {
  const answers: readonly (readonly [string, RegExp])[] = [
    ['', /timed out/],
    ['HTTP/1.1 2', /timed out/],
    [`HTTP/1.1 200 OK\r\nx: ${'y'.repeat(20_000)}`, /too many headers/],
    ['220 smtp.example ESMTP\r\n\r\n', /does not speak HTTP/],
  ];
  for (const [answer, expected] of answers) {
    const proxy = createTcpServer((socket) => {
      socket.on('error', () => undefined);
      socket.write(answer);
    });
    const proxies = { https: `http://${await listen(t, proxy)}` };
    await using transport = new Transport(
      { side: 'source', proxies, timeouts: { connectMs: 200 } },
      new Redactor(),
    );
    const url = new URL('https://registry.invalid/v2/');
    await assert.rejects(transport.send({ method: 'GET', url, headers: {} }), expected);
  }
});

test('a request does not wait for its connection once it is stopped, and the connection is closed with the transport', async (t) => {
  const silent = createTcpServer();
  const arrived = new Promise<Socket>((resolve) => silent.once('connection', resolve));
  const host = await listen(t, silent);
  const stop = new AbortController();
  let closed: Promise<unknown>;
  {
    await using transport = new Transport({ side: 'source' }, new Redactor());
    const asked = transport.send({
      method: 'GET',
      url: new URL(`https://${host}/v2/`), // TLS never begins
      headers: {},
      signal: stop.signal,
    });
    const socket = await arrived;
    socket.on('error', () => undefined).resume();
    closed = new Promise((resolve) => socket.once('close', resolve));
    stop.abort(new Error('enough'));
    await assert.rejects(asked, /^Error: enough$/);
  }
  await closed;
});

test('a server that stalls is given up, before its answer and in the middle of it', async (t) => {
  const host = await listen(
    t,
    createServer((request, response) => {
      if (request.url === '/body') {
        response.writeHead(200, { 'content-length': '10' });
        response.write('half');
      }
    }),
  );
  const timeouts = { answerMs: 300, headersMs: 300, idleMs: 300 };
  await using transport = new Transport({ side: 'source', timeouts }, new Redactor());
  const get = (path: string): ReturnType<Transport['send']> =>
    transport.send({ method: 'GET', url: new URL(`http://${host}${path}`), headers: {} });
  await assert.rejects(
    get('/none'),
    (error) => error instanceof RegistryError && error.retryable && /no answer in time/.test(error.message),
  );
  const { body } = await get('/body');
  await assert.rejects(
    collect(body, 100, 'body'),
    (error) => error instanceof RegistryError && error.retryable && /stopped sending/.test(error.message),
  );
});

test('headers without end are refused', async (t) => {
  const host = await listen(
    t,
    createServer((_request, response) => {
      response
        .writeHead(
          200,
          Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`x-${i}`, 'y'.repeat(1000)])),
        )
        .end();
    }),
  );
  await using transport = new Transport({ side: 'source' }, new Redactor());
  await assert.rejects(
    transport.send({ method: 'GET', url: new URL(`http://${host}/`), headers: {} }),
    /too many headers/,
  );
});

test('an unknown host name is an error that will not pass', async () => {
  await using transport = new Transport({ side: 'source' }, new Redactor());
  const url = new URL('https://registry.invalid/v2/?X-Signature=secret');
  await assert.rejects(transport.send({ method: 'GET', url, headers: {} }), (error) => {
    assert.ok(error instanceof RegistryError);
    assert.match(error.message, /^registry registry\.invalid: /);
    assert.doesNotMatch(`${error.message} ${String(error.request)}`, /secret/);
    return true;
  });
});

test('a server that takes connections and says nothing of TLS is given up in time', async (t) => {
  const silent = createTcpServer(() => undefined);
  const host = await listen(t, silent);
  await using transport = new Transport({ side: 'source', timeouts: { connectMs: 300 } }, new Redactor());
  const started = performance.now();
  await assert.rejects(
    transport.send({ method: 'GET', url: new URL(`https://${host}/v2/`), headers: {} }),
    (error) => error instanceof RegistryError && error.retryable && /timed out/.test(error.message),
  );
  // undici looks at such timers every half second.
  assert.ok(performance.now() - started < 4000);
});

test('a limit of bytes per second holds for what is received and what is sent together', async (t) => {
  const bytes = noise(300_000, 1);
  const host = await listen(
    t,
    createServer((request, response) => {
      request.resume().on('end', () => response.end(request.method === 'GET' ? bytes : ''));
    }),
  );
  await using transport = new Transport({ side: 'source', rate: new RateLimit(1_000_000) }, new Redactor());
  const url = new URL(`http://${host}/`);
  const down = async (): Promise<void> => {
    const response = await transport.send({ method: 'GET', url, headers: {} });
    assert.ok((await collect(response.body, bytes.length, 'body')).equals(bytes));
  };
  const up = async (): Promise<void> => {
    await (await transport.send({ method: 'PUT', url, headers: {}, body: contentOf(bytes) })).discard();
  };
  const started = performance.now();
  await Promise.all([down(), up()]);
  const ms = performance.now() - started;
  // 600 kB at 1 MB/s, of which the first tenth of a second is ahead.
  assert.ok(ms >= 480 && ms < 5000, `${ms} ms`);
});
