/**
 * Whether a tree keeps all rules over inodes, directories and the chunks of files. It tells yes or no, in one pass and
 * without an object for an inode; where the answer is no, the rules over the tree tell what is wrong.
 */
import { findInPieces, inPieces } from './hot-code.js';
import * as v6 from './v6.js';
import { DIRECTORY, FILE, type InodeColumns, SYMLINK } from './v6-inodes.js';
import type { V6Image } from './v6-read.js';

/** True only when `auditTree` would find nothing. */
export function isTreeSound(image: V6Image): boolean {
  const { columns } = image;
  const { inos } = image.tables.superBlock;
  const { count } = columns;
  let names = 1;
  inPieces(count, (from, to) => {
    names += countNames(columns, from, to);
  });
  if (inos !== names || columns.hasOddChunks) return false;
  const numbers = new Uint8Array(names + 1);
  return findInPieces(count, (from, to) => firstUnsound(image, numbers, from, to)) === count;
}

function countNames(columns: InodeColumns, from: number, to: number): number {
  let names = 0;
  for (let i = from; i < to; i++) names += columns.namesOf(columns.nidAt(i));
  return names;
}

/** `numbers`: 1 for each inode number that was seen. */
function firstUnsound(image: V6Image, numbers: Uint8Array, from: number, to: number): number {
  const { columns } = image;
  for (let i = from; i < to; i++) {
    const nid = columns.nidAt(i);
    const ino = columns.ino(nid);
    if (ino === 0 || ino > 0x7fff_ffff || numbers[ino] !== 0) return i;
    numbers[ino] = 1;
    if (!isInodeSound(image, nid)) return i;
  }
  return to;
}

function isInodeSound(image: V6Image, nid: number): boolean {
  const { columns } = image;
  const kind = columns.kindOf(nid);
  if (columns.mtimeNsec(nid) > 999_999_999) return false;
  if (columns.xattrSize(nid) > 0 && hasNulInXattrs(image, nid)) return false;
  if (kind === FILE) return columns.nlink(nid) === columns.namesOf(nid) && isFileSound(image, nid);
  const tail = columns.tailSize(nid);
  if (tail > 0 && (columns.bodyOffset(nid) % v6.BLOCK_SIZE) + tail > v6.BLOCK_SIZE) return false;
  if (kind === DIRECTORY) return isDirectorySound(columns, nid);
  if (columns.nlink(nid) !== columns.namesOf(nid)) return false;
  if (kind === SYMLINK)
    return columns.sizeOf(nid) <= v6.MAX_SYMLINK_LENGTH && !columns.targetOf(nid).includes('\0');
  return columns.sizeOf(nid) === 0 && columns.layoutOf(nid) === v6.LAYOUT_PLAIN;
}

function hasNulInXattrs({ inodes }: V6Image, nid: number): boolean {
  return inodes.get(nid)?.xattrs.some(({ name }) => name.includes('\0')) === true;
}

/** Its chunks are told in pieces of the chunk size, or as one run. Their lengths have been looked at. */
function isFileSound(image: V6Image, nid: number): boolean {
  const { columns } = image;
  const { chunkSize } = columns;
  const word = columns.union(nid);
  if ((word & ~0x1f) !== v6.CHUNK_FORMAT_INDEXES) return false;
  const unit = v6.BLOCK_SIZE * ((1 << (word & 0x1f)) >>> 0);
  if (unit === chunkSize) return true;
  const size = columns.sizeOf(nid);
  return unit >= size && size > chunkSize && isOneRun(image, nid);
}

/** The chunks of a file lie in one blob, one behind the other without a gap. */
function isOneRun({ columns, tables }: V6Image, nid: number): boolean {
  const { chunks } = tables;
  const first = chunks.findEntry(columns.chunkEntry(nid, 0));
  if (first === undefined) return false;
  const start = chunks.uncompressedOffset(first);
  for (let k = 1, count = columns.chunkCount(nid); k < count; k++) {
    const position = chunks.findEntry(columns.chunkEntry(nid, k));
    if (position === undefined || chunks.blobOf(position) !== chunks.blobOf(first)) return false;
    if (chunks.uncompressedOffset(position) !== start + k * columns.chunkSize) return false;
  }
  return true;
}

/** Its entries are in order and of the type of their inodes, `.` and `..` are there once, and its links are right. */
function isDirectorySound(columns: InodeColumns, nid: number): boolean {
  const first = columns.rowsFrom(nid);
  let directories = 0;
  let dots = 0;
  for (let row = first; row < columns.rowsTo(nid); row++) {
    if (row > first && columns.compareRows(row - 1, row) >= 0) return false;
    const target = columns.rowNid(row);
    if (columns.rowFileType(row) !== columns.fileTypeOf(target)) return false;
    const length = columns.dots(row);
    if (length === 0) {
      if (columns.kindOf(target) === DIRECTORY) directories += 1;
      continue;
    }
    // Names are in order, so none of them comes twice.
    dots += 1;
    if (target !== (length === 1 ? nid : columns.parentOf(nid))) return false;
  }
  return dots === 2 && columns.nlink(nid) === 2 + directories;
}
