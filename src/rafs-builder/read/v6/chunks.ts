/**
 * The chunk table of a bootstrap, read in place: a chunk is found by blob and index without an object or a hash entry for
 * each, so that a table of a million chunks costs eight bytes a chunk beside the file.
 */
import { findInPieces, inPieces } from './hot-code.js';
import type { ChunkExtents } from '../../blob/chunk-extents.js';
import { CHUNK_NOTE, type ChunkNotes } from '../../model/sparse.js';
import {
  type ChunkNumbers,
  type ChunkRecord,
  DIGEST_SIZE,
  type PackedDigests,
  StridedDigests,
} from '../../model/tree.js';
import * as v6 from '../../layout/v6.js';
import { type BlobChunks, ChunkPlaces } from './places.js';

const TWO_32 = 2 ** 32;
const { COMPRESSED, HAS_CRC32 } = v6.chunkFlags.bits;
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

const NO_CHUNKS: BlobChunks = { indexes: new Uint32Array(0), positions: new Uint32Array(0) };

export class ChunkInfos {
  readonly length: number;
  /** The file. */
  readonly bytes: Buffer;
  /** By position. */
  readonly digests: PackedDigests;
  readonly #view: DataView;
  readonly #offset: number;
  /** By blob. */
  readonly #places: readonly ChunkPlaces[];

  /** `offset` and `length` must lie in the file. Throws FormatError for the first record that no reader can use. */
  constructor(buffer: Buffer, offset: number, length: number, blobs: readonly v6.BlobEntry[]) {
    this.length = length;
    this.bytes = buffer;
    this.digests = new StridedDigests(buffer, offset + DIGEST, v6.chunkInfo.size);
    this.#view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
    this.#offset = offset;
    const usable = this.#countUsable(blobs);
    this.#places = this.#placesOf(blobs, usable);
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
    return this.#places[blob]?.find(index);
  }

  /** The same by the first word of a chunk index entry. */
  findEntry(entry: number): number | undefined {
    return this.#places[entryBlob(entry)]?.find(entryIndex(entry));
  }

  /** The chunks of a blob: indexes, ascending, and positions. */
  ofBlob(blob: number): BlobChunks {
    return this.#places[blob]?.list() ?? NO_CHUNKS;
  }

  /** True: each chunk of the blob has this extent, and this digest where there are any. */
  agrees(blob: number, extents: ChunkExtents, digests: PackedDigests | undefined): boolean {
    const told = this.ofBlob(blob);
    const { length } = told.indexes;
    return findInPieces(length, (from, to) => this.#differing(told, extents, digests, from, to)) === length;
  }

  #differing(
    { indexes, positions }: BlobChunks,
    extents: ChunkExtents,
    digests: PackedDigests | undefined,
    from: number,
    to: number,
  ): number {
    const view = this.#view;
    const theirs = digests?.bytes;
    for (let k = from; k < to; k++) {
      const index = indexes[k] ?? 0;
      const place = this.placeOf(positions[k] ?? 0);
      if (
        extents.compressedOffset[index] !== this.#u64(place + COMPRESSED_OFFSET) ||
        extents.compressedSize[index] !== view.getUint32(place + COMPRESSED_SIZE, true) ||
        extents.uncompressedOffset[index] !== this.#u64(place + UNCOMPRESSED_OFFSET) ||
        extents.uncompressedSize[index] !== view.getUint32(place + UNCOMPRESSED_SIZE, true)
      ) {
        return k;
      }
      if (theirs === undefined || digests === undefined) continue;
      const at = digests.offset(index);
      for (let i = 0; i < DIGEST_SIZE; i++) {
        if (this.bytes[place + DIGEST + i] !== theirs[at + i]) return k;
      }
    }
    return to;
  }

  /** Notes what is told of the chunks of the blob, where nothing is noted. */
  note(blob: number, notes: ChunkNotes): void {
    const told = this.ofBlob(blob);
    inPieces(told.indexes.length, (from, to) => {
      this.#note(told, notes, from, to);
    });
  }

  #note({ indexes, positions }: BlobChunks, { flags, crc32 }: ChunkNotes, from: number, to: number): void {
    for (let k = from; k < to; k++) {
      const index = indexes[k] ?? 0;
      if (flags[index] !== 0) continue;
      const place = this.placeOf(positions[k] ?? 0);
      const stored = this.#view.getUint32(place + FLAGS, true);
      flags[index] =
        CHUNK_NOTE.told |
        ((stored & COMPRESSED) === 0 ? 0 : CHUNK_NOTE.compressed) |
        ((stored & HAS_CRC32) === 0 ? 0 : CHUNK_NOTE.crc32);
      crc32[index] = this.#view.getUint32(place + CRC32, true);
    }
  }

  /** How many records come before the first one that no reader can use. */
  #countUsable(blobs: readonly v6.BlobEntry[]): number {
    const counts = Uint32Array.from(blobs, ({ chunkCount }) => chunkCount);
    return findInPieces(this.length, (from, to) => this.#unusable(counts, from, to));
  }

  #unusable(counts: Uint32Array, from: number, to: number): number {
    const view = this.#view;
    for (let i = from; i < to; i++) {
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
    return to;
  }

  #fault(position: number, blobs: readonly v6.BlobEntry[]): Error {
    const info = this.at(position); // throws for what a double cannot hold
    const place = this.placeOf(position);
    const entry = blobs[info.blobIndex];
    return entry === undefined
      ? v6.chunkInfo.fault('blobIndex', place, `${info.blobIndex} of ${blobs.length} blobs`)
      : v6.chunkInfo.fault('index', place, `${info.index}, but the blob has ${entry.chunkCount} chunks`);
  }

  #placesOf(blobs: readonly v6.BlobEntry[], usable: number): readonly ChunkPlaces[] {
    const counts = new Uint32Array(blobs.length);
    inPieces(usable, (from, to) => {
      this.#count(counts, from, to);
    });
    const places = blobs.map(({ chunkCount }, blob) => new ChunkPlaces(counts[blob] ?? 0, chunkCount));
    inPieces(usable, (from, to) => {
      this.#place(places, from, to);
    });
    for (const ofBlob of places) ofBlob.close();
    return places;
  }

  #count(counts: Uint32Array, from: number, to: number): void {
    for (let i = from; i < to; i++) {
      const blob = this.blobOf(i);
      counts[blob] = (counts[blob] ?? 0) + 1;
    }
  }

  #place(places: readonly ChunkPlaces[], from: number, to: number): void {
    for (let i = from; i < to; i++) places[this.blobOf(i)]?.add(this.indexOf(i), i);
  }

  /** The first position in the table whose chunk stands at an earlier one, too. */
  #firstRepeated(): number | undefined {
    const repeated = this.#places
      .map((ofBlob) => ofBlob.repeated)
      .filter((position) => position !== undefined);
    return repeated.length === 0 ? undefined : Math.min(...repeated);
  }

  #u64(place: number): number {
    const high = this.#view.getUint32(place + 4, true);
    const low = this.#view.getUint32(place, true);
    return high === 0 ? low : low + high * TWO_32;
  }
}

/** Of the first word of a chunk index entry: bits 0–15 and 24–31 are the index of the chunk, those between the device. */
export function entryIndex(entry: number): number {
  return (entry & 0xffff) | ((entry >>> 24) << 16);
}
/** Devices are counted from 1. */
export function entryBlob(entry: number): number {
  return ((entry >>> 16) & 0xff) - 1;
}
