import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { collect } from '../../../../src/io/streams.js';
import { connectorFor } from '../../../../src/registry/http/connector.js';
import { type Answer, exchange } from '../../../../src/registry/http/exchange.js';
import { Agent } from '../../../../src/registry/http/undici.js';
import { noise } from '../../../support/images/opaque-image.js';

interface Rig {
  readonly agent: InstanceType<typeof Agent>;
  readonly sockets: Set<Socket>;
  readonly get: (path: string, signal?: AbortSignal) => Promise<Answer>;
}

async function serve(t: TestContext, answer: (path: string, response: ServerResponse) => void): Promise<Rig> {
  const server: Server = createServer((request, response) => {
    answer(request.url ?? '', response);
  });
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const agent = new Agent({ connections: 1, pipelining: 1, connect: connectorFor({ timeout: 5000 }) });
  t.after(async () => {
    await agent.destroy();
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    agent,
    sockets,
    get: (path, signal) =>
      exchange(new URL(path, origin), { dispatcher: agent }, { method: 'GET', headers: {}, signal }),
  };
}

const CONTENT = noise(5_000_000, 7);

test('a large body comes whole and in order, in fewer pieces than it is sent in, for a slow reader too', async (t) => {
  const { get } = await serve(t, (path, response) => {
    if (path === '/sized') response.setHeader('content-length', CONTENT.length);
    for (let at = 0; at < CONTENT.length; at += 10_000) response.write(CONTENT.subarray(at, at + 10_000));
    response.end();
  });
  for (const path of ['/sized', '/chunked']) {
    const { body } = await get(path);
    const hash = createHash('sha256');
    const kept: Uint8Array[] = [];
    for await (const bytes of body) {
      hash.update(bytes);
      kept.push(bytes);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const expected = createHash('sha256').update(CONTENT).digest('hex');
    assert.equal(hash.digest('hex'), expected, path);
    // No code writes into a buffer that was handed over.
    assert.equal(createHash('sha256').update(Buffer.concat(kept)).digest('hex'), expected, path);
    assert.ok(kept.length < CONTENT.length / 20_000, `${path}: ${kept.length} pieces`);
  }
});

test('a body that is cut gives what had come, and then fails', async (t) => {
  const { get } = await serve(t, (_path, response) => {
    response.setHeader('content-length', 100_000);
    response.write(Buffer.alloc(60_000), () => response.socket?.destroy());
  });
  const { body } = await get('/');
  let size = 0;
  await assert.rejects(
    async () => {
      for await (const bytes of body) size += bytes.length;
    },
    { code: 'UND_ERR_SOCKET' },
  );
  assert.equal(size, 60_000);
});

test('a signal ends an exchange that waits for its answer, and one in the middle of its body', async (t) => {
  const { get } = await serve(t, (path, response) => {
    if (path === '/body') response.write('start');
  });
  for (const path of ['/', '/body']) {
    const stop = new AbortController();
    const read = async (): Promise<void> => {
      const { body } = await get(path, stop.signal);
      for await (const bytes of body) assert.equal(Buffer.from(bytes).toString(), 'start');
    };
    setTimeout(() => {
      stop.abort(new Error('enough'));
    }, 50);
    await assert.rejects(read(), /enough/, path);
  }
  await assert.rejects(get('/', AbortSignal.abort(new Error('before'))), /before/);
});

test('a short body that is discarded leaves the connection for the next exchange, a long one does not', async (t) => {
  const { get, sockets } = await serve(t, (path, response) => {
    response.end(path === '/long' ? CONTENT : 'short');
  });
  for (let i = 0; i < 2; i++) {
    await (await get('/short')).discard(16_384);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.equal(sockets.size, 1);
  const [first] = sockets;
  const closed = new Promise((resolve) => first?.once('close', resolve));
  await (await get('/long')).discard(16_384);
  await closed;
  const { body } = await get('/short');
  assert.equal((await collect(body, 100, 'body')).toString(), 'short');
});

test('a host that cannot be reached is an error', async (t) => {
  const { agent } = await serve(t, () => undefined);
  await assert.rejects(
    exchange(new URL('http://127.0.0.1:1/'), { dispatcher: agent }, { method: 'GET', headers: {} }),
    {
      code: 'ECONNREFUSED',
    },
  );
});
