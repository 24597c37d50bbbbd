/** The records of a chunk table (`blob-meta.ts`) as columns: a blob may have a million chunks. */
import type { ChunkExtent } from './blob-meta.js';

/** By index of the chunk; bytes. */
export class ChunkExtents {
  readonly length: number;
  readonly compressedOffset: Float64Array;
  readonly compressedSize: Uint32Array;
  readonly uncompressedOffset: Float64Array;
  readonly uncompressedSize: Uint32Array;

  constructor(length: number, extentAt: (index: number) => ChunkExtent) {
    this.length = length;
    this.compressedOffset = new Float64Array(length);
    this.compressedSize = new Uint32Array(length);
    this.uncompressedOffset = new Float64Array(length);
    this.uncompressedSize = new Uint32Array(length);
    for (let index = 0; index < length; index++) {
      const extent = extentAt(index);
      this.compressedOffset[index] = extent.compressedOffset;
      this.compressedSize[index] = extent.compressedSize;
      this.uncompressedOffset[index] = extent.uncompressedOffset;
      this.uncompressedSize[index] = extent.uncompressedSize;
    }
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
