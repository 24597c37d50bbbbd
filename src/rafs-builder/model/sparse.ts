/** Blobs of a bootstrap that was read: it tells only those chunks that its files use. */
import type { ChunkExtents } from '../blob/chunk-extents.js';
import type { Blob, Bootstrap, ChunkTable, PackedDigests } from './tree.js';

/** A table with gaps. */
export interface SparseChunkTable extends ChunkTable {
  has(index: number): boolean;
  /** Those that are there, in no particular order. */
  indexes(): Iterable<number>;
  /**
   * The rest is for tables that can tell it of all chunks without an object for each.
   * True: each chunk that is there has this extent, and this digest where there are any.
   */
  agrees?(extents: ChunkExtents, digests: PackedDigests | undefined): boolean;
  /** Notes each chunk that is there, unless it is noted already or the columns end before it. */
  note?(to: ChunkNotes): void;
}

/** What bootstraps alone tell of chunks, by index. */
export interface ChunkNotes {
  /** Bits of CHUNK_NOTE; 0 for a chunk that none tells of. */
  readonly flags: Uint8Array;
  readonly crc32: Uint32Array;
}

export const CHUNK_NOTE = { told: 1, compressed: 2, crc32: 4 } as const;

export interface SparseBootstrap extends Bootstrap {
  readonly blobs: readonly (Blob & { readonly chunks: SparseChunkTable })[];
}
