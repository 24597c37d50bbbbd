/** A folder of this machine spares the requests for ends of blobs, and gives blobs that registries have lost; whatever is wrong with it, the image is made. */
import assert from 'node:assert/strict';
import { chmod, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { LocalCache, type LocalCacheOptions } from '../../../src/cache/local/local-cache.js';
import { type CachedBlob, recordOf } from '../../../src/cache/record.js';
import { NydusError } from '../../../src/errors.js';
import { collect } from '../../../src/io/streams.js';
import { type DiffId, sha256 } from '../../../src/oci/digest.js';
import { cachedRun, imageOf, withoutLayers } from '../../support/cache/cached-runs.js';
import { manifestOf, sourceImage } from '../../support/images/memory-conversion.js';
import { dir, file, layer } from '../../support/images/tar.js';
import { tempFolder } from '../../support/temp-folder.js';
import { MemoryStore } from '../../support/registries/memory-store.js';

const TARS = [
  layer(dir('./', { mtime: 5 }), file('a', 'one '.repeat(3000))),
  layer(file('b', 'two '.repeat(3000)), file('c', 'one '.repeat(3000))),
];
const ALL = [0, 1];

/** A store that notes which ranges of blobs are read. */
class WatchedStore extends MemoryStore {
  reads = 0;

  override fetch(...args: Parameters<MemoryStore['fetch']>): ReturnType<MemoryStore['fetch']> {
    if (args[1]?.range !== undefined) this.reads++;
    return super.fetch(...args);
  }
}

function watched(from: MemoryStore): WatchedStore {
  const copy = new WatchedStore('memory.test/cache:1');
  for (const [digest, bytes] of from.content) copy.content.set(digest, bytes);
  copy.root = from.root;
  return copy;
}

for (const dedup of ['layer', 'image'] as const) {
  test(`a folder alone is a cache: --dedup ${dedup}`, async (t) => {
    const folder: LocalCacheOptions = {
      path: join(await tempFolder(t), 'deep', 'cache'),
      blobBytes: 2 ** 20,
    };
    const source = sourceImage(TARS);
    const plain = await cachedRun(source, { dedup });
    const first = await cachedRun(source, { dedup }, { folder });
    assert.deepEqual(first.result.cache, { hits: 0, misses: 2, savedBytes: 0, written: false });
    const again = await cachedRun(withoutLayers(source, ALL), { dedup }, { folder, strict: true });
    assert.deepEqual([again.result.cache?.hits, again.warnings], [2, []]);
    assert.deepEqual([imageOf(first), imageOf(again)], [imageOf(plain), imageOf(plain)]);
    assert.deepEqual((await readdir(folder.path)).sort(), ['blobs', 'layers'], 'nothing temporary is left');
  });
}

test('without blobs the folder helps only a target that has them, and that is no fault', async (t) => {
  const folder = { path: await tempFolder(t) };
  const source = sourceImage(TARS);
  await cachedRun(source, {}, { folder });
  const other = await cachedRun(source, {}, { folder, strict: true });
  assert.deepEqual([other.result.cache?.hits, other.warnings], [0, []]);
});

test('the folder spares the ranges of ends, and its blobs replace those that the registry has lost', async (t) => {
  const folder = { path: await tempFolder(t), blobBytes: 2 ** 20 };
  const source = sourceImage(TARS);
  const store = new MemoryStore('memory.test/cache:1');
  const plain = await cachedRun(source, {}, { store, folder });
  const [without, withFolder] = [watched(store), watched(store)];
  await cachedRun(source, {}, { store: without, mode: 'ro' });
  assert.equal(without.reads, 2);
  const spared = await cachedRun(source, {}, { store: withFolder, mode: 'ro', folder });
  assert.deepEqual([withFolder.reads, spared.result.cache?.hits], [0, 2]);
  for (const { digest } of manifestOf(store).layers) withFolder.content.delete(digest);
  const rescued = await cachedRun(withoutLayers(source, ALL), {}, { store: withFolder, mode: 'ro', folder });
  assert.deepEqual([rescued.result.cache?.hits, rescued.warnings], [2, []]);
  assert.deepEqual(imageOf(rescued), imageOf(plain));
});

test('damaged entries are dropped, and the image is made', async (t) => {
  const path = await tempFolder(t);
  const folder = { path, blobBytes: 2 ** 20 };
  const source = sourceImage(TARS);
  const plain = await cachedRun(source, {}, { folder });
  for (const kind of ['layers', 'blobs']) {
    for (const change of ['head', 'tail', 'short', 'empty']) {
      for (const name of await readdir(join(path, kind))) {
        const entry = join(path, kind, name);
        const bytes = await readFile(entry);
        const at = change === 'head' ? 70 : bytes.length - 1;
        bytes[at] = (bytes[at] ?? 0) ^ 1;
        const short = change === 'short' ? bytes.subarray(0, -1) : bytes;
        await writeFile(entry, change === 'empty' ? '' : short);
      }
      const made = await cachedRun(source, {}, { folder });
      assert.deepEqual(imageOf(made), imageOf(plain), `${kind}, ${change}`);
      const again = await cachedRun(withoutLayers(source, ALL), {}, { folder, strict: true });
      assert.equal(again.result.cache?.hits, 2, `${kind}, ${change}: whole entries are back`);
    }
  }
});

test('a folder that cannot be used costs one warning; strictly it is an error', async (t) => {
  const path = join(await tempFolder(t), 'file');
  await writeFile(path, '');
  const source = sourceImage(TARS);
  const plain = await cachedRun(source, {});
  const made = await cachedRun(source, {}, { folder: { path } });
  assert.deepEqual([imageOf(made), made.warnings], [imageOf(plain), ['CACHE_PROBLEM']]);
  await assert.rejects(cachedRun(source, {}, { folder: { path }, strict: true }), NydusError);
});

const HEX = /^[0-9a-f]{64}$/;

function cachedBlob(name: string, bytes: Uint8Array): CachedBlob {
  return {
    blob: { digest: sha256(bytes), size: bytes.length },
    source: sha256(`source ${name}`),
    standsAlone: true,
    key: sha256(`key ${name}`),
    diffId: sha256(name) as string as DiffId, // a diffID is a digest
    tail: { start: 0, digest: sha256(bytes) },
    entered: 'none',
  };
}

test('what was used last stays within the bound, and what is in use stays beyond it', async (t) => {
  const path = await tempFolder(t);
  await using cache = await LocalCache.open({ path, blobBytes: 3000 });
  const blobs = Array.from({ length: 5 }, (_, i) => Buffer.alloc(1000, i));
  const names = blobs.map((bytes) => sha256(bytes).slice(7));
  const spool = async (i: number): Promise<string> => {
    const at = join(await tempFolder(t), 'blob');
    await writeFile(at, blobs[i] ?? '');
    return at;
  };
  const keep = async (i: number): Promise<void> => {
    const bytes = blobs[i] ?? assert.fail();
    const spooled = await spool(i);
    await cache.keepBlob({ digest: sha256(bytes), size: bytes.length }, spooled);
    await rm(spooled);
    await utimes(join(path, 'blobs', names[i] ?? ''), i, i);
  };
  for (const i of [0, 1, 2]) await keep(i);
  const first = blobs[0] ?? assert.fail();
  const held = await cache.blob({ digest: sha256(first), size: first.length });
  assert.ok(held);
  await utimes(join(path, 'blobs', names[0] ?? ''), 0, 0);
  await keep(3);
  assert.deepEqual((await readdir(join(path, 'blobs'))).sort(), [names[0], names[2], names[3]].sort());
  assert.deepEqual(await collect(held.open({ start: 5, end: 9 }), 9, 'blob'), first.subarray(5, 9));
  await held[Symbol.asyncDispose]();
  await utimes(join(path, 'blobs', names[0] ?? ''), 0, 0);
  await keep(4);
  assert.deepEqual((await readdir(join(path, 'blobs'))).sort(), [names[2], names[3], names[4]].sort());
});

test('many caches of one folder write and read at the same time, and no entry is ever half', async (t) => {
  const path = await tempFolder(t);
  const found = await Promise.all(
    Array.from({ length: 8 }, async (_, n) => {
      await using cache = await LocalCache.open({ path, layerBytes: 40_000 });
      let hits = 0;
      for (let i = 0; i < 40; i++) {
        const bytes = Buffer.alloc(3000, (n * 7 + i) % 16);
        const cached = cachedBlob(String(bytes[0]), bytes);
        const known = await cache.find(cached.key);
        const tail = known === undefined ? undefined : await cache.tailOf(known);
        if (tail !== undefined) {
          assert.deepEqual(tail, bytes);
          hits++;
        }
        await cache.keepLayer(cached.key, recordOf(cached) ?? assert.fail(), bytes);
        if (i % 5 === 0) await cache.trim();
      }
      return hits;
    }),
  );
  assert.ok(found.reduce((sum, hits) => sum + hits, 0) > 20);
  const names = await readdir(join(path, 'layers'));
  assert.ok(names.length > 0 && names.every((name) => HEX.test(name)));
});

test('others cannot read the folder, and what another user has made of it does not end the run', async (t) => {
  const path = join(await tempFolder(t), 'cache');
  await cachedRun(sourceImage(TARS), {}, { folder: { path, blobBytes: 2 ** 20 } });
  for (const name of ['layers', 'blobs']) assert.equal((await stat(join(path, name))).mode & 0o077, 0);
  await chmod(path, 0o500);
  const made = await cachedRun(sourceImage(TARS), {}, { folder: { path } });
  await chmod(path, 0o700);
  assert.ok(made.warnings.length <= 1);
});
