/** Questions about cached blobs are asked side by side, a bounded number at a time, and none of them twice. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { convertImage } from '../../../src/convert/convert.js';
import { planConversion } from '../../../src/convert/plan.js';
import { orAborted } from '../../../src/io/abort.js';
import type { ByteStream } from '../../../src/io/streams.js';
import type { Descriptor } from '../../../src/oci/descriptor.js';
import type { FetchOptions } from '../../../src/registry/stores/store.js';
import type { ConvertEvent } from '../../../src/reporter.js';
import { cachedRun } from '../../support/cache/cached-runs.js';
import { converted, manifestOf, sourceImage } from '../../support/images/memory-conversion.js';
import { file, layer } from '../../support/images/tar.js';
import { MemoryStore } from '../../support/registries/memory-store.js';

const TARS = Array.from({ length: 12 }, (_, i) => layer(file(`file-${i}`, `${i} `.repeat(2000))));
const source = sourceImage(TARS);

/** A store that answers a range only when `open` lets it. */
class Gated extends MemoryStore {
  /** Ranges that were asked for, and those without an answer now. */
  asked = 0;
  waiting = 0;
  most = 0;
  readonly fetched: string[] = [];
  open: () => Promise<unknown> = () => Promise.resolve();

  static over(store: MemoryStore): Gated {
    const gated = new Gated(store.location);
    for (const [digest, bytes] of store.content) gated.content.set(digest, bytes);
    gated.root = store.root;
    return gated;
  }

  override async *fetch(descriptor: Descriptor, options: FetchOptions = {}): ByteStream {
    this.fetched.push(descriptor.digest);
    if (options.range === undefined) {
      yield* super.fetch(descriptor, options);
      return;
    }
    this.asked++;
    this.most = Math.max(this.most, ++this.waiting);
    try {
      await orAborted(this.open(), options.signal);
    } finally {
      this.waiting--;
    }
    yield* super.fetch(descriptor, options);
  }
}

async function filled(): Promise<Gated> {
  const store = new MemoryStore('memory.test/cache:1');
  await cachedRun(source, {}, { store });
  return Gated.over(store);
}

test('the blobs of eight layers are asked for at once, though one layer is converted at a time', async () => {
  const plain = await cachedRun(source, {});
  const store = await filled();
  store.open = async () => {
    while (store.most < 8) await sleep(1);
    await sleep(5);
  };
  const made = await cachedRun(source, { concurrency: 1 }, { store, mode: 'ro', strict: true });
  assert.deepEqual([made.result.root.digest, made.result.cache?.hits], [plain.result.root.digest, 12]);
  assert.equal(store.asked, 12);
  assert.ok(store.most <= 9, 'one that has its turn, and eight ahead');
});

test('layers in which chunks stay are asked for together with their blobs, eight at a time', async () => {
  const here = sourceImage(TARS);
  const options = { ociRef: 'zran', concurrency: 1 } as const;
  const store = new MemoryStore('memory.test/cache:1');
  const layers = new Set(manifestOf(here).layers.map(({ digest }) => digest));
  let waiting = 0;
  let most = 0;
  class SourceItself extends MemoryStore {
    override async exists(descriptor: Descriptor): Promise<boolean> {
      if (store.root !== undefined && layers.has(descriptor.digest)) {
        most = Math.max(most, ++waiting);
        for (let tries = 0; most < 8 && tries < 1000; tries++) await sleep(1);
        waiting--;
      }
      return super.exists(descriptor);
    }
  }
  const target = new SourceItself(here.location);
  for (const [digest, bytes] of here.content) target.content.set(digest, bytes);
  const first = await convertImage({ source: here, target, cache: { store } }, options);
  const again = await convertImage({ source: here, target, cache: { store, mode: 'ro' } }, options);
  assert.deepEqual([again.root.digest, again.cache?.hits], [first.root.digest, 12]);
  assert.ok(most === 8 || most === 9, `${most} at a time`);
  const [lost = assert.fail()] = layers;
  target.content.delete(lost);
  const plan = await planConversion({ source: here, target, cache: { store, mode: 'ro' } }, options);
  assert.equal(plan.cache?.hits, 11, 'the blob of a layer that the target lacks is of no use');
});

test('a plan counts the copies of layers whose chunks stay in them', async () => {
  const store = new MemoryStore('memory.test/cache:1');
  const options = { ociRef: 'zran' } as const;
  const target = new MemoryStore('other.test/target:1');
  await convertImage({ source, target: new MemoryStore('other.test/target:1'), cache: { store } }, options);
  const plan = await planConversion({ source, target, cache: { store, mode: 'ro' } }, options);
  const sizes = manifestOf(source).layers.reduce((sum, { size }) => sum + size, 0);
  assert.deepEqual([plan.cache?.hits, plan.totals.pull, plan.cache?.savedBytes], [12, sizes, 0]);
  assert.ok(plan.totals.push > sizes, 'layers and blobs');
});

test('blobs that are read as a whole are read a layer at a time', async () => {
  const store = await filled();
  store.open = () => sleep(1);
  const cache = { store, mode: 'ro', strict: true, verify: true } as const;
  const made = await cachedRun(source, { concurrency: 1 }, cache);
  assert.equal(made.result.cache?.hits, 12);
  assert.ok(store.most <= 2, String(store.most));
});

test('a run that fails ends the questions of its other layers', async () => {
  const store = await filled();
  const broken = sourceImage([layer(file('new', 'new')), ...TARS]);
  const [first = assert.fail()] = manifestOf(broken).layers;
  broken.content.delete(first.digest);
  store.open = () => new Promise(() => undefined);
  await assert.rejects(cachedRun(broken, { concurrency: 2 }, { store, mode: 'ro' }));
  assert.equal(store.waiting, 0);
  assert.ok(store.most >= 8);
});

test('a blob that the repository of the cache has lost, and the target has, is read from the target', async () => {
  const store = await filled();
  const { result, target } = await cachedRun(source, {}, { store, mode: 'ro', strict: true });
  for (const { blob } of result.images.flatMap(({ layers }) => layers)) store.content.delete(blob.digest);
  const warnings: string[] = [];
  const reporter = {
    emit: (event: ConvertEvent): void => {
      if (event.type === 'warning') warnings.push(event.code);
    },
  };
  const again = await convertImage(
    { source, target, cache: { store, mode: 'ro', strict: true } },
    {},
    { reporter },
  );
  assert.deepEqual([again.root.digest, again.cache?.hits, warnings], [result.root.digest, 12, []]);
});

test('a run reads the documents of a cache once, though it looks again before it writes', async () => {
  const store = await filled();
  const root = store.root?.digest;
  const { result } = await cachedRun(source, {}, { store });
  assert.equal(result.cache?.written, false);
  assert.equal(store.fetched.filter((digest) => digest === root).length, 1);
});

test('a plan with a build cache reads the chunk dictionary once', async () => {
  const dictionary = Gated.over(await converted(sourceImage(TARS.slice(0, 2))));
  const store = await filled();
  const plan = await planConversion(
    { source, target: new MemoryStore('memory.test/target:1'), cache: { store, mode: 'ro' } },
    { dictionary },
  );
  assert.equal(plan.images[0]?.dictionary?.chunks, 2);
  const bootstrap = manifestOf(dictionary).layers.at(-1)?.digest;
  assert.equal(dictionary.fetched.filter((digest) => digest === bootstrap).length, 1);
});
