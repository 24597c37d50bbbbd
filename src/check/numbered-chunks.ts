/** The verifier knows chunks by their position in a table; this module makes such tables from some chunks of a blob. */
import { InternalError } from '../errors.js';
import { CHUNK_NOTE, type ChunkNotes, type SparseChunkTable } from '../rafs-builder/model/sparse.js';
import { chunkNumbers, type ChunkRecord, type ChunkTable } from '../rafs-builder/model/tree.js';

/** A table of chunks, and for each position the chunk's number in the blob. */
export interface NumberedChunks {
  readonly indexes: readonly number[];
  readonly table: ChunkTable;
}

export const NO_CHUNKS: NumberedChunks = { indexes: [], table: tableOf([], () => undefined) };

/** `recordOf` is called once for each chunk, when the table is packed. */
export function tableOf(
  indexes: readonly number[],
  recordOf: (index: number) => ChunkRecord | undefined,
): ChunkTable {
  return {
    length: indexes.length,
    at: (position) => {
      const record = recordOf(indexes[position] ?? -1);
      if (record === undefined) throw new InternalError(`there is no chunk ${position} to verify`);
      return record;
    },
  };
}

/** Copies digests and checksums of a bootstrap's chunks to `notes`, where `notes` has none yet. */
export function noteChunks(chunks: SparseChunkTable, notes: ChunkNotes): void {
  if (chunks.note !== undefined) {
    chunks.note(notes);
    return;
  }
  for (const index of chunks.indexes()) {
    if (notes.flags[index] !== 0) continue;
    const { compressed, crc32 } = chunkNumbers(chunks, index);
    notes.flags[index] =
      CHUNK_NOTE.told |
      (compressed ? CHUNK_NOTE.compressed : 0) |
      (crc32 === undefined ? 0 : CHUNK_NOTE.crc32);
    notes.crc32[index] = crc32 ?? 0;
  }
}
