/** Fills the columns of an image: walks its directories from the root, and refuses what no reader could follow. */
import { FormatError } from '../../../errors.js';
import { displayName, type RawPath } from '../../../oci/raw-name.js';
import * as v6 from '../../layout/v6.js';
import { visitDirectoryBlock } from './directory.js';
import { readInode } from './inode.js';
import { DIRECTORY, FILE, InodeColumns, kindOfMode, NO_INODE, SYMLINK } from './inodes.js';
import type { V6Tables } from './tables.js';

const {
  format: FORMAT,
  xattrCount: XATTR_COUNT,
  mode: MODE,
  size: SIZE,
  mtime: MTIME,
} = v6.inodeExtended.offset;
const { block: BLOCK } = v6.chunkIndexEntry.offset;
/** High words of 64-bit values that a double holds exactly. */
const MAX_HIGH = 0x1f_ffff;
/** Errors of one inode tell its offset only. */
const NO_PATH = '' as RawPath; // an empty path is one

/** Throws FormatError, with the offset. */
export function readColumns(buffer: Buffer, tables: V6Tables): InodeColumns {
  const { metaOffset, extended, chunkCount } = tables;
  const columns = new InodeColumns(buffer, metaOffset, extended.chunkSize, chunkCount);
  readTree(columns, tables);
  return columns;
}

function readTree(columns: InodeColumns, tables: V6Tables): void {
  const { rootNid } = tables.superBlock;
  addInode(columns, tables, rootNid, rootNid, 0);
  if (columns.kindOf(rootNid) !== DIRECTORY) {
    throw v6.superBlock.fault(
      'rootNid',
      v6.SUPER_OFFSET,
      `inode ${rootNid} is a ${columns.kindName(rootNid) ?? 'hole'}, not a directory`,
    );
  }
  const pending = [rootNid];
  const depths = [0];
  for (let nid = pending.pop(); nid !== undefined; nid = pending.pop()) {
    readNames(columns, tables, nid, depths.pop() ?? 0, pending, depths);
  }
}

function readNames(
  columns: InodeColumns,
  tables: V6Tables,
  directory: number,
  depth: number,
  pending: number[],
  depths: number[],
): void {
  const names: DistinctNames = { columns, from: columns.rowsFrom(directory), last: -1, seen: undefined };
  for (let row = columns.rowsFrom(directory); row < columns.rowsTo(directory); row++) {
    if (columns.dots(row) !== 0) continue;
    const offset = columns.rowOffset(row);
    if (!addName(names, row)) {
      const path = displayName(columns.pathOfRow(directory, row));
      throw new FormatError(`Dirent at offset ${offset}: ${path} occurs twice`, { offset });
    }
    const nid = columns.rowNid(row);
    const known = columns.kindOf(nid);
    if (known === DIRECTORY) {
      const path = displayName(columns.pathOfRow(directory, row));
      throw v6.dirent.fault('nid', offset, `${path} is a directory that stands elsewhere already`);
    }
    if (known === NO_INODE) addInode(columns, tables, nid, directory, row);
    columns.addName(nid);
    if (columns.kindOf(nid) !== DIRECTORY) continue;
    if (depth === v6.MAX_DEPTH) {
      throw v6.dirent.fault('nid', offset, `directories are nested more than ${v6.MAX_DEPTH} deep`);
    }
    pending.push(nid);
    depths.push(depth + 1);
  }
}

function addInode(columns: InodeColumns, tables: V6Tables, nid: number, parent: number, row: number): void {
  const offset = columns.offsetOf(nid);
  if (!isPlain(columns, offset)) {
    readInode(columns.buffer, columns.metaOffset, nid, NO_PATH); // throws, or there is nothing wrong with it
  }
  const kind = kindOfMode(columns.buffer.readUInt16LE(offset + MODE));
  claim(columns, columns.bodyOffset(nid) - offset, offset);
  if (kind === DIRECTORY) readRows(columns, nid, offset);
  else if (kind === FILE) readChunks(columns, tables, nid, offset, parent, row);
  else if (kind === SYMLINK) readTarget(columns, nid, offset);
  columns.add(nid, kind, parent, row);
}

/** An extended inode without xattrs and of a known type, with numbers that a double holds: nearly all are. */
function isPlain(columns: InodeColumns, offset: number): boolean {
  const { buffer } = columns;
  if (offset + v6.inodeExtended.size > buffer.length) return false;
  const mtimeHigh = buffer.readInt32LE(offset + MTIME + 4);
  return (
    (buffer.readUInt16LE(offset + FORMAT) & 1) === 1 &&
    buffer.readUInt16LE(offset + XATTR_COUNT) === 0 &&
    kindOfMode(buffer.readUInt16LE(offset + MODE)) !== NO_INODE &&
    buffer.readUInt32LE(offset + SIZE + 4) <= MAX_HIGH &&
    mtimeHigh <= MAX_HIGH &&
    mtimeHigh >= -MAX_HIGH
  );
}

function readRows(columns: InodeColumns, nid: number, offset: number): void {
  const size = columns.sizeOf(nid);
  if (size === 0) throw v6.inodeExtended.fault('size', offset, 'a directory without entries');
  claimData(columns, nid, offset);
  const tail = columns.tailSize(nid);
  const start = columns.union(nid) * v6.BLOCK_SIZE;
  const visit = (at: number, nameStart: number, nameLength: number): void => {
    columns.addRow(at, nameStart, nameLength);
  };
  columns.openDirectory(nid);
  for (let done = 0; done < size - tail; done += v6.BLOCK_SIZE) {
    visitDirectoryBlock(columns.buffer, start + done, Math.min(v6.BLOCK_SIZE, size - tail - done), visit);
  }
  if (tail > 0) visitDirectoryBlock(columns.buffer, columns.bodyOffset(nid), tail, visit);
  columns.closeDirectory(nid);
}

function readTarget(columns: InodeColumns, nid: number, offset: number): void {
  const size = columns.sizeOf(nid);
  if (size === 0 || size > v6.BLOCK_SIZE) {
    throw v6.inodeExtended.fault('size', offset, `a symlink's target of ${size} bytes`);
  }
  claimData(columns, nid, offset);
}

function readChunks(
  columns: InodeColumns,
  tables: V6Tables,
  nid: number,
  offset: number,
  parent: number,
  row: number,
): void {
  const layout = columns.layoutOf(nid);
  if (layout !== v6.LAYOUT_CHUNKS) {
    throw v6.inodeExtended.fault('format', offset, `a regular file with data layout ${layout}`);
  }
  const first = columns.chunkEntries(nid);
  const size = columns.chunkCount(nid) * v6.chunkIndexEntry.size;
  if (first + size > columns.buffer.length) {
    throw v6.inodeExtended.fault(
      'size',
      offset,
      `the chunk entries of ${columns.sizeOf(nid)} bytes leave the file`,
    );
  }
  claim(columns, size, offset);
  const { view, usedChunks } = columns;
  const { chunks } = tables;
  for (let at = first; at < first + size; at += v6.chunkIndexEntry.size) {
    const position = chunks.findEntry(view.getUint32(at, true));
    const start = view.getUint32(at + BLOCK, true) * v6.BLOCK_SIZE;
    if (position === undefined || chunks.uncompressedOffset(position) !== start) {
      throw chunkFault(columns, tables, at, position, displayName(columns.pathOfRow(parent, row)));
    }
    usedChunks[position] = 1;
  }
}

function chunkFault(
  columns: InodeColumns,
  tables: V6Tables,
  offset: number,
  position: number | undefined,
  path: string,
): FormatError {
  const entry = v6.chunkIndexEntry.read(columns.buffer, offset);
  const blob = entry.device - 1;
  const blobs = tables.blobs.length;
  if (blob < 0 || blob >= blobs) {
    return v6.chunkIndexEntry.fault('device', offset, `${entry.device} of ${blobs} blobs`);
  }
  const chunk = `chunk ${entry.indexLow | (entry.indexHigh << 16)} of blob ${blob}, for ${path},`;
  return position === undefined
    ? v6.chunkIndexEntry.fault('indexLow', offset, `${chunk} is not in the chunk table`)
    : v6.chunkIndexEntry.fault('block', offset, `${chunk} is not at block ${entry.block} by the chunk table`);
}

/** Of directories and symlinks. */
function claimData(columns: InodeColumns, nid: number, offset: number): void {
  const layout = columns.layoutOf(nid);
  const size = columns.sizeOf(nid);
  if (layout !== v6.LAYOUT_PLAIN && layout !== v6.LAYOUT_INLINE) {
    const kind = columns.buffer.readUInt16LE(offset + MODE);
    throw v6.inodeExtended.fault(
      'format',
      offset,
      `a ${kindOfMode(kind) === DIRECTORY ? 'directory' : 'symlink'} with data layout ${layout}`,
    );
  }
  const tail = columns.tailSize(nid);
  const end = columns.union(nid) * v6.BLOCK_SIZE + size - tail;
  const { length } = columns.buffer;
  if ((size > tail && end > length) || (tail > 0 && columns.bodyOffset(nid) + tail > length)) {
    throw v6.inodeExtended.fault('size', offset, `${size} bytes of data leave the file`);
  }
  claim(columns, size, offset);
}

function claim(columns: InodeColumns, size: number, offset: number): void {
  columns.claimed += size;
  if (columns.claimed > columns.buffer.length) {
    throw new FormatError(`inode at offset ${offset}: the inodes claim more bytes than the file has`, {
      offset,
    });
  }
}

/** Names of one directory. While they come in order, none can be there already. */
interface DistinctNames {
  readonly columns: InodeColumns;
  /** The first row of the directory. */
  readonly from: number;
  /** The last row that was added; -1 before the first. */
  last: number;
  /** Once one is out of order: all of them. */
  seen: Set<string> | undefined;
}

/** False when the name is there already. */
function addName(names: DistinctNames, row: number): boolean {
  const { columns, last } = names;
  if (names.seen === undefined) {
    const isBehind = last === -1 || columns.compareRows(last, row) < 0;
    names.last = row;
    if (isBehind) return true;
    names.seen = namesBefore(names, row);
  }
  const name = columns.rowName(row);
  if (names.seen.has(name)) return false;
  names.seen.add(name);
  return true;
}

function namesBefore({ columns, from }: DistinctNames, end: number): Set<string> {
  const names = new Set<string>();
  for (let row = from; row < end; row++) {
    if (columns.dots(row) === 0) names.add(columns.rowName(row));
  }
  return names;
}
