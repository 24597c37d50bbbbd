/** Pushes of blobs that are still being made. */
import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { test } from 'node:test';
import { holdAnswer } from '../../../../src/embedded-registry/held-answer.js';
import { contentOf } from '../../../../src/io/streams.js';
import { MEDIA } from '../../../../src/oci/media-types.js';
import { takesGrowing } from '../../../../src/registry/stores/store.js';
import { GrowingBytes } from '../../../support/growing-bytes.js';
import { describe, noise, readAll } from '../../../support/images/opaque-image.js';
import { startTokenServer } from '../../../support/registries/token-server.js';
import {
  bytes,
  cutAfter,
  descriptor,
  isUpload,
  observeBody,
  observedUploads,
  type ObservedUploads,
  watched,
} from '../../../support/registries/observed-uploads.js';
import { waitFor } from '../../../support/wait-for.js';

test('a blob is sent while it is being made, and only the PUT that ends the session waits for the digest', async (t) => {
  for (const chunkSize of [0, 300_000]) {
    const r = await observedUploads(t);
    let received = 0;
    r.intercept = (request) => {
      const before = received;
      if (isUpload(request, 'PATCH')) observeBody(request, (size) => (received = before + size));
      return false;
    };
    await using target = r.open({ chunkSize });
    assert.ok(takesGrowing(target));
    const growing = new GrowingBytes(bytes);
    const push = target.pushGrowing(growing);
    growing.grow(400_000);
    await waitFor(() => received >= (chunkSize === 0 ? 400_000 : 300_000));
    growing.grow(bytes.length, true);
    const { content, starts } = watched(contentOf(bytes));
    assert.equal(await push?.finish(descriptor, content), 'pushed');
    assert.deepEqual(starts, chunkSize === 0 ? [] : [600_000]);
    assert.ok((await readAll(target, descriptor)).equals(bytes));
    assert.equal(received, bytes.length);
  }
});

test('a growing upload that is cut goes on from where the registry is', async (t) => {
  const r = await observedUploads(t);
  r.intercept = cutAfter('PATCH', 200_000);
  await using target = r.open();
  assert.ok(takesGrowing(target));
  const growing = new GrowingBytes(bytes);
  const push = target.pushGrowing(growing);
  growing.grow(400_000);
  await waitFor(() => r.seen.some(({ method }) => method === 'PATCH'));
  growing.grow(bytes.length, true);
  const { content, starts } = watched(contentOf(bytes));
  assert.equal(await push?.finish(descriptor, content), 'pushed');
  assert.ok((starts[0] ?? 0) > 0, 'from the middle');
  assert.ok((await readAll(target, descriptor)).equals(bytes));
});

test('a registry that takes no stream gets the blob when it is finished, and no stream again', async (t) => {
  const r = await observedUploads(t);
  r.intercept = (request, response) => {
    if (!isUpload(request, 'PATCH')) return false;
    request.resume();
    response.writeHead(411).end();
    return true;
  };
  await using target = r.open();
  assert.ok(takesGrowing(target));
  const growing = new GrowingBytes(bytes);
  const push = target.pushGrowing(growing);
  growing.grow(bytes.length, true);
  assert.equal(await push?.finish(descriptor, contentOf(bytes)), 'pushed');
  assert.equal(target.pushGrowing(growing), undefined);
});

test('a growing upload is cancelled when the target turns out to have the blob', async (t) => {
  const r = await observedUploads(t);
  await using target = r.open();
  await target.push(descriptor, contentOf(bytes));
  assert.ok(takesGrowing(target));
  const growing = new GrowingBytes(bytes);
  const push = target.pushGrowing(growing);
  growing.grow(100_000);
  await waitFor(() => r.methods().includes('POST PUT POST'));
  assert.equal(await push?.finish(descriptor, contentOf(bytes)), 'present');
  await waitFor(() => r.methods().endsWith('DELETE'));
});

/** When a registry notices that the token which the stream began with has expired, and what it keeps of the bytes. */
const EXPIRIES: Readonly<Record<string, (refuse: Refuse) => ObservedUploads['intercept']>> = {
  'which shows at the next request': () => () => false,
  'which shows in the middle of the stream': (refuse) => (request, response) => {
    let received = 0;
    request.on('data', (piece: Buffer) => {
      const before = received;
      received += piece.length;
      // The rest is not read: the answer comes before the request has ended.
      if (before < 450_000 && received >= 450_000) refuse(response);
    });
    return true;
  },
  'which shows at its end, and nothing is kept': (refuse) => (request, response) => {
    request.resume().on('end', () => {
      refuse(response);
    });
    return true;
  },
  'which shows at its end, and all is kept': (refuse) => (_request, response) => {
    holdAnswer(response, () => {
      refuse(response);
    });
    return false;
  },
};

type Refuse = (response: ServerResponse) => void;

for (const [title, spoil] of Object.entries(EXPIRIES)) {
  test(`a token expires while a blob is sent as it is made, ${title}`, async (t) => {
    const tokens = await startTokenServer({ users: { me: 'hunter22' } });
    t.after(() => tokens.close());
    const r = await observedUploads(t);
    let received = 0;
    let streams = 0;
    const refuse: Refuse = (response) => {
      const challenge = `Bearer realm="${tokens.realm}",service="test-registry",error="invalid_token"`;
      response.writeHead(401, { 'www-authenticate': challenge }).end('{"errors":[{"code":"UNAUTHORIZED"}]}');
    };
    const spoiled = spoil(refuse);
    r.intercept = (request, response) => {
      if (tokens.guard(request, response)) return true;
      if (!isUpload(request, 'PATCH') || ++streams > 1) return false;
      if (spoiled(request, response)) {
        request.on('data', (piece: Buffer) => (received += piece.length));
        return true;
      }
      observeBody(request, (size) => (received = size));
      return false;
    };
    const credentials = {
      description: 'a test',
      get: async () => ({ username: 'me', password: 'hunter22' }),
    };
    await using target = r.open({ credentials });
    assert.ok(takesGrowing(target));
    const growing = new GrowingBytes(bytes);
    const push = target.pushGrowing(growing);
    growing.grow(400_000);
    await waitFor(() => received >= 400_000);
    tokens.revoke();
    growing.grow(bytes.length, true);
    assert.equal(await push?.finish(descriptor, contentOf(bytes)), 'pushed');
    assert.ok((await readAll(target, descriptor)).equals(bytes));
    assert.equal(tokens.issued.length, 2);
  });
}

test('the right to cancel uploads is asked for separately, and need not be granted', async (t) => {
  const tokens = await startTokenServer({ users: { me: 'hunter22' } });
  t.after(() => tokens.close());
  const r = await observedUploads(t);
  r.intercept = (request, response) => {
    if (!isUpload(request, 'DELETE')) return tokens.guard(request, response);
    const scope = 'repository:a:delete';
    const challenge = `Bearer realm="${tokens.realm}",service="test-registry",scope="${scope}"`;
    response.writeHead(401, { 'www-authenticate': challenge }).end();
    return true;
  };
  const credentials = { description: 'a test', get: async () => ({ username: 'me', password: 'hunter22' }) };
  await using target = r.open({ credentials });
  await target.push(descriptor, contentOf(bytes));
  assert.ok(takesGrowing(target));
  const growing = new GrowingBytes(bytes);
  const push = target.pushGrowing(growing);
  growing.grow(100_000);
  await waitFor(() => r.methods().endsWith('POST'));
  assert.equal(await push?.finish(descriptor, contentOf(bytes)), 'present');
  await waitFor(() => r.methods().endsWith('DELETE DELETE'));
  const more = noise(1000, 8);
  await target.push(describe(MEDIA.ociLayerTar, more), contentOf(more));
  const asked = tokens.requests.map(({ scopes }) => scopes.join(' '));
  assert.equal(asked[0]?.includes('delete'), false);
  assert.ok(
    asked.slice(1).every((scopes) => scopes.includes('repository:a:delete')),
    asked.join('\n'),
  );
});
