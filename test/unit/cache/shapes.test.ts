/** The form of a cache, through conversions: one manifest for one platform, an index for several, and what is there keeps its form. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pruneCache } from '../../../src/cache/prune.js';
import { readCache } from '../../../src/cache/root.js';
import { verifyCache } from '../../../src/cache/verify.js';
import { CacheError } from '../../../src/errors.js';
import { MEDIA } from '../../../src/oci/media-types.js';
import { cachedRun } from '../../support/cache/cached-runs.js';
import { manifestOf, sourceImage } from '../../support/images/memory-conversion.js';
import { file, layer } from '../../support/images/tar.js';
import { MemoryStore } from '../../support/registries/memory-store.js';

const TARS = ['one', 'two', 'three'].map((name) => layer(file(name, name.repeat(3000))));
const image = (count: number, architecture = 'amd64'): MemoryStore =>
  sourceImage(TARS.slice(0, count), { architecture });

const empty = (): MemoryStore => new MemoryStore('memory.test/cache:1');

/** The type of the root, and the number of records of each platform. */
async function shapeOf(store: MemoryStore): Promise<readonly unknown[]> {
  const root = await readCache(store, {});
  return [
    root?.descriptor.mediaType,
    ...(root?.manifests ?? []).map(({ platform, records }) => [platform?.architecture, records.length]),
  ];
}

async function hits(store: MemoryStore, source: MemoryStore): Promise<number | undefined> {
  return (await cachedRun(source, {}, { store, mode: 'ro', strict: true })).result.cache?.hits;
}

test('a new cache for one platform is one manifest', async () => {
  const store = empty();
  await cachedRun(image(2), {}, { store });
  assert.deepEqual(await shapeOf(store), [MEDIA.ociManifest, ['amd64', 2]]);
});

test('a cache that is one manifest is imported, also with the types of Docker', async () => {
  const store = empty();
  await cachedRun(image(2), {}, { store });
  assert.equal(await hits(store, image(2)), 2);
  const manifest = { ...manifestOf(store), mediaType: MEDIA.dockerManifest };
  store.root = store.putJson(MEDIA.dockerManifest, manifest);
  assert.equal(await hits(store, image(2)), 2);
  const list = { schemaVersion: 2, mediaType: MEDIA.dockerIndex, manifests: [] as unknown[] };
  list.manifests.push({ ...store.root, platform: { os: 'linux', architecture: 'amd64' } });
  store.root = store.putJson(MEDIA.dockerIndex, list);
  assert.equal(await hits(store, image(2)), 2);
});

test('a cache that is one manifest is updated in place, and does not become an index', async () => {
  const store = empty();
  await cachedRun(image(2), {}, { store });
  await cachedRun(image(3), {}, { store });
  assert.deepEqual(await shapeOf(store), [MEDIA.ociManifest, ['amd64', 3]]);
});

test('a second platform makes an index of one manifest, and both platforms are found', async () => {
  const store = empty();
  await cachedRun(image(2), {}, { store });
  await cachedRun(image(3, 'arm64'), {}, { store });
  assert.deepEqual(await shapeOf(store), [MEDIA.ociIndex, ['amd64', 2], ['arm64', 3]]);
  assert.deepEqual([await hits(store, image(2)), await hits(store, image(3, 'arm64'))], [2, 3]);
});

test('an index stays an index when one platform is converted, and the other one keeps its records', async () => {
  const store = empty();
  await cachedRun(image(1), {}, { store, layout: 'index' });
  assert.deepEqual(await shapeOf(store), [MEDIA.ociIndex, ['amd64', 1]]);
  await cachedRun(image(2, 'arm64'), {}, { store });
  await cachedRun(image(3), {}, { store });
  assert.deepEqual(await shapeOf(store), [MEDIA.ociIndex, ['amd64', 3], ['arm64', 2]]);
});

test('an index that has lost the manifest of one platform serves the others, and is whole again after a run', async () => {
  for (const isDamaged of [false, true]) {
    const store = empty();
    await cachedRun(image(2), {}, { store });
    await cachedRun(image(3, 'arm64'), {}, { store });
    const [, arm] = (await readCache(store, {}))?.manifests ?? [];
    const { digest } = arm?.entry ?? assert.fail();
    const bytes = store.content.get(digest) ?? assert.fail();
    if (isDamaged) store.content.set(digest, Buffer.alloc(bytes.length, ' '));
    else store.content.delete(digest);
    const faults = (await verifyCache(store))?.faults ?? [];
    assert.deepEqual(
      faults.map((one) => [one.digest, one.fault]),
      [[digest, 'gone']],
    );
    const reading = await cachedRun(image(2), {}, { store, mode: 'ro' });
    assert.deepEqual([reading.result.cache?.hits, reading.warnings], [2, ['CACHE_PASSED_OVER']]);
    await assert.rejects(cachedRun(image(2), {}, { store, mode: 'ro', strict: true }), CacheError);
    await cachedRun(image(2), {}, { store });
    assert.deepEqual(await shapeOf(store), [MEDIA.ociIndex, ['amd64', 2]]);
    assert.deepEqual((await verifyCache(store))?.faults, []);
    assert.equal(await hits(store, image(2)), 2);
  }
});

test('pruning leaves out the manifest that an index has lost, and an index without any manifest stays as it is', async () => {
  const store = empty();
  await cachedRun(image(2), {}, { store });
  await cachedRun(image(3, 'arm64'), {}, { store });
  const entries = (await readCache(store, {}))?.manifests.map(({ entry }) => entry ?? assert.fail()) ?? [];
  const [amd = assert.fail(), arm = assert.fail()] = entries;
  store.content.delete(arm.digest);
  assert.deepEqual(
    [(await pruneCache(store))?.written, await shapeOf(store)],
    [true, [MEDIA.ociIndex, ['amd64', 2]]],
  );
  store.content.delete(amd.digest);
  const before = store.root?.digest;
  const run = await cachedRun(image(2), {}, { store });
  assert.deepEqual([run.warnings, store.root?.digest], [['CACHE_PROBLEM'], before]);
});

test('a config that is gone or makes no sense takes nothing from a cache, and comes anew with its next update', async () => {
  for (const config of [
    undefined,
    Buffer.from('no JSON'),
    Buffer.from('[]'),
    Buffer.from('{"os":1,"architecture":{}}'),
  ]) {
    const store = empty();
    await cachedRun(image(2), {}, { store });
    const manifest = manifestOf(store);
    if (config === undefined) store.content.delete(manifest.config.digest);
    else
      store.root = store.putJson(MEDIA.ociManifest, {
        ...manifest,
        config: store.put(MEDIA.ociConfig, config),
      });
    assert.equal(await hits(store, image(2)), 2);
    await cachedRun(image(3), {}, { store });
    assert.deepEqual(await shapeOf(store), [MEDIA.ociManifest, ['amd64', 3]]);
  }
});
