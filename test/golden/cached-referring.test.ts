/**
 * A run with `--oci-ref` and a build cache makes what a run without it makes: chunks that stay in layers of gzip and in plain tars, layers
 * that had to be stored, and each scope of deduplication.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { ConvertOptions } from '../../src/convert/options.js';
import { CacheError, UnsupportedError } from '../../src/errors.js';
import { ANNOTATION, MEDIA } from '../../src/oci/media-types.js';
import { cachedRun, imageOf } from '../support/cache/cached-runs.js';
import { idsOf, manifestOf, storedImage } from '../support/images/memory-conversion.js';
import { dir, file, layer, whiteout } from '../support/images/tar.js';
import { sparse, zstdStored } from '../support/images/unreferable.js';
import { MemoryStore } from '../support/registries/memory-store.js';

const text = (word: string): string => word.repeat(3000);
const gzip = (tar: Uint8Array): Buffer => gzipSync(tar);
const plain = (tar: Uint8Array): Buffer => Buffer.from(tar);

/** Chunks recur above and below a layer of zstd and one that is found to be sparse only at its end; two layers have no chunk. */
const LAYERS: readonly (readonly [Buffer, (tar: Uint8Array) => Buffer])[] = [
  [layer(dir('./', { mtime: 7 }), file('a', text('one ')), file('small', 'x')), gzip],
  [layer(file('late', text('two ')), file('again', text('one ')), sparse('holes', text('six '))), gzip],
  [layer(file('stored', text('three ')), file('one', text('two '))), zstdStored],
  [layer(file('b', text('four ')), file('c', text('three ')), file('d', text('two '))), gzip],
  [layer(file('e', text('five ')), file('f', text('four '))), plain],
  [layer(whiteout('small')), gzip],
  [layer(whiteout('e')), zstdStored],
];
const imageFrom = (layers: typeof LAYERS): MemoryStore =>
  storedImage(
    layers.map(([tar, pack]) => pack(tar)),
    layers.map(([tar]) => tar),
    MEDIA.ociLayerGzip,
  );
const SOURCE = imageFrom(LAYERS);

const FORMS: readonly Partial<ConvertOptions>[] = [
  { ociRef: 'zran', dedup: 'layer' },
  { ociRef: 'zran', dedup: 'image' },
  { ociRef: 'zran', dedup: 'image', zranSpan: 64 << 10, chunkSize: 0x1000, digester: 'blake3' },
  { ociRef: 'upstream' },
];

async function cacheOf(source: MemoryStore, options: Partial<ConvertOptions>): Promise<MemoryStore> {
  const store = new MemoryStore('memory.test/cache:1');
  await cachedRun(source, options, { store });
  return store;
}

for (const form of FORMS)
  for (const mergePlatform of [false, true]) {
    const options = { ...form, mergePlatform };
    test(`a cache changes nothing: ${JSON.stringify(options)}`, async () => {
      const uncached = await cachedRun(SOURCE, options);
      for (const count of [0, 1, 2, 4, LAYERS.length]) {
        const store =
          count === 0
            ? new MemoryStore('memory.test/cache:1')
            : await cacheOf(imageFrom(LAYERS.slice(0, count)), options);
        const made = await cachedRun(SOURCE, options, { store, mode: 'ro', strict: true });
        assert.equal(made.result.cache?.hits, count);
        assert.deepEqual(imageOf(made), imageOf(uncached), `${count} cached layers`);
        assert.deepEqual(made.warnings, uncached.warnings);
        for (const { digest } of manifestOf(SOURCE).layers)
          assert.ok(made.target.content.has(digest), 'the original layers come along');
      }
      const damaged = await cacheOf(SOURCE, options);
      for (const { digest } of manifestOf(damaged).layers) {
        const bytes = Buffer.from(damaged.content.get(digest) ?? []);
        bytes[bytes.length - 600] = (bytes[bytes.length - 600] ?? 0) ^ 1;
        damaged.content.set(digest, bytes);
      }
      const cache = { store: damaged, mode: 'ro' } as const;
      assert.deepEqual(imageOf(await cachedRun(SOURCE, options, cache)), imageOf(uncached));
      await assert.rejects(cachedRun(SOURCE, options, { ...cache, strict: true }), CacheError);
    });
  }

test('blobs that refer to layers are found only by runs with the same options', async () => {
  const store = await cacheOf(SOURCE, { ociRef: 'zran' });
  const others: readonly Partial<ConvertOptions>[] = [
    {},
    { digester: 'sha256' },
    { ociRef: 'upstream' },
    { ociRef: 'zran', zranSpan: 1 << 20 },
    { ociRef: 'zran', digester: 'blake3' },
  ];
  for (const options of others) {
    const { result } = await cachedRun(SOURCE, options, { store, mode: 'ro' });
    assert.equal(result.cache?.hits, 0, JSON.stringify(options));
  }
  const alone = manifestOf(store).layers.map(
    ({ annotations = {} }) => annotations[ANNOTATION.nydusSourceDigest] !== undefined,
  );
  assert.deepEqual(
    alone,
    [false, true, true, false, false, false, true],
    'upstream would take a blob that refers to its layer for one that does not',
  );
});

test('a strict run takes no blob that holds its chunks from the cache', async () => {
  const store = await cacheOf(SOURCE, { ociRef: 'zran' });
  const run = cachedRun(SOURCE, { ociRef: 'zran', ociRefStrict: true }, { store, mode: 'ro', strict: true });
  await assert.rejects(run, UnsupportedError);
});

test('files of upper layers refer to chunks in layers below, whether these hold them or not', async () => {
  const { target, result } = await cachedRun(SOURCE, { ociRef: 'zran', dedup: 'image' });
  assert.deepEqual(await idsOf(target, SOURCE), []);
  const kept = result.images.flatMap(({ layers }) => layers.map(({ stats }) => stats.newChunks));
  assert.deepEqual(kept, [2, 2, 1, 1, 1, 0, 0]);
});
