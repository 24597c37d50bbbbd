/** Holds the records of a chunk table (`meta.ts`) as columns, because a blob may have a million chunks. */
import type { ChunkExtent } from './meta.js';

/** Places and sizes of chunks in bytes, by the chunk's index. */
export class ChunkExtents {
  readonly length: number;
  readonly compressedOffset: Float64Array;
  readonly compressedSize: Uint32Array;
  readonly uncompressedOffset: Float64Array;
  readonly uncompressedSize: Uint32Array;

  /** Allocates the columns; the caller fills them. */
  constructor(length: number) {
    this.length = length;
    this.compressedOffset = new Float64Array(length);
    this.compressedSize = new Uint32Array(length);
    this.uncompressedOffset = new Float64Array(length);
    this.uncompressedSize = new Uint32Array(length);
  }

  /** Undefined when there is no such chunk. */
  at(index: number): ChunkExtent | undefined {
    const compressedOffset = this.compressedOffset[index];
    const compressedSize = this.compressedSize[index];
    const uncompressedOffset = this.uncompressedOffset[index];
    const uncompressedSize = this.uncompressedSize[index];
    if (
      compressedOffset === undefined ||
      compressedSize === undefined ||
      uncompressedOffset === undefined ||
      uncompressedSize === undefined
    ) {
      return undefined;
    }
    return { compressedOffset, compressedSize, uncompressedOffset, uncompressedSize };
  }
}
