/** `nydusify cache` lists records, finds those that lead nowhere or to other bytes, and removes what is of no use. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listCache } from '../../src/cache/listing.js';
import { pruneCache, type PruneResult } from '../../src/cache/prune.js';
import { verifyCache } from '../../src/cache/verify.js';
import { FormatError } from '../../src/errors.js';
import { ANNOTATION, MEDIA } from '../../src/oci/media-types.js';
import { cachedRun } from '../support/cache/cached-runs.js';
import { nydusify, registry } from '../support/command.js';
import { buildImage } from '../support/images/image-builder.js';
import { manifestOf, sourceImage } from '../support/images/memory-conversion.js';
import { file, layer } from '../support/images/tar.js';
import { type Json, MemoryStore } from '../support/registries/memory-store.js';

const TARS = ['one', 'two', 'three', 'four', 'five'].map((name) => layer(file(name, name.repeat(2000))));

interface Changeable extends Json {
  layers: { digest: string; size: number; annotations: Record<string, string> }[];
}

/** A cache of five records: sound, gone, with other bytes, without a key, and with a wrong annotation. */
async function spoilt(): Promise<MemoryStore> {
  const store = new MemoryStore('memory.test/cache:1');
  await cachedRun(sourceImage(TARS), {}, { store });
  const manifest = manifestOf(store) as unknown as Changeable;
  const [, gone, changed, unkeyed, damaged] = manifest.layers;
  assert.ok(gone && changed && unkeyed && damaged);
  store.content.delete(gone.digest as never);
  const bytes = Buffer.from(store.content.get(changed.digest as never) ?? []);
  bytes[0] = (bytes[0] ?? 0) ^ 1;
  store.content.set(changed.digest as never, bytes);
  for (const key of Object.keys(unkeyed.annotations))
    if (key.includes('-cache-')) Reflect.deleteProperty(unkeyed.annotations, key);
  damaged.annotations[ANNOTATION.nydusCacheTail] = 'nowhere';
  store.root = store.putJson(MEDIA.ociManifest, manifest);
  return store;
}

test('records are listed as they are, and faults are found', async () => {
  const store = await spoilt();
  const listing = await listCache(store);
  assert.deepEqual(
    listing?.manifests.map(({ platform, records }) => [platform, records.map(({ state }) => state)]),
    [['linux/amd64', ['keyed', 'keyed', 'keyed', 'unkeyed', 'damaged']]],
  );
  const verdict = await verifyCache(store);
  assert.deepEqual(
    verdict?.faults.map(({ fault }) => fault),
    ['gone', 'bytes', 'record'],
  );
  assert.equal(verdict.records, 5);
});

test('an end that is not the one of the record is a fault, though the blob is sound', async () => {
  const store = new MemoryStore('memory.test/cache:1');
  await cachedRun(sourceImage(TARS.slice(0, 1)), {}, { store });
  const manifest = manifestOf(store) as unknown as Changeable;
  const [only] = manifest.layers;
  assert.ok(only);
  only.annotations[ANNOTATION.nydusCacheTail] = `1 ${only.digest}`;
  store.root = store.putJson(MEDIA.ociManifest, manifest);
  assert.deepEqual(
    (await verifyCache(store))?.faults.map(({ fault }) => fault),
    ['tail'],
  );
});

test('what is of no use is removed, a dry run removes nothing, and the last used stay', async () => {
  const store = await spoilt();
  const before = store.root;
  const reasons = (result: PruneResult | undefined): readonly string[] =>
    result?.removed.map(({ reason }) => reason) ?? [];
  const dry = await pruneCache(store, { dryRun: true });
  assert.deepEqual([reasons(dry), dry?.kept, dry?.written], [['gone', 'damaged'], 3, false]);
  assert.equal(store.root, before);
  const pruned = await pruneCache(store);
  assert.deepEqual([reasons(pruned), pruned?.kept, pruned?.written], [['gone', 'damaged'], 3, true]);
  assert.equal((await pruneCache(store))?.written, false, 'nothing is left to remove');
  const more = await pruneCache(store, { maxRecords: 1, unkeyed: true });
  assert.deepEqual([reasons(more), more?.kept], [['beyond', 'unkeyed'], 1]);
  const [first] = manifestOf(store).layers;
  const listing = await listCache(store);
  assert.deepEqual(
    listing?.manifests.flatMap(({ records }) => records.map(({ digest }) => digest)),
    [first?.digest],
  );
});

test('an index stays an index with both its platforms', async () => {
  const store = new MemoryStore('memory.test/cache:1');
  for (const architecture of ['amd64', 'arm64'])
    await cachedRun(sourceImage(TARS.slice(0, 2), { architecture }), {}, { store });
  const pruned = await pruneCache(store, { maxRecords: 1 });
  assert.equal(pruned?.written, true);
  const listing = await listCache(store);
  assert.deepEqual(
    [listing?.form, listing?.manifests.map(({ platform, records }) => [platform, records.length])],
    [
      'index',
      [
        ['linux/amd64', 1],
        ['linux/arm64', 1],
      ],
    ],
  );
});

test('an image is no cache, and is not touched', async () => {
  const image = sourceImage(TARS);
  const before = image.root;
  for (const act of [listCache, verifyCache, pruneCache] as const)
    await assert.rejects(act(image), FormatError);
  assert.equal(image.root, before);
});

test('the command says it to people, and ends as the answer is', async (t) => {
  const lab = await registry(t);
  const source = await lab.put('app:1', buildImage({ layers: TARS.slice(0, 2) }));
  const cache = `${lab.host}/caches:app`;
  const run = async (status: number, ...argv: readonly string[]): Promise<string> => {
    const done = await nydusify(argv);
    assert.equal(done.status, status, done.stderr);
    return done.stdout + done.stderr;
  };
  assert.match(await run(3, 'cache', 'ls', cache), /there is no build cache/);
  await run(0, 'convert', '--build-cache', cache, source, `${lab.host}/app:n`);
  assert.match(
    await run(0, 'cache', 'ls', cache),
    /linux\/amd64, version "": 2 records[^]*keyed[^]*one manifest sha256:/,
  );
  assert.match(await run(0, 'cache', 'verify', cache), /2 records and .* read: all sound/);
  assert.match(await run(0, 'cache', 'prune', '--max-records', '1', cache), /1 record removed, 1 kept/);
  assert.match(await run(2, 'cache', 'empty', cache), /cache has no action "empty"/);
  assert.match(await run(2, 'cache', 'ls'), /no cache is given/);
});
