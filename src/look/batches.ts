/**
 * Where the chunks of batches are. A bootstrap does not say; the blob's own chunk table does, which is fetched by range when an
 * image with batches is opened.
 */
import { FormatError } from '../errors.js';
import type { Image } from '../image/image.js';
import { collect } from '../io/streams.js';
import { decompress } from '../native/codec.js';
import { digestHex } from '../oci/digest.js';
import type { Descriptor } from '../oci/descriptor.js';
import { batchContext, blobMetaHeader, chunkMetaV2, chunkMetaV2Flags } from '../rafs-builder/layout/blob.js';
import { blobFeatures, MAX_CHUNK_SIZE } from '../rafs-builder/layout/v6.js';
import { MAX_TAIL } from '../rafs-builder/blob/end.js';
import type { SparseBootstrap, SparseChunkTable } from '../rafs-builder/model/sparse.js';
import type {
  BlobRecord,
  ChunkBatch,
  ChunkNumbers,
  ChunkRecord,
  PackedDigests,
} from '../rafs-builder/model/tree.js';
import type { CallOptions } from '../reporter.js';

/** Returns the bootstrap with the places of all chunks; blobs that are not in the manifest stay as they are. */
export async function withBatches(
  bootstrap: SparseBootstrap,
  image: Image,
  call: CallOptions,
): Promise<SparseBootstrap> {
  const isBatched = ({ record }: { readonly record: BlobRecord }): boolean =>
    blobFeatures.has(record.features, 'BATCH');
  if (!bootstrap.blobs.some(isBatched)) return bootstrap;
  const layers = new Map(image.manifest.value.layers.map((layer) => [digestHex(layer.digest), layer]));
  const blobs = [];
  for (const blob of bootstrap.blobs) {
    const layer = isBatched(blob) ? layers.get(blob.record.id) : undefined;
    if (layer === undefined) blobs.push(blob);
    else {
      // There are no more batches than chunks.
      const { content } = await fetchTable(image, layer, blob.record, batchContext.size, call);
      blobs.push({ record: blob.record, chunks: new BatchedChunks(blob.chunks, content, blob.record) });
    }
  }
  const { root, chunkSize, compressor, digester } = bootstrap;
  return { root, chunkSize, compressor, digester, blobs };
}

/** The records of a blob's chunks with what follows them, and the header behind these. */
export interface FetchedTable {
  readonly content: Buffer;
  readonly header: Buffer;
}

/** Fetches the table of a blob whose contexts take at most `most` bytes for each chunk. */
export async function fetchTable(
  { store }: Image,
  layer: Descriptor,
  record: BlobRecord,
  most: number,
  call: CallOptions,
): Promise<FetchedTable> {
  const {
    metaOffset: start,
    metaCompressedSize: stored,
    metaUncompressedSize: size,
    metaCompressor,
  } = record;
  const records = record.chunkCount * chunkMetaV2.size;
  const limit = Math.min(records + record.chunkCount * most, MAX_TAIL);
  const end = start + stored + blobMetaHeader.size;
  if (size < records || size > limit || stored > size || end > layer.size)
    throw new FormatError(
      `blob ${layer.digest}: a chunk table of ${size} bytes, stored in ${stored} at ${start}, for ${record.chunkCount} chunks`,
    );
  const what = `chunk table of blob ${layer.digest}`;
  const bytes = await collect(store.fetch(layer, { ...call, range: { start, end } }), end - start, what);
  if (bytes.length !== end - start)
    throw new FormatError(`${what}: ${bytes.length} of ${end - start} bytes came`);
  const kept = bytes.subarray(0, stored);
  return {
    content: metaCompressor === 'none' ? kept : await decompress(kept, metaCompressor, size),
    header: bytes.subarray(stored),
  };
}

const BATCH = chunkMetaV2Flags.bits.BATCH;

/** The chunks of a bootstrap, with the places that the blob's own table has. */
class BatchedChunks implements SparseChunkTable {
  readonly #chunks: SparseChunkTable;
  readonly #table: Buffer;
  readonly #contexts: number;
  readonly #count: number;

  constructor(chunks: SparseChunkTable, table: Buffer, { chunkCount }: BlobRecord) {
    this.#chunks = chunks;
    this.#table = table;
    this.#contexts = chunkCount * chunkMetaV2.size;
    this.#count = Math.floor((table.length - this.#contexts) / batchContext.size);
  }

  get length(): number {
    return this.#chunks.length;
  }

  get digests(): PackedDigests | undefined {
    return this.#chunks.digests;
  }

  indexes(): Iterable<number> {
    return this.#chunks.indexes();
  }

  at(index: number): ChunkRecord {
    const record = this.#chunks.at(index);
    return { ...record, ...this.#place(index, record) };
  }

  numbers(index: number): ChunkNumbers {
    const numbers = this.#chunks.numbers?.(index) ?? this.#chunks.at(index);
    return { ...numbers, ...this.#place(index, numbers) };
  }

  uncompressedOffset(index: number): number {
    return this.#chunks.uncompressedOffset?.(index) ?? this.#chunks.at(index).uncompressedOffset;
  }

  /** Nothing for a chunk that is in no batch. */
  #place(index: number, { uncompressedSize }: ChunkNumbers): Partial<ChunkNumbers> {
    const base = index * chunkMetaV2.size;
    if (base + chunkMetaV2.size > this.#contexts) throw new FormatError(`chunk ${index} is not in its blob`);
    const chunk = chunkMetaV2.read(this.#table, base);
    if (((chunk.uncompressedSizeAndFlags >>> 24) & BATCH) === 0) return {};
    const batch = this.#batch(index, chunk.dataHigh, chunk.dataLow, uncompressedSize);
    return {
      compressed: batch.stored !== batch.size,
      compressedOffset: (chunk.compressedHigh & 0xff) * 2 ** 32 + chunk.compressedLow,
      compressedSize: shareOf(batch, batch.offset + uncompressedSize) - shareOf(batch, batch.offset),
      batch,
    };
  }

  #batch(index: number, number: number, offset: number, length: number): ChunkBatch {
    if (number >= this.#count)
      throw new FormatError(`chunk ${index} is in batch ${number} of ${this.#count}`);
    const context = batchContext.read(this.#table, this.#contexts + number * batchContext.size);
    const { compressedSize: stored, uncompressedSize: size } = context;
    if (size > MAX_CHUNK_SIZE || stored > size || stored === 0 || offset + length > size)
      throw new FormatError(
        `chunk ${index} of ${length} bytes lies at ${offset} in a batch of ${size}, stored in ${stored}`,
      );
    return { stored, size, offset };
  }
}

/** Stored bytes of the first `size` bytes of a batch, so that the shares of all chunks are the bytes of the batch. */
function shareOf(batch: ChunkBatch, size: number): number {
  return Math.floor((batch.stored * size) / batch.size);
}
