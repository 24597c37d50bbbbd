/** Uploads that go wrong in the middle, against a registry that does as the specification says, but for the fault. */
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { holdAnswer } from '../../../../src/embedded-registry/held-answer.js';
import { RegistryError } from '../../../../src/errors.js';
import { contentOf, type ReplayableContent } from '../../../../src/io/streams.js';
import { MEDIA } from '../../../../src/oci/media-types.js';
import { describe, noise, readAll } from '../../../support/images/opaque-image.js';
import {
  bytes,
  cutAfter,
  descriptor,
  isUpload,
  observeBody,
  type ObservedUploads,
  observedUploads,
  watched,
} from '../../../support/registries/observed-uploads.js';

test('an upload that is cut goes on from where the registry is', async (t) => {
  for (const method of ['PUT', 'PATCH']) {
    const r = await observedUploads(t);
    await using target = r.open();
    if (method === 'PATCH') {
      // Learned from another blob: this registry takes no PUT with a body.
      r.intercept = (request, response) => {
        if (!isUpload(request, 'PUT') || request.headers['content-length'] === '0') return false;
        request.resume();
        response.writeHead(405).end();
        return true;
      };
      await target.push(describe(MEDIA.ociLayerTar, noise(10, 1)), contentOf(noise(10, 1)));
    }
    r.intercept = cutAfter(method, 300_000);
    const { content, starts } = watched(contentOf(bytes));
    assert.equal(await target.push(descriptor, content), 'pushed');
    assert.equal(starts.length, 2);
    assert.ok((starts[1] ?? 0) >= 100_000, `${method}: went on at ${starts[1]}`);
    assert.ok((await readAll(target, descriptor)).equals(bytes));
  }
});

test('cuts that bring the upload further do not use up the attempts', async (t) => {
  const r = await observedUploads(t);
  await using target = r.open({ retry: { attempts: 2, baseMs: 1, capMs: 10 } });
  let cut = cutAfter('PUT', 100_000);
  let cuts = 0;
  r.intercept = (request, response) => {
    if (isUpload(request, 'PATCH') && cuts++ < 4) cut = cutAfter('PATCH', 100_000);
    return cut(request, response);
  };
  assert.equal(await target.push(descriptor, contentOf(bytes)), 'pushed');
  assert.ok(cuts >= 2); // three attempts, where two were allowed without progress
  assert.ok((await readAll(target, descriptor)).equals(bytes));
});

test('with a chunk size a blob goes in chunks, each with its range, by one read of the content', async (t) => {
  const r = await observedUploads(t);
  await using target = r.open({ chunkSize: 300_000 });
  const { content, starts } = watched(contentOf(bytes));
  assert.equal(await target.push(descriptor, content), 'pushed');
  assert.deepEqual(
    r.seen.map(({ method, range }) => [method, range]),
    [
      ['POST', undefined],
      ['PATCH', '0-299999'],
      ['PATCH', '300000-599999'],
      ['PATCH', '600000-699999'],
      ['PUT', undefined],
    ],
  );
  assert.deepEqual(starts, [0]);
  const one = noise(1, 5);
  assert.equal(await target.push(describe(MEDIA.ociLayerTar, one), contentOf(one)), 'pushed');
  const none = new Uint8Array();
  assert.equal(await target.push(describe(MEDIA.ociLayerTar, none), contentOf(none)), 'pushed');
});

test('OCI-Chunk-Min-Length makes chunks larger than asked for', async (t) => {
  const r = await observedUploads(t);
  await using target = r.open({ chunkSize: 1000 });
  r.intercept = (request, response) => {
    if (isUpload(request, 'POST')) response.setHeader('oci-chunk-min-length', '400000');
    return false;
  };
  await target.push(descriptor, contentOf(bytes));
  assert.deepEqual(
    r.seen.filter(({ method }) => method === 'PATCH').map(({ range }) => range),
    ['0-399999', '400000-699999'],
  );
});

test('416: the registry is asked where it is, and the upload goes on there', async (t) => {
  const r = await observedUploads(t);
  await using target = r.open({ chunkSize: 300_000 });
  let patches = 0;
  r.intercept = (request, response) => {
    // The second chunk is taken, but its answer says that it was out of step.
    if (!isUpload(request, 'PATCH') || ++patches !== 2) return false;
    const end = response.writeHead.bind(response);
    response.writeHead = ((_status: number, headers: Record<string, string>) =>
      end(416, headers)) as typeof response.writeHead; // the one form that our registry uses
    return false;
  };
  assert.equal(await target.push(descriptor, contentOf(bytes)), 'pushed');
  assert.equal(r.methods(), 'POST PATCH PATCH GET PATCH PUT');
  assert.ok((await readAll(target, descriptor)).equals(bytes));
});

test('416 for ever is an error, not a loop', async (t) => {
  const r = await observedUploads(t);
  await using target = r.open({ chunkSize: 300_000 });
  r.intercept = (request, response) => {
    if (!isUpload(request, 'PATCH') && !isUpload(request, 'PUT')) return false;
    request.resume();
    response.writeHead(416).end();
    return true;
  };
  await assert.rejects(
    target.push(descriptor, contentOf(bytes)),
    (error) => error instanceof RegistryError && error.status === 416,
  );
  assert.ok(r.seen.length < 20, r.methods());
});

test('a lost session is begun anew', async (t) => {
  const r = await observedUploads(t);
  await using target = r.open({ chunkSize: 300_000 });
  let patches = 0;
  r.intercept = (request, response) => {
    if (!isUpload(request, 'PATCH') || ++patches !== 2) return false;
    request.resume();
    response.writeHead(404).end('{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN"}]}');
    return true;
  };
  assert.equal(await target.push(descriptor, contentOf(bytes)), 'pushed');
  assert.equal(r.methods(), 'POST PATCH PATCH POST PATCH PATCH PATCH PUT');
});

test('a blob is sent again from the start when the registry claims bytes that it does not have', async (t) => {
  const r = await observedUploads(t);
  await using target = r.open();
  const cut = cutAfter('PUT', 300_000);
  r.intercept = (request, response) => {
    if (isUpload(request, 'GET')) {
      response.writeHead(204, { range: '0-499999', location: request.url ?? '' }).end();
      return true;
    }
    if (isUpload(request, 'PATCH')) delete request.headers['content-range']; // it does not even look
    return cut(request, response);
  };
  assert.equal(await target.push(descriptor, contentOf(bytes)), 'pushed');
  assert.ok((await readAll(target, descriptor)).equals(bytes));
});

test('a blob whose last answer was lost is found, not sent again', async (t) => {
  const r = await observedUploads(t);
  await using target = r.open();
  let cuts = 0;
  r.intercept = (request, response) => {
    if (!isUpload(request, 'PUT') || cuts++ > 0) return false;
    response.writeHead = () => {
      request.socket.destroy();
      return response;
    }; // done, but never said
    return false;
  };
  const { content, starts } = watched(contentOf(bytes));
  assert.equal(await target.push(descriptor, content), 'pushed');
  assert.equal(starts.length, 1);
});

test('a login page in place of the last answer is an error, while 200 from a registry that has the blob is enough', async (t) => {
  const r = await observedUploads(t);
  let carriesOut = false;
  r.intercept = (request, response) => {
    if (!isUpload(request, 'PUT')) return false;
    if (carriesOut) {
      holdAnswer(response, (answer, line) => {
        line.send({ ...answer, status: 200 });
      });
      return false;
    }
    request.resume();
    response.writeHead(200, { 'content-type': 'text/html' }).end('<html>please sign in</html>');
    return true;
  };
  for (const chunkSize of [0, 300_000]) {
    await using target = r.open({ chunkSize });
    await assert.rejects(target.push(descriptor, contentOf(bytes)), (error: unknown) => {
      assert.ok(error instanceof RegistryError);
      assert.match(error.message, /^cannot push blob sha256:\w+ to \S+: it was answered with success, but/);
      assert.match(error.hint ?? '', /login page/);
      return true;
    });
    assert.equal(r.seen.filter(({ method }) => method === 'PUT').length, chunkSize === 0 ? 1 : 2);
  }
  carriesOut = true;
  await using target = r.open();
  assert.equal(await target.push(descriptor, contentOf(bytes)), 'pushed');
  assert.ok((await readAll(target, descriptor)).equals(bytes));
});

test('an upload may go on at another host, which gets no secret', async (t) => {
  const r = await observedUploads(t);
  const foreign: IncomingMessage[] = [];
  const other = createServer((request, response) => {
    foreign.push(request);
    request.resume();
    request.once('end', () => {
      response.writeHead(request.method === 'PUT' ? 201 : 202, { location: '/session?more=1' }).end();
    });
  });
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  t.after(() => other.close());
  const host = `127.0.0.1:${(other.address() as AddressInfo).port}`; // a TCP server that listens has such an address
  r.intercept = (request, response) => {
    if (request.headers.authorization === undefined) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
      return true;
    }
    if (!isUpload(request, 'POST')) return false;
    response.writeHead(202, { location: `http://${host}/session` }).end();
    return true;
  };
  const credentials = { description: 'a test', get: async () => ({ username: 'me', password: 'hunter22' }) };
  for (const chunkSize of [0, 300_000]) {
    await using target = r.open({ credentials, chunkSize });
    assert.equal(await target.push(descriptor, contentOf(bytes)), 'pushed');
  }
  assert.deepEqual(
    foreign.map(({ method }) => method),
    ['PUT', 'PATCH', 'PATCH', 'PATCH', 'PUT'],
  );
  for (const request of foreign) assert.equal(request.headers.authorization, undefined);
});

test('when another host denies access, as with an expired permission in its URL, the upload begins a new session', async (t) => {
  const r = await observedUploads(t);
  let denials = 0;
  const other = createServer((request, response) => {
    denials++;
    request.resume();
    response.writeHead(403).end('<Error><Code>AccessDenied</Code></Error>');
  });
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  t.after(() => other.close());
  const host = `127.0.0.1:${(other.address() as AddressInfo).port}`; // a TCP server that listens has such an address
  let isElsewhere = (n: number): boolean => n === 1;
  let opened = 0;
  r.intercept = (request, response) => {
    if (!isUpload(request, 'POST') || !isElsewhere(++opened)) return false;
    response.writeHead(202, { location: `http://${host}/session?signature=abc` }).end();
    return true;
  };
  await using target = r.open();
  assert.equal(await target.push(descriptor, contentOf(bytes)), 'pushed');
  assert.equal(denials, 1);
  assert.ok((await readAll(target, descriptor)).equals(bytes));

  isElsewhere = () => true;
  const small = noise(100, 4);
  await assert.rejects(target.push(describe(MEDIA.ociLayerTar, small), contentOf(small)), (error) => {
    assert.ok(error instanceof RegistryError);
    assert.match(error.message, new RegExp(`${host}, where the registry leads, denies access \\(403\\)`));
    return true;
  });
});

/** Pushes a blob whose upload is interrupted in the middle, and gives the target up; how long that took, in milliseconds. */
async function interrupted(r: ObservedUploads, answer: ObservedUploads['intercept']): Promise<number> {
  const stop = new AbortController();
  let received = 0;
  r.intercept = (request, response) => {
    if (isUpload(request, 'PUT')) observeBody(request, (size) => (received = size));
    return isUpload(request, 'DELETE') && answer(request, response);
  };
  const halting: ReplayableContent = {
    size: bytes.length,
    open: async function* () {
      yield bytes.subarray(0, 300_000);
      while (received < 300_000) await sleep(2);
      stop.abort(new Error('enough'));
      await sleep(5);
      yield bytes.subarray(300_000);
    },
  };
  let started = 0;
  {
    await using target = r.open();
    await assert.rejects(target.push(descriptor, halting, { signal: stop.signal }), /^Error: enough$/);
    started = performance.now();
  }
  return performance.now() - started;
}

test('an upload that is given up is cancelled', async (t) => {
  const r = await observedUploads(t);
  await interrupted(r, () => false);
  assert.deepEqual(r.seen.at(-1), { method: 'DELETE', range: undefined, status: 204 });
  assert.deepEqual(await readdir(join(r.root, 'uploads')), []);
});

test('a registry that cannot cancel uploads, or does not answer, costs a second at most and no error', async (t) => {
  const r = await observedUploads(t);
  for (const status of [404, 405, 500]) {
    const answer: ObservedUploads['intercept'] = (_request, response) => {
      response.writeHead(status).end();
      return true;
    };
    assert.ok((await interrupted(r, answer)) < 1000, `with ${status}`);
  }
  const elapsed = await interrupted(r, () => true);
  assert.ok(elapsed >= 900 && elapsed < 2000, `${elapsed} ms`);
});

test('a session that was not needed is cancelled, and one that has ended is not', async (t) => {
  const r = await observedUploads(t);
  r.intercept = (request, response) => {
    if (!isUpload(request, 'PUT') || request.headers['content-length'] === '0') return false;
    request.resume();
    response.writeHead(405).end();
    return true;
  };
  {
    await using target = r.open();
    assert.equal(await target.push(descriptor, contentOf(bytes)), 'pushed');
  }
  assert.equal(r.methods(), 'POST PUT POST PATCH PUT DELETE');
  assert.deepEqual(await readdir(join(r.root, 'uploads')), []);
});
