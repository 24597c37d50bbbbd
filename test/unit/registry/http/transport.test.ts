import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import {
  type AddressInfo,
  connect,
  createServer as createTcpServer,
  type Server as TcpServer,
  type Socket,
} from 'node:net';
import { test, type TestContext } from 'node:test';
import { RegistryError } from '../../../../src/errors.js';
import { RateLimit } from '../../../../src/io/rate.js';
import { collect, contentOf } from '../../../../src/io/streams.js';
import { Redactor } from '../../../../src/registry/http/redact.js';
import { Transport } from '../../../../src/registry/http/transport.js';
import { noise } from '../../../support/images/opaque-image.js';

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

/** A proxy whose tunnels all end at `host`, and the names it was asked for. */
function tunnelTo(host: () => string, asked: string[]): Server {
  const proxy = createServer();
  proxy.on('connect', (request, client) => {
    asked.push(request.url ?? '');
    const upstream = connect(Number(host().split(':')[1]), '127.0.0.1', () => {
      client.write('HTTP/1.1 200 OK\r\n\r\n');
      client.pipe(upstream).pipe(client);
    });
    for (const socket of [client, upstream]) socket.on('error', () => client.destroy());
  });
  return proxy;
}

test('a proxy is used for other hosts, not for loopback nor for those excepted', async (t) => {
  const host = await listen(
    t,
    createServer((_request, response) => {
      response.end('answer');
    }),
  );
  const asked: string[] = [];
  const proxy = await listen(
    t,
    tunnelTo(() => host, asked),
  );
  const proxies = { http: `http://${proxy}`, no: '.internal.invalid' };
  await using transport = new Transport(
    { side: 'source', proxies, timeouts: { connectMs: 2000 } },
    new Redactor(),
  );
  const get = async (url: string): Promise<string> => {
    const response = await transport.send({ method: 'GET', url: new URL(url), headers: {} });
    return (await collect(response.body, 100, 'body')).toString();
  };
  assert.equal(await get('http://registry.invalid/v2/'), 'answer');
  assert.deepEqual(asked, ['registry.invalid:80']);
  assert.equal(await get(`http://${host}/v2/`), 'answer');
  await assert.rejects(get('http://x.internal.invalid/v2/'), RegistryError);
  assert.equal(asked.length, 1);
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
