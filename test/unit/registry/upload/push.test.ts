/** Blobs and images into a registry: what is sent, in which way, and what is not sent. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AuthError } from '../../../../src/errors.js';
import { contentOf } from '../../../../src/io/streams.js';
import { MEDIA } from '../../../../src/oci/media-types.js';
import { openSource, openTarget } from '../../../../src/registry/open.js';
import { isMountable } from '../../../../src/registry/stores/store.js';
import {
  answer,
  blob,
  image,
  options,
  observedRegistry,
} from '../../../support/registries/observed-registry.js';
import { describe, noise, pushImage, readAll, readImage } from '../../../support/images/opaque-image.js';
import { parseLocation } from '../../../../src/registry/location.js';

test('an image goes into a registry and comes back: blobs, config, manifest, tag last', async (t) => {
  const r = await observedRegistry(t);
  await using target = openTarget(`${r.host}/a/b:1`, options);
  assert.equal(await target.resolve(), undefined);
  await pushImage(target, image);
  assert.equal(r.lines().at(-1), 'PUT /v2/a/b/manifests/1');
  await using source = openSource(`${r.host}/a/b:1`, options);
  assert.deepEqual(await source.resolve(), image.manifest);
  assert.ok((await readImage(source)) > 400_000);
  await using byDigest = openSource(`${r.host}/a/b@${image.manifest.digest}`, options);
  assert.deepEqual(await byDigest.resolve(), image.manifest);
});

test('existing content is asked for and not sent again', async (t) => {
  const r = await observedRegistry(t);
  for (const expected of ['pushed', 'present']) {
    await using target = openTarget(`${r.host}/a:1`, options);
    for (const { descriptor, bytes } of image.parts)
      assert.equal(await target.push(descriptor, contentOf(bytes)), expected);
  }
  const second = r.lines().slice(-image.parts.length);
  assert.ok(
    second.every((line) => line.startsWith('HEAD ')),
    second.join('\n'),
  );
});

test('several pushes of one blob at once send it once; when that fails the next one does', async (t) => {
  const r = await observedRegistry(t);
  await using target = openTarget(`${r.host}/a:1`, options);
  let opened = 0;
  const content = { size: blob.bytes.length, open: () => (opened++, contentOf(blob.bytes).open()) };
  const outcomes = await Promise.all([1, 2, 3].map(() => target.push(blob.descriptor, content)));
  assert.deepEqual(outcomes.sort(), ['present', 'present', 'pushed']);
  assert.equal(opened, 1);
  const stop = new AbortController();
  const other = describe(MEDIA.ociLayerTar, noise(100, 8));
  r.intercept = (request) => {
    if (request.method === 'POST') stop.abort();
    return false;
  };
  const first = target.push(other, contentOf(noise(100, 8)), { signal: stop.signal });
  const second = target.push(other, contentOf(noise(100, 8)));
  await assert.rejects(first);
  assert.equal(await second, 'pushed');
});

test('a blob of another repository of the same registry is mounted, not sent', async (t) => {
  const r = await observedRegistry(t);
  await using first = openTarget(`${r.host}/a:1`, options);
  await pushImage(first, image);
  await using target = openTarget(`${r.host}/b:1`, options);
  assert.ok(isMountable(target));
  const [part] = image.parts;
  assert.ok(part);
  assert.equal(await target.mount(part.descriptor, first.place), true);
  assert.equal(await target.exists(part.descriptor), true);
  assert.equal(await target.mount(part.descriptor, parseLocation('other.example/a:1')), false);
  assert.equal(await target.mount(part.descriptor, parseLocation('oci:/x')), false);
});

test('when a mount is refused, its session takes the upload', async (t) => {
  const r = await observedRegistry(t);
  await using target = openTarget(`${r.host}/b:1`, options);
  assert.ok(isMountable(target));
  assert.equal(await target.mount(blob.descriptor, parseLocation(`${r.host}/a:1`)), false);
  await target.push(blob.descriptor, contentOf(blob.bytes));
  assert.equal(r.lines().filter((line) => line.startsWith('POST')).length, 1);
  for (const status of [401, 403, 404, 405]) {
    r.intercept = (request, response) => request.url?.includes('mount=') === true && answer(response, status);
    assert.equal(
      await target.mount({ ...blob.descriptor, size: 1 }, parseLocation(`${r.host}/a:1`)),
      false,
      String(status),
    );
  }
});

test('a registry that takes no PUT with a body gets one PATCH, from then on', async (t) => {
  const r = await observedRegistry(t);
  r.intercept = (request, response) => {
    if (
      request.method !== 'PUT' ||
      !request.url?.includes('uploads') ||
      request.headers['content-length'] === '0'
    )
      return false;
    request.resume();
    return answer(response, 405);
  };
  await using target = openTarget(`${r.host}/a:1`, options);
  await pushImage(target, image);
  const methods = r
    .lines()
    .filter((line) => line.includes('uploads'))
    .map((line) => line.split(' ')[0]);
  assert.deepEqual(methods, [
    'POST',
    'PUT',
    'POST',
    'PATCH',
    'PUT',
    'POST',
    'PATCH',
    'PUT',
    'POST',
    'PATCH',
    'PUT',
  ]);
  await using source = openSource(`${r.host}/a:1`, options);
  assert.ok((await readImage(source)) > 400_000);
});

test('a registry that refuses both ways gives one error, with its first reason', async (t) => {
  const r = await observedRegistry(t);
  r.intercept = (request, response) => {
    if (request.method !== 'PUT' && request.method !== 'PATCH') return false;
    request.resume();
    return answer(
      response,
      request.method === 'PUT' ? 400 : 405,
      '{"errors":[{"code":"BLOB_UPLOAD_INVALID","message":"not so"}]}',
    );
  };
  await using target = openTarget(`${r.host}/a:1`, options);
  await assert.rejects(
    target.push(blob.descriptor, contentOf(blob.bytes)),
    /cannot push blob.*refuses the upload \(400 BLOB_UPLOAD_INVALID\): not so/,
  );
});

test('an upload Location may be relative, absolute and carry state', async (t) => {
  for (const form of ['relative', 'absolute'] as const) {
    const r = await observedRegistry(t);
    const paths: string[] = [];
    r.intercept = (request, response) => {
      const url = new URL(request.url ?? '', `http://${r.host}`);
      if (request.method === 'POST') {
        const write = response.writeHead.bind(response);
        response.writeHead = ((status: number, headers: Record<string, string>) => {
          const location = `${headers['location'] ?? ''}?_state=a%2Bb%3D&x=1`;
          return write(status, {
            ...headers,
            location: form === 'absolute' ? new URL(location, url).href : location,
          });
        }) as typeof response.writeHead; // the one form that our registry uses
      } else if (request.method === 'PUT') {
        paths.push(url.search);
      }
      return false;
    };
    await using target = openTarget(`${r.host}/a:1`, options);
    await target.push(blob.descriptor, contentOf(blob.bytes));
    assert.deepEqual(
      paths,
      [`?_state=a%2Bb%3D&x=1&digest=${encodeURIComponent(blob.descriptor.digest)}`],
      form,
    );
  }
});

test('a failed upload starts again with the content opened anew', async (t) => {
  const r = await observedRegistry(t);
  let puts = 0;
  r.intercept = (request, response) => {
    if (request.method !== 'PUT' || !request.url?.includes('uploads')) return false;
    puts++;
    if (puts === 1) {
      request.resume();
      return answer(response, 500);
    }
    if (puts === 2) {
      request.once('data', () => request.destroy());
      return true;
    }
    return false;
  };
  let opened = 0;
  const content = { size: blob.bytes.length, open: () => (opened++, contentOf(blob.bytes).open()) };
  await using target = openTarget(`${r.host}/a:1`, options);
  assert.equal(await target.push(blob.descriptor, content), 'pushed');
  assert.equal(opened, 3);
  assert.ok((await readAll(target, blob.descriptor)).equals(blob.bytes));
});

test('a refusal to push names the login', async (t) => {
  const r = await observedRegistry(t);
  r.intercept = (request, response) =>
    request.method === 'POST' && answer(response, 403, '{"errors":[{"code":"DENIED","message":"no"}]}');
  await using target = openTarget(`${r.host}/a:1`, options);
  await assert.rejects(
    target.push(blob.descriptor, contentOf(blob.bytes)),
    (error) => error instanceof AuthError && /denied without a login \(403 DENIED\): no/.test(error.message),
  );
});

test('a registry that keeps damaged content is believed, unless what it has is to be read', async (t) => {
  const r = await observedRegistry(t);
  {
    await using target = openTarget(`${r.host}/a:1`, options);
    await pushImage(target, image);
  }
  const [part] = image.parts;
  assert.ok(part);
  const { descriptor, bytes } = part;
  const damaged = Buffer.from(bytes);
  damaged.fill(0, 5, 10);
  let isDamaged = true;
  r.intercept = (request, response) => {
    if (request.method === 'PUT') isDamaged = false;
    if (request.method !== 'GET' || !isDamaged) return false;
    response.writeHead(200, { 'content-length': String(damaged.length) }).end(damaged);
    return true;
  };
  await using trusting = openTarget(`${r.host}/a:1`, options);
  assert.equal(await trusting.push(descriptor, contentOf(bytes)), 'present');
  await using reading = openTarget(`${r.host}/a:1`, { ...options, verifyPresent: true });
  assert.equal(await reading.exists(descriptor), false);
  assert.equal(await reading.push(descriptor, contentOf(bytes)), 'pushed');
  assert.equal(await reading.push(descriptor, contentOf(bytes)), 'present');
});
