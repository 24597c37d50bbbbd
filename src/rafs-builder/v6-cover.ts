/**
 * Whether the structures of a bootstrap lie side by side: none over another, only zeroes between them and in what is
 * reserved. It tells yes or no, in one pass over the file; where the answer is no, the rules over regions tell what is wrong.
 */
import { roundUp } from './layout.js';
import * as v6 from './v6.js';
import { DIRECTORY, FILE, type InodeColumns, NO_INODE, SYMLINK } from './v6-inodes.js';
import type { V6Image } from './v6-read.js';
import { isXattrPaddingZero } from './v6-xattrs.js';

const INODE_RESERVED = v6.inodeExtended.offset.reserved;
const INODE_RESERVED2 = v6.inodeExtended.offset.reserved2;
const DIRENT_RESERVED = v6.dirent.offset.reserved;

/** True only when the rules over regions would find nothing in the tree of this image; tables are theirs to look at. */
export function isCovered(image: V6Image): boolean {
  const { tables, columns, bytes } = image;
  if (!areTablesClean(image)) return false;
  const end = new Cover(image).end();
  if (end === undefined) return false;
  const reach = Math.max(end, tables.extended.chunkTableOffset);
  return bytes.length <= roundUp(reach, v6.BLOCK_SIZE) && isZero(columns.view, end, bytes.length);
}

/**
 * Goes over the file from its start. Inodes are in order by their nid, each with its xattrs and, directly behind, its chunk
 * entries or inline data; what lies elsewhere (tables, blocks of directories and symlinks) is little, and sorted before.
 */
class Cover {
  readonly #image: V6Image;
  readonly #columns: InodeColumns;
  readonly #elsewhere: readonly Extent[];
  /** Of `#elsewhere`, those that are covered. */
  #taken = 0;
  /** Where the last structure ends. */
  #end = 0;

  constructor(image: V6Image) {
    this.#image = image;
    this.#columns = image.columns;
    this.#elsewhere = extentsElsewhere(image);
  }

  /** Undefined when two structures share a byte, or a byte that should be zero is not. */
  end(): number | undefined {
    const { metaOffset, kinds } = this.#columns;
    for (let nid = 0; nid < kinds.length; nid++) {
      const kind = kinds[nid] ?? NO_INODE;
      if (kind === NO_INODE) continue;
      const offset = metaOffset + nid * v6.SLOT_SIZE;
      if (!this.#takeBefore(offset) || !this.#take(offset, this.#columns.bodyOffset(nid))) return undefined;
      if (!this.#takeBody(nid, kind) || !isInodeClean(this.#image, nid, offset)) return undefined;
    }
    return this.#takeBefore(Infinity) ? this.#end : undefined;
  }

  #take(start: number, end: number): boolean {
    if (start < this.#end || !isZero(this.#columns.view, this.#end, start)) return false;
    this.#end = end;
    return true;
  }

  /** What lies elsewhere, as far as it starts before `offset`. */
  #takeBefore(offset: number): boolean {
    for (;;) {
      const next = this.#elsewhere[this.#taken];
      if (next === undefined || next.start >= offset) return true;
      if (!this.#take(next.start, next.end)) return false;
      this.#taken += 1;
    }
  }

  /** Chunk entries, or inline data. */
  #takeBody(nid: number, kind: number): boolean {
    const columns = this.#columns;
    if (kind === FILE) {
      const count = columns.chunkCount(nid);
      if (count === 0) return true;
      const start = columns.chunkEntries(nid);
      return this.#take(start, start + count * v6.chunkIndexEntry.size);
    }
    const tail = kind === SYMLINK || kind === DIRECTORY ? columns.tailSize(nid) : 0;
    if (tail === 0) return true;
    const body = columns.bodyOffset(nid);
    if (kind === SYMLINK) return this.#take(body, body + tail);
    // Entries are in the order of the file, and the inline block is the last one.
    const last = columns.rowsTo(nid) - 1;
    if (last < columns.rowsFrom(nid) || !isWithin(columns.rowOffset(last), body, tail)) return true;
    return this.#take(body, columns.rowNameStart(last) + columns.rowNameLength(last));
  }
}

interface Extent {
  readonly start: number;
  readonly end: number;
}

/** By start: tables, and the blocks of directories and symlinks. */
function extentsElsewhere({ tables, columns }: V6Image): readonly Extent[] {
  const { extended } = tables;
  const extents: Extent[] = [];
  const add = (start: number, size: number): void => {
    if (size > 0) extents.push({ start, end: start + size });
  };
  add(v6.SUPER_OFFSET, v6.superBlock.size);
  add(v6.EXTENDED_SUPER_OFFSET, v6.extendedSuperBlock.size);
  add(v6.DEVICE_TABLE_OFFSET, v6.deviceSlot.size * tables.devices.length);
  add(extended.blobTableOffset, v6.blobEntry.size * tables.blobs.length);
  add(extended.prefetchTableOffset, v6.prefetchEntry.size * tables.prefetch.length);
  add(extended.chunkTableOffset, v6.chunkInfo.size * tables.chunkCount);
  for (let i = 0; i < columns.count; i++) {
    const nid = columns.nidAt(i);
    const kind = columns.kindOf(nid);
    if (kind !== SYMLINK && kind !== DIRECTORY) continue;
    const size = columns.sizeOf(nid) - columns.tailSize(nid);
    if (size === 0) continue;
    const start = columns.union(nid) * v6.BLOCK_SIZE;
    if (kind === SYMLINK) add(start, size);
    else addBlocks(add, columns, nid, { start, end: start + size });
  }
  return extents.sort((a, b) => a.start - b.start);
}

/** Directory blocks, each as far as it is used: its entries, then their names. */
function addBlocks(
  add: (start: number, size: number) => void,
  columns: InodeColumns,
  nid: number,
  { start, end }: Extent,
): void {
  let row = columns.rowsFrom(nid);
  for (let block = start; block < end; block += v6.BLOCK_SIZE) {
    const size = Math.min(v6.BLOCK_SIZE, end - block);
    const first = row;
    while (row < columns.rowsTo(nid) && isWithin(columns.rowOffset(row), block, size)) row += 1;
    if (row > first) add(block, columns.rowNameStart(row - 1) + columns.rowNameLength(row - 1) - block);
  }
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

/** What is reserved in it, in its xattrs and in its entries. */
function isInodeClean({ bytes, columns }: V6Image, nid: number, offset: number): boolean {
  if (columns.isCompact(nid)) {
    if (v6.inodeCompact.dirty(bytes, offset) !== undefined) return false;
  } else if (
    columns.view.getUint16(offset + INODE_RESERVED) !== 0 ||
    !isZero(columns.view, offset + INODE_RESERVED2, offset + v6.inodeExtended.size)
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
  return true;
}

function isZero(view: DataView, start: number, end: number): boolean {
  let i = start;
  for (; i + 4 <= end; i += 4) if (view.getUint32(i) !== 0) return false;
  for (; i < end; i++) if (view.getUint8(i) !== 0) return false;
  return true;
}
