/** Chunks picked out of a blob for the verifier, which knows them by their position in a table. */
import { InternalError } from '../errors.js';
import { type ChunkRecord, type ChunkTable } from '../rafs-builder/tree.js';

/** A table of its own, whose positions stand for these numbers of the blob. */
export interface NumberedChunks {
  readonly indexes: readonly number[];
  readonly table: ChunkTable;
}

export const NO_CHUNKS: NumberedChunks = { indexes: [], table: tableOf([], () => undefined) };

/** Records are made when they are asked for, which is once, when the table is packed. */
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
