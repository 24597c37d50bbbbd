/**
 * Whether the structures of a bootstrap lie side by side: none over another, only zeroes between them and in what is
 * reserved. It tells yes or no, in one pass over the file; where the answer is no, the rules over regions tell what is wrong.
 */
import { findInPieces, inPieces, keepShape } from './hot-code.js';
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
  const end = endOf(image);
  if (end === undefined) return false;
  const reach = Math.max(end, tables.extended.chunkTableOffset);
  return bytes.length <= roundUp(reach, v6.BLOCK_SIZE) && isZero(columns.view, end, bytes.length);
}

/** How far the file is covered. */
class Cover {
  /** Of the file. */
  readonly view: DataView;
  readonly elsewhere: readonly Extent[];
  /** Of `elsewhere`, those that are covered. */
  taken = 0;
  /** Where the last structure ends. */
  end = 0;

  constructor(view: DataView, elsewhere: readonly Extent[]) {
    this.view = view;
    this.elsewhere = elsewhere;
  }
}

const kept = new Cover(new DataView(new ArrayBuffer(0)), []);
kept.end = 0.5; // a double, as ends are for V8 sooner or later
keepShape(kept);

/**
 * Goes over the file from its start. Inodes are in order by their nid, each with its xattrs and, directly behind, its chunk
 * entries or inline data; what lies elsewhere (tables, blocks of directories and symlinks) is little, and sorted before.
 * Undefined when two structures share a byte, or a byte that should be zero is not.
 */
function endOf(image: V6Image): number | undefined {
  const { columns } = image;
  const cover = new Cover(columns.view, extentsElsewhere(image));
  const { length } = columns.kinds;
  const isWhole = findInPieces(length, (from, to) => takeInodes(image, cover, from, to)) === length;
  return isWhole && takeBefore(cover, Infinity) ? cover.end : undefined;
}

/** Returns the first inode that cannot be taken, or `to`. */
function takeInodes(image: V6Image, cover: Cover, from: number, to: number): number {
  const { kinds } = image.columns;
  for (let nid = from; nid < to; nid++) {
    if (kinds[nid] !== NO_INODE && !takeInode(image, cover, nid)) return nid;
  }
  return to;
}

function takeInode(image: V6Image, cover: Cover, nid: number): boolean {
  const { columns } = image;
  const offset = columns.offsetOf(nid);
  return (
    takeBefore(cover, offset) &&
    take(cover, offset, columns.bodyOffset(nid)) &&
    takeBody(cover, columns, nid) &&
    isInodeClean(image, nid, offset)
  );
}

function take(cover: Cover, start: number, end: number): boolean {
  if (start < cover.end || !isZero(cover.view, cover.end, start)) return false;
  cover.end = end;
  return true;
}

/** What lies elsewhere, as far as it starts before `offset`. */
function takeBefore(cover: Cover, offset: number): boolean {
  const { elsewhere } = cover;
  while (cover.taken < elsewhere.length) {
    const next = elsewhere[cover.taken];
    if (next === undefined || next.start >= offset) return true;
    if (!take(cover, next.start, next.end)) return false;
    cover.taken += 1;
  }
  return true;
}

/** Chunk entries, or inline data. */
function takeBody(cover: Cover, columns: InodeColumns, nid: number): boolean {
  const kind = columns.kindOf(nid);
  if (kind === FILE) {
    const count = columns.chunkCount(nid);
    if (count === 0) return true;
    const start = columns.chunkEntries(nid);
    return take(cover, start, start + count * v6.chunkIndexEntry.size);
  }
  const tail = kind === SYMLINK || kind === DIRECTORY ? columns.tailSize(nid) : 0;
  if (tail === 0) return true;
  const body = columns.bodyOffset(nid);
  if (kind === SYMLINK) return take(cover, body, body + tail);
  // Entries are in the order of the file, and the inline block is the last one.
  const last = columns.rowsTo(nid) - 1;
  if (last < columns.rowsFrom(nid) || !isWithin(columns.rowOffset(last), body, tail)) return true;
  return take(cover, body, columns.rowNameStart(last) + columns.rowNameLength(last));
}

interface Extent {
  readonly start: number;
  readonly end: number;
}

/** By start: tables, and the blocks of directories and symlinks. */
function extentsElsewhere({ tables, columns }: V6Image): readonly Extent[] {
  const { extended } = tables;
  const extents: Extent[] = [];
  addExtent(extents, v6.SUPER_OFFSET, v6.superBlock.size);
  addExtent(extents, v6.EXTENDED_SUPER_OFFSET, v6.extendedSuperBlock.size);
  addExtent(extents, v6.DEVICE_TABLE_OFFSET, v6.deviceSlot.size * tables.devices.length);
  addExtent(extents, extended.blobTableOffset, v6.blobEntry.size * tables.blobs.length);
  addExtent(extents, extended.prefetchTableOffset, v6.prefetchEntry.size * tables.prefetch.length);
  addExtent(extents, extended.chunkTableOffset, v6.chunkInfo.size * tables.chunkCount);
  inPieces(columns.count, (from, to) => {
    addBodies(extents, columns, from, to);
  });
  return extents.sort((a, b) => a.start - b.start);
}

function addExtent(extents: Extent[], start: number, size: number): void {
  if (size > 0) extents.push({ start, end: start + size });
}

function addBodies(extents: Extent[], columns: InodeColumns, from: number, to: number): void {
  for (let i = from; i < to; i++) addBody(extents, columns, columns.nidAt(i));
}

/** The blocks of a directory or a symlink. */
function addBody(extents: Extent[], columns: InodeColumns, nid: number): void {
  const kind = columns.kindOf(nid);
  if (kind !== SYMLINK && kind !== DIRECTORY) return;
  const size = columns.sizeOf(nid) - columns.tailSize(nid);
  if (size === 0) return;
  const start = columns.union(nid) * v6.BLOCK_SIZE;
  if (kind === SYMLINK) addExtent(extents, start, size);
  else addBlocks(extents, columns, nid, start, start + size);
}

/** Directory blocks, each as far as it is used: its entries, then their names. */
function addBlocks(extents: Extent[], columns: InodeColumns, nid: number, start: number, end: number): void {
  let row = columns.rowsFrom(nid);
  for (let block = start; block < end; block += v6.BLOCK_SIZE) {
    const size = Math.min(v6.BLOCK_SIZE, end - block);
    const first = row;
    while (row < columns.rowsTo(nid) && isWithin(columns.rowOffset(row), block, size)) row += 1;
    if (row > first)
      addExtent(extents, block, columns.rowNameStart(row - 1) + columns.rowNameLength(row - 1) - block);
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
