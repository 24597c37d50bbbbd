/** How many connections are opened, counted at the server. */
import assert from 'node:assert/strict';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { test, type TestContext } from 'node:test';
import { startRegistry } from '../../../../src/embedded-registry/server.js';
import { RegistryError } from '../../../../src/errors.js';
import { collect, contentOf, type ReplayableContent } from '../../../../src/io/streams.js';
import { anonymous } from '../../../../src/registry/auth/credentials.js';
import { openSource, openTarget } from '../../../../src/registry/open.js';
import { Redactor } from '../../../../src/registry/http/redact.js';
import { type HttpRequest, type HttpResponse, Transport } from '../../../../src/registry/http/transport.js';
import { noise, pushImage, readAll, readImage, sampleImage } from '../../../support/images/opaque-image.js';
import { tempFolder } from '../../../support/temp-folder.js';

interface Counted {
  readonly url: (path: string) => URL;
  /** Connections ever opened. */
  readonly opened: () => number;
  /** Open at the same time, at most. */
  readonly most: () => number;
}

async function counted(t: TestContext, listener: RequestListener): Promise<Counted> {
  const server = createServer(listener);
  const open = new Set<Socket>();
  let opened = 0;
  let most = 0;
  server.on('connection', (socket: Socket) => {
    opened++;
    open.add(socket);
    most = Math.max(most, open.size);
    socket.on('close', () => open.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: (path) => new URL(`http://127.0.0.1:${port}${path}`),
    opened: () => opened,
    most: () => most,
  };
}

const SHORT = Buffer.from('{"errors":[]}');
const LONG = noise(300_000, 5);

/** `/short`, `/long`, `/chunked`; any status by `/404`. Bodies of requests are read to their end. */
const listener: RequestListener = (request, response) => {
  request.resume().on('end', () => {
    const path = request.url ?? '';
    const status = Number(/^\/(\d{3})$/.exec(path)?.[1] ?? 200);
    const body = path === '/long' ? LONG : SHORT;
    response.writeHead(status, path === '/chunked' ? {} : { 'content-length': body.length });
    response.end(body);
  });
};

/** A body whose end is not known before it comes. */
const streamed: ReplayableContent = { size: Infinity, open: () => contentOf(LONG).open() };

const read = (response: HttpResponse): Promise<Buffer> => collect(response.body, 1_000_000, 'body');

test('successive requests use one connection, whatever their methods and answers', async (t) => {
  const server = await counted(t, listener);
  await using transport = new Transport({ side: 'source' }, new Redactor());
  const send = (request: Partial<HttpRequest> & { path: string }): Promise<HttpResponse> =>
    transport.send({ method: 'GET', url: server.url(request.path), headers: {}, ...request });
  for (let i = 0; i < 3; i++) {
    for (const path of ['/short', '/long', '/chunked']) await read(await send({ path }));
    for (const path of ['/404', '/401', '/503']) await (await send({ path })).discard();
    await (await send({ path: '/long', method: 'HEAD' })).discard();
    await (await send({ path: '/404', method: 'HEAD' })).discard();
    await (await send({ path: '/202', method: 'POST', headers: { 'content-length': '0' } })).discard();
    await (await send({ path: '/202', method: 'PATCH', body: streamed })).discard();
    await (await send({ path: '/201', method: 'PUT', body: contentOf(LONG) })).discard();
    await (await send({ path: '/202', method: 'DELETE' })).discard();
  }
  assert.equal(server.opened(), 1);
});

test('many requests at once share as many connections as are allowed, and no more', async (t) => {
  const server = await counted(t, (request, response) => {
    void sleep(5).then(() => {
      listener(request, response);
    });
  });
  await using transport = new Transport({ side: 'source', connections: 4 }, new Redactor());
  const paths = Array.from({ length: 40 }, (_, i) => ['/short', '/long', '/404', '/chunked'][i % 4] ?? '');
  await Promise.all(
    paths.map(async (path) =>
      read(await transport.send({ method: 'GET', url: server.url(path), headers: {} })),
    ),
  );
  assert.equal(server.most(), 4);
  assert.equal(server.opened(), 4);
});

test('an answer to HEAD with a body breaks its own connection alone', async (t) => {
  let requests = 0;
  const server = await counted(t, (request, response) => {
    requests++;
    if (request.method !== 'HEAD') {
      listener(request, response);
      return;
    }
    // The response is written by hand, since Node would leave the body out, as every server should.
    response.socket?.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello');
  });
  await using transport = new Transport({ side: 'source' }, new Redactor());
  for (let i = 0; i < 5; i++) {
    await (await transport.send({ method: 'HEAD', url: server.url('/long'), headers: {} })).discard();
    const response = await transport.send({ method: 'GET', url: server.url('/long'), headers: {} });
    assert.ok((await read(response)).equals(LONG));
  }
  assert.equal(requests, 10);
});

test('an image is written and read, ranges of it too, by one connection each', async (t) => {
  let connections = new Set<Socket>();
  const registry = await startRegistry({
    root: await tempFolder(t),
    intercept: (request) => {
      connections.add(request.socket);
      return false;
    },
  });
  t.after(() => registry.close());
  const options = { credentials: anonymous };
  const image = sampleImage([noise(4_000_000, 1), noise(3000, 2)]);
  const [layer] = image.parts;
  assert.ok(layer);
  {
    await using target = openTarget(`${registry.host}/a:1`, options);
    await pushImage(target, image);
  }
  assert.equal(connections.size, 1);
  connections = new Set();
  await using source = openSource(`${registry.host}/a:1`, options);
  await readImage(source);
  for (let start = 0; start < 10; start++) {
    const range = { start, end: start + 3_000_000 };
    const part = await collect(source.fetch(layer.descriptor, { range }), 3_000_000, 'part');
    assert.ok(part.equals(layer.bytes.subarray(range.start, range.end)));
  }
  assert.ok((await readAll(source, layer.descriptor)).equals(layer.bytes));
  assert.equal(connections.size, 1);
});

test('a connection that has fallen silent is not used again', async (t) => {
  let requests = 0;
  const server = await counted(t, (request, response) => {
    if (++requests === 1) response.writeHead(200, { 'content-length': '10' }).write('half');
    else listener(request, response);
  });
  await using transport = new Transport({ side: 'source', timeouts: { idleMs: 100 } }, new Redactor());
  const get = async (): Promise<Buffer> =>
    read(await transport.send({ method: 'GET', url: server.url('/short'), headers: {} }));
  await assert.rejects(get(), RegistryError);
  assert.ok((await get()).equals(SHORT));
  assert.equal(server.opened(), 2);
});
