/** Images by the addon and, from a scan of the same layers, by the writer in TypeScript: the same bytes, or the same error. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NydusError } from '../../src/errors.js';
import { buildLayerTree, type LayerTree } from '../../src/merge/layer-tree.js';
import { compress } from '../../src/native/codec.js';
import { type LayerScanner, openImageScanner, type ScannedLayer } from '../../src/native/scanner.js';
import type { Blob, ChunkTable } from '../../src/rafs-builder/model/tree.js';
import {
  packWithAddon,
  type PackingOptions,
  type PackingSettings,
  type SealedLayer,
  settingsOf,
} from '../support/images/image.js';
import { PACKING, REFERENCE_OPTIONS } from '../support/images/fixtures.js';
import { storedChunks } from '../support/images/stored-chunks.js';
import { digestWith, tableOf } from '../support/images/worked-example.js';
import { buildBlobTail, foreignBlobRecord } from './blob-tail.js';
import { blobOrder, layerBootstrap, mergedBootstrap } from './bootstraps.js';
import { writeV6 } from './write.js';

/** The writer in TypeScript knows RAFS v6, BLAKE3, no codec but those of the addon's own calls, no batches and no prefetch list. */
function isKnown({ fsVersion, compressor, digester, prefetch, batchSize }: PackingSettings): boolean {
  const isUsual = prefetch === undefined && batchSize === 0;
  return isUsual && fsVersion === 6 && compressor !== 'lz4_block' && digester === 'blake3';
}

/** The options of the reference's results that the writer in TypeScript knows. */
export const SECOND_OPTIONS = REFERENCE_OPTIONS.filter((option) => isKnown(settingsOf(PACKING[option])));

/**
 * Throws an AssertionError unless both writers agree. Options and places are those of `packImage`. Resolves to the error that
 * both give, if they do.
 */
export async function compareWriters(
  layers: readonly Uint8Array[],
  options: PackingOptions = {},
  places: readonly number[] = layers.map((_, number) => number),
): Promise<NydusError | undefined> {
  const settings = settingsOf(options);
  const sealed: SealedLayer[] = [];
  const byAddon = await outcome(packWithAddon(layers, settings, places, sealed));
  const byWriter = await outcome(writeImage(layers, settings, places, sealed));
  if (byAddon.error !== undefined) {
    assert.deepEqual(facts(byWriter.error), facts(byAddon.error), 'the writer fails as the addon does');
    return byAddon.error;
  }
  if (byWriter.error !== undefined)
    throw new Error('the addon makes what the writer refuses', { cause: byWriter.error });
  for (const [number, bytes] of byWriter.value.blobs.entries()) {
    assert.ok(sealed[number]?.bytes.equals(bytes), `the blobs of layer ${number} differ`);
  }
  assert.ok(byAddon.value.equals(byWriter.value.bootstrap), 'the merged bootstraps differ');
  return undefined;
}

type Outcome<T> = { readonly value: T; readonly error?: undefined } | { readonly error: NydusError };

async function outcome<T>(work: Promise<T>): Promise<Outcome<T>> {
  try {
    return { value: await work };
  } catch (error) {
    if (!(error instanceof NydusError)) throw error;
    return { error };
  }
}

function facts(error: NydusError | undefined): object | undefined {
  return error && { name: error.name, code: error.code, message: error.message, hint: error.hint };
}

interface WrittenImage {
  /** By number of the layer. */
  readonly blobs: readonly Buffer[];
  readonly bootstrap: Uint8Array;
}

interface WrittenLayer {
  readonly tree: LayerTree;
  readonly bytes: Buffer;
  /** Undefined: the layer stores no chunk. */
  readonly blob: Blob | undefined;
}

/** Writes the metadata of an image around the chunk data of `sealed`, from a scan. */
async function writeImage(
  sources: readonly Uint8Array[],
  settings: PackingSettings,
  places: readonly number[],
  sealed: readonly SealedLayer[],
): Promise<WrittenImage> {
  const spool = await mkdtemp(join(tmpdir(), 'nydusify-ts-scan-'));
  const layers: WrittenLayer[] = [];
  try {
    // Chunks are kept for their checksums, which a mere scan does not compute.
    using scanner = openImageScanner({ ...settings, keep: true });
    for (const [number, source] of sources.entries()) {
      const lower = layers.map(({ blob }) => blob);
      const own = scanner.openLayer(number, join(spool, String(number)));
      layers.push(await writeLayer(own, { number, source, lower, made: sealed[number], settings }));
    }
  } finally {
    await rm(spool, { recursive: true });
  }
  const { compressor, chunkSize } = settings;
  const merged = mergedBootstrap({
    compressor,
    chunkSize,
    digester: 'blake3',
    trees: places.flatMap((place) => layers[place]?.tree ?? []),
    blobs: layers.map(({ blob }) => blob),
  });
  return { blobs: layers.map(({ bytes }) => bytes), bootstrap: writeV6(merged) };
}

interface LayerJob {
  readonly number: number;
  readonly source: Uint8Array;
  readonly lower: readonly (Blob | undefined)[];
  /** Undefined: the addon did not complete the layer. */
  readonly made: SealedLayer | undefined;
  readonly settings: PackingSettings;
}

async function writeLayer(
  own: LayerScanner,
  { number, source, lower, made, settings }: LayerJob,
): Promise<WrittenLayer> {
  if (source.length > 0) await own.write(Buffer.from(source));
  const scanned = await own.finish();
  const { compressor, chunkSize } = settings;
  assert.ok(compressor !== 'lz4_block', 'the addon has no call for a section in LZ4');
  const common = { compressor, chunkSize, digester: 'blake3' } as const;
  const chunks = made === undefined ? rawChunks(scanned) : storedChunks(scanned, made.blobMeta);
  const data = made?.bytes.subarray(0, made.dataSize) ?? Buffer.alloc(0);
  const entries = await scanned.entries();
  const tree = buildLayerTree(entries, number);
  const { tail, record, blobMeta } = await buildBlobTail({
    ...common,
    chunks,
    dataSize: data.length,
    uncompressedSize: scanned.uncompressedSize,
    compress: (bytes) => compress(bytes, 3),
    dataDigestWith: digestWith(data),
    bootstrapFor: (ownRecord) => {
      const blobs = [...lower];
      blobs[number] = ownRecord === undefined ? undefined : { record: ownRecord, chunks };
      return writeV6(layerBootstrap({ ...common, tree, order: blobOrder(entries), blobs }));
    },
  });
  if (made !== undefined)
    assert.ok(Buffer.from(blobMeta).equals(made.blobMeta), `the records of layer ${number} differ`);
  const bytes = Buffer.concat([data, tail]);
  const id = digestWith(bytes)(Buffer.alloc(0));
  const blob = record === undefined ? undefined : { record: foreignBlobRecord(record, id), chunks };
  return { tree, bytes, blob };
}

/** Stands for the table of a layer whose blob was never completed: every chunk is stored raw. */
function rawChunks({ chunks }: Pick<ScannedLayer, 'chunks'>): ChunkTable {
  let compressedOffset = 0;
  let uncompressedOffset = 0;
  return tableOf(
    Array.from({ length: chunks.length }, (_, index) => {
      const { digest, crc32, uncompressedSize } = chunks.at(index);
      const place = { compressedOffset, uncompressedOffset };
      compressedOffset += uncompressedSize;
      uncompressedOffset += Math.ceil(uncompressedSize / 4096) * 4096;
      const sizes = { compressedSize: uncompressedSize, uncompressedSize };
      return { digest, crc32, compressed: false, ...sizes, ...place };
    }),
  );
}
