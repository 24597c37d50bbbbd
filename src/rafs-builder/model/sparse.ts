/** A bootstrap knows only the chunks of a blob that its files use, so its chunk tables have gaps. */
import type { Blob, Bootstrap, ChunkTable } from './tree.js';

/** A table with gaps. */
export interface SparseChunkTable extends ChunkTable {
  /** The indexes of the chunks that are present, in no particular order. */
  indexes(): Iterable<number>;
}

export interface SparseBootstrap extends Bootstrap {
  readonly blobs: readonly (Blob & { readonly chunks: SparseChunkTable })[];
}
