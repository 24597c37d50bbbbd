/**
 * A cached run makes the bytes that an uncached run makes. Layers come from the fixtures and from random images; a layer that was
 * found is not read, which is shown by a source that no longer has it.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { convertImage, type ConvertResult } from '../../src/convert/convert.js';
import type { ConvertOptions } from '../../src/convert/options.js';
import type { BuildCache } from '../../src/cache/options.js';
import type { ConvertEvent } from '../../src/reporter.js';
import { referenceCases, referenceLayers } from '../support/images/fixtures.js';
import { manifestOf, sourceImage } from '../support/images/memory-conversion.js';
import { randomImage } from '../support/images/random-layers.js';
import { MemoryStore } from '../support/registries/memory-store.js';

interface Run {
  readonly result: ConvertResult;
  readonly target: MemoryStore;
  readonly warnings: readonly string[];
}

async function run(source: MemoryStore, options: Partial<ConvertOptions>, cache?: BuildCache): Promise<Run> {
  const target = new MemoryStore('memory.test/target:1');
  const warnings: string[] = [];
  const emit = (event: ConvertEvent): void => {
    if (event.type === 'warning') warnings.push(event.message);
  };
  const result = await convertImage(
    { source, target, cache },
    { threads: 2, ...options },
    { reporter: { emit } },
  );
  return { result, target, warnings };
}

/** The source without its layers. */
function withoutLayers(source: MemoryStore): MemoryStore {
  const copy = MemoryStore.copyOf(source);
  for (const { digest } of manifestOf(source).layers) copy.content.delete(digest);
  return copy;
}

const FORMATS: readonly Partial<ConvertOptions>[] = [
  {},
  { fsVersion: 5 },
  { compressor: 'none', chunkSize: 0x1000 },
  { compressor: 'lz4_block', chunkSize: 0x10000 },
  { fsVersion: 5, compressor: 'lz4_block', chunkSize: 0x1000, alignChunks: true },
  { fsVersion: 5, digester: 'sha256', chunkSize: 0x2000 },
  { digester: 'sha256', chunkSize: 0x4000 },
  { compat: 'nydusd-2.2', chunkSize: 0x4000 },
];

/** Fills a cache with some of the layers, converts from it, and compares with a run without it. */
async function compare(
  tars: readonly Uint8Array[],
  options: Partial<ConvertOptions>,
  cached: number,
): Promise<void> {
  const source = sourceImage(tars);
  const plain = await run(source, options);
  const cache = new MemoryStore('memory.test/cache:1');
  if (cached > 0) {
    const first = await run(sourceImage(tars.slice(0, cached)), options, { store: cache });
    assert.deepEqual(
      [first.result.cache?.written, first.warnings.filter((text) => text.includes('cache'))],
      [true, []],
    );
    assert.equal(cache.root?.mediaType, 'application/vnd.oci.image.manifest.v1+json');
  }
  const rest = cached === tars.length && options.mergePlatform !== true ? withoutLayers(source) : source;
  const again = await run(rest, options, { store: cache, mode: 'ro' });
  assert.deepEqual(
    again.warnings.filter((text) => text.includes('cache')),
    [],
  );
  assert.equal(again.result.root.digest, plain.result.root.digest);
  const known = new Set(
    manifestOf(source)
      .layers.slice(0, cached)
      .map(({ digest }) => digest),
  );
  const hits = manifestOf(source).layers.filter(({ digest }) => known.has(digest)).length;
  assert.equal(again.result.cache?.hits, hits);
  for (const { blob } of again.result.images.flatMap(({ layers }) => layers)) {
    assert.deepEqual(again.target.content.get(blob.digest), plain.target.content.get(blob.digest));
  }
}

for (const name of referenceCases()) {
  test(`cached layers make the image of an uncached run: ${name}`, async () => {
    const tars = referenceLayers(name);
    for (const options of FORMATS) {
      for (let cached = 0; cached <= tars.length; cached++) {
        await compare(tars, { ...options, mergePlatform: cached % 2 === 1 }, cached);
      }
    }
  });
}

test('cached layers make the image of an uncached run: random chains', async () => {
  for (let seed = 0; seed < 60; seed++) {
    const { layers, ...format } = randomImage(seed);
    await compare(layers, { ...format, dedup: 'layer' }, seed % (layers.length + 1));
  }
});
