/**
 * Layers through the whole pipeline without a registry, twice: by the addon, as `convert` does it, and from a scan of the same
 * layers by the writer in TypeScript. Both must give the same bytes, or fail with the same error.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NydusError } from '../../../src/errors.js';
import { type LayerTree, buildLayerTree } from '../../../src/merge/layer-tree.js';
import {
  compress,
  decompress,
  type LayerScanner,
  openImagePacker,
  openImageScanner,
  type ScannedLayer,
} from '../../../src/native/index.js';
import { writeV6 } from '../../second-opinion/write.js';
import {
  type Blob,
  type BootstrapInput,
  type ChunkRef,
  type Inode,
  chunkBlob,
  chunkIndex,
} from '../../../src/rafs-builder/model/tree.js';
import { buildBlobTail, foreignBlobRecord } from '../../second-opinion/blob-tail.js';
import { blobOrder, layerBootstrap, mergedBootstrap } from '../../second-opinion/bootstraps.js';
import { rawChunks, storedChunks } from './stored-chunks.js';
import { digestWith } from './worked-example.js';

export interface PackingOptions {
  readonly compressor?: 'zstd' | 'none';
  readonly chunkSize?: number;
  readonly dedup?: 'image' | 'layer';
  readonly threads?: number;
}

export interface PackedLayer {
  readonly table: ScannedLayer;
  readonly tree: LayerTree;
  /** The RAFS blob. */
  readonly bytes: Buffer;
  /** Undefined: the layer stores no chunk. */
  readonly blob: Blob | undefined;
  /** Its own bootstrap, uncompressed. */
  readonly bootstrap: Uint8Array;
}

export interface PackedImage {
  readonly layers: readonly PackedLayer[];
  readonly merged: BootstrapInput;
  /** `merged` as bytes. */
  readonly bootstrap: Uint8Array;
}

type Settings = Required<PackingOptions>;

/**
 * Packs layers as they would be pulled (tar, gzip or zstd), lowest first. `places` are the numbers of the layers to be merged,
 * lowest first, when they are not just all of them.
 */
export async function packImage(
  layers: readonly Uint8Array[],
  options: PackingOptions = {},
  places: readonly number[] = layers.map((_, number) => number),
): Promise<PackedImage> {
  const settings = {
    compressor: 'zstd',
    chunkSize: 0x10_0000,
    dedup: 'layer',
    threads: 2,
    ...options,
  } as const;
  const converted: ConvertedLayer[] = [];
  const byAddon = await outcome(convert(layers, settings, places, converted));
  const byWriter = await outcome(write(layers, settings, places, converted));
  if (byAddon.error !== undefined) {
    assert.deepEqual(byWriter.error, byAddon.error, 'the writer fails as the addon does');
    throw byAddon.thrown;
  }
  if (byWriter.error !== undefined)
    throw new Error('the addon makes what the writer refuses', { cause: byWriter.thrown });
  for (const [number, layer] of byWriter.value.layers.entries()) {
    assert.ok(byAddon.value.layers[number]?.bytes.equals(layer.bytes), `the blobs of layer ${number} differ`);
  }
  assert.ok(byAddon.value.bootstrap.equals(byWriter.value.bootstrap), 'the merged bootstraps differ');
  return byWriter.value;
}

type Outcome<T> =
  { readonly value: T; readonly error?: undefined } | { readonly error: object; readonly thrown: unknown };

async function outcome<T>(work: Promise<T>): Promise<Outcome<T>> {
  try {
    return { value: await work };
  } catch (thrown) {
    if (!(thrown instanceof NydusError)) throw thrown;
    const { name, code, message, hint, remedy } = thrown;
    return { error: { name, code, message, hint, remedy }, thrown };
  }
}

interface ConvertedLayer {
  readonly bytes: Buffer;
  readonly dataSize: number;
  readonly blobMeta: Uint8Array;
}

/** What `convert` does, less everything around it. Layers that are complete are there even when a later one fails. */
async function convert(
  sources: readonly Uint8Array[],
  settings: Settings,
  places: readonly number[],
  layers: ConvertedLayer[],
): Promise<{ readonly layers: readonly ConvertedLayer[]; readonly bootstrap: Buffer }> {
  const spool = await mkdtemp(join(tmpdir(), 'nydusify-ts-image-'));
  try {
    using packer = openImagePacker({ ...settings, level: 3, layers: sources.length });
    for (const [number, source] of sources.entries()) {
      const path = join(spool, String(number));
      const own = packer.openLayer(number, path);
      try {
        if (source.length > 0) await own.write(Buffer.from(source));
        const { dataSize } = await own.finish();
        const { blobMeta, digest, size } = await own.seal();
        const bytes = await readFile(path);
        assert.deepEqual([digest, size], [digestWith(bytes)(Buffer.alloc(0)), bytes.length]);
        layers.push({ bytes, dataSize, blobMeta });
      } finally {
        own.abort();
      }
    }
    return { layers, bootstrap: await packer.bootstrap(places) };
  } finally {
    await rm(spool, { recursive: true });
  }
}

/** The same without the addon's metadata: it scans, and compresses what it is given. `converted` has the chunk data. */
async function write(
  sources: readonly Uint8Array[],
  settings: Settings,
  places: readonly number[],
  converted: readonly ConvertedLayer[],
): Promise<PackedImage & { readonly bootstrap: Buffer }> {
  const spool = await mkdtemp(join(tmpdir(), 'nydusify-ts-scan-'));
  const layers: PackedLayer[] = [];
  try {
    // Chunks are kept for their checksums, which a mere scan has none of.
    using scanner = openImageScanner({ ...settings, keep: true });
    for (const [number, source] of sources.entries()) {
      const lower = layers.map(({ blob }) => blob);
      const own = scanner.openLayer(number, join(spool, String(number)));
      layers.push(await writeLayer(own, { number, source, lower, made: converted[number], settings }));
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
  return { layers, merged, bootstrap: Buffer.from(writeV6(merged)) };
}

interface LayerJob {
  readonly number: number;
  readonly source: Uint8Array;
  readonly lower: readonly (Blob | undefined)[];
  /** Undefined: it was not completed. */
  readonly made: ConvertedLayer | undefined;
  readonly settings: Settings;
}

async function writeLayer(
  own: LayerScanner,
  { number, source, lower, made, settings }: LayerJob,
): Promise<PackedLayer> {
  if (source.length > 0) await own.write(Buffer.from(source));
  const scanned = await own.finish();
  const { compressor, chunkSize } = settings;
  const common = { compressor, chunkSize, digester: 'blake3' } as const;
  const chunks = made === undefined ? rawChunks(scanned) : storedChunks(scanned, made.blobMeta);
  const data = made?.bytes.subarray(0, made.dataSize) ?? Buffer.alloc(0);
  const entries = await scanned.entries();
  const tree = buildLayerTree(entries, number);
  const { tail, record, bootstrap, blobMeta } = await buildBlobTail({
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
  return { table: { ...scanned, chunks }, tree, bytes, blob, bootstrap };
}

/** The blob that a chunk of the merged tree lies in. */
function blobOf({ merged }: PackedImage, ref: ChunkRef): Blob | undefined {
  return merged.blobs[merged.positions?.get(chunkBlob(ref)) ?? -1];
}

/** Hex SHA-256 of a file's content, decoded out of the blobs. `inode` is one of the merged tree. */
export async function contentDigest(
  image: PackedImage,
  inode: Inode & { readonly kind: 'file' },
): Promise<string> {
  const hash = createHash('sha256');
  for (const ref of inode.chunks) {
    const blob = blobOf(image, ref);
    const bytes = image.layers.find(
      (layer) => layer.blob !== undefined && layer.blob.record.id === blob?.record.id,
    )?.bytes;
    if (blob === undefined || bytes === undefined) throw new Error(`no blob ${chunkBlob(ref)}`);
    const chunk = blob.chunks.at(chunkIndex(ref));
    const stored = bytes.subarray(chunk.compressedOffset, chunk.compressedOffset + chunk.compressedSize);
    hash.update(
      chunk.compressed ? await decompress(stored, blob.record.compressor, chunk.uncompressedSize) : stored,
    );
  }
  return hash.digest('hex');
}
