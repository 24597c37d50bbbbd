/** Whether the chunks of a file follow one another in one blob. */
import {
  chunkBlob,
  chunkIndex,
  type ChunkRef,
  type ChunkTable,
  uncompressedOffset,
} from '../../src/rafs-builder/model/tree.js';

/** The chunks of blobs, by the number in a ChunkRef. */
export type ChunkTables = readonly (ChunkTable | undefined)[];

/** True when the chunks lie in one blob, one behind the other without a gap. */
export function contiguous(chunks: readonly ChunkRef[], chunkSize: number, tables: ChunkTables): boolean {
  const [first] = chunks;
  if (first === undefined) return false;
  const blob = chunkBlob(first);
  const table = tables[blob];
  if (table === undefined) return false;
  const start = uncompressedOffset(table, chunkIndex(first));
  return chunks.every(
    (ref, k) =>
      chunkBlob(ref) === blob && uncompressedOffset(table, chunkIndex(ref)) === start + k * chunkSize,
  );
}
