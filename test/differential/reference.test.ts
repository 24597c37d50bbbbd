/**
 * Random layers through our packer and through the upstream project's published libraries: every blob and every merged
 * bootstrap must be the same, byte for byte. What comes out with duplicates found across layers, which the libraries
 * cannot make, must be what they read.
 *
 * `NYDUS_DIFF_LAYERS` says how many layers of each format at least, `NYDUS_DIFF_SEED` where to begin, `NYDUS_DIFF_FORMAT` which
 * format alone.
 */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { FormatOptions } from '../../src/native/addon-types.js';
import { nativeDictionarySteps } from '../../src/native/dictionary.js';
import { openBootstrap } from '../../src/native/judge.js';
import { atOnce } from '../../src/turns.js';
import { locatedDifferences } from './difference.js';
import type { PrefetchPattern } from '../../src/native/addon-types.js';
import { upstreamPatterns } from '../../src/prefetch/lines.js';
import { type RandomImage, randomImage, randomPatterns } from '../support/images/random-layers.js';
import { file, layer } from '../support/images/tar.js';
import { packImage, type PackedImage, type PackingOptions } from '../support/images/image.js';
import {
  type ReferenceBlob,
  referenceCheck,
  referenceLayer,
  referenceMerge,
  referenceRead,
  referenceTool,
} from '../support/references/reference-builder.js';
import { pathOrSkip } from '../support/references/tools.js';
import { treeDifferences } from '../support/images/tree-differences.js';

/** Processes of the reference side by side. */
const LANES = 2;

/** What an image has besides its format. */
interface ImageOptions {
  /** The prefetch list as upstream reads it. */
  readonly prefetch?: string | undefined;
  readonly batchSize?: number | undefined;
  /** Our packer chooses what is compressed together; the reference only reads that. */
  readonly auto?: boolean | undefined;
  /** The bootstrap of a dictionary, for the reference. */
  readonly dictionary?: string | undefined;
}

interface Format {
  readonly format: Partial<FormatOptions>;
  /** The number of layers that a run without variables compares. */
  readonly layers: number;
  /** True: the image is packed with a dictionary that has some of its chunks. */
  readonly withDictionary?: boolean;
  readonly draw?: (seed: number, image: RandomImage) => ImageOptions;
}

const prefetch = (seed: number, { layers }: RandomImage): ImageOptions => ({
  prefetch: randomPatterns(seed, layers),
});
const batch = (seed: number, { chunkSize }: RandomImage): ImageOptions => ({
  batchSize: Math.max(0x1000, chunkSize >> (seed % 3)),
});

const FORMATS: Readonly<Record<string, Format>> = {
  v6: { format: {}, layers: 300 },
  'v6-lz4': { format: { compressor: 'lz4_block' }, layers: 60 },
  'v6-sha256': { format: { digester: 'sha256' }, layers: 30 },
  'v6-prefetch': { format: {}, layers: 60, draw: prefetch },
  'v6-batch': { format: {}, layers: 60, draw: batch },
  'v6-batch-lz4': { format: { compressor: 'lz4_block' }, layers: 30, draw: batch },
  'v6-batch-auto': { format: {}, layers: 30, draw: () => ({ auto: true }) },
  'v5-zstd': { format: { fsVersion: 5, compressor: 'zstd' }, layers: 60 },
  'v5-prefetch': { format: { fsVersion: 5, compressor: 'zstd' }, layers: 30, draw: prefetch },
  'v5-aligned': { format: { fsVersion: 5, compressor: 'zstd', alignChunks: true }, layers: 60 },
  'v5-lz4-sha256': { format: { fsVersion: 5, compressor: 'lz4_block', digester: 'sha256' }, layers: 30 },
  'v6 with a dictionary': { format: {}, layers: 60, withDictionary: true },
  'v5 with a dictionary': { format: { fsVersion: 5, compressor: 'zstd' }, layers: 30, withDictionary: true },
};

/** Keeps the seeds of images in dictionaries apart from those of other images. */
const OTHER_SEEDS = 1_000_000;

function numberFrom(name: string, otherwise: number): number {
  const text = process.env[name];
  if (text === undefined || text === '') return otherwise;
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`${name} is not a whole number: ${text}`);
  return value;
}

/** An image that the reference made, in a folder that holds its blobs by id. */
interface Made {
  readonly folder: string;
  readonly layers: readonly ReferenceBlob[];
  readonly bootstrap: string;
}

async function makeByReference(
  image: RandomImage,
  { batchSize, prefetch, dictionary }: ImageOptions,
  folder: string,
): Promise<Made> {
  const layers: ReferenceBlob[] = [];
  for (const [number, tar] of image.layers.entries()) {
    const path = join(folder, `layer-${number}.tar`);
    await writeFile(path, tar);
    layers.push(await referenceLayer(path, folder, { ...image, batchSize, prefetch, dictionary }));
  }
  const bootstrap = join(folder, 'merged.boot');
  await referenceMerge(bootstrap, layers, { prefetch, dictionary });
  return { folder, layers, bootstrap };
}

async function compareBytes(ours: PackedImage, reference: Made): Promise<void> {
  for (const [number, layer] of ours.layers.entries()) {
    const theirs = reference.layers[number];
    assert.ok(theirs !== undefined);
    const bytes = await readFile(theirs.blob);
    const bootstrap = await readFile(theirs.bootstrap);
    assert.deepEqual(locatedDifferences(layer.bootstrap, bootstrap), [], `bootstrap of layer ${number}`);
    assert.deepEqual(locatedDifferences(layer.bytes, bytes), [], `blob of layer ${number}`);
  }
  const merged = await readFile(reference.bootstrap);
  assert.deepEqual(locatedDifferences(ours.bootstrap, merged), [], 'merged bootstrap');
}

/** Our image with duplicates found across layers: accepted, and the same tree as the reference's own image. */
async function compareReading(image: RandomImage, options: ImageOptions, reference: Made): Promise<void> {
  const packed = await packImage(image.layers, { ...image, ...ours(options), dedup: 'image' });
  const folder = join(reference.folder, 'ours');
  await mkdir(folder);
  for (const { record, bytes } of packed.layers) {
    if (record !== undefined) await writeFile(join(folder, record.id), bytes);
  }
  const bootstrap = join(folder, 'image.boot');
  await writeFile(bootstrap, packed.bootstrap);
  await referenceCheck(bootstrap);
  const tree = await referenceRead(bootstrap, folder);
  const expected = await referenceRead(reference.bootstrap, reference.folder);
  assert.deepEqual(treeDifferences(tree, expected), [], 'tree read back');
}

/** The options in the form that our packer takes. */
function ours({ prefetch, batchSize = 0, auto = false }: ImageOptions): PackingOptions {
  return {
    batchSize: auto ? 'auto' : batchSize,
    ...(prefetch === undefined ? {} : { prefetch: patternsOf(prefetch) }),
  };
}

/** The converter takes an empty list for the whole image; the builder, which is called here, for none. */
function patternsOf(list: string): readonly PrefetchPattern[] {
  return upstreamPatterns(list) ?? [];
}

/** Every second layer of the image, between those of another: a chunk is then in no, one or several blobs of the dictionary. */
function dictionaryLayers(image: RandomImage, other: RandomImage): readonly Buffer[] {
  const known = image.layers.filter((_, number) => number % 2 === 0);
  // The reference refuses a dictionary without any chunk, whose chunk size is always that of the format.
  const any = layer(file('any', Buffer.from('of the dictionary alone')));
  return [...other.layers.slice(0, 2), ...known, ...other.layers.slice(2), ...known.slice(0, 1), any];
}

/**
 * The same image with a dictionary. The reference reads the dictionary, and need not have made it: its merge fails for some lists of
 * layers that ours takes.
 */
async function compareWithDictionary(image: RandomImage, other: RandomImage, folder: string): Promise<void> {
  await mkdir(folder);
  const made = await packImage(dictionaryLayers(image, other), { ...image, dedup: 'layer' });
  for (const { record, bytes } of made.layers)
    if (record !== undefined) await writeFile(join(folder, record.id), bytes);
  const dictionary = join(folder, 'dictionary.boot');
  await writeFile(dictionary, made.bootstrap);
  const native = atOnce(nativeDictionarySteps(openBootstrap(made.bootstrap)));
  // The blobs of both lie in one folder, where the reference looks for them.
  const [reference, packed] = await Promise.all([
    makeByReference(image, { dictionary }, folder),
    packImage(image.layers, { ...image, dedup: 'layer', dictionary: native }),
  ]);
  await compareBytes(packed, reference);
  const bootstrap = join(folder, 'ours.boot');
  await writeFile(bootstrap, packed.bootstrap);
  await referenceCheck(bootstrap);
  await referenceRead(bootstrap, folder);
}

async function compareImage(name: string, seed: number): Promise<number> {
  const { format, draw = () => ({}), withDictionary = false } = FORMATS[name] ?? { format: {} };
  const image = randomImage(seed, format);
  const options: ImageOptions = draw(seed, image);
  const folder = await mkdtemp(join(tmpdir(), 'nydus-diff-'));
  try {
    if (withDictionary) {
      await compareWithDictionary(image, randomImage(seed + OTHER_SEEDS, format), join(folder, 'dictionary'));
    } else {
      const [reference, packed] = await Promise.all([
        makeByReference(image, options, folder),
        packImage(image.layers, { ...image, ...ours(options), dedup: 'layer' }),
      ]);
      if (options.auto !== true) await compareBytes(packed, reference);
      await compareReading(image, options, reference);
    }
    return image.layers.length;
  } catch (error) {
    const { layers, chunkSize, compressor } = image;
    const what = error instanceof Error ? error.message : String(error);
    throw new Error(
      `${name}, seed ${seed} (${layers.length} layers, ${compressor}, chunks of ${chunkSize}): ${what}
again: NYDUS_DIFF_FORMAT='${name}' NYDUS_DIFF_SEED=${seed} NYDUS_DIFF_LAYERS=1 npm test -- differential/reference`,
      { cause: error },
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Calls `work` for one number after the other, `LANES` at a time, until `isEnough`. */
async function inLanes(
  first: number,
  isEnough: () => boolean,
  work: (number: number) => Promise<void>,
): Promise<void> {
  let next = first;
  const lane = async (): Promise<void> => {
    while (!isEnough()) await work(next++);
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

const only = process.env['NYDUS_DIFF_FORMAT'];
for (const [name, { layers: usual }] of Object.entries(FORMATS)) {
  if (only !== undefined && only !== '' && only !== name) continue;
  test(`random layers become the same blobs and bootstraps as with the reference (${name})`, async (t: TestContext) => {
    if (pathOrSkip(t, referenceTool()) === undefined) return;
    const wanted = numberFrom('NYDUS_DIFF_LAYERS', usual);
    const seed = numberFrom('NYDUS_DIFF_SEED', 1);
    const failures: unknown[] = [];
    let layers = 0;
    let images = 0;
    await inLanes(
      seed,
      () => layers >= wanted || failures.length > 0,
      async (number) => {
        try {
          const compared = await compareImage(name, number);
          layers += compared;
          images++;
        } catch (error) {
          failures.push(error);
        }
      },
    );
    t.diagnostic(`${layers} layers of ${images} images equal, seeds from ${seed} on`);
    if (failures.length > 0) throw failures[0];
  });
}
