import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { startRegistry } from '../../../src/embedded-registry/server.js';
import { sha256 } from '../../../src/oci/digest.js';
import { descriptorToJson, serialise } from '../../../src/oci/manifest.js';
import { MEDIA } from '../../../src/oci/media-types.js';
import { sampleImage, type SampleImage } from '../../support/images/opaque-image.js';
import { tempFolder } from '../../support/temp-folder.js';

async function start(t: TestContext): Promise<string> {
  const registry = await startRegistry({ root: await tempFolder(t) });
  t.after(() => registry.close());
  return `${registry.url}/v2`;
}

async function codes(response: Response): Promise<string[]> {
  const body = (await response.json()) as { errors: { code: string }[] }; // the shape of the specification
  return body.errors.map((error) => error.code);
}

async function upload(base: string, name: string, bytes: Uint8Array): Promise<Response> {
  const session = await fetch(`${base}/${name}/blobs/uploads/`, { method: 'POST' });
  assert.equal(session.status, 202);
  const location = new URL(session.headers.get('location') ?? '', base);
  location.searchParams.set('digest', sha256(bytes));
  return fetch(location, { method: 'PUT', body: bytes });
}

async function put(base: string, name: string, image: SampleImage, tag: string): Promise<Response> {
  for (const { descriptor, bytes } of image.parts.slice(0, -1)) {
    assert.equal((await upload(base, name, bytes)).status, 201, descriptor.digest);
  }
  return fetch(`${base}/${name}/manifests/${tag}`, {
    method: 'PUT',
    headers: { 'content-type': image.manifest.mediaType },
    body: image.parts.at(-1)?.bytes ?? null,
  });
}

const image = sampleImage([Buffer.from('layer')]);

test('the API is announced, and an unknown path gives an error body', async (t) => {
  const base = await start(t);
  assert.equal((await fetch(`${base}/`)).status, 200);
  const missing = await fetch(`${base}/UPPER/tags/list`);
  assert.equal(missing.status, 404);
  assert.deepEqual(await codes(missing), ['NAME_INVALID']);
  const wrong = await fetch(`${base}/a/tags/list`, { method: 'POST' });
  assert.equal(wrong.status, 405);
});

test('a blob comes back whole, in ranges, and not from another repository', async (t) => {
  const base = await start(t);
  const bytes = Buffer.from('0123456789');
  const url = `${base}/a/b/blobs/${sha256(bytes)}`;
  assert.equal((await upload(base, 'a/b', bytes)).status, 201);
  assert.equal(await (await fetch(url)).text(), '0123456789');
  const head = await fetch(url, { method: 'HEAD' });
  assert.equal(head.headers.get('content-length'), '10');
  for (const [range, text] of [
    ['bytes=2-4', '234'],
    ['bytes=7-', '789'],
    ['bytes=-2', '89'],
    ['bytes=8-100', '89'],
  ] as const) {
    const part = await fetch(url, { headers: { range } });
    assert.equal(part.status, 206);
    assert.equal(await part.text(), text);
  }
  const beyond = await fetch(url, { headers: { range: 'bytes=10-' } });
  assert.equal(beyond.status, 416);
  assert.equal((await fetch(`${base}/other/blobs/${sha256(bytes)}`)).status, 404);
});

test('chunks are appended in order, and one out of order is refused with the right offset', async (t) => {
  const base = await start(t);
  const session = await fetch(`${base}/a/blobs/uploads/`, { method: 'POST' });
  const url = new URL(session.headers.get('location') ?? '', base);
  const patch = (body: string, range: string): Promise<Response> =>
    fetch(url, { method: 'PATCH', body, headers: { 'content-range': range } });
  assert.equal((await patch('abc', '0-2')).headers.get('range'), '0-2');
  const wrong = await patch('xyz', '5-7');
  assert.equal(wrong.status, 416);
  assert.equal(wrong.headers.get('range'), '0-2');
  assert.equal((await fetch(url)).headers.get('range'), '0-2');
  assert.equal((await patch('def', '3-5')).status, 202);
  url.searchParams.set('digest', sha256('abcdefg'));
  assert.equal((await fetch(url, { method: 'PUT', body: 'g' })).status, 201);
});

test('a wrong digest, a lost session and a cancelled one have answers of their own', async (t) => {
  const base = await start(t);
  const session = await fetch(`${base}/a/blobs/uploads/`, { method: 'POST' });
  const url = new URL(session.headers.get('location') ?? '', base);
  const wrong = await fetch(`${url.href}?digest=${sha256('x')}`, { method: 'PUT', body: 'y' });
  assert.deepEqual([wrong.status, await codes(wrong)], [400, ['DIGEST_INVALID']]);
  const lost = await fetch(url, { method: 'PATCH', body: 'y' });
  assert.deepEqual([lost.status, await codes(lost)], [404, ['BLOB_UPLOAD_UNKNOWN']]);
  const again = await fetch(`${base}/a/blobs/uploads/`, { method: 'POST' });
  const second = new URL(again.headers.get('location') ?? '', base);
  assert.equal((await fetch(second, { method: 'DELETE' })).status, 204);
  assert.equal((await fetch(second)).status, 404);
});

test('a whole blob can come with the first request', async (t) => {
  const base = await start(t);
  const response = await fetch(`${base}/a/blobs/uploads/?digest=${sha256('x')}`, {
    method: 'POST',
    body: 'x',
  });
  assert.equal(response.status, 201);
});

test('a blob is mounted from the repository that holds it, and only from there', async (t) => {
  const base = await start(t);
  await upload(base, 'a', Buffer.from('x'));
  const mount = (from: string): Promise<Response> =>
    fetch(`${base}/b/blobs/uploads/?mount=${sha256('x')}&from=${from}`, { method: 'POST' });
  assert.equal((await mount('c')).status, 202);
  assert.equal((await mount('a')).status, 201);
  assert.equal((await fetch(`${base}/b/blobs/${sha256('x')}`)).status, 200);
});

test('a manifest is kept as its bytes under digest and tag, once its parts are there', async (t) => {
  const base = await start(t);
  const early = await fetch(`${base}/a/manifests/1`, {
    method: 'PUT',
    headers: { 'content-type': MEDIA.ociManifest },
    body: image.parts.at(-1)?.bytes ?? null,
  });
  assert.deepEqual([early.status, await codes(early)], [404, ['MANIFEST_BLOB_UNKNOWN']]);
  const unknown = await fetch(`${base}/a/manifests/1`);
  assert.deepEqual([unknown.status, await codes(unknown)], [404, ['NAME_UNKNOWN']]);
  const stored = await put(base, 'a', image, '1');
  assert.equal(stored.status, 201);
  assert.equal(stored.headers.get('docker-content-digest'), image.manifest.digest);
  for (const name of ['1', image.manifest.digest]) {
    const got = await fetch(`${base}/a/manifests/${name}`);
    assert.equal(got.headers.get('content-type'), MEDIA.ociManifest);
    assert.equal(sha256(new Uint8Array(await got.arrayBuffer())), image.manifest.digest);
  }
  const missing = await fetch(`${base}/a/manifests/2`);
  assert.deepEqual([missing.status, await codes(missing)], [404, ['MANIFEST_UNKNOWN']]);
});

test('bytes that are no manifest, or not of the named digest or type, are refused', async (t) => {
  const base = await start(t);
  const send = (name: string, body: string, type: string): Promise<Response> =>
    fetch(`${base}/a/manifests/${name}`, { method: 'PUT', headers: { 'content-type': type }, body });
  const index = JSON.stringify({ schemaVersion: 2, mediaType: MEDIA.ociIndex, manifests: [] });
  assert.deepEqual(await codes(await send('1', '{', MEDIA.ociIndex)), ['MANIFEST_INVALID']);
  assert.deepEqual(await codes(await send('1', index, MEDIA.dockerIndex)), ['MANIFEST_INVALID']);
  assert.deepEqual(await codes(await send('.bad', index, MEDIA.ociIndex)), ['MANIFEST_INVALID']);
  assert.deepEqual(await codes(await send(sha256('x'), index, MEDIA.ociIndex)), ['DIGEST_INVALID']);
  assert.equal((await send('1', ' '.repeat(9_000_000), MEDIA.ociIndex)).status, 413);
  assert.equal((await send('1', index, MEDIA.ociIndex)).status, 201);
});

test('tags are listed in order and in pages', async (t) => {
  const base = await start(t);
  for (const tag of ['c', 'a', 'b']) await put(base, 'a', image, tag);
  assert.deepEqual(await (await fetch(`${base}/a/tags/list`)).json(), { name: 'a', tags: ['a', 'b', 'c'] });
  const page = await fetch(`${base}/a/tags/list?n=2`);
  assert.equal(page.headers.get('link'), '</v2/a/tags/list?n=2&last=b>; rel="next"');
  assert.deepEqual(await (await fetch(`${base}/a/tags/list?n=2&last=b`)).json(), { name: 'a', tags: ['c'] });
});

test('the referrers of a manifest are listed, also by type', async (t) => {
  const base = await start(t);
  await put(base, 'a', image, '1');
  const referrer = sampleImage([Buffer.from('sig')], {
    artifactType: 'test/signature',
    subject: descriptorToJson(image.manifest),
    annotations: { k: 'v' },
  });
  const stored = await put(base, 'a', referrer, '2');
  assert.equal(stored.headers.get('oci-subject'), image.manifest.digest);
  const entry = { ...referrer.manifest, artifactType: 'test/signature', annotations: { k: 'v' } };
  const all = await (await fetch(`${base}/a/referrers/${image.manifest.digest}`)).json();
  assert.deepEqual(all, { schemaVersion: 2, mediaType: MEDIA.ociIndex, manifests: [entry] });
  const other = await fetch(`${base}/a/referrers/${image.manifest.digest}?artifactType=none`);
  assert.equal(other.headers.get('oci-filters-applied'), 'artifactType');
  assert.deepEqual(((await other.json()) as { manifests: unknown[] }).manifests, []);
});

test('tags, manifests and blobs can be deleted, once', async (t) => {
  const base = await start(t);
  await put(base, 'a', image, '1');
  await put(base, 'a', image, '2');
  const remove = async (path: string): Promise<number> =>
    (await fetch(`${base}/a/${path}`, { method: 'DELETE' })).status;
  assert.deepEqual([await remove('manifests/1'), await remove('manifests/1')], [202, 404]);
  assert.equal((await fetch(`${base}/a/manifests/2`)).status, 200);
  assert.deepEqual(
    [await remove(`manifests/${image.manifest.digest}`), await remove(`manifests/${image.manifest.digest}`)],
    [202, 404],
  );
  assert.equal((await fetch(`${base}/a/manifests/2`)).status, 404);
  assert.deepEqual(
    [await remove(`blobs/${sha256('layer')}`), await remove(`blobs/${sha256('layer')}`)],
    [202, 404],
  );
});

test('pushed content exists after a restart', async (t) => {
  const root = await tempFolder(t);
  const first = await startRegistry({ root });
  await put(`${first.url}/v2`, 'a', image, '1');
  await first.close();
  await using second = await startRegistry({ root });
  assert.equal((await fetch(`${second.url}/v2/a/manifests/1`)).status, 200);
  assert.match(second.host, /^127\.0\.0\.1:\d+$/);
});

test('an index is taken once its manifests are there', async (t) => {
  const base = await start(t);
  await put(base, 'a', image, '1');
  const send = (digest: string): Promise<Response> =>
    fetch(`${base}/a/manifests/i`, {
      method: 'PUT',
      headers: { 'content-type': MEDIA.ociIndex },
      body: serialise({
        schemaVersion: 2,
        mediaType: MEDIA.ociIndex,
        manifests: [{ mediaType: MEDIA.ociManifest, digest, size: 1 }],
      }),
    });
  assert.equal((await send(sha256('other'))).status, 404);
  assert.equal((await send(image.manifest.digest)).status, 201);
});

test('uploads are bounded one by one and all together, whatever a client sends, and what is refused is not kept', async (t) => {
  const root = await tempFolder(t);
  await using registry = await startRegistry({ root, limits: { upload: 1000, folder: 2800 } });
  const base = `${registry.url}/v2`;
  const bytes = (seed: number): Uint8Array => new Uint8Array(900).fill(seed);
  const large = await upload(base, 'a', new Uint8Array(200_000));
  assert.deepEqual([large.status, await codes(large)], [413, ['SIZE_INVALID']]);
  const session = await fetch(`${base}/a/blobs/uploads/`, { method: 'POST' });
  const location = new URL(session.headers.get('location') ?? '', base);
  const patch = (): Promise<Response> => fetch(location, { method: 'PATCH', body: new Uint8Array(600) });
  assert.deepEqual([(await patch()).status, (await patch()).status, (await patch()).status], [202, 413, 404]);
  assert.deepEqual(await readdir(join(root, 'uploads')), []);
  for (const seed of [1, 2, 1, 2, 3]) assert.equal((await upload(base, 'a', bytes(seed))).status, 201);
  const full = await upload(base, 'a', bytes(4));
  assert.deepEqual([full.status, await codes(full)], [507, ['DENIED']]);
  assert.deepEqual(await readdir(join(root, 'uploads')), []);
  await using again = await startRegistry({ root, limits: { folder: 2800 } });
  assert.equal((await upload(`${again.url}/v2`, 'a', bytes(4))).status, 507);
});
