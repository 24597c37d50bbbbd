import assert from 'node:assert/strict';
import { type IncomingMessage, type ServerResponse } from 'node:http';
import { test, type TestContext } from 'node:test';
import { type Fault, faultScript } from '../../../src/embedded-registry/faults.js';
import { type ObservedRequest, startRegistry } from '../../../src/embedded-registry/server.js';
import { AuthError, ContentMismatchError, RegistryError, UnsupportedError } from '../../../src/errors.js';
import { collect, contentOf } from '../../../src/io/streams.js';
import { descriptorToJson, serialise } from '../../../src/oci/manifest.js';
import { MEDIA } from '../../../src/oci/media-types.js';
import { anonymous } from '../../../src/registry/credentials.js';
import { openSource, openTarget } from '../../../src/registry/open.js';
import { type ImageTarget, isMountable } from '../../../src/registry/store.js';
import { type ConvertEvent } from '../../../src/reporter.js';
import { describe, noise, pushImage, readAll, readImage, sampleImage } from '../../support/sample-image.js';
import { tempFolder } from '../../support/temp-folder.js';

const options = { credentials: anonymous, retry: { attempts: 4, baseMs: 1, capMs: 100 } };
const image = sampleImage([noise(400_000, 1), noise(3000, 2)]);
const blob = { descriptor: describe(MEDIA.ociLayerTar, noise(200_000, 7)), bytes: noise(200_000, 7) };

type Intercept = (request: IncomingMessage, response: ServerResponse) => boolean;

interface Rig {
  readonly host: string;
  readonly seen: ObservedRequest[];
  /** `METHOD path-without-query` of all requests so far, digests cut. */
  readonly lines: () => string[];
  intercept: Intercept;
}

async function rig(t: TestContext): Promise<Rig> {
  const seen: ObservedRequest[] = [];
  const registry = await startRegistry({
    root: await tempFolder(t),
    observe: (request) => seen.push(request),
    intercept: (request, response) => result.intercept(request, response),
  });
  t.after(() => registry.close());
  const result: Rig = {
    host: registry.host,
    seen,
    lines: () =>
      seen.map(
        ({ method, path }) =>
          `${method} ${path
            .replace(/\?.*/, '')
            .replace(/sha256:\w+/, 'D')
            .replace(/uploads\/.+/, 'uploads/S')}`,
      ),
    intercept: () => false,
  };
  return result;
}

function answer(
  response: ServerResponse,
  status: number,
  body = '',
  headers: Record<string, string> = {},
): boolean {
  response.writeHead(status, headers).end(body);
  return true;
}

test('an image goes into a registry and comes back: blobs, config, manifest, tag last', async (t) => {
  const r = await rig(t);
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

test('what is there is asked for and not sent again', async (t) => {
  const r = await rig(t);
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
  const r = await rig(t);
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
  const r = await rig(t);
  await using first = openTarget(`${r.host}/a:1`, options);
  await pushImage(first, image);
  await using target = openTarget(`${r.host}/b:1`, options);
  assert.ok(isMountable(target));
  const [part] = image.parts;
  assert.ok(part);
  assert.equal(await target.mount(part.descriptor, first), true);
  assert.equal(await target.exists(part.descriptor), true);
  assert.equal(await target.mount(part.descriptor, { location: 'other.example/a:1' }), false);
  assert.equal(await target.mount(part.descriptor, { location: 'oci:/x' }), false);
});

test('a mount that cannot be made is a no, and its session takes the upload', async (t) => {
  const r = await rig(t);
  await using target = openTarget(`${r.host}/b:1`, options);
  assert.ok(isMountable(target));
  assert.equal(await target.mount(blob.descriptor, { location: `${r.host}/a:1` }), false);
  await target.push(blob.descriptor, contentOf(blob.bytes));
  assert.equal(r.lines().filter((line) => line.startsWith('POST')).length, 1);
  for (const status of [401, 403, 404, 405]) {
    r.intercept = (request, response) => request.url?.includes('mount=') === true && answer(response, status);
    assert.equal(
      await target.mount({ ...blob.descriptor, size: 1 }, { location: `${r.host}/a:1` }),
      false,
      String(status),
    );
  }
});

test('a registry that takes no PUT with a body gets one PATCH, from then on', async (t) => {
  const r = await rig(t);
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

test('a registry that takes it in neither way says so once, with its first reason', async (t) => {
  const r = await rig(t);
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
    const r = await rig(t);
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

test('trap 52: an upload that fails begins anew, with the content opened again', async (t) => {
  const r = await rig(t);
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

async function pushedBlob(r: Rig): Promise<ImageTarget> {
  const target = openTarget(`${r.host}/a:1`, options);
  await target.push(blob.descriptor, contentOf(blob.bytes));
  r.seen.length = 0;
  return target;
}

test('a download that is cut goes on where it was, also when the server ignores ranges', async (t) => {
  for (const ranges of [true, false]) {
    const r = await rig(t);
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
  const r = await rig(t);
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

test('short, long and wrong content is told apart from the right one', async (t) => {
  const r = await rig(t);
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
  const r = await rig(t);
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
  const r = await rig(t);
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

test('trap 53: a range is given in full, and no more, however the server cuts it', async (t) => {
  const r = await rig(t);
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

test('resolve asks for the manifest itself when HEAD does not say enough', async (t) => {
  const r = await rig(t);
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

test('trap 62: a manifest without mediaType, as umoci writes it, resolves to its type', async (t) => {
  const r = await rig(t);
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
  const r = await rig(t);
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

test('schema 1 is refused with a sentence', async (t) => {
  const r = await rig(t);
  r.intercept = (_request, response) =>
    answer(response, 200, '{"schemaVersion":1,"fsLayers":[]}', { 'content-type': MEDIA.dockerSchema1Signed });
  await using source = openSource(`${r.host}/a:1`, options);
  await assert.rejects(source.resolve(), UnsupportedError);
});

test('a manifest without end is not read to its end', async (t) => {
  const r = await rig(t);
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

test('what is not there is an error that says what to check', async (t) => {
  const r = await rig(t);
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

test('a size that differs from the descriptor is not the blob', async (t) => {
  const r = await rig(t);
  await using target = await pushedBlob(r);
  assert.equal(await target.exists(blob.descriptor), true);
  assert.equal(await target.exists({ ...blob.descriptor, size: 1 }), false);
});

test('an index whose parts are missing is refused with the reason', async (t) => {
  const r = await rig(t);
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

test('trap 40: a registry that refuses an index entry is quoted in the error', async (t) => {
  const r = await rig(t);
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

test('a refusal to push names the login', async (t) => {
  const r = await rig(t);
  r.intercept = (request, response) =>
    request.method === 'POST' && answer(response, 403, '{"errors":[{"code":"DENIED","message":"no"}]}');
  await using target = openTarget(`${r.host}/a:1`, options);
  await assert.rejects(
    target.push(blob.descriptor, contentOf(blob.bytes)),
    (error) => error instanceof AuthError && /denied without a login \(403 DENIED\): no/.test(error.message),
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

test('a tag counts as set when it is: not when a portal answers 200, and also when the answer is lost', async (t) => {
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

test('a tag that received other bytes is set again, and taken away when that does not help', async (t) => {
  assert.deepEqual(await tagSpoiledBy(t, 'wrong-digest', 1), {
    error: undefined,
    tag: image.manifest.digest,
  });
  const { error, tag } = await tagSpoiledBy(t, 'wrong-digest', 99);
  assert.ok(error instanceof RegistryError);
  assert.equal(tag, undefined);
});
