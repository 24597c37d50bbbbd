/** Manifests and tags: what they resolve to, what is refused, when a tag counts as set. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { type Fault, faultScript } from '../../../../src/embedded-registry/faults.js';
import { startRegistry } from '../../../../src/embedded-registry/server.js';
import { ContentMismatchError, RegistryError, UnsupportedError } from '../../../../src/errors.js';
import { descriptorToJson, serialise } from '../../../../src/oci/manifest.js';
import { MEDIA } from '../../../../src/oci/media-types.js';
import { openSource, openTarget } from '../../../../src/registry/open.js';
import {
  answer,
  blob,
  image,
  options,
  observedRegistry,
} from '../../../support/registries/observed-registry.js';
import { describe, noise, pushImage, readAll, sampleImage } from '../../../support/images/opaque-image.js';
import { tempFolder } from '../../../support/temp-folder.js';

test('resolve asks for the manifest itself when HEAD does not say enough', async (t) => {
  const r = await observedRegistry(t);
  await using target = openTarget(`${r.host}/a:1`, options);
  await pushImage(target, image);
  for (const header of ['docker-content-digest', 'content-type', 'content-length']) {
    r.intercept = (request, response) => {
      if (request.method === 'HEAD') {
        const headers = Object.entries({
          'docker-content-digest': image.manifest.digest,
          'content-type': image.manifest.mediaType,
          'content-length': String(image.manifest.size),
        });
        return answer(response, 200, '', Object.fromEntries(headers.filter(([name]) => name !== header)));
      }
      return false;
    };
    assert.deepEqual(await target.resolve(), image.manifest, header);
  }
  r.intercept = (request, response) => request.method === 'HEAD' && answer(response, 405);
  assert.deepEqual(await target.resolve(), image.manifest);
});

test('a manifest without mediaType, as umoci writes it, resolves to its type', async (t) => {
  const r = await observedRegistry(t);
  const bare = sampleImage([noise(10, 1)], { mediaType: undefined });
  await using target = openTarget(`${r.host}/a:1`, options);
  await pushImage(target, bare);
  for (const contentType of [MEDIA.ociManifest, 'application/json', 'text/plain; charset=utf-8', '']) {
    r.intercept = (request, response) => {
      const body = Buffer.from(bare.parts.at(-1)?.bytes ?? '');
      return (
        request.url?.includes('/manifests/') === true &&
        answer(response, 200, body.toString(), contentType === '' ? {} : { 'content-type': contentType })
      );
    };
    assert.deepEqual(await target.resolve(), bare.manifest, contentType);
  }
});

test('a manifest that is not what the registry says, or not what was asked for, is refused', async (t) => {
  const r = await observedRegistry(t);
  const other = describe('', noise(1, 1)).digest;
  const bytes = serialise({ schemaVersion: 2, manifests: [] });
  r.intercept = (request, response) =>
    request.method === 'GET' &&
    answer(response, 200, Buffer.from(bytes).toString(), { 'docker-content-digest': other });
  await using source = openSource(`${r.host}/a:1`, options);
  await assert.rejects(source.resolve(), ContentMismatchError);
  r.intercept = (_request, response) => answer(response, 200, Buffer.from(bytes).toString());
  await using byDigest = openSource(`${r.host}/a@${other}`, options);
  await assert.rejects(byDigest.resolve(), ContentMismatchError);
});

test('schema 1 is refused, and the message names it', async (t) => {
  const r = await observedRegistry(t);
  r.intercept = (_request, response) =>
    answer(response, 200, '{"schemaVersion":1,"fsLayers":[]}', { 'content-type': MEDIA.dockerSchema1Signed });
  await using source = openSource(`${r.host}/a:1`, options);
  await assert.rejects(source.resolve(), UnsupportedError);
});

test('a manifest without end is not read to its end', async (t) => {
  const r = await observedRegistry(t);
  let sent = 0;
  r.intercept = (request, response) => {
    if (request.method === 'HEAD') return answer(response, 404);
    const more = (): void => {
      while (!response.destroyed && (sent += 65_536) > 0 && response.write(Buffer.alloc(65_536, 0x20)));
      response.once('drain', more);
    };
    response.writeHead(200);
    more();
    return true;
  };
  await using source = openSource(`${r.host}/a:1`, options);
  await assert.rejects(source.resolve(), /more than 8388608 bytes/);
  assert.ok(sent < 64 * 1024 * 1024);
});

test('a missing manifest is an error that says what to check', async (t) => {
  const r = await observedRegistry(t);
  await using source = openSource(`${r.host}/none:1`, options);
  await assert.rejects(
    source.resolve(),
    (error) =>
      error instanceof RegistryError &&
      error.status === 404 &&
      /check repository and tag/.test(error.hint ?? ''),
  );
  await assert.rejects(
    readAll(source, blob.descriptor),
    (error) => error instanceof RegistryError && /BLOB_UNKNOWN/.test(error.message),
  );
});

test('an index whose parts are missing is refused with the reason', async (t) => {
  const r = await observedRegistry(t);
  await using target = openTarget(`${r.host}/a:1`, options);
  const bytes = serialise({
    schemaVersion: 2,
    mediaType: MEDIA.ociIndex,
    manifests: [descriptorToJson(image.manifest)],
  });
  await assert.rejects(target.tag(describe(MEDIA.ociIndex, bytes), bytes), (error) => {
    assert.ok(error instanceof RegistryError);
    assert.match(error.message, /cannot tag .*misses parts/);
    assert.deepEqual(error.registryCodes, ['MANIFEST_BLOB_UNKNOWN']);
    return true;
  });
});

test('a registry that refuses an index entry is quoted in the error', async (t) => {
  const r = await observedRegistry(t);
  r.intercept = (request, response) => {
    if (request.method !== 'PUT') return false;
    request.resume();
    return answer(
      response,
      405,
      '{"errors":[{"code":"UNSUPPORTED","message":"Invalid parameter: os.features"}]}',
    );
  };
  await using target = openTarget(`${r.host}/a:1`, options);
  const bytes = serialise({ schemaVersion: 2, mediaType: MEDIA.ociIndex, manifests: [] });
  await assert.rejects(
    target.tag(describe(MEDIA.ociIndex, bytes), bytes),
    /does not support this \(405 UNSUPPORTED\): Invalid parameter: os\.features/,
  );
});

/** The image pushed with its last request, the tag's, spoiled: what came of it, and what the tag means after. */
async function tagSpoiledBy(
  t: TestContext,
  fault: Fault,
  times: number,
): Promise<{ error: unknown; tag: string | undefined }> {
  const script = faultScript([{ fault, times, method: 'PUT', path: /manifests\/1$/ }]);
  const r = await startRegistry({ root: await tempFolder(t), intercept: script.intercept });
  t.after(() => r.close());
  await using target = openTarget(`${r.host}/a:1`, options);
  const error = await pushImage(target, image).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return { error, tag: (await target.resolve())?.digest };
}

test('a tag counts as set when the registry has it: not when a login page answers 200, but also when the answer is lost', async (t) => {
  assert.deepEqual(await tagSpoiledBy(t, 'html-200', 1), { error: undefined, tag: image.manifest.digest });
  assert.deepEqual(await tagSpoiledBy(t, 'lost-answer', 99), {
    error: undefined,
    tag: image.manifest.digest,
  });
  const { error, tag } = await tagSpoiledBy(t, 'html-200', 99);
  assert.ok(error instanceof RegistryError);
  assert.match(error.message, /answered 200, and does not hold it/);
  assert.equal(tag, undefined);
});

test('a tag that got other bytes is set again, and removed when that does not help', async (t) => {
  assert.deepEqual(await tagSpoiledBy(t, 'wrong-digest', 1), {
    error: undefined,
    tag: image.manifest.digest,
  });
  const { error, tag } = await tagSpoiledBy(t, 'wrong-digest', 99);
  assert.ok(error instanceof RegistryError);
  assert.equal(tag, undefined);
});
