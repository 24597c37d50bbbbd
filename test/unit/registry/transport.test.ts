import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { test, type TestContext } from 'node:test';
import { RegistryError } from '../../../src/errors.js';
import { collect } from '../../../src/io/streams.js';
import { Redactor } from '../../../src/registry/redact.js';
import { Transport } from '../../../src/registry/transport.js';

async function listen(t: TestContext, server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
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

test('a name that nobody has is an error that stays', async () => {
  await using transport = new Transport({ side: 'source' }, new Redactor());
  const url = new URL('https://registry.invalid/v2/?X-Signature=secret');
  await assert.rejects(transport.send({ method: 'GET', url, headers: {} }), (error) => {
    assert.ok(error instanceof RegistryError);
    assert.match(error.message, /^registry registry\.invalid: /);
    assert.doesNotMatch(`${error.message} ${String(error.request)}`, /secret/);
    return true;
  });
});
