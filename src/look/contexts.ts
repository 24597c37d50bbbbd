/**
 * Where chunks lie that stay in a gzip layer. The bootstrap says it only roughly; the RAFS blob has the contexts from which the layer
 * is inflated, and is asked when the first file is read.
 */
import { FormatError } from '../errors.js';
import type { Image } from '../image/image.js';
import type { Descriptor } from '../oci/descriptor.js';
import { blobMetaHeader, chunkMetaV2, zranContext } from '../rafs-builder/layout/blob.js';
import type { BlobRecord } from '../rafs-builder/model/tree.js';
import type { CallOptions } from '../reporter.js';
import { fetchTable } from './batches.js';

/** A stretch of a gzip layer, and the place of a chunk in what it inflates to. */
export interface ChunkContext {
  readonly number: number;
  /** Offset in the layer. */
  readonly start: number;
  /** Bytes in the layer. */
  readonly stored: number;
  /** Bytes that they inflate to. */
  readonly size: number;
  /** Offset of the chunk in these. */
  readonly offset: number;
  /** The byte before the first one, and how many of its bits are pending. */
  readonly byte: number;
  readonly bits: number;
  readonly dictionary: Buffer;
}

const MAX_DICTIONARY = 32 * 1024;
/** The most bytes that clients inflate at once. */
const MAX_OUTPUT = 16 * 1024 * 1024;
/** The most bytes that are fetched for one context: what inflates to 16 MiB takes no more, unless it is made to. */
const MAX_INPUT = 32 * 1024 * 1024;

/** The contexts of one blob. */
export class LayerContexts {
  readonly #table: Buffer;
  readonly #chunks: number;
  /** The number of contexts. */
  readonly #count: number;

  private constructor(table: Buffer, chunks: number, count: number) {
    this.#table = table;
    this.#chunks = chunks;
    this.#count = count;
  }

  /** `blob` is the RAFS blob. */
  static async fetch(
    image: Image,
    blob: Descriptor,
    record: BlobRecord,
    call: CallOptions,
  ): Promise<LayerContexts> {
    // There are no more contexts than chunks.
    const most = zranContext.size + MAX_DICTIONARY;
    const { content, header } = await fetchTable(image, blob, record, most, call);
    const { tableCount } = blobMetaHeader.read(header, 0);
    return new LayerContexts(content, record.chunkCount, tableCount);
  }

  /** Throws FormatError for a chunk of `length` bytes that no client can read. */
  at(index: number, length: number): ChunkContext {
    if (index >= this.#chunks) throw new FormatError(`chunk ${index} is not in its blob`);
    const { dataHigh: number, dataLow: offset } = chunkMetaV2.read(this.#table, index * chunkMetaV2.size);
    const base = this.#chunks * chunkMetaV2.size + number * zranContext.size;
    if (number >= this.#count || base + zranContext.size > this.#table.length)
      throw new FormatError(`chunk ${index} is in context ${number}, which is not there`);
    const context = zranContext.read(this.#table, base);
    const { inOffset: start, inSize: stored, outSize: size, pendingByte: byte, pendingBits: bits } = context;
    if (size > MAX_OUTPUT || stored > MAX_INPUT || offset + length > size)
      throw new FormatError(
        `chunk ${index} of ${length} bytes lies at ${offset} in a context of ${size} bytes, inflated from ${stored}`,
      );
    return { number, start, stored, size, offset, byte, bits, dictionary: this.#dictionary(number, context) };
  }

  #dictionary(
    number: number,
    { dictionaryOffset: offset, dictionarySize: size }: ReturnType<typeof zranContext.read>,
  ): Buffer {
    const start = this.#chunks * chunkMetaV2.size + this.#count * zranContext.size + offset;
    if (size > MAX_DICTIONARY || start + size > this.#table.length)
      throw new FormatError(
        `context ${number} has a dictionary of ${size} bytes at ${offset}, which is not there`,
      );
    return this.#table.subarray(start, start + size);
  }
}
