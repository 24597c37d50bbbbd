import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { startRegistry } from '../../../../src/embedded-registry/server.js';
import { RegistryError, UnsupportedError } from '../../../../src/errors.js';
import { contentOf } from '../../../../src/io/streams.js';
import type { Descriptor } from '../../../../src/oci/descriptor.js';
import { descriptorToJson, serialise } from '../../../../src/oci/manifest.js';
import { MEDIA } from '../../../../src/oci/media-types.js';
import { anonymous } from '../../../../src/registry/auth/credentials.js';
import { openSource, openTarget } from '../../../../src/registry/open.js';
import { nextPage, referrersTag } from '../../../../src/registry/distribution/referrers.js';
import { parseLocation } from '../../../../src/registry/location.js';
import { listReferrers } from '../../../../src/registry/stores/store.js';
import type { ImageTarget } from '../../../../src/registry/stores/store.js';
import { describe, noise, pushImage, sampleImage } from '../../../support/images/opaque-image.js';
import { tempFolder } from '../../../support/temp-folder.js';

const options = { credentials: anonymous, retry: { attempts: 2, baseMs: 1, capMs: 10 } };
const image = sampleImage([noise(100, 1)]);
const empty = Buffer.from('{}');

interface Artifact {
  readonly artifactType: string;
  readonly annotations: Record<string, string>;
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}

/** A manifest about `image`, without layers. */
function artifact(artifactType: string, annotations: Record<string, string>): Artifact {
  const config = describe(MEDIA.ociEmpty, empty);
  const bytes = serialise({
    schemaVersion: 2,
    mediaType: MEDIA.ociManifest,
    artifactType,
    config: descriptorToJson(config),
    layers: [],
    subject: descriptorToJson(image.manifest),
    annotations,
  });
  return { artifactType, annotations, descriptor: describe(MEDIA.ociManifest, bytes), bytes };
}

async function pushArtifacts(target: ImageTarget, artifacts: readonly Artifact[]): Promise<void> {
  await target.push(describe(MEDIA.ociEmpty, empty), contentOf(empty));
  for (const { descriptor, bytes } of artifacts) await target.push(descriptor, contentOf(bytes));
}

const signature = artifact('application/x-signature', { by: 'me' });
const report = artifact('application/x-report', { by: 'you' });

async function registry(
  t: TestContext,
  intercept: (request: IncomingMessage, response: ServerResponse) => boolean | Promise<boolean> = () => false,
): Promise<string> {
  const running = await startRegistry({ root: await tempFolder(t), intercept });
  t.after(() => running.close());
  return running.host;
}

const byDigest = (a: Descriptor, b: Descriptor): number => (a.digest < b.digest ? -1 : 1);

test('referrers come from the API of a registry that has one, filtered on request', async (t) => {
  const host = await registry(t);
  await using target = openTarget(`${host}/a:1`, options);
  await pushImage(target, image);
  await pushArtifacts(target, [signature, report]);
  await using source = openSource(`${host}/a:1`, options);
  const all = await listReferrers(source, image.manifest.digest);
  assert.equal(all.way, 'api');
  assert.deepEqual(
    all.referrers.toSorted(byDigest),
    [
      {
        ...signature.descriptor,
        artifactType: 'application/x-signature',
        annotations: { by: 'me' },
      },
      { ...report.descriptor, artifactType: 'application/x-report', annotations: { by: 'you' } },
    ].sort(byDigest),
  );
  const some = await listReferrers(source, image.manifest.digest, { artifactType: 'application/x-report' });
  assert.deepEqual(
    some.referrers.map(({ digest }) => digest),
    [report.descriptor.digest],
  );
  assert.deepEqual((await listReferrers(source, report.descriptor.digest)).referrers, []);
});

test('a list in pages is read to its end, and one without end is given up', async (t) => {
  const page = (artifacts: readonly Artifact[]): Uint8Array =>
    serialise({
      schemaVersion: 2,
      mediaType: MEDIA.ociIndex,
      manifests: artifacts.map(({ descriptor }) => descriptorToJson(descriptor)),
    });
  let link = (n: number): string | undefined =>
    n < 2 ? `</v2/a/referrers/x?last=${n + 1}>; rel="next"` : undefined;
  const host = await registry(t, (request, response) => {
    if (request.url?.includes('/referrers/') !== true) return false;
    const n = Number(/last=(\d+)/.exec(request.url)?.[1] ?? 0);
    const next = link(n);
    response.writeHead(200, {
      'content-type': MEDIA.ociIndex,
      ...(next === undefined ? {} : { link: next }),
    });
    response.end(page(n === 1 ? [] : [n === 0 ? signature : report]));
    return true;
  });
  await using source = openSource(`${host}/a:1`, options);
  const list = async (): Promise<readonly Descriptor[]> =>
    (await listReferrers(source, image.manifest.digest)).referrers;
  assert.deepEqual(await list(), [signature.descriptor, report.descriptor]);
  link = () => '</v2/a/referrers/x?last=7>; rel=next';
  await assert.rejects(list(), /goes round in a circle/);
  link = (n) => `</v2/a/referrers/x?last=${n + 1}>; rel="next"`;
  await assert.rejects(list(), /does not end/);
  link = () => '<https://elsewhere.invalid/v2/a/referrers/x>; rel="next"';
  await assert.rejects(
    list(),
    (error) => error instanceof RegistryError && /another host/.test(error.message),
  );
});

test('links to next pages are found among others', () => {
  const url = new URL('https://a.b/v2/x/referrers/y?n=1');
  const next = (link: string): string | undefined => nextPage({ headers: { link }, url })?.href;
  assert.equal(next('</v2/z?last=1>; rel="next"'), 'https://a.b/v2/z?last=1');
  assert.equal(next('<?last=2>;rel=next'), 'https://a.b/v2/x/referrers/y?last=2');
  assert.equal(next('<p>; rel="prev first", <q>; title="a, b"; rel="next"'), 'https://a.b/v2/x/referrers/q');
  assert.equal(next('<p>; rel="prev"'), undefined);
  assert.equal(next(''), undefined);
});

test('without the API the index under the tag of the digest is read; a web page is no API', async (t) => {
  for (const answer of ['404', 'page'] as const) {
    const host = await registry(t, (request, response) => {
      if (request.url?.includes('/referrers/') !== true) return false;
      response.writeHead(answer === '404' ? 404 : 200, { 'content-type': 'text/html' }).end('<p>hello</p>');
      return true;
    });
    await using target = openTarget(`${host}/a:1`, options);
    await pushImage(target, image);
    await using source = openSource(`${host}/a:1`, options);
    assert.deepEqual(await listReferrers(source, image.manifest.digest), { way: 'tag', referrers: [] });
    await pushArtifacts(target, [signature]);
    const index = serialise({
      schemaVersion: 2,
      mediaType: MEDIA.ociIndex,
      manifests: [descriptorToJson({ ...signature.descriptor, artifactType: 'application/x-signature' })],
    });
    await using tag = openTarget(`${host}/a:${referrersTag(image.manifest.digest)}`, options);
    await tag.tag(describe(MEDIA.ociIndex, index), index);
    const { way, referrers } = await listReferrers(source, image.manifest.digest);
    assert.equal(way, 'tag');
    assert.deepEqual(
      referrers.map(({ digest }) => digest),
      [signature.descriptor.digest],
    );
  }
});

test('a tag of that name that is no list is an error that says what to do', async (t) => {
  const host = await registry(t, (request, response) => {
    if (request.url?.includes('/referrers/') !== true) return false;
    response.writeHead(404).end();
    return true;
  });
  await using target = openTarget(`${host}/a:${referrersTag(image.manifest.digest)}`, options);
  await pushImage(target, image);
  await using source = openSource(`${host}/a:1`, options);
  await assert.rejects(
    listReferrers(source, image.manifest.digest),
    /list of referrers sha256-.* image manifest/,
  );
});

test('referrers in a layout and in an archive are found by looking at every document', async (t) => {
  const folder = await tempFolder(t);
  for (const location of [`oci:${join(folder, 'layout')}`, `oci-archive:${join(folder, 'archive.tar')}`]) {
    await using target = openTarget(`${location}:all`, options);
    await pushImage(target, image);
    await pushArtifacts(target, [signature, report]);
    const index = serialise({
      schemaVersion: 2,
      mediaType: MEDIA.ociIndex,
      manifests: [image.manifest, signature.descriptor, report.descriptor].map(descriptorToJson),
    });
    await target.tag(describe(MEDIA.ociIndex, index), index);
    await using source = openSource(`${location}:all`, options);
    const { way, referrers } = await listReferrers(source, image.manifest.digest);
    assert.equal(way, 'scan');
    assert.deepEqual(
      referrers.map(({ artifactType }) => artifactType),
      ['application/x-signature', 'application/x-report'],
    );
    const some = await listReferrers(source, image.manifest.digest, { artifactType: 'x' });
    assert.deepEqual(some.referrers, []);
  }
});

test('a store that cannot list referrers is an UnsupportedError', async () => {
  const location = 'docker-archive:/x';
  const store = { location, place: parseLocation(location) };
  await assert.rejects(listReferrers(store, image.manifest.digest), UnsupportedError);
});

/** A registry as there were before the API: it neither lists referrers nor says that it has seen a subject. */
function withoutApi(request: IncomingMessage, response: ServerResponse): boolean {
  if (request.url?.includes('/referrers/') === true) {
    response.writeHead(404).end();
    return true;
  }
  const write = response.writeHead.bind(response);
  response.writeHead = ((status: number, headers: Record<string, string>) => {
    delete headers['oci-subject'];
    return write(status, headers);
  }) as typeof response.writeHead; // the one form that our registry uses
  return false;
}

test('where the registry keeps no list, a manifest with a subject is put on the one under the tag, once', async (t) => {
  const host = await registry(t, withoutApi);
  await using target = openTarget(`${host}/a:1`, options);
  await pushImage(target, image);
  for (const artifacts of [[signature], [signature, report]]) {
    await pushArtifacts(target, artifacts);
    const { way, referrers } = await listReferrers(target, image.manifest.digest);
    assert.equal(way, 'tag');
    assert.deepEqual(
      referrers,
      artifacts.map(({ descriptor, artifactType, annotations }) => ({
        ...descriptor,
        annotations,
        artifactType,
      })),
    );
  }
});

test('a manifest with a subject that is tagged is listed before the tag is there', async (t) => {
  const seen: string[] = [];
  const host = await registry(t, (request, response) => {
    if (request.method === 'PUT' && request.url?.includes('/manifests/') === true)
      seen.push(request.url.replace(/sha256[:-][0-9a-f]+/, (text) => text.slice(0, 7)));
    return withoutApi(request, response);
  });
  await using target = openTarget(`${host}/a:1`, options);
  await target.push(describe(MEDIA.ociEmpty, empty), contentOf(empty));
  await target.tag(signature.descriptor, signature.bytes);
  assert.deepEqual(
    seen,
    ['sha256:', 'sha256-', '1'].map((name) => `/v2/a/manifests/${name}`),
  );
});

test('several writers at once lose no entry of the list under the tag', async (t) => {
  const host = await registry(t, (request, response) => {
    if (request.url?.includes('/manifests/sha256-') !== true) return withoutApi(request, response);
    // Answers come late and at odd times, so that reading and writing of the writers mix.
    return new Promise<boolean>((resolve) => {
      setTimeout(() => {
        resolve(withoutApi(request, response));
      }, Math.random() * 80);
    });
  });
  const artifacts = Array.from({ length: 5 }, (_, i) => artifact(`application/x-${i}`, { n: String(i) }));
  await Promise.all(
    artifacts.map(async (one) => {
      await using target = openTarget(`${host}/a:1`, options);
      await pushArtifacts(target, [one]);
    }),
  );
  await using source = openSource(`${host}/a:1`, options);
  const { referrers } = await listReferrers(source, image.manifest.digest);
  assert.deepEqual(
    referrers.map(({ artifactType }) => artifactType).sort(),
    artifacts.map(({ artifactType }) => artifactType),
  );
});

test('a conditional update that the registry refuses is made again on what is there now', async (t) => {
  let refusals = 1;
  const conditions: (string | undefined)[] = [];
  const host = await registry(t, (request, response) => {
    if (request.url?.includes('/manifests/sha256-') !== true) return withoutApi(request, response);
    if (request.method === 'GET') response.setHeader('etag', '"v1"');
    if (request.method === 'PUT') conditions.push(request.headers['if-match']);
    if (request.method !== 'PUT' || request.headers['if-match'] === undefined || refusals-- === 0)
      return withoutApi(request, response);
    request.resume();
    response.writeHead(412).end();
    return true;
  });
  await using target = openTarget(`${host}/a:1`, options);
  await pushArtifacts(target, [signature]);
  await pushArtifacts(target, [report]);
  assert.deepEqual(conditions, [undefined, '"v1"', '"v1"']);
  await using source = openSource(`${host}/a:1`, options);
  assert.equal((await listReferrers(source, image.manifest.digest)).referrers.length, 2);
});
