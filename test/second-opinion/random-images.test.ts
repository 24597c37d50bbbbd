/**
 * The addon writes what the writer in TypeScript writes, byte for byte, or fails with the same error: on layers of whatever
 * entries, with parents that are missing, links, devices or files, in any order and over each other.
 */
import { test } from 'node:test';
import { fc } from '../support/properties.js';
import { anyLayer } from '../support/images/any-layer.js';
import { randomImage } from '../support/images/random-layers.js';
import { compareWriters } from './images.js';
import { file, layer } from '../support/images/tar.js';

const image = fc.array(anyLayer, { minLength: 1, maxLength: 4 }).chain((layers) =>
  fc.record({
    layers: fc.constant(layers),
    /** Layers that the manifest lists once more. */
    again: fc.array(fc.nat(layers.length - 1), { maxLength: 2 }),
    dedup: fc.constantFrom('image', 'layer' as const),
    compressor: fc.constantFrom('zstd', 'none' as const),
    chunkSize: fc.constantFrom(4096, 8192),
  }),
);

test('layers of whatever entries give the bytes of the other writer, some of them twice', async () => {
  await fc.assert(
    fc.asyncProperty(image, async ({ layers, again, ...options }) => {
      const places = [...layers.keys(), ...again];
      await compareWriters(
        layers.map(({ bytes }) => bytes),
        options,
        places,
      );
    }),
    { numRuns: Number(process.env['NYDUS_METADATA_RUNS'] ?? 100) },
  );
});

test('sensible images give the bytes of the other writer', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), fc.constantFrom('image', 'layer' as const), async (seed, dedup) => {
      const made = randomImage(seed);
      await compareWriters(made.layers, { ...made, dedup });
    }),
    { numRuns: 10 },
  );
});

test('folders of any size give the bytes of the other writer', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 255 }), { minLength: 30, maxLength: 200 }),
      async (lengths) => {
        const names = lengths.map((length, number) => `${number}`.padEnd(length, 'n').slice(0, 255));
        await compareWriters([layer(...[...new Set(names)].map((text) => file(`d/${text}`, text)))]);
      },
    ),
    { numRuns: 10 },
  );
});
