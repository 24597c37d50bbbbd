/** A bootstrap knows only the chunks of a blob that its files use, so its chunk tables have gaps. */
import type { ChunkExtents } from '../blob/chunk-extents.js';
import type { Blob, Bootstrap, ChunkTable, PackedDigests } from './tree.js';

/** A table with gaps. */
export interface SparseChunkTable extends ChunkTable {
  has(index: number): boolean;
  /** The indexes of the chunks that are present, in no particular order. */
  indexes(): Iterable<number>;
  /**
   * True if each present chunk has this extent and, where there are digests, this digest. Tables implement this and
   * `note` if they can do so for all chunks without an object for each.
   */
  agrees?(extents: ChunkExtents, digests: PackedDigests | undefined): boolean;
  /** Notes each present chunk, unless it is noted already or the columns end before it. */
  note?(to: ChunkNotes): void;
}

/** The facts about chunks that only bootstraps have, by index. */
export interface ChunkNotes {
  /** Bits of CHUNK_NOTE; 0 for a chunk that no bootstrap mentions. */
  readonly flags: Uint8Array;
  readonly crc32: Uint32Array;
}

export const CHUNK_NOTE = { told: 1, compressed: 2, crc32: 4 } as const;

export interface SparseBootstrap extends Bootstrap {
  readonly blobs: readonly (Blob & { readonly chunks: SparseChunkTable })[];
}
