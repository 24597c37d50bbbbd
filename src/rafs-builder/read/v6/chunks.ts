/**
 * Reads the chunk table of a bootstrap in place. A chunk is found by blob and index without an object or a hash entry
 * for each, so a table of a million chunks costs eight bytes a chunk beside the file.
 */
import { type ChunkNumbers, type ChunkRecord, DIGEST_SIZE } from '../../model/tree.js';
import * as v6 from '../../layout/v6.js';
import { type BlobChunks, ChunkPlaces } from './places.js';

const TWO_32 = 2 ** 32;

const {
  digest: DIGEST,
  blobIndex: BLOB,
  flags: FLAGS,
  compressedSize: COMPRESSED_SIZE,
  uncompressedSize: UNCOMPRESSED_SIZE,
  compressedOffset: COMPRESSED_OFFSET,
  uncompressedOffset: UNCOMPRESSED_OFFSET,
  index: INDEX,
  crc32: CRC32,
} = v6.chunkInfo.offset;

const NO_CHUNKS: BlobChunks = { indexes: new Uint32Array(0), positions: new Uint32Array(0) };

export class ChunkInfos {
  readonly length: number;
  /** The bytes of the file. */
  readonly bytes: Buffer;
  readonly #view: DataView;
  readonly #offset: number;
  /** Positions of chunks, by blob. */
  readonly #places: readonly ChunkPlaces[];

  /** `offset` and `length` must lie in the file. */
  constructor(buffer: Buffer, offset: number, length: number, blobs: readonly v6.BlobEntry[]) {
    this.length = length;
    this.bytes = buffer;
    this.#view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
    this.#offset = offset;
    this.#places = this.#placesOf(blobs);
  }

  /** Returns the offset of a record in the file. */
  #placeOf(position: number): number {
    return this.#offset + position * v6.chunkInfo.size;
  }

  at(position: number): v6.ChunkInfo {
    return v6.chunkInfo.read(this.bytes, this.#placeOf(position));
  }

  /** Returns a record in terms of the model; its digest is a view of the file. */
  record(position: number): ChunkRecord {
    const { bytes } = this;
    const place = this.digestPlace(position);
    return { digest: bytes.subarray(place, place + DIGEST_SIZE), ...this.recordNumbers(position) };
  }

  /** Returns a record without its digest, which saves the cost of a view. */
  recordNumbers(position: number): ChunkNumbers {
    const place = this.#placeOf(position);
    const flags = this.#view.getUint32(place + FLAGS, true);
    return {
      crc32: v6.chunkFlags.has(flags, 'HAS_CRC32') ? this.#view.getUint32(place + CRC32, true) : undefined,
      compressed: v6.chunkFlags.has(flags, 'COMPRESSED'),
      compressedOffset: this.#u64(place + COMPRESSED_OFFSET),
      compressedSize: this.#view.getUint32(place + COMPRESSED_SIZE, true),
      uncompressedOffset: this.#u64(place + UNCOMPRESSED_OFFSET),
      uncompressedSize: this.uncompressedSize(position),
    };
  }

  /** Returns the offset of a record's digest in `bytes`. */
  digestPlace(position: number): number {
    return this.#placeOf(position) + DIGEST;
  }

  #blobOf(position: number): number {
    return this.#view.getUint32(this.#placeOf(position) + BLOB, true);
  }
  #indexOf(position: number): number {
    return this.#view.getUint32(this.#placeOf(position) + INDEX, true);
  }
  uncompressedSize(position: number): number {
    return this.#view.getUint32(this.#placeOf(position) + UNCOMPRESSED_SIZE, true);
  }
  uncompressedOffset(position: number): number {
    return this.#u64(this.#placeOf(position) + UNCOMPRESSED_OFFSET);
  }

  /** Returns the position of a chunk in the table; undefined when the chunk or the blob is not there. */
  find(blob: number, index: number): number | undefined {
    return this.#places[blob]?.find(index);
  }

  /** Returns the chunks of a blob: indexes, ascending, and positions. */
  ofBlob(blob: number): BlobChunks {
    return this.#places[blob]?.list() ?? NO_CHUNKS;
  }

  #placesOf(blobs: readonly v6.BlobEntry[]): readonly ChunkPlaces[] {
    const counts = new Uint32Array(blobs.length);
    for (let i = 0; i < this.length; i++) {
      const blob = this.#blobOf(i);
      counts[blob] = (counts[blob] ?? 0) + 1;
    }
    const places = blobs.map(({ chunkCount }, blob) => new ChunkPlaces(counts[blob] ?? 0, chunkCount));
    for (let i = 0; i < this.length; i++) places[this.#blobOf(i)]?.add(this.#indexOf(i), i);
    for (const ofBlob of places) ofBlob.close();
    return places;
  }

  #u64(place: number): number {
    const high = this.#view.getUint32(place + 4, true);
    const low = this.#view.getUint32(place, true);
    return high === 0 ? low : low + high * TWO_32;
  }
}
