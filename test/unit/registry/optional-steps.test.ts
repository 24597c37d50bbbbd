/** Steps that a run can do without: whatever a registry answers to them, the run goes another way. */
import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import { holdAnswer } from '../../../src/embedded-registry/held-answer.js';
import { AuthError, RegistryError } from '../../../src/errors.js';
import { contentOf } from '../../../src/io/streams.js';
import type { Digest } from '../../../src/oci/digest.js';
import { MEDIA } from '../../../src/oci/media-types.js';
import { parseReference } from '../../../src/oci/reference.js';
import { anonymous } from '../../../src/registry/auth/credentials.js';
import { isTransient } from '../../../src/registry/http/statuses.js';
import { openSource, openTarget } from '../../../src/registry/open.js';
import { isMountable, listReferrers } from '../../../src/registry/stores/store.js';
import {
  describe,
  noise,
  pushImage,
  readAll,
  readImage,
  sampleImage,
} from '../../support/images/opaque-image.js';
import { observedRegistry, type ObservedRegistry } from '../../support/registries/observed-registry.js';
import {
  bytes,
  cutAfter,
  descriptor,
  isUpload,
  observedUploads,
} from '../../support/registries/observed-uploads.js';

/** Refusals of many kinds, and answers that pass but not here. */
const REFUSALS = [
  400, 401, 403, 404, 405, 406, 409, 410, 411, 415, 422, 425, 451, 499, 500, 501, 502, 520, 530,
];
const QUICK = { attempts: 3, baseMs: 1, capMs: 20 };
const OPTIONS = { credentials: anonymous, retry: QUICK };

type Intercept = ObservedRegistry['intercept'];

/** Answers with `status` where `strikes` says so. */
function answering(status: number, strikes: (request: IncomingMessage) => boolean): Intercept {
  return (request, response) => {
    if (!strikes(request)) return false;
    request.resume();
    response.writeHead(status, { 'content-length': 0 }).end();
    return true;
  };
}

test('the statuses that may pass are a class', () => {
  for (const status of [408, 425, 429, 499, 500, 502, 503, 504, 509, 520, 524, 527, 530, 598, 599])
    assert.equal(isTransient(status), true, String(status));
  for (const status of [200, 304, 400, 401, 403, 404, 409, 413, 418, 451, 501, 505, 507, 511, 600])
    assert.equal(isTransient(status), false, String(status));
});

test('HEAD refused: an image is read, and content found, by GET', async (t) => {
  const registry = await observedRegistry(t);
  const image = sampleImage([noise(1000, 1), noise(2000, 2)]);
  {
    await using target = openTarget(`${registry.host}/a:1`, OPTIONS);
    await pushImage(target, image);
  }
  const layer = image.parts[0]?.descriptor ?? assert.fail('the sample has layers');
  const absent = describe(MEDIA.ociLayerTar, noise(10, 77));
  for (const status of REFUSALS) {
    registry.intercept = answering(status, ({ method }) => method === 'HEAD');
    await using source = openSource(`${registry.host}/a:1`, OPTIONS);
    assert.ok((await readImage(source)) > 3000);
    // 404 is the one answer to HEAD that says something of a blob.
    assert.equal(await source.exists(layer), status !== 404, String(status));
    assert.equal(await source.exists(absent), false);
    assert.equal(await source.exists({ ...layer, size: layer.size + 1 }), false);
  }
});

test('no question about a blob is answered: a push sends it, and what only reads ends with the error', async (t) => {
  const r = await observedUploads(t);
  for (const status of [401, 403, 405, 500]) {
    const blob = noise(100, status);
    const named = describe(MEDIA.ociLayerTar, blob);
    r.intercept = answering(
      status,
      ({ method, url = '' }) => /HEAD|GET/.test(method ?? '') && /\/blobs\/sha/.test(url),
    );
    await using target = r.open();
    assert.equal(await target.push(named, contentOf(blob)), 'pushed');
    await using source = openSource(`${r.host}/a:1`, OPTIONS);
    await assert.rejects(source.exists(named), status < 404 ? AuthError : RegistryError);
  }
});

test('a mount that is not carried out, whatever the answer, leaves the blob to be sent', async (t) => {
  const registry = await observedRegistry(t);
  for (const status of [200, 201, 202, 204, ...REFUSALS, 412, 413, 503, 507]) {
    registry.intercept = answering(status, ({ url = '' }) => url.includes('mount='));
    await using target = openTarget(`${registry.host}/b:1`, OPTIONS);
    assert.ok(isMountable(target));
    const blob = noise(100, 1000 + status);
    const named = describe(MEDIA.ociLayerTar, blob);
    const from = { kind: 'registry', reference: parseReference(`${registry.host}/a:1`) } as const;
    assert.equal(await target.mount(named, from), false, String(status));
    assert.equal(await target.push(named, contentOf(blob)), 'pushed', String(status));
  }
});

test('a range refused: the whole is read', async (t) => {
  const r = await observedUploads(t);
  await using target = r.open();
  await target.push(descriptor, contentOf(bytes));
  for (const status of REFUSALS) {
    r.intercept = answering(status, ({ headers }) => headers.range !== undefined);
    await using source = openSource(`${r.host}/a:1`, OPTIONS);
    const range = { start: 600_000, end: 600_100 };
    const pieces: Uint8Array[] = [];
    for await (const piece of source.fetch(descriptor, { range })) pieces.push(piece);
    assert.ok(Buffer.concat(pieces).equals(bytes.subarray(range.start, range.end)), String(status));
  }
});

test('one way to send a blob refused: it goes another way', async (t) => {
  const r = await observedUploads(t);
  const isWhole = (request: IncomingMessage): boolean =>
    isUpload(request, 'PUT') && request.headers['content-length'] !== '0';
  const isPart = (request: IncomingMessage): boolean => isUpload(request, 'PATCH');
  for (const status of REFUSALS.filter((each) => each !== 401 && each !== 403)) {
    for (const [refused, chunkSize] of [
      [isWhole, 0],
      [isPart, 300_000],
    ] as const) {
      r.intercept = answering(status, refused);
      await using target = r.open({ chunkSize, retry: { ...QUICK, attempts: 4 } });
      const blob = noise(400_000, status + chunkSize);
      const named = describe(MEDIA.ociLayerTar, blob);
      assert.equal(await target.push(named, contentOf(blob)), 'pushed', `${status} ${chunkSize}`);
    }
  }
});

test('a resumed upload refused: the blob is sent anew', async (t) => {
  const r = await observedUploads(t);
  for (const status of [400, 404, 405, 409, 500, 501, 503]) {
    for (const method of ['GET', 'PATCH']) {
      const cut = cutAfter('PUT', 200_000);
      const refuse = answering(status, (request) => isUpload(request, method));
      r.intercept = (request, response) => refuse(request, response) || cut(request, response);
      await using target = r.open({ retry: { ...QUICK, attempts: 5 } });
      const blob = noise(500_000, status * 10 + method.length);
      const named = describe(MEDIA.ociLayerTar, blob);
      assert.equal(await target.push(named, contentOf(blob)), 'pushed', `${status} ${method}`);
    }
  }
});

test('a body too large for a proxy goes in smaller ones', async (t) => {
  const r = await observedUploads(t);
  const isTooLarge = ({ headers }: IncomingMessage): boolean =>
    Number(headers['content-length'] ?? 0) > 1024 * 1024;
  r.intercept = answering(413, isTooLarge);
  const large = noise(2_500_000, 8);
  const named = describe(MEDIA.ociLayerTar, large);
  await using target = r.open();
  assert.equal(await target.push(named, contentOf(large)), 'pushed');
  assert.equal(r.methods(), 'POST PUT POST PATCH PATCH PATCH PUT');
  r.intercept = answering(413, ({ method }) => method === 'PUT' || method === 'PATCH');
  const other = noise(2_500_000, 9);
  await assert.rejects(
    target.push(describe(MEDIA.ociLayerTar, other), contentOf(other)),
    (error) => error instanceof RegistryError && error.status === 413,
  );
});

/** Spoils the count that answers to parts of an upload give; `all` spoils those to questions too. */
function counting(spoil: (end: number, part: number) => string, all = false): Intercept {
  let before = 0;
  return (request, response: ServerResponse) => {
    if (!isUpload(request, 'PATCH') && !(all && isUpload(request, 'GET'))) return false;
    holdAnswer(response, (answer, line) => {
      const end = Number(/0-(\d+)/.exec(String(answer.headers['range']))?.[1]) + 1;
      const range = spoil(end, end - before);
      before = end;
      line.send({ ...answer, headers: { ...answer.headers, range } });
    });
    return false;
  };
}

test('counts of a registry that are wrong do no harm', async (t) => {
  const counts: readonly ((end: number, part: number) => string)[] = [
    (end) => `0-${end}`, // one too many
    (end) => `0-${end - 2}`, // one too few
    (_, part) => `0-${part - 1}`, // the last part alone
    (end, part) => `${end - part}-${end - 1}`, // the range of the last part
    () => '0-0',
    () => '',
    () => '0-99999', // always the same
    (end) => `bytes 0-${end - 1}/*`,
    (end) => `bytes=0-${end - 1}`,
  ];
  for (const [number, spoil] of counts.entries()) {
    for (const all of [false, true]) {
      const r = await observedUploads(t);
      r.intercept = counting(spoil, all);
      await using target = r.open({ chunkSize: 150_000, retry: { ...QUICK, attempts: 5 } });
      assert.equal(await target.push(descriptor, contentOf(bytes)), 'pushed', `${number} ${all}`);
      assert.ok((await readAll(target, descriptor)).equals(bytes));
      assert.ok(r.seen.length < 40, `${number} ${all}: ${r.methods()}`);
    }
  }
});

async function serve(
  t: TestContext,
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<string> {
  const server = createServer((request, response) => {
    request.resume();
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`; // a TCP server that listens has such an address
}

test('a redirect to another registry is followed with its anonymous token', async (t) => {
  const r = await observedUploads(t);
  await using target = r.open();
  await target.push(descriptor, contentOf(bytes));
  const seen: IncomingMessage[] = [];
  let given = 0;
  let valid = '';
  const other = await serve(t, (request, response) => {
    seen.push(request);
    const { url = '', headers } = request;
    if (url.startsWith('/token')) {
      valid = `t${++given}`;
      response.end(JSON.stringify({ token: valid }));
    } else if (headers.authorization === `Bearer ${valid}`) response.end(bytes);
    else {
      const challenge = `Bearer realm="http://${other}/token",service="other",scope="repository:x/y:pull"`;
      response.writeHead(401, { 'www-authenticate': challenge }).end();
    }
  });
  r.intercept = (request, response) => {
    if (request.headers.authorization === undefined)
      response.writeHead(401, { 'www-authenticate': 'Basic realm="r"' }).end();
    else if (request.url?.includes('/blobs/') === true)
      response.writeHead(307, { location: `http://${other}/v2/x/y/blobs/z` }).end();
    else return false;
    return true;
  };
  const credentials = { description: 'a test', get: async () => ({ username: 'me', password: 'hunter22' }) };
  await using source = openSource(`${r.host}/a:1`, { ...OPTIONS, credentials });
  assert.ok((await readAll(source, descriptor)).equals(bytes));
  assert.ok((await readAll(source, descriptor)).equals(bytes));
  assert.equal(given, 1);
  valid = 'void'; // as when it has expired
  assert.ok((await readAll(source, descriptor)).equals(bytes));
  assert.equal(given, 2);
  const asked = new URL(seen.find(({ url }) => url?.startsWith('/token'))?.url ?? '', 'http://x');
  assert.deepEqual(asked.searchParams.getAll('scope'), ['repository:x/y:pull']);
  for (const { headers } of seen) assert.doesNotMatch(headers.authorization ?? '', /Basic/);
});

test('another registry that gives no token ends the run with a sentence that names it', async (t) => {
  const r = await observedUploads(t);
  for (const answer of ['{}', 'denied']) {
    const other = await serve(t, ({ url = '' }, response) => {
      if (url.startsWith('/token')) response.writeHead(answer === '{}' ? 200 : 401).end(answer);
      else response.writeHead(401, { 'www-authenticate': 'Bearer realm="/token"' }).end();
    });
    r.intercept = (_request, response) => {
      response.writeHead(307, { location: `http://${other}/z` }).end();
      return true;
    };
    await using source = openSource(`${r.host}/a:1`, OPTIONS);
    await assert.rejects(
      readAll(source, descriptor),
      (error) =>
        error instanceof RegistryError && error.message.includes(`${other}, where the registry leads`),
    );
  }
});

/** A repository with one manifest and one that refers to it, in a registry whose API answers `status` and that keeps no list itself. */
async function withReferrer(t: TestContext): Promise<{
  readonly registry: ObservedRegistry;
  readonly subject: Digest;
  readonly referrer: Digest;
  readonly push: () => Promise<void>;
}> {
  const registry = await observedRegistry(t);
  const image = sampleImage([noise(100, 1)]);
  const subject = { mediaType: MEDIA.ociManifest, digest: image.manifest.digest, size: image.manifest.size };
  const referring = sampleImage([noise(100, 2)], { subject });
  const push = async (): Promise<void> => {
    await using target = openTarget(`${registry.host}/a:1`, OPTIONS);
    await pushImage(target, image);
    for (const { descriptor: each, bytes: content } of referring.parts)
      await target.push(each, contentOf(content));
  };
  return { registry, subject: image.manifest.digest, referrer: referring.manifest.digest, push };
}

/** A registry without the referrers API does not confirm a subject. */
function withoutSubject(request: IncomingMessage, response: ServerResponse): boolean {
  if (request.method === 'PUT')
    holdAnswer(response, (answer, line) => {
      const kept = Object.entries(answer.headers).filter(([name]) => name !== 'oci-subject');
      line.send({ ...answer, headers: Object.fromEntries(kept) });
    });
  return false;
}

test('a list of referrers that is refused is read under its tag', async (t) => {
  const { registry, subject, referrer, push } = await withReferrer(t);
  registry.intercept = withoutSubject;
  await push();
  const isApi = ({ url = '' }: IncomingMessage): boolean => url.includes('/referrers/');
  const isTag = ({ url = '' }: IncomingMessage): boolean => url.includes('/manifests/sha256-');
  for (const status of REFUSALS) {
    registry.intercept = answering(status, isApi);
    await using source = openSource(`${registry.host}/a:1`, OPTIONS);
    const list = await listReferrers(source, subject);
    assert.deepEqual(
      [list.way, list.referrers.map(({ digest }) => digest)],
      ['tag', [referrer]],
      String(status),
    );
    // Without the tag there is none; but a refusal that does not say so may hide one.
    const saysNothing = [401, 403, 409, 411, 451].includes(status) || isTransient(status);
    const noTag = answering(404, isTag);
    const noApi = answering(status, isApi);
    registry.intercept = (request, response) => noTag(request, response) === true || noApi(request, response);
    if (saysNothing) await assert.rejects(listReferrers(source, subject));
    else assert.deepEqual((await listReferrers(source, subject)).referrers, [], String(status));
  }
});

test('a list of referrers is written without a condition where conditions are refused', async (t) => {
  for (const status of [400, 405, 428, 501]) {
    const { registry, subject, referrer, push } = await withReferrer(t);
    const refuse = answering(status, ({ headers }) => headers['if-match'] !== undefined);
    let isFirst = true;
    registry.intercept = (request, response) => {
      // Another client's list, which has an etag.
      if (isFirst && request.method === 'GET' && request.url?.includes('/manifests/sha256-') === true) {
        isFirst = false;
        response.setHeader('etag', '"one"');
        response
          .writeHead(200, { 'content-type': MEDIA.ociIndex })
          .end(JSON.stringify({ schemaVersion: 2, mediaType: MEDIA.ociIndex, manifests: [] }));
        return true;
      }
      return refuse(request, response) === true || withoutSubject(request, response);
    };
    await push();
    registry.intercept = answering(404, ({ url = '' }) => url.includes('/referrers/'));
    await using source = openSource(`${registry.host}/a:1`, OPTIONS);
    const list = await listReferrers(source, subject);
    assert.deepEqual(
      list.referrers.map(({ digest }) => digest),
      [referrer],
      String(status),
    );
  }
});

test('the answers of token servers are taken as far as they make sense', async (t) => {
  const good: readonly (readonly [number, string | Uint8Array])[] = [
    [200, '{"token":"","access_token":"t0k"}'],
    [200, '{"token":null,"access_token":"t0k","expires_in":true}'],
    [200, '{"token":"t0k","access_token":"","expires_in":"3600"}'],
    [200, '{"token":"t0k","refresh_token":false,"expires_in":-1}'],
    [200, '{"token":"t0k","access_token":{},"expires_in":[]}'],
    [201, '{"token":"t0k"}'],
    [200, '\ufeff{"token":"t0k"}'],
    [200, gzipSync('{"token":"t0k"}')],
  ];
  const bad: typeof good = [
    [200, '{"token":"","access_token":""}'],
    [200, '{"token":7}'],
    [200, '[]'],
    [200, '"t0k"'],
    [200, gzipSync(Buffer.alloc(3_000_000))],
    [302, '{"token":"t0k"}'],
  ];
  let answer = good[0] ?? assert.fail('there are answers');
  let challenge = '';
  const r = await observedRegistry(t);
  r.intercept = (request, response) => {
    if (request.url?.startsWith('/token') === true) response.writeHead(answer[0]).end(answer[1]);
    else if (request.headers.authorization !== 'Bearer t0k')
      response.writeHead(401, { 'www-authenticate': challenge }).end();
    else return false;
    return true;
  };
  const look = async (): Promise<void> => {
    await using source = openSource(`${r.host}/a:1`, OPTIONS);
    await assert.rejects(source.resolve(), /does not exist/);
  };
  for (const realm of [`"http://${r.host}/token"`, '"/token"', `'http://${r.host}/token'`]) {
    challenge = `Bearer realm=${realm},service="s"`;
    for (answer of good) await look();
  }
  for (answer of bad)
    await assert.rejects(
      look(),
      (error) => error instanceof assert.AssertionError && !/t0k/.test(error.message),
    );
  challenge = 'Bearer realm=""';
  answer = good[5] ?? answer;
  await assert.rejects(look(), assert.AssertionError);
});

test('a token server may lead to another host for an anonymous token, not for a login', async (t) => {
  const asked: IncomingMessage[] = [];
  const other = await serve(t, (request, response) => {
    asked.push(request);
    response.end('{"token":"t0k"}');
  });
  const r = await observedRegistry(t);
  r.intercept = (request, response) => {
    if (request.url?.startsWith('/token') === true)
      response.writeHead(307, { location: `http://${other}/token` }).end();
    else if (request.headers.authorization !== 'Bearer t0k')
      response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${r.host}/token"` }).end();
    else return false;
    return true;
  };
  await using stranger = openSource(`${r.host}/a:1`, OPTIONS);
  await assert.rejects(stranger.resolve(), /does not exist/);
  assert.equal(asked.length, 1);
  const credentials = { description: 'a test', get: async () => ({ username: 'me', password: 'hunter22' }) };
  await using user = openSource(`${r.host}/a:1`, { ...OPTIONS, credentials });
  await assert.rejects(user.resolve(), /where credentials do not go/);
  assert.equal(asked.length, 1);
});
