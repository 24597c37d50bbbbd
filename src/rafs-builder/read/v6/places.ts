/** Where the chunks of one blob stand in the chunk table of a bootstrap: at most eight bytes a chunk. */

/** A table position fits below this (2^31 bytes of file, 80 a record), a chunk index takes the 24 bits above. */
const POSITIONS = 2 ** 25;

/** Two columns. */
export interface BlobChunks {
  /** In the blob, ascending. */
  readonly indexes: Uint32Array;
  /** In the chunk table. */
  readonly positions: Uint32Array;
}

/** Is filled with `add`, then `close`. */
export class ChunkPlaces {
  readonly #count: number;
  /** Where most chunks of the blob are in the table: one more than the position, by index. Else empty. */
  readonly #slots: Uint32Array;
  /** Where few are, ascending: index × POSITIONS + position. Else empty. */
  readonly #keys: Float64Array;
  #filled = 0;

  /** `count` chunks of the `chunkCount` that the blob has. */
  constructor(count: number, chunkCount: number) {
    // A count is only claimed: memory goes by the records that are there.
    const most = chunkCount <= 2 * count;
    this.#count = count;
    this.#slots = new Uint32Array(most ? chunkCount : 0);
    this.#keys = new Float64Array(most ? 0 : count);
  }

  /** In ascending order of positions, with indexes below `chunkCount`. */
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

  /** Position of a chunk; undefined when it is not in the table. */
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
