/** Content out of a registry: cut, short, long, wrong, in ranges. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ContentMismatchError, RegistryError } from '../../../../src/errors.js';
import { collect, contentOf } from '../../../../src/io/streams.js';
import { openTarget } from '../../../../src/registry/open.js';
import type { ImageTarget } from '../../../../src/registry/stores/store.js';
import type { ConvertEvent } from '../../../../src/reporter.js';
import {
  answer,
  blob,
  options,
  type ObservedRegistry,
  observedRegistry,
} from '../../../support/registries/observed-registry.js';
import { noise, readAll } from '../../../support/images/opaque-image.js';

async function pushedBlob(r: ObservedRegistry): Promise<ImageTarget> {
  const target = openTarget(`${r.host}/a:1`, options);
  await target.push(blob.descriptor, contentOf(blob.bytes));
  r.seen.length = 0;
  return target;
}

test('a download that is cut goes on where it was, also when the server ignores ranges', async (t) => {
  for (const ranges of [true, false]) {
    const r = await observedRegistry(t);
    await using target = await pushedBlob(r);
    let cuts = 0;
    r.intercept = (request, response) => {
      if (request.method !== 'GET') return false;
      if (!ranges) delete request.headers.range;
      if (cuts++ >= 2) return false;
      const start = Number(/\d+/.exec(request.headers.range ?? '')?.[0] ?? 0);
      response.writeHead(start === 0 ? 200 : 206, {
        'content-length': blob.bytes.length - start,
        ...(start === 0
          ? {}
          : { 'content-range': `bytes ${start}-${blob.bytes.length - 1}/${blob.bytes.length}` }),
      });
      response.write(blob.bytes.subarray(start, start + 70_000), () => response.socket?.destroy());
      return true;
    };
    const events: ConvertEvent[] = [];
    const stream = target.fetch(blob.descriptor, { reporter: { emit: (event) => events.push(event) } });
    assert.ok((await collect(stream, 1 << 20, 'blob')).equals(blob.bytes));
    assert.equal(r.seen.length, 3);
    assert.equal(events.length, 2);
  }
});

test('a download without progress ends after a bounded number of tries', async (t) => {
  const r = await observedRegistry(t);
  await using target = await pushedBlob(r);
  r.intercept = (_request, response) => {
    response.writeHead(200, { 'content-length': '200000' });
    response.flushHeaders();
    response.socket?.destroy();
    return true;
  };
  await assert.rejects(
    readAll(target, blob.descriptor),
    (error) => error instanceof RegistryError && error.retryable,
  );
  assert.ok(r.seen.length <= 20, `${r.seen.length} requests`);
});

test('short, long and wrong content is refused, the right one is not', async (t) => {
  const r = await observedRegistry(t);
  await using target = await pushedBlob(r);
  const bodies: readonly (readonly [Uint8Array, RegExp])[] = [
    [noise(200_000, 8), /has digest sha256:/],
    [noise(200_001, 7), /more than the 200000 bytes/],
    [noise(199_999, 7), /ends after 199999 of 200000/],
  ];
  for (const [body, message] of bodies) {
    r.intercept = (request, response) => {
      if (request.headers.range !== undefined) return answer(response, 416);
      response.end(body);
      return true;
    };
    await assert.rejects(
      readAll(target, blob.descriptor),
      (error) => error instanceof ContentMismatchError && message.test(error.message),
    );
  }
});

test('a wrong Content-Range is refused, and the whole is asked for instead', async (t) => {
  const r = await observedRegistry(t);
  await using target = await pushedBlob(r);
  const asked: (string | undefined)[] = [];
  const range = { start: 10, end: 20 };
  const read = async (): Promise<Buffer> => collect(target.fetch(blob.descriptor, { range }), 100, 'range');
  for (const contentRange of ['bytes 50-51/200000', 'nonsense', '']) {
    r.intercept = (request, response) => {
      asked.push(request.headers.range);
      return (
        request.headers.range !== undefined && answer(response, 206, 'xx', { 'content-range': contentRange })
      );
    };
    assert.ok((await read()).equals(blob.bytes.subarray(10, 20)), contentRange);
  }
  assert.deepEqual(asked.slice(0, 2), ['bytes=10-19', undefined]);
  // One that begins earlier holds what is wanted.
  r.intercept = (_request, response) => {
    response.writeHead(206, { 'content-range': 'bytes 5-29/200000' }).end(blob.bytes.subarray(5, 30));
    return true;
  };
  assert.ok((await read()).equals(blob.bytes.subarray(10, 20)));
  r.intercept = (_request, response) => answer(response, 206, 'x', { 'content-range': 'bytes 50-51/60' });
  await assert.rejects(read(), /asked for bytes from 10, was given "bytes 50-51\/60"/);
});

test('a blob that comes byte by byte, each by a connection of its own, is given up', async (t) => {
  const r = await observedRegistry(t);
  await using target = await pushedBlob(r);
  r.intercept = (request, response) => {
    const start = Number(/\d+/.exec(request.headers.range ?? '')?.[0] ?? 0);
    response.writeHead(206, {
      'content-range': `bytes ${start}-199999/200000`,
      'content-length': 200_000 - start,
    });
    response.write(blob.bytes.subarray(start, start + 1), () => response.socket?.destroy());
    return true;
  };
  await assert.rejects(
    readAll(target, blob.descriptor),
    (error) => error instanceof RegistryError && error.retryable,
  );
  assert.ok(r.seen.length <= 4, `${r.seen.length} requests`);
});

test('a range is delivered in full and no further, however the server cuts its answers', async (t) => {
  const r = await observedRegistry(t);
  await using target = await pushedBlob(r);
  const read = async (): Promise<Buffer> =>
    collect(target.fetch(blob.descriptor, { range: { start: 100, end: 5100 } }), 1 << 20, 'range');
  const expected = blob.bytes.subarray(100, 5100);
  assert.ok((await read()).equals(expected));
  r.intercept = (request) => {
    delete request.headers.range; // all of it comes
    return false;
  };
  assert.ok((await read()).equals(expected));
  r.intercept = (request, response) => {
    const start = Number(/\d+/.exec(request.headers.range ?? '')?.[0]);
    const part = blob.bytes.subarray(start, Math.min(start + 1700, 5100)); // less than was asked for
    response
      .writeHead(206, { 'content-range': `bytes ${start}-${start + part.length - 1}/200000` })
      .end(part);
    return true;
  };
  assert.ok((await read()).equals(expected));
});

test('a size that differs from the descriptor is not the blob', async (t) => {
  const r = await observedRegistry(t);
  await using target = await pushedBlob(r);
  assert.equal(await target.exists(blob.descriptor), true);
  assert.equal(await target.exists({ ...blob.descriptor, size: 1 }), false);
});
