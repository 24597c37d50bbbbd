/** Chunks of many images under one numbering, so that sets of them are cheap. */
import { chunkNumbers, DIGEST_SIZE, copyDigest } from '../rafs-builder/model/tree.js';
import type { SparseChunkTable } from '../rafs-builder/model/sparse.js';

/** Equal digests with equal sizes are one chunk. */
export class ChunkSpace {
  readonly #numbers = new Map<string, number>();
  readonly #stored: number[] = [];
  readonly #digest = Buffer.alloc(DIGEST_SIZE);

  /** The number of different chunks. */
  get size(): number {
    return this.#stored.length;
  }

  /** The number of the chunk at an index of a blob. */
  numberOf(table: SparseChunkTable, index: number): number {
    copyDigest(table, index, this.#digest, 0);
    const { uncompressedSize, compressedSize } = chunkNumbers(table, index);
    const key = `${this.#digest.toString('latin1')}${uncompressedSize}`;
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const number = this.#stored.length;
    this.#numbers.set(key, number);
    this.#stored.push(compressedSize);
    return number;
  }

  /** Stored bytes of a chunk, where it was found first. */
  stored(chunk: number): number {
    return this.#stored[chunk] ?? 0;
  }
}
