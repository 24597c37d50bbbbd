/**
 * Whether the structures of a bootstrap lie side by side: none over another, only zeroes between them and in what is
 * reserved. It tells yes or no, in one pass over numbers; where the answer is no, the rules over regions tell what is wrong.
 */
import { roundUp } from './layout.js';
import * as v6 from './v6.js';
import { DIRECTORY, FILE, type InodeColumns, SYMLINK } from './v6-inodes.js';
import { type V6Image } from './v6-read.js';
import { isXattrPaddingZero } from './v6-xattrs.js';

const INODE_RESERVED = v6.inodeExtended.offset.reserved;
const INODE_RESERVED2 = v6.inodeExtended.offset.reserved2;
const DIRENT_RESERVED = v6.dirent.offset.reserved;

/** True only when the rules over regions would find nothing in the tree of this image; tables are theirs to look at. */
export function isCovered(image: V6Image): boolean {
  const { tables, columns, bytes } = image;
  const { extended } = tables;
  const extents = new Extents();
  extents.add(v6.SUPER_OFFSET, v6.superBlock.size);
  extents.add(v6.EXTENDED_SUPER_OFFSET, v6.extendedSuperBlock.size);
  extents.add(v6.DEVICE_TABLE_OFFSET, v6.deviceSlot.size * tables.devices.length);
  extents.add(extended.blobTableOffset, v6.blobEntry.size * tables.blobs.length);
  extents.add(extended.prefetchTableOffset, v6.prefetchEntry.size * tables.prefetch.length);
  extents.add(extended.chunkTableOffset, v6.chunkInfo.size * tables.chunkCount);
  for (let i = 0; i < columns.count; i++) addInode(extents, columns, columns.nidAt(i));
  const end = extents.endWhenApart(bytes);
  if (end === undefined || bytes.length > roundUp(Math.max(end, extended.chunkTableOffset), v6.BLOCK_SIZE)) {
    return false;
  }
  return areTablesClean(image) && isTreeClean(image);
}

/** An inode, its xattrs, and its chunk entries or data. */
function addInode(extents: Extents, columns: InodeColumns, nid: number): void {
  const offset = columns.offsetOf(nid);
  const body = columns.bodyOffset(nid);
  extents.add(offset, body - offset);
  const kind = columns.kindOf(nid);
  if (kind === FILE) {
    extents.add(columns.chunkEntries(nid), columns.chunkCount(nid) * v6.chunkIndexEntry.size);
  } else if (kind === SYMLINK) {
    const tail = columns.tailSize(nid);
    extents.add(columns.union(nid) * v6.BLOCK_SIZE, columns.sizeOf(nid) - tail);
    extents.add(body, tail);
  } else if (kind === DIRECTORY) {
    addBlocks(extents, columns, nid);
  }
}

/** Directory blocks, each as far as it is used: its entries, then their names. */
function addBlocks(extents: Extents, columns: InodeColumns, nid: number): void {
  const tail = columns.tailSize(nid);
  const start = columns.union(nid) * v6.BLOCK_SIZE;
  const end = start + columns.sizeOf(nid) - tail;
  let row = columns.rowsFrom(nid);
  for (let block = start; block < end; block += v6.BLOCK_SIZE) {
    row = addBlock(extents, columns, { nid, row, block, size: Math.min(v6.BLOCK_SIZE, end - block) });
  }
  if (tail > 0) addBlock(extents, columns, { nid, row, block: columns.bodyOffset(nid), size: tail });
}

interface DirectoryBlock {
  readonly nid: number;
  /** Its first one. */
  readonly row: number;
  readonly block: number;
  readonly size: number;
}

/** The first row behind the block. */
function addBlock(
  extents: Extents,
  columns: InodeColumns,
  { nid, row, block, size }: DirectoryBlock,
): number {
  let next = row;
  while (next < columns.rowsTo(nid) && isWithin(columns.rowOffset(next), block, size)) next += 1;
  if (next === row) return row;
  extents.add(block, columns.rowNameStart(next - 1) + columns.rowNameLength(next - 1) - block);
  return next;
}

function isWithin(offset: number, start: number, size: number): boolean {
  return offset >= start && offset < start + size;
}

function areTablesClean({ bytes, tables }: V6Image): boolean {
  const { extended } = tables;
  if (v6.superBlock.dirty(bytes, v6.SUPER_OFFSET) !== undefined) return false;
  if (v6.extendedSuperBlock.dirty(bytes, v6.EXTENDED_SUPER_OFFSET) !== undefined) return false;
  return tables.devices.every(
    (_, i) =>
      v6.deviceSlot.dirty(bytes, v6.DEVICE_TABLE_OFFSET + i * v6.deviceSlot.size) === undefined &&
      v6.blobEntry.dirty(bytes, extended.blobTableOffset + i * v6.blobEntry.size) === undefined,
  );
}

function isTreeClean({ bytes, columns }: V6Image): boolean {
  for (let i = 0; i < columns.count; i++) {
    const nid = columns.nidAt(i);
    const offset = columns.offsetOf(nid);
    if (columns.isCompact(nid)) {
      if (v6.inodeCompact.dirty(bytes, offset) !== undefined) return false;
    } else if (
      !isZero(bytes, offset + INODE_RESERVED, offset + INODE_RESERVED + 2) ||
      !isZero(bytes, offset + INODE_RESERVED2, offset + v6.inodeExtended.size)
    ) {
      return false;
    }
    if (columns.xattrSize(nid) > 0) {
      const xattrs = offset + columns.inodeSize(nid);
      if (v6.xattrHeader.dirty(bytes, xattrs) !== undefined) return false;
      if (!isXattrPaddingZero(bytes, xattrs, columns.bodyOffset(nid))) return false;
    }
    for (let row = columns.rowsFrom(nid); row < columns.rowsTo(nid); row++) {
      if (bytes[columns.rowOffset(row) + DIRENT_RESERVED] !== 0) return false;
    }
  }
  return true;
}

function isZero(bytes: Buffer, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (bytes[i] !== 0) return false;
  return true;
}

/** A file has less than 2^31 bytes, and extents, which have to lie apart, at least 4 each: both fit one double. */
const EXTENT_LIMIT = 2 ** 21;

class Extents {
  #starts = new Float64Array(1024);
  #sizes = new Float64Array(1024);
  #count = 0;

  add(offset: number, size: number): void {
    if (size <= 0) return;
    if (this.#count === this.#starts.length) this.#grow();
    this.#starts[this.#count] = offset;
    this.#sizes[this.#count++] = size;
  }

  /** Where the last one ends, when no two share a byte and all bytes that belong to none are zero. */
  endWhenApart(bytes: Buffer): number | undefined {
    const order = this.#order();
    let end = 0;
    for (const i of order) {
      const start = this.#starts[i] ?? 0;
      if (start < end || !isZero(bytes, end, start)) return undefined;
      end = start + (this.#sizes[i] ?? 0);
    }
    return isZero(bytes, end, bytes.length) ? end : undefined;
  }

  /** Numbers of extents by start. Doubles sort without a function to compare them. */
  #order(): Iterable<number> {
    const starts = this.#starts;
    const numbers = Uint32Array.from({ length: this.#count }, (_, i) => i);
    if (this.#count > EXTENT_LIMIT) return numbers.sort((a, b) => (starts[a] ?? 0) - (starts[b] ?? 0));
    const keys = Float64Array.from(numbers, (i) => (starts[i] ?? 0) * EXTENT_LIMIT + i).sort();
    return Uint32Array.from(keys, (key) => key % EXTENT_LIMIT);
  }

  #grow(): void {
    const starts = new Float64Array(this.#count * 2);
    starts.set(this.#starts);
    this.#starts = starts;
    const sizes = new Float64Array(this.#count * 2);
    sizes.set(this.#sizes);
    this.#sizes = sizes;
  }
}
