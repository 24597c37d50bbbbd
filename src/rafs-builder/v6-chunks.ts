/**
 * The chunk table of a bootstrap, read in place: a chunk is found by blob and index without an object or a hash entry for
 * each, so that a table of a million chunks costs eight bytes a chunk beside the file.
 */
import { type ChunkNumbers, type ChunkRecord, DIGEST_SIZE } from './tree.js';
import * as v6 from './v6.js';

/** A table position fits below this (2^31 bytes of file, 80 a record), a chunk index takes the 24 bits above. */
const POSITIONS = 2 ** 25;
const TWO_32 = 2 ** 32;
/** High words of 64-bit values that a double holds exactly. */
const MAX_HIGH = 0x1f_ffff;

const {
  digest: DIGEST,
  blobIndex: BLOB,
  flags: FLAGS,
  compressedSize: COMPRESSED_SIZE,
  uncompressedSize: UNCOMPRESSED_SIZE,
  compressedOffset: COMPRESSED_OFFSET,
  uncompressedOffset: UNCOMPRESSED_OFFSET,
  fileOffset: FILE_OFFSET,
  index: INDEX,
  crc32: CRC32,
} = v6.chunkInfo.offset;

export class ChunkInfos {
  readonly length: number;
  /** The file. */
  readonly bytes: Buffer;
  readonly #view: DataView;
  readonly #offset: number;
  /** A list a blob, ascending: index × POSITIONS + position. */
  readonly #keys: readonly Float64Array[];

  /** `offset` and `length` must lie in the file. Throws FormatError for the first record that no reader can use. */
  constructor(buffer: Buffer, offset: number, length: number, blobs: readonly v6.BlobEntry[]) {
    this.length = length;
    this.bytes = buffer;
    this.#view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
    this.#offset = offset;
    const usable = this.#countUsable(blobs);
    this.#keys = this.#sortedKeys(blobs.length, usable);
    const twice = this.#firstRepeated();
    if (twice !== undefined) {
      const { index, blobIndex } = this.at(twice);
      throw v6.chunkInfo.fault(
        'index',
        this.placeOf(twice),
        `chunk ${index} of blob ${blobIndex} is listed twice`,
      );
    }
    if (usable < length) throw this.#fault(usable, blobs);
  }

  /** Where a record stands in the file. */
  placeOf(position: number): number {
    return this.#offset + position * v6.chunkInfo.size;
  }

  at(position: number): v6.ChunkInfo {
    return v6.chunkInfo.read(this.bytes, this.placeOf(position));
  }

  /** The same in the terms of the model; its digest is a view of the file. */
  record(position: number): ChunkRecord {
    const { bytes } = this;
    const place = this.digestPlace(position);
    return { digest: bytes.subarray(place, place + DIGEST_SIZE), ...this.recordNumbers(position) };
  }

  /** A record without its digest, and without the cost of a view of it. */
  recordNumbers(position: number): ChunkNumbers {
    const place = this.placeOf(position);
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

  /** Where the digest of a record starts in `bytes`. */
  digestPlace(position: number): number {
    return this.placeOf(position) + DIGEST;
  }

  /** As stored, without the digest. */
  numbers(position: number): Omit<v6.ChunkInfo, 'digest'> {
    const place = this.placeOf(position);
    const view = this.#view;
    return {
      blobIndex: view.getUint32(place + BLOB, true),
      flags: view.getUint32(place + FLAGS, true),
      compressedSize: view.getUint32(place + COMPRESSED_SIZE, true),
      uncompressedSize: view.getUint32(place + UNCOMPRESSED_SIZE, true),
      compressedOffset: this.#u64(place + COMPRESSED_OFFSET),
      uncompressedOffset: this.#u64(place + UNCOMPRESSED_OFFSET),
      fileOffset: this.#u64(place + FILE_OFFSET),
      index: view.getUint32(place + INDEX, true),
      crc32: view.getUint32(place + CRC32, true),
    };
  }

  /** Negative when record `a` sorts before record `b`: by digest, then blob, then index. */
  compare(a: number, b: number): number {
    for (let i = 0; i < DIGEST_SIZE; i += 4) {
      const left = this.#view.getUint32(this.placeOf(a) + DIGEST + i);
      const right = this.#view.getUint32(this.placeOf(b) + DIGEST + i);
      if (left !== right) return left - right;
    }
    return this.blobOf(a) - this.blobOf(b) || this.indexOf(a) - this.indexOf(b);
  }

  blobOf(position: number): number {
    return this.#view.getUint32(this.placeOf(position) + BLOB, true);
  }
  indexOf(position: number): number {
    return this.#view.getUint32(this.placeOf(position) + INDEX, true);
  }
  uncompressedSize(position: number): number {
    return this.#view.getUint32(this.placeOf(position) + UNCOMPRESSED_SIZE, true);
  }
  uncompressedOffset(position: number): number {
    return this.#u64(this.placeOf(position) + UNCOMPRESSED_OFFSET);
  }

  /** Position of a chunk in the table; undefined when it is not there, or there is no such blob. */
  find(blob: number, index: number): number | undefined {
    const keys = this.#keys[blob];
    if (keys === undefined) return undefined;
    const wanted = index * POSITIONS;
    // Mostly every chunk of a blob is there, and stands where its index says.
    let low = 0;
    let high = keys.length;
    if (index < high && isOf(keys[index], wanted)) return (keys[index] ?? 0) - wanted;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((keys[middle] ?? 0) < wanted) low = middle + 1;
      else high = middle;
    }
    return isOf(keys[low], wanted) ? (keys[low] ?? 0) - wanted : undefined;
  }

  /** Indexes of the chunks of a blob, ascending. */
  *indexes(blob: number): Generator<number> {
    for (const key of this.#keys[blob] ?? []) yield Math.floor(key / POSITIONS);
  }

  /** How many records come before the first one that no reader can use. */
  #countUsable(blobs: readonly v6.BlobEntry[]): number {
    const view = this.#view;
    const counts = blobs.map(({ chunkCount }) => chunkCount);
    for (let i = 0; i < this.length; i++) {
      const place = this.placeOf(i);
      const count = counts[view.getUint32(place + BLOB, true)];
      if (
        count === undefined ||
        view.getUint32(place + INDEX, true) >= count ||
        view.getUint32(place + COMPRESSED_OFFSET + 4, true) > MAX_HIGH ||
        view.getUint32(place + UNCOMPRESSED_OFFSET + 4, true) > MAX_HIGH ||
        view.getUint32(place + FILE_OFFSET + 4, true) > MAX_HIGH
      ) {
        return i;
      }
    }
    return this.length;
  }

  #fault(position: number, blobs: readonly v6.BlobEntry[]): Error {
    const info = this.at(position); // throws for what a double cannot hold
    const place = this.placeOf(position);
    const entry = blobs[info.blobIndex];
    return entry === undefined
      ? v6.chunkInfo.fault('blobIndex', place, `${info.blobIndex} of ${blobs.length} blobs`)
      : v6.chunkInfo.fault('index', place, `${info.index}, but the blob has ${entry.chunkCount} chunks`);
  }

  #sortedKeys(blobs: number, usable: number): Float64Array[] {
    const counts = new Uint32Array(blobs);
    for (let i = 0; i < usable; i++) {
      const blob = this.blobOf(i);
      counts[blob] = (counts[blob] ?? 0) + 1;
    }
    const keys = Array.from(counts, (count) => new Float64Array(count));
    counts.fill(0);
    for (let i = 0; i < usable; i++) {
      const blob = this.blobOf(i);
      const filled = counts[blob] ?? 0;
      counts[blob] = filled + 1;
      const ofBlob = keys[blob];
      if (ofBlob !== undefined) ofBlob[filled] = this.indexOf(i) * POSITIONS + i;
    }
    for (const ofBlob of keys) ofBlob.sort();
    return keys;
  }

  /** The first position in the table whose chunk stands at an earlier one, too. */
  #firstRepeated(): number | undefined {
    let found: number | undefined;
    for (const keys of this.#keys) {
      for (let k = 1; k < keys.length; k++) {
        const wanted = Math.floor((keys[k - 1] ?? 0) / POSITIONS) * POSITIONS;
        if (!isOf(keys[k], wanted)) continue;
        const position = (keys[k] ?? 0) - wanted;
        if (found === undefined || position < found) found = position;
      }
    }
    return found;
  }

  #u64(place: number): number {
    return this.#view.getUint32(place, true) + this.#view.getUint32(place + 4, true) * TWO_32;
  }
}

function isOf(key: number | undefined, wanted: number): boolean {
  return key !== undefined && key >= wanted && key < wanted + POSITIONS;
}
