/** Whatever is wrong with a cache, the image is made as without it, and one warning says so. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BuildCache } from '../../../src/cache/options.js';
import type { ConvertOptions } from '../../../src/convert/options.js';
import { NydusError, RegistryError, UsageError } from '../../../src/errors.js';
import { type Manifest, parseManifest } from '../../../src/oci/manifest.js';
import { ANNOTATION, MEDIA } from '../../../src/oci/media-types.js';
import { type CachedRun, cachedRun } from '../../support/cache/cached-runs.js';
import { manifestOf, sourceImage } from '../../support/images/memory-conversion.js';
import { dir, file, layer, symlink } from '../../support/images/tar.js';
import { MemoryStore } from '../../support/registries/memory-store.js';

const TARS = [
  layer(dir('./', { mtime: 5 }), dir('a', { mtime: 5 }), file('a/b', 'one')),
  layer(file('c/d', 'two'.repeat(3000)), file('e', 'three')),
];

function run(
  source: MemoryStore,
  cache?: BuildCache,
  options: Partial<ConvertOptions> = {},
): Promise<CachedRun> {
  return cachedRun(source, { threads: 1, ...options }, cache);
}

async function filled(
  source = sourceImage(TARS),
  options: Partial<ConvertOptions> = {},
): Promise<MemoryStore> {
  const store = new MemoryStore('memory.test/cache:1');
  await run(source, { store }, options);
  return store;
}

function rootOf({ root, content }: MemoryStore): Manifest {
  const bytes = root === undefined ? undefined : content.get(root.digest);
  assert.ok(bytes);
  return parseManifest(bytes);
}

/** A copy of a cache whose records are other ones. */
function changed(store: MemoryStore, change: (annotations: Record<string, string>) => void): MemoryStore {
  const copy = MemoryStore.copyOf(store);
  const manifest = manifestOf(copy) as unknown as { layers: { annotations: Record<string, string> }[] };
  for (const { annotations } of manifest.layers) change(annotations);
  copy.root = copy.putJson(MEDIA.ociManifest, manifest);
  return copy;
}

test('a cache that was filled with other options, or by another writer, is of no use and no harm', async () => {
  const source = sourceImage(TARS);
  const plain = await run(source);
  const cases = [
    await filled(source, { chunkSize: 0x1000 }),
    await filled(source, { compressor: 'none' }),
    await filled(source, { fsVersion: 5 }),
    changed(await filled(source), (annotations) => {
      annotations[ANNOTATION.nydusCacheKey] = 'another';
    }),
  ];
  for (const store of cases) {
    const { result, warnings } = await run(source, { store, mode: 'ro' });
    assert.deepEqual([result.root.digest, result.cache?.hits, warnings], [plain.result.root.digest, 0, []]);
  }
});

test('records and blobs that are damaged or gone cost a conversion and one warning; strictly they are an error', async () => {
  const source = sourceImage(TARS);
  const plain = await run(source);
  const good = await filled(source);
  const blobs = rootOf(good).layers;
  const spoilt = (change: (bytes: Buffer) => Buffer | undefined): MemoryStore => {
    const copy = MemoryStore.copyOf(good);
    for (const { digest } of blobs) {
      const bytes = change(Buffer.from(copy.content.get(digest) ?? []));
      if (bytes === undefined) copy.content.delete(digest);
      else copy.content.set(digest, bytes);
    }
    return copy;
  };
  const flip = (bytes: Buffer, at: number): Buffer => {
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    return bytes;
  };
  const cases: Readonly<Record<string, MemoryStore>> = {
    gone: spoilt(() => undefined),
    short: spoilt((bytes) => bytes.subarray(0, -1)),
    'wrong tail': spoilt((bytes) => flip(bytes, bytes.length - 1)),
    'wrong data, noticed by the copy': spoilt((bytes) => flip(bytes, 0)),
    'wrong marks': changed(good, (annotations) => {
      annotations[ANNOTATION.nydusCacheEntered] = '00ff';
    }),
    'an image': sourceImage(TARS),
  };
  for (const [name, store] of Object.entries(cases)) {
    const before = MemoryStore.copyOf(store);
    const { result, warnings, target } = await run(source, { store });
    assert.equal(result.root.digest, plain.result.root.digest, name);
    assert.ok(
      warnings.length >= 1 && new Set(warnings).size === warnings.length,
      `${name}: ${warnings.join(' ')}`,
    );
    for (const [digest, bytes] of plain.target.content)
      assert.deepEqual(target.content.get(digest), bytes, name);
    if (name === 'an image')
      assert.equal(store.root?.digest, before.root?.digest, 'an image is not replaced');
    await assert.rejects(run(source, { store: before, mode: 'ro', strict: true }), NydusError, name);
  }
});

test('directories whose entries say what an implied one looks like are told apart', async () => {
  const lower = layer(dir('./'), dir('a', { mode: 0o700, mtime: 9 }), dir('b', { mode: 0o700, mtime: 9 }));
  const plainDir = { mode: 0o755, mtime: 0, uid: 0, gid: 0 };
  const upper = layer(
    dir('a', plainDir),
    file('a/x', 'x'),
    file('b/y', 'y'),
    dir('c', plainDir),
    file('d/z', 'z'),
  );
  const source = sourceImage([lower, upper]);
  for (const fsVersion of [5, 6] as const) {
    const plain = await run(source, undefined, { fsVersion });
    const store = await filled(source, { fsVersion });
    const marks = rootOf(store).layers.map(({ annotations }) => annotations?.[ANNOTATION.nydusCacheEntered]);
    assert.match(marks[1] ?? '', /^[0-9a-f]{2}$/);
    const again = await run(source, { store, mode: 'ro' }, { fsVersion });
    assert.deepEqual([again.result.root.digest, again.result.cache?.hits], [plain.result.root.digest, 2]);
  }
});

test('entries that lead through a symlink of a lower layer are converted anew, since their order matters', async () => {
  const lower = layer(dir('./'), dir('b'), symlink('a', 'b'));
  const upper = layer(file('a/x', 'one'), file('b/x', 'two'));
  const source = sourceImage([lower, upper]);
  const plain = await run(source);
  const store = await filled(source);
  const again = await run(source, { store });
  assert.deepEqual(
    [again.result.root.digest, again.warnings],
    [plain.result.root.digest, ['CACHE_PASSED_OVER']],
  );
});

test('an image that promises another diffID fails with the cache as without it', async () => {
  const store = await filled();
  const lying = sourceImage(TARS, { diffIds: TARS.map(() => `sha256:${'0'.repeat(64)}`) });
  const [without, withCache] = await Promise.all(
    [undefined, { store, mode: 'ro' } as const].map((cache) =>
      run(lying, cache, { concurrency: 1 }).catch((error: unknown) => error),
    ),
  );
  assert.ok(without instanceof Error && withCache instanceof Error);
  assert.equal(withCache.message, without.message);
});

test('a run that finds everything writes nothing, and a run of another version replaces the records', async () => {
  const source = sourceImage(TARS);
  const store = await filled(source);
  const before = store.root?.digest;
  const again = await run(source, { store });
  assert.deepEqual(
    [again.result.cache?.hits, again.result.cache?.written, store.root?.digest],
    [2, false, before],
  );
  const other = await run(source, { store, version: 'v2' });
  assert.deepEqual([other.result.cache?.hits, other.result.cache?.written], [0, true]);
  assert.equal(rootOf(store).annotations?.[ANNOTATION.nydusCacheVersion], 'v2');
  assert.equal(rootOf(store).layers.length, 2);
  const kept = await run(sourceImage(TARS.slice(1)), { store });
  assert.deepEqual([kept.result.cache?.hits, kept.result.cache?.written], [1, true]);
  assert.equal(rootOf(store).annotations?.[ANNOTATION.nydusCacheVersion], 'v2');
});

test('the modes read and write as their names say', async () => {
  const source = sourceImage(TARS);
  const store = new MemoryStore('memory.test/cache:1');
  assert.equal((await run(source, { store, mode: 'ro' })).result.cache?.written, false);
  assert.equal(store.root, undefined);
  assert.equal((await run(source, { store, mode: 'wo' })).result.cache?.written, true);
  assert.deepEqual((await run(source, { store, mode: 'wo' })).result.cache?.hits, 0);
  const verified = await run(source, { store, mode: 'ro', verify: true });
  assert.deepEqual(verified.result.cache?.hits, 2);
  for (const options of [{ dedup: 'image' }, { dictionary: { name: 'x', bytes: Buffer.alloc(0) } }] as const)
    await assert.rejects(run(source, { store, trustUnkeyed: true }, options), UsageError);
});

test('records without a key are used only on demand, and stay as they are', async () => {
  const source = sourceImage(TARS);
  for (const options of [{}, { fsVersion: 5 }, { batchSize: 0x1000, chunkSize: 0x10000 }] as const) {
    const plain = await run(source, undefined, options);
    const store = changed(await filled(source, options), (annotations) => {
      for (const key of Object.keys(annotations))
        if (/-cache-/.test(key)) Reflect.deleteProperty(annotations, key);
    });
    const before = store.root?.digest;
    assert.equal((await run(source, { store, mode: 'ro' }, options)).result.cache?.hits, 0);
    const { result, warnings } = await run(source, { store, trustUnkeyed: true, strict: true }, options);
    assert.deepEqual([result.cache?.hits, result.cache?.written, warnings], [2, false, []]);
    assert.deepEqual([result.root.digest, store.root?.digest], [plain.result.root.digest, before]);
    // What the options would not make is noticed by the blob's own tables, as far as these say it.
    const other = await run(
      source,
      { store, mode: 'ro', trustUnkeyed: true },
      { ...options, compressor: 'none' },
    );
    assert.deepEqual([other.result.cache?.hits, other.warnings], [0, ['CACHE_PASSED_OVER']]);
  }
});

/** A store of which one call fails, counted from 0. */
class FailingStore extends MemoryStore {
  calls = 0;
  fails = -1;

  override fetch(...args: Parameters<MemoryStore['fetch']>): ReturnType<MemoryStore['fetch']> {
    this.#count();
    return super.fetch(...args);
  }
  override exists(...args: Parameters<MemoryStore['exists']>): ReturnType<MemoryStore['exists']> {
    this.#count();
    return super.exists(...args);
  }
  override push(...args: Parameters<MemoryStore['push']>): ReturnType<MemoryStore['push']> {
    this.#count();
    return super.push(...args);
  }
  override tag(...args: Parameters<MemoryStore['tag']>): ReturnType<MemoryStore['tag']> {
    this.#count();
    return super.tag(...args);
  }
  override resolve(): ReturnType<MemoryStore['resolve']> {
    this.#count();
    return super.resolve();
  }

  #count(): void {
    if (this.calls++ === this.fails) throw new RegistryError('out of order', { status: 500 });
  }
}

test('whatever call of the cache fails, the image is made, and the cache stays whole', async () => {
  const source = sourceImage(TARS);
  const plain = await run(source);
  // One layer is known, the other is not, so that a run reads and writes.
  const known = await filled(sourceImage(TARS.slice(0, 1)));
  const attempt = async (
    fails: number,
  ): Promise<{ readonly store: FailingStore; readonly made: CachedRun }> => {
    const store = new FailingStore(known.location);
    for (const [digest, bytes] of known.content) store.content.set(digest, bytes);
    store.root = known.root;
    store.fails = fails;
    return { store, made: await run(source, { store }) };
  };
  const { calls } = (await attempt(-1)).store;
  assert.ok(calls > 10);
  for (let fails = 0; fails < calls; fails++) {
    const { store, made } = await attempt(fails);
    assert.equal(made.result.root.digest, plain.result.root.digest, `call ${fails}`);
    assert.equal(made.warnings.length, 1, `call ${fails}`);
    assert.ok(rootOf(store).layers.every(({ digest }) => store.content.has(digest)));
  }
});
