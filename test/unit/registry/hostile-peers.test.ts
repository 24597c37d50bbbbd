/** Registries that keep a client busy: each ends in one error, after few rounds and in little time. */
import assert from 'node:assert/strict';
import { type AddressInfo, createServer as createTcp, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { RegistryError } from '../../../src/errors.js';
import { collect, contentOf } from '../../../src/io/streams.js';
import { sha256 } from '../../../src/oci/digest.js';
import { MEDIA } from '../../../src/oci/media-types.js';
import { listReferrers } from '../../../src/registry/index.js';
import { openSource, openTarget } from '../../../src/registry/open.js';
import { Redactor } from '../../../src/registry/http/redact.js';
import { Transport } from '../../../src/registry/http/transport.js';
import { noise, describe } from '../../support/images/opaque-image.js';
import { scriptedRegistry } from '../../support/registries/scripted-registry.js';

const OPTIONS = {
  credentials: { description: 'a test', get: () => Promise.resolve(undefined) },
  retry: { attempts: 3, baseMs: 1, capMs: 1 },
};

/** Answers every request with what `pour` writes, until the connection is closed. */
async function pouring(t: TestContext, head: string, piece: Buffer): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createTcp((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('data', () => {
      socket.write(head);
      const pour = (): void => {
        while (!socket.destroyed && socket.write(piece));
      };
      socket.on('drain', pour);
      pour();
    });
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`; // a TCP server has one
}

const blob = noise(400_000, 1);
const descriptor = describe(MEDIA.ociLayerTar, blob);

test('a registry that takes every part and keeps none of it gets few parts', async (t) => {
  for (const [range, chunkSize] of [
    ['0-0', 0],
    ['0-0', 100_000],
    ['0-9', 100_000],
  ] as const) {
    let parts = 0;
    const host = await scriptedRegistry(t, ({ method, url = '' }, response) => {
      if (method === 'HEAD') response.writeHead(404).end();
      else if (method === 'PUT') response.writeHead(405).end();
      else {
        if (method === 'PATCH') parts++;
        response.writeHead(202, { location: url.split('?')[0] ?? '', range }).end();
      }
    });
    await using target = openTarget(`${host}/a:1`, { ...OPTIONS, chunkSize });
    await assert.rejects(target.push(descriptor, contentOf(blob)), RegistryError);
    assert.ok(parts > 0 && parts <= 16, `${range}: ${parts} parts`);
  }
});

test('notices without an answer end the exchange', async (t) => {
  const host = await pouring(t, '', Buffer.from('HTTP/1.1 103 Early Hints\r\nlink: <x>\r\n\r\n'));
  await using source = openSource(`${host}/a:1`, OPTIONS);
  await assert.rejects(source.resolve(), /announces an answer again and again/);
});

test('the extension of a chunk that does not end is read for a megabyte and no further', async (t) => {
  for (const [start, content] of [
    ['1;x=', ''],
    ['1\r\nx\r\n1;x=', 'x'],
  ] as const) {
    const head = `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${start}`;
    const host = await pouring(t, head, Buffer.alloc(64 * 1024, 'a'));
    await using transport = new Transport({ side: 'source' }, new Redactor());
    const response = await transport.send({ method: 'GET', url: new URL(`http://${host}/`), headers: {} });
    const pieces: string[] = [];
    await assert.rejects(
      async () => {
        for await (const bytes of response.body) pieces.push(Buffer.from(bytes).toString());
      },
      (error) =>
        error instanceof RegistryError && !error.retryable && /framing without content/.test(error.message),
    );
    assert.equal(pieces.join(''), content);
  }
});

test('an answer in chunks of one byte is read to its end', async (t) => {
  const count = 400_000;
  const host = await scriptedRegistry(t, (_request, response) => {
    response.socket?.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n');
    response.socket?.end(`${'1\r\nx\r\n'.repeat(count)}0\r\n\r\n`);
  });
  await using transport = new Transport({ side: 'source' }, new Redactor());
  const response = await transport.send({ method: 'GET', url: new URL(`http://${host}/`), headers: {} });
  assert.equal((await collect(response.body, count, 'body')).length, count);
});

test('a list of referrers whose pages are empty and have no last one is given up', async (t) => {
  let pages = 0;
  const host = await scriptedRegistry(t, ({ url = '' }, response) => {
    if (url === '/v2/') {
      response.end('{}');
      return;
    }
    const link = `<${url.split('?')[0]}?page=${++pages}>; rel="next"`;
    response.writeHead(200, { 'content-type': MEDIA.ociIndex, link });
    response.end(`{"schemaVersion":2,"mediaType":"${MEDIA.ociIndex}","manifests":[]}`);
  });
  await using source = openSource(`${host}/a:1`, OPTIONS);
  await assert.rejects(listReferrers(source, sha256(blob)), /the list does not end/);
  assert.ok(pages <= 12, `${pages} pages`);
});
