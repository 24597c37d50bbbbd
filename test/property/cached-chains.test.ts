/**
 * Images out of random chains of layers, which recur in other images, other places and other formats, share one build cache: each
 * is what it would be without the cache. `NYDUSIFY_CHAINS` is the number of images.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { fc } from '../support/properties.js';
import type { ConvertOptions } from '../../src/convert/options.js';
import { cachedRun, imageOf } from '../support/cache/cached-runs.js';
import { converted, sourceImage, storedImage } from '../support/images/memory-conversion.js';
import { randomImage } from '../support/images/random-layers.js';
import { zstdStored } from '../support/images/unreferable.js';
import { MemoryStore } from '../support/registries/memory-store.js';

const CHAINS = Number(process.env['NYDUSIFY_CHAINS'] ?? '60');
/** Images that share a cache. */
const GROUP = 10;

interface Chain {
  readonly picks: readonly number[];
  readonly dedup: 'layer' | 'image';
  readonly batchSize: 0 | 'auto' | 4096;
  readonly hasDictionary: boolean;
  readonly mergePlatform: boolean;
  readonly ociRef: 'off' | 'zran';
}

const chain: fc.Arbitrary<Chain> = fc.record({
  picks: fc.array(fc.nat(), { minLength: 1, maxLength: 6 }),
  dedup: fc.constantFrom('layer', 'image', 'image'),
  batchSize: fc.constantFrom<(0 | 'auto' | 4096)[]>(0, 0, 'auto', 4096),
  hasDictionary: fc.boolean(),
  mergePlatform: fc.boolean(),
  ociRef: fc.constantFrom('off', 'off', 'zran'),
});

const group = fc.record({
  seed: fc.nat({ max: 100_000 }),
  fsVersion: fc.constantFrom(5 as const, 6 as const),
  compressor: fc.constantFrom('zstd' as const, 'none' as const, 'lz4_block' as const),
  chunkSize: fc.constantFrom(0x1000, 0x2000, 0x10000),
  chains: fc.array(chain, { minLength: GROUP, maxLength: GROUP }),
});

test('images out of layers that recur are with a cache what they are without it', async () => {
  let found = 0;
  await fc.assert(
    fc.asyncProperty(group, async ({ seed, chains, ...format }) => {
      const pool = [0, 1, 2].flatMap((n) => randomImage(seed * 3 + n, format).layers);
      const store = new MemoryStore('memory.test/cache:1');
      const dictionary = await converted(sourceImage(pool.slice(0, 2)), format);
      for (const { picks, hasDictionary, batchSize, ociRef, ...choices } of chains) {
        const tars = picks.map((pick) => pool[pick % pool.length] ?? assert.fail());
        // A layer has the same form in all images, and some can only be stored.
        const stored = tars.map((tar) => (pool.indexOf(tar) % 4 === 1 ? zstdStored(tar) : gzipSync(tar)));
        const source = storedImage(stored, tars);
        const refers = format.fsVersion === 6 && ociRef === 'zran';
        const options: Partial<ConvertOptions> = {
          ...format,
          ...choices,
          ...(refers ? { ociRef } : {}),
          batchSize: format.fsVersion === 5 || refers ? 0 : batchSize,
          dictionary: hasDictionary && !refers ? dictionary : undefined,
        };
        const plain = await cachedRun(source, options);
        const first = await cachedRun(source, options, { store });
        const again = await cachedRun(source, options, { store, mode: 'ro', strict: true });
        assert.deepEqual([imageOf(first), imageOf(again)], [imageOf(plain), imageOf(plain)]);
        assert.deepEqual([first.warnings, again.warnings], [plain.warnings, plain.warnings]);
        found += again.result.cache?.hits ?? 0;
      }
    }),
    { numRuns: Math.ceil(CHAINS / GROUP), endOnFailure: true },
  );
  assert.ok(found > CHAINS, 'most layers are found');
});
