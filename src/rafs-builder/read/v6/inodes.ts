/**
 * The inodes and directory entries of a bootstrap as columns of numbers, filled by the reader and indexed by nid. Names,
 * targets and fields stay in the file and are looked up there: an image of a million files is told by a few typed arrays.
 */
import { roundUp } from '../../layout/struct.js';
import type { RawName, RawPath } from '../../../oci/raw-name.js';
import { type ChunkRef, chunkRef, type InodeKind } from '../../model/tree.js';
import * as v6 from '../../layout/v6.js';
import { entryBlob, entryIndex } from './chunks.js';
import { decodeDevice } from './inode.js';
import { xattrAreaSizeOf } from './xattrs.js';

const {
  format: FORMAT,
  xattrCount: XATTR_COUNT,
  size: SIZE,
  union: UNION,
  ino: INO,
} = v6.inodeExtended.offset;
const {
  mode: MODE,
  uid: UID,
  gid: GID,
  mtime: MTIME,
  mtimeNsec: MTIME_NSEC,
  nlink: NLINK,
} = v6.inodeExtended.offset;
const { nlink: COMPACT_NLINK, uid: COMPACT_UID, gid: COMPACT_GID } = v6.inodeCompact.offset;
const { fileType: FILE_TYPE } = v6.dirent.offset;
const TWO_32 = 2 ** 32;
const DOT = 0x2e;

/** Numbers of kinds in the column; 0 is for slots where no inode starts. */
const KINDS = ['none', 'file', 'directory', 'symlink', 'char', 'block', 'fifo', 'socket'] as const;
export const NO_INODE = 0;
export const FILE: number = KINDS.indexOf('file');
export const DIRECTORY: number = KINDS.indexOf('directory');
export const SYMLINK: number = KINDS.indexOf('symlink');

/** By the four type bits of a mode: a number in KINDS, or NO_INODE. */
const KIND_OF_TYPE = Uint8Array.from({ length: 16 }, (_, type) =>
  Math.max(
    NO_INODE,
    KINDS.findIndex((kind) => kind !== 'none' && v6.FILE_TYPES[kind].mode === type << 12),
  ),
);

export function kindOfMode(mode: number): number {
  return KIND_OF_TYPE[mode >>> 12] ?? NO_INODE;
}

/** What `dirent.fileType` should be for a kind of the column. */
const DIRENT_TYPES = Uint8Array.from(KINDS, (kind) => (kind === 'none' ? 0 : v6.FILE_TYPES[kind].dirent));

export class InodeColumns {
  readonly buffer: Buffer;
  readonly metaOffset: number;
  readonly chunkSize: number;
  /** Nids in the order in which they were found, `count` of them. */
  readonly #order: Uint32Array;
  /** By nid: a number in KINDS. */
  readonly #kinds: Uint8Array;
  /** The entry under which an inode was found first, and the directory that it stands in. */
  readonly #firstRow: Uint32Array;
  readonly #parent: Uint32Array;
  /** Entries that lead to it, without `.` and `..`. */
  readonly #names: Uint32Array;
  /** Of directories: entries from, to. */
  readonly #rowsFrom: Uint32Array;
  readonly #rowsTo: Uint32Array;
  readonly #rowOffset: Uint32Array;
  readonly #rowName: Uint32Array;
  readonly #rowLength: Uint8Array;
  /** By position in the chunk table: 1 for a chunk that a file refers to. */
  readonly usedChunks: Uint8Array;
  /** For filling: bytes of inodes and bodies that were read so far; see the head of `v6-read.ts`. */
  claimed = 0;
  /** Of the file. */
  readonly view: DataView;
  #count = 0;
  #rows = 0;

  /** Room for all that a file of this length can hold; memory that is never used is never there. */
  constructor(buffer: Buffer, metaOffset: number, chunkSize: number, chunkCount: number) {
    this.buffer = buffer;
    this.metaOffset = metaOffset;
    this.chunkSize = chunkSize;
    this.view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
    this.usedChunks = new Uint8Array(chunkCount);
    const slots = Math.max(0, Math.ceil((buffer.length - metaOffset) / v6.SLOT_SIZE));
    this.#order = new Uint32Array(slots);
    this.#kinds = new Uint8Array(slots);
    this.#firstRow = new Uint32Array(slots);
    this.#parent = new Uint32Array(slots);
    this.#names = new Uint32Array(slots);
    this.#rowsFrom = new Uint32Array(slots);
    this.#rowsTo = new Uint32Array(slots);
    const rows = Math.ceil(buffer.length / v6.dirent.size);
    this.#rowOffset = new Uint32Array(rows);
    this.#rowName = new Uint32Array(rows);
    this.#rowLength = new Uint8Array(rows);
  }

  /** Number of inodes. */
  get count(): number {
    return this.#count;
  }

  /** In the order in which they were found: 0 is the root. */
  nidAt(i: number): number {
    return this.#order[i] ?? 0;
  }

  has(nid: number): boolean {
    return this.kindOf(nid) !== NO_INODE;
  }

  /** A number in the order of KINDS; NO_INODE when none was found at `nid`. */
  kindOf(nid: number): number {
    return this.#kinds[nid] ?? NO_INODE;
  }

  kindName(nid: number): InodeKind | undefined {
    const kind = KINDS[this.kindOf(nid)];
    return kind === 'none' ? undefined : kind;
  }

  /** Of the directory that its first name stands in; the root's is itself. */
  parentOf(nid: number): number {
    return this.#parent[nid] ?? 0;
  }

  namesOf(nid: number): number {
    return this.#names[nid] ?? 0;
  }

  /** For filling: an inode that was found under `row` in directory `parent`. */
  add(nid: number, kind: number, parent: number, row: number): void {
    this.#order[this.#count++] = nid;
    this.#kinds[nid] = kind;
    this.#parent[nid] = parent;
    this.#firstRow[nid] = row;
  }

  addName(nid: number): void {
    this.#names[nid] = (this.#names[nid] ?? 0) + 1;
  }

  /** For filling: the entries of a directory are added one after the other, between these two. */
  openDirectory(nid: number): void {
    this.#rowsFrom[nid] = this.#rows;
  }
  closeDirectory(nid: number): void {
    this.#rowsTo[nid] = this.#rows;
  }
  addRow(offset: number, nameStart: number, nameLength: number): void {
    this.#rowOffset[this.#rows] = offset;
    this.#rowName[this.#rows] = nameStart;
    this.#rowLength[this.#rows++] = nameLength;
  }

  rowsFrom(nid: number): number {
    return this.#rowsFrom[nid] ?? 0;
  }
  rowsTo(nid: number): number {
    return this.#rowsTo[nid] ?? 0;
  }
  /** Of the entry, in the file. */
  rowOffset(row: number): number {
    return this.#rowOffset[row] ?? 0;
  }
  rowNameStart(row: number): number {
    return this.#rowName[row] ?? 0;
  }
  rowNameLength(row: number): number {
    return this.#rowLength[row] ?? 0;
  }
  rowNid(row: number): number {
    return this.#u64(this.rowOffset(row));
  }
  rowFileType(row: number): number {
    return this.view.getUint8(this.rowOffset(row) + FILE_TYPE);
  }
  /** The file type that an entry for this inode should have. */
  fileTypeOf(nid: number): number {
    return DIRENT_TYPES[this.kindOf(nid)] ?? 0;
  }
  rowName(row: number): RawName {
    const start = this.rowNameStart(row);
    return this.buffer.toString('latin1', start, start + this.rowNameLength(row)) as RawName; // latin1 is one character a byte
  }
  /** 1 for `.`, 2 for `..`, 0 for all others. */
  dots(row: number): number {
    const length = this.rowNameLength(row);
    const start = this.rowNameStart(row);
    if (length > 2 || this.buffer[start] !== DOT) return 0;
    return length === 1 || this.buffer[start + 1] === DOT ? length : 0;
  }
  /** Negative when the name of row `a` comes before that of row `b` by bytes, 0 when they are the same. */
  compareRows(a: number, b: number): number {
    const { buffer } = this;
    const left = this.rowNameStart(a);
    const right = this.rowNameStart(b);
    const length = Math.min(this.rowNameLength(a), this.rowNameLength(b));
    for (let i = 0; i < length; i++) {
      const difference = (buffer[left + i] ?? 0) - (buffer[right + i] ?? 0);
      if (difference !== 0) return difference;
    }
    return this.rowNameLength(a) - this.rowNameLength(b);
  }

  /** The name under which an inode was found first, with all directories above it. */
  pathOf(nid: number): RawPath {
    return this.#count === 0 || nid === this.nidAt(0)
      ? ('' as RawPath) // the root's path is empty by definition
      : this.pathOfRow(this.parentOf(nid), this.#firstRow[nid] ?? 0);
  }

  pathOfRow(directory: number, row: number): RawPath {
    const names: string[] = [this.rowName(row)];
    const root = this.nidAt(0);
    for (let at = directory; at !== root; at = this.parentOf(at))
      names.push(this.rowName(this.#firstRow[at] ?? 0));
    return names.reverse().join('/') as RawPath; // components joined by '/'
  }

  /** Bytes from the start of the file. */
  offsetOf(nid: number): number {
    return this.metaOffset + nid * v6.SLOT_SIZE;
  }
  isCompact(nid: number): boolean {
    return (this.view.getUint16(this.offsetOf(nid) + FORMAT, true) & 1) === 0;
  }
  format(nid: number): number {
    return this.view.getUint16(this.offsetOf(nid) + FORMAT, true);
  }
  layoutOf(nid: number): number {
    return this.format(nid) >> 1;
  }
  inodeSize(nid: number): number {
    return this.isCompact(nid) ? v6.inodeCompact.size : v6.inodeExtended.size;
  }
  xattrSize(nid: number): number {
    return xattrAreaSizeOf(this.view.getUint16(this.offsetOf(nid) + XATTR_COUNT, true));
  }
  /** Where xattrs end: inline data starts here, chunk entries at the next multiple of 8. */
  bodyOffset(nid: number): number {
    return this.offsetOf(nid) + this.inodeSize(nid) + this.xattrSize(nid);
  }
  sizeOf(nid: number): number {
    const at = this.offsetOf(nid) + SIZE;
    return this.isCompact(nid) ? this.view.getUint32(at, true) : this.#u64(at);
  }
  union(nid: number): number {
    return this.view.getUint32(this.offsetOf(nid) + UNION, true);
  }
  ino(nid: number): number {
    return this.view.getUint32(this.offsetOf(nid) + INO, true);
  }
  nlink(nid: number): number {
    const at = this.offsetOf(nid);
    return this.isCompact(nid)
      ? this.view.getUint16(at + COMPACT_NLINK, true)
      : this.view.getUint32(at + NLINK, true);
  }
  /** Permission bits, without the type. */
  mode(nid: number): number {
    return this.view.getUint16(this.offsetOf(nid) + MODE, true) & ~v6.MODE_TYPE_MASK;
  }
  uid(nid: number): number {
    const at = this.offsetOf(nid);
    return this.isCompact(nid)
      ? this.view.getUint16(at + COMPACT_UID, true)
      : this.view.getUint32(at + UID, true);
  }
  gid(nid: number): number {
    const at = this.offsetOf(nid);
    return this.isCompact(nid)
      ? this.view.getUint16(at + COMPACT_GID, true)
      : this.view.getUint32(at + GID, true);
  }
  mtime(nid: number): number {
    const at = this.offsetOf(nid) + MTIME;
    return this.isCompact(nid)
      ? 0
      : this.view.getUint32(at, true) + this.view.getInt32(at + 4, true) * TWO_32;
  }
  mtimeNsec(nid: number): number {
    return this.isCompact(nid) ? 0 : this.view.getUint32(this.offsetOf(nid) + MTIME_NSEC, true);
  }

  /** Of files. */
  chunkCount(nid: number): number {
    return Math.ceil(this.sizeOf(nid) / this.chunkSize);
  }
  /** Of files: where the chunk index entries start. */
  chunkEntries(nid: number): number {
    return roundUp(this.bodyOffset(nid), 8);
  }
  /** Of files: chunk `k`. */
  chunkAt(nid: number, k: number): ChunkRef {
    const entry = this.chunkEntry(nid, k);
    return chunkRef(entryBlob(entry), entryIndex(entry));
  }
  /** Of files: the first word of the entry of chunk `k`. */
  chunkEntry(nid: number, k: number): number {
    return this.view.getUint32(this.chunkEntries(nid) + k * v6.chunkIndexEntry.size, true);
  }
  /** Of devices; a compact inode has no room for numbers. */
  deviceOf(nid: number): { readonly major: number; readonly minor: number } {
    return this.isCompact(nid) ? { major: 0, minor: 0 } : decodeDevice(this.union(nid));
  }
  /** Of directories and symlinks: bytes of the last, inline block. */
  tailSize(nid: number): number {
    return this.layoutOf(nid) === v6.LAYOUT_INLINE ? this.sizeOf(nid) % v6.BLOCK_SIZE : 0;
  }

  /** Of symlinks. */
  targetOf(nid: number): RawPath {
    const { buffer } = this;
    const tail = this.tailSize(nid);
    const start = this.union(nid) * v6.BLOCK_SIZE;
    const body = this.bodyOffset(nid);
    const blocks =
      tail === this.sizeOf(nid) ? '' : buffer.toString('latin1', start, start + this.sizeOf(nid) - tail);
    return (blocks + buffer.toString('latin1', body, body + tail)) as RawPath; // as for names
  }

  #u64(at: number): number {
    const high = this.view.getUint32(at + 4, true);
    const low = this.view.getUint32(at, true);
    return high === 0 ? low : low + high * TWO_32; // a sum is a double for V8, and so is all that is computed from it
  }
}
