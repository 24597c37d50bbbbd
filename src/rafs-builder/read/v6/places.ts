/** Maps the chunks of one blob to their positions in a bootstrap's chunk table, with at most eight bytes a chunk. */

/**
 * A position in the table is below this (2^31 bytes of file, 80 a record), and the chunk's index takes the 24 bits
 * above.
 */
const POSITIONS = 2 ** 25;

/** Indexes and positions of chunks, as two columns. */
export interface BlobChunks {
  /** Indexes in the blob, ascending. */
  readonly indexes: Uint32Array;
  /** Positions in the chunk table. */
  readonly positions: Uint32Array;
}

/** The caller fills it with `add`, then calls `close`. */
export class ChunkPlaces {
  readonly #count: number;
  /** Used if the table has most chunks of the blob: the position plus one, by index. Otherwise empty. */
  readonly #slots: Uint32Array;
  /** Used if the table has few of them: index × POSITIONS + position, ascending. Otherwise empty. */
  readonly #keys: Float64Array;
  #filled = 0;

  /** `count` is the number of chunks in the table, `chunkCount` that of the blob. */
  constructor(count: number, chunkCount: number) {
    // `chunkCount` is only a claim, so memory is allocated by the number of records.
    const most = chunkCount <= 2 * count;
    this.#count = count;
    this.#slots = new Uint32Array(most ? chunkCount : 0);
    this.#keys = new Float64Array(most ? 0 : count);
  }

  /** Positions must ascend, and indexes must be below `chunkCount`. */
  add(index: number, position: number): void {
    if (this.#slots.length === 0) {
      this.#keys[this.#filled++] = index * POSITIONS + position;
      return;
    }
    this.#slots[index] = position + 1;
  }

  close(): void {
    this.#keys.sort();
  }

  /** Returns the position of a chunk; undefined when it is not in the table. */
  find(index: number): number | undefined {
    if (index < this.#slots.length) {
      const slot = this.#slots[index] ?? 0;
      return slot === 0 ? undefined : slot - 1;
    }
    const keys = this.#keys;
    const wanted = index * POSITIONS;
    let low = 0;
    let high = keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((keys[middle] ?? 0) < wanted) low = middle + 1;
      else high = middle;
    }
    return isOf(keys[low], wanted) ? (keys[low] ?? 0) - wanted : undefined;
  }

  list(): BlobChunks {
    const indexes = new Uint32Array(this.#count);
    const positions = new Uint32Array(this.#count);
    let k = 0;
    for (let index = 0; index < this.#slots.length; index++) {
      const slot = this.#slots[index] ?? 0;
      if (slot === 0) continue;
      indexes[k] = index;
      positions[k++] = slot - 1;
    }
    for (const key of this.#keys) {
      indexes[k] = Math.floor(key / POSITIONS);
      positions[k++] = key % POSITIONS;
    }
    return { indexes, positions };
  }
}

function isOf(key: number | undefined, wanted: number): boolean {
  return key !== undefined && key >= wanted && key < wanted + POSITIONS;
}
