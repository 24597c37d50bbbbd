/** Blobs of a bootstrap that was read: it tells only those chunks that its files use. */
import { type Blob, type Bootstrap, type ChunkTable } from './tree.js';

/** A table with gaps. */
export interface SparseChunkTable extends ChunkTable {
  has(index: number): boolean;
  /** Those that are there, in no particular order. */
  indexes(): Iterable<number>;
}

export interface SparseBootstrap extends Bootstrap {
  readonly blobs: readonly (Blob & { readonly chunks: SparseChunkTable })[];
}
