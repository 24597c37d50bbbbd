import assert from 'node:assert/strict';
import { createServer as createHttp } from 'node:http';
import { type AddressInfo, createServer as createTcp, type Server } from 'node:net';
import { test, type TestContext } from 'node:test';
import { RegistryError } from '../../../../src/errors.js';
import { isLoopback, probeLoopback, splitHost } from '../../../../src/registry/http/hosts.js';

async function listen(t: TestContext, server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('the name alone decides about loopback', () => {
  for (const host of [
    'localhost',
    'localhost:5000',
    'a.localhost',
    'LOCALHOST',
    '127.0.0.1',
    '127.9.8.7:1',
    '[::1]',
    '[::1]:5000',
    '[0:0:0:0:0:0:0:1]:2',
  ]) {
    assert.ok(isLoopback(host), host);
  }
  for (const host of [
    'registry.example',
    'localhost.evil.example',
    '128.0.0.1',
    '10.0.0.1:5000',
    '[::2]',
    '127.0.0.1.evil.example',
    'notlocalhost',
  ]) {
    assert.ok(!isLoopback(host), host);
  }
});

test('host and port are separated, with IPv6 in brackets', () => {
  assert.deepEqual(splitHost('a.b:5000'), { name: 'a.b', port: 5000 });
  assert.deepEqual(splitHost('a.b'), { name: 'a.b', port: undefined });
  assert.deepEqual(splitHost('[::1]:80'), { name: '::1', port: 80 });
  assert.deepEqual(splitHost('[::1]'), { name: '::1', port: undefined });
});

test('a plain HTTP registry on loopback is recognised at once', async (t) => {
  const host = await listen(t, createHttp());
  const started = performance.now();
  assert.equal(await probeLoopback(host), 'http:');
  assert.ok(performance.now() - started < 1000);
});

test('a server that waits for more of what it takes for a request does not hang the probe', async (t) => {
  const silent = createTcp((socket) => {
    socket.on('error', () => undefined);
    socket.resume();
  });
  assert.equal(await probeLoopback(await listen(t, silent)), 'http:');
});

test('a port without a listener is an error that may pass', async (t) => {
  const server = createTcp();
  const host = await listen(t, server);
  await new Promise((resolve) => server.close(resolve));
  await assert.rejects(
    probeLoopback(host),
    (error) => error instanceof RegistryError && error.retryable && /connection refused/.test(error.message),
  );
});

test('a peer that sends byte after byte does not prolong the probe, and a signal ends it without an answer', async (t) => {
  const drops = createTcp((socket) => {
    // The head of a TLS record that never becomes complete.
    const head = [...Uint8Array.of(22, 3, 3, 64, 0), ...Array<number>(200).fill(2)];
    const timer = setInterval(() => socket.write(Uint8Array.of(head.shift() ?? 0)), 100);
    socket
      .on('error', () => undefined)
      .on('close', () => {
        clearInterval(timer);
      });
  });
  const host = await listen(t, drops);
  const started = performance.now();
  assert.equal(await probeLoopback(host), 'http:');
  assert.ok(performance.now() - started < 5000);
  await assert.rejects(probeLoopback(host, AbortSignal.timeout(50)), { name: 'TimeoutError' });
});
