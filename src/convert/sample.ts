/**
 * Measures what other formats cost or save: some layers of the source are read once, and packed in each format side by side. Nothing
 * but a temporary folder is written.
 */
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { openScratch, type Scratch } from '../io/scratch.js';
import { CODECS, READERS } from '../native/formats.js';
import { type ImagePacker, type LayerPacker, openImagePacker } from '../native/packer.js';
import type { Descriptor } from '../oci/descriptor.js';
import { MAX_CHUNK_SIZE, MIN_CHUNK_SIZE } from '../rafs-builder/layout/chunk-size.js';
import type { ImageSource } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';
import { type FormatOptions, formatOptions } from './format.js';
import type { ConvertOptions } from './options.js';

/** Options in which a choice differs from those of the plan; none for these themselves. */
export type FormatChange = Partial<Pick<FormatOptions, 'compressor' | 'batchSize' | 'chunkSize'>>;

export interface SampledChoice {
  readonly change: FormatChange;
  /** Bytes of the blobs of the layers that were read. */
  readonly blobBytes: number;
  /** Bytes of the blobs of all layers, if the others shrink alike. */
  readonly allBytes: number;
  /** Processor seconds for the layers that were read, from unpacking to the blobs; 0 where the system does not report them. */
  readonly seconds: number;
}

export interface Sample {
  /** The number of layers that were read. */
  readonly layers: number;
  /** Their compressed bytes. */
  readonly pull: number;
  /** Their share of the compressed bytes of all layers; 1 if all were read. */
  readonly share: number;
  /** The options of the plan first. */
  readonly choices: readonly SampledChoice[];
}

type SourceLayer = Pick<Descriptor, 'mediaType' | 'digest' | 'size'>;

interface Trial {
  readonly change: FormatChange;
  readonly packer: ImagePacker;
  blobBytes: number;
}

/** Reads layers of about `limit` compressed bytes together; `layers` has each layer once. */
export async function measureChoices(
  source: ImageSource,
  layers: readonly SourceLayer[],
  { options, limit }: { readonly options: ConvertOptions; readonly limit: number },
  call: CallOptions,
): Promise<Sample> {
  const chosen = fitting(layers, limit);
  await using scratch = await openScratch(options.workDir ?? tmpdir());
  const format = formatOptions(options);
  const limits = call.budget?.limits ?? call.limits;
  // Each trial has limits of its own, since a conversion packs a layer once.
  const trials = changesOf(options).map((change): Trial => {
    const packer = openImagePacker({ ...format, ...change, threads: 1, layers: chosen.length, limits });
    return { change, packer, blobBytes: 0 };
  });
  try {
    for (const [number, layer] of chosen.entries())
      await packLayer(trials, { source, scratch, layer, number }, call);
    const pull = bytesOf(chosen);
    const share = pull === 0 ? 1 : pull / bytesOf(layers);
    const choices = trials.map(({ change, packer, blobBytes }) => {
      const seconds = packer.stages().reduce((sum, { busy }) => sum + busy, 0);
      return { change, blobBytes, allBytes: Math.round(blobBytes / share), seconds };
    });
    return { layers: chosen.length, pull, share, choices };
  } finally {
    for (const { packer } of trials) packer[Symbol.dispose]();
  }
}

/** The largest layers that fit, each as a whole; the smallest one if none does. */
function fitting(layers: readonly SourceLayer[], limit: number): readonly SourceLayer[] {
  const bySize = layers.toSorted((a, b) => b.size - a.size);
  let left = limit;
  const chosen = bySize.filter(({ size }) => {
    const fits = size <= left;
    if (fits) left -= size;
    return fits;
  });
  return chosen.length > 0 ? chosen : bySize.slice(-1);
}

function bytesOf(layers: readonly SourceLayer[]): number {
  return layers.reduce((sum, { size }) => sum + size, 0);
}

/** Every choice of one option that these options allow. */
function changesOf(options: FormatOptions): readonly FormatChange[] {
  const { compressor, fsVersion, batchSize, chunkSize, compat } = options;
  const compressors = CODECS.flatMap((codec) =>
    codec.isWritten && codec.name !== compressor ? [{ compressor: codec.name }] : [],
  );
  const hasBatches = READERS.some(({ name, batches }) => name === compat && batches);
  const canBatch = fsVersion === 6 && hasBatches && chunkSize < MAX_CHUNK_SIZE;
  const least = typeof batchSize === 'number' ? Math.max(batchSize, MIN_CHUNK_SIZE) : MIN_CHUNK_SIZE;
  const most = batchSize === 0 ? MAX_CHUNK_SIZE : MAX_CHUNK_SIZE / 2;
  const chunkSizes = [chunkSize / 4, chunkSize * 4].filter((size) => size >= least && size <= most);
  return [
    {},
    ...compressors,
    ...(batchSize !== 0 ? [{ batchSize: 0 }] : canBatch ? [{ batchSize: 'auto' } as const] : []),
    ...chunkSizes.map((size) => ({ chunkSize: size })),
  ];
}

interface LayerTrial {
  readonly source: ImageSource;
  readonly scratch: Scratch;
  readonly layer: SourceLayer;
  readonly number: number;
}

/** Packs one layer in every format at the same time, and keeps nothing but the sizes of the blobs. */
async function packLayer(
  trials: readonly Trial[],
  { source, scratch, layer, number }: LayerTrial,
  call: CallOptions,
): Promise<void> {
  const paths = trials.map((_, index) => scratch.file(`${number}-${index}.blob`));
  const opened: LayerPacker[] = [];
  try {
    for (const [index, { packer }] of trials.entries()) {
      const packing = packer.openLayer(number, paths[index] ?? '');
      // `fetch` verifies the digest.
      packing.spareDigest(layer.digest);
      opened.push(packing);
    }
    for await (const bytes of source.fetch(layer, call))
      await Promise.all(opened.map((packing) => packing.write(bytes)));
    await Promise.all(
      opened.map(async (packing, index) => {
        await packing.finish();
        const { size } = await packing.seal();
        const trial = trials[index];
        if (trial !== undefined) trial.blobBytes += size;
      }),
    );
  } finally {
    for (const packing of opened) packing.abort();
    await Promise.all(paths.map((path) => rm(path, { force: true })));
  }
}
