/** How the entries of a directory are spread over blocks: entries and their names together fill a block. */
import { BLOCK_SIZE, dirent } from '../../src/rafs-builder/layout/v6.js';

/** How many bytes the entries of names `from` to `to` take: all blocks but the last count in full. */
export function directorySize(names: readonly string[], from = 0, to = names.length): number {
  let size = 0;
  for (let i = from; i < to; i++) {
    const used = size % BLOCK_SIZE;
    const needed = dirent.size + (names[i] ?? '').length;
    size += used + needed > BLOCK_SIZE ? BLOCK_SIZE - used + needed : needed;
  }
  return size;
}

/** Rows `from` to `to`, as columns, and the first one that does not fit the block any more. */
export function blockEnd(names: readonly string[], from: number, to: number): number {
  let used = 0;
  for (let i = from; i < to; i++) {
    used += dirent.size + (names[i] ?? '').length;
    if (used > BLOCK_SIZE) return i;
  }
  return to;
}
