/** One stored inode: its place, its fields, and its meaning. */
import { FormatError } from '../../../errors.js';
import { compareRaw, type RawName, type RawPath } from '../../../oci/raw-name.js';
import { roundUp } from '../../layout/struct.js';
import * as v6 from '../../layout/v6.js';
import { type ChunkRef, chunkRef, type Inode, type InodeKind, type Xattr } from '../../model/tree.js';
import { type LocatedRow, readDirectoryBlock } from './directory.js';
import { type LocatedXattr, readXattrs } from './xattrs.js';

/** A bootstrap with the two numbers that its inodes depend on. */
export interface InodeSource {
  readonly buffer: Buffer;
  /** The offset at which nid 0 would be. */
  readonly metaOffset: number;
  readonly chunkSize: number;
}

export interface Extent {
  readonly offset: number;
  readonly size: number;
}

const EXTENDED = v6.inodeExtended.offset;
const COMPACT = v6.inodeCompact.offset;
const TWO_32 = 2 ** 32;

const KIND_OF_MODE = new Map<number, InodeKind>(
  Object.entries(v6.FILE_TYPES).map(([kind, type]) => [type.mode, kind as InodeKind]), // the keys of FILE_TYPES are the kinds
);

/** Returns the kind for the file type in a mode; undefined when the type is unknown, or the mode has excess bits. */
export function kindOfMode(mode: number): InodeKind | undefined {
  return mode > 0xffff ? undefined : KIND_OF_MODE.get(mode & v6.MODE_TYPE_MASK);
}

const NO_LOCATED_XATTRS: readonly LocatedXattr[] = [];
const NO_XATTRS: readonly Xattr[] = [];
const NO_CHUNKS: readonly ChunkRef[] = [];

/** An object keeps only the place of the inode; everything else is read from the file on request. */
export class StoredInode {
  readonly nid: number;
  /** Bytes from the start of the file. */
  readonly offset: number;
  readonly compact: boolean;
  readonly kind: InodeKind;
  /** The end of the xattrs: inline data starts here, chunk entries at the next multiple of 8. */
  readonly bodyOffset: number;
  readonly #source: InodeSource;
  /** The directory of the inode's first name; undefined for the root. */
  readonly #parent: StoredInode | undefined;
  readonly #name: RawName;
  #inode: Inode | undefined;

  /** Throws FormatError, with the offset, for an inode that leaves the file or has no kind. */
  constructor(source: InodeSource, nid: number, parent: StoredInode | undefined, name: RawName) {
    const { buffer } = source;
    this.nid = nid;
    this.#source = source;
    this.#parent = parent;
    this.#name = name;
    this.offset = source.metaOffset + nid * v6.SLOT_SIZE;
    if (this.offset + v6.inodeCompact.size > buffer.length) {
      throw new FormatError(`inode ${nid} would be at offset ${this.offset}, past the end of the file`, {
        offset: this.offset,
      });
    }
    this.compact = (buffer.readUInt16LE(this.offset + EXTENDED.format) & 1) === 0;
    const count = buffer.readUInt16LE(this.offset + EXTENDED.xattrCount);
    this.bodyOffset = this.afterInode + (count === 0 ? 0 : v6.xattrHeader.size + 4 * (count - 1));
    const kind = kindOfMode(buffer.readUInt16LE(this.offset + EXTENDED.mode));
    if (kind === undefined) throw v6.inodeExtended.fault('mode', this.offset, 'it is of no known type');
    this.kind = kind;
  }

  /** The end of the fields, where xattrs begin. */
  get afterInode(): number {
    return this.offset + (this.compact ? v6.inodeCompact.size : v6.inodeExtended.size);
  }

  /** The first name under which the inode was found, with all directories above it. */
  get path(): RawPath {
    // A loop, because only the judge limits the depth of directories.
    const names = [this.#name];
    for (let above = this.#parent; above !== undefined; above = above.#parent) names.push(above.#name);
    names.pop(); // the root has no name
    return names.reverse().join('/') as RawPath; // joins components with '/'
  }

  /** The stored fields. A compact inode's are converted to those of an extended one, with time 0. */
  get fields(): v6.InodeExtended {
    const { buffer } = this.#source;
    return this.compact
      ? { ...v6.inodeCompact.read(buffer, this.offset), mtime: 0, mtimeNsec: 0 }
      : v6.inodeExtended.read(buffer, this.offset);
  }

  /**
   * The stored entries of a directory, including `.` and `..`, read from the file each time, because they take ten times the
   * room of the file. Throws FormatError for an entry that leaves its block.
   */
  get rows(): readonly LocatedRow[] {
    const rows: LocatedRow[] = [];
    if (this.kind !== 'directory') return rows;
    for (const { offset, size } of dataBlocks(this))
      readDirectoryBlock(this.#source.buffer, offset, size, rows);
    return rows;
  }

  /** In the order of the file. */
  get xattrs(): readonly LocatedXattr[] {
    if (this.bodyOffset === this.afterInode) return NO_LOCATED_XATTRS;
    return readXattrs(this.#source.buffer, this.afterInode, this.bodyOffset);
  }

  /** The meaning of the inode: one object as long as the image lives. */
  get inode(): Inode {
    this.#inode ??= this.#makeInode();
    return this.#inode;
  }

  get size(): number {
    const at = EXTENDED.size;
    return this.compact ? this.#u32(at) : this.#u32(at) + this.#u32(at + 4) * TWO_32;
  }

  /** For files: the place of the chunk index entries, which may be outside of the file. */
  get chunkEntries(): Extent {
    const count = this.size === 0 ? 0 : Math.ceil(this.size / this.#source.chunkSize);
    return { offset: roundUp(this.bodyOffset, 8), size: count * v6.chunkIndexEntry.size };
  }

  /** For directories and symlinks: a run of blocks, and the inline tail. Either may be empty or outside of the file. */
  get dataRuns(): { readonly blocks: Extent; readonly tail: Extent } {
    const { size } = this;
    const inline = this.#u16(EXTENDED.format) >> 1 === v6.LAYOUT_INLINE;
    const tail = inline ? size % v6.BLOCK_SIZE : 0;
    return {
      blocks: { offset: this.#u32(EXTENDED.union) * v6.BLOCK_SIZE, size: size - tail },
      tail: { offset: this.bodyOffset, size: tail },
    };
  }

  #u16(field: number): number {
    return this.#source.buffer.readUInt16LE(this.offset + field);
  }
  #u32(field: number): number {
    return this.#source.buffer.readUInt32LE(this.offset + field);
  }

  /** Each kind is written out, because spreading common fields costs more than the rest. */
  #makeInode(): Inode {
    const { kind, compact } = this;
    const mode = this.#u16(EXTENDED.mode) & ~v6.MODE_TYPE_MASK;
    const uid = compact ? this.#u16(COMPACT.uid) : this.#u32(EXTENDED.uid);
    const gid = compact ? this.#u16(COMPACT.gid) : this.#u32(EXTENDED.gid);
    const mtime = compact ? 0 : this.#mtime();
    const mtimeNsec = compact ? 0 : this.#u32(EXTENDED.mtimeNsec);
    const xattrs = this.#sortedXattrs();
    const layer = 0;
    switch (kind) {
      case 'file': {
        const chunks = this.#chunks();
        return { kind, mode, uid, gid, mtime, mtimeNsec, xattrs, layer, size: this.size, chunks };
      }
      case 'directory':
        return { kind, mode, uid, gid, mtime, mtimeNsec, xattrs, layer, implied: false };
      case 'symlink':
        return { kind, mode, uid, gid, mtime, mtimeNsec, xattrs, layer, target: this.#target() };
      case 'char':
      case 'block': {
        // A compact inode has no room for device numbers.
        const { major, minor } = decodeDevice(compact ? 0 : this.#u32(EXTENDED.union));
        return { kind, mode, uid, gid, mtime, mtimeNsec, xattrs, layer, major, minor };
      }
      case 'fifo':
      case 'socket':
        return { kind, mode, uid, gid, mtime, mtimeNsec, xattrs, layer };
    }
  }

  #mtime(): number {
    const high = this.#source.buffer.readInt32LE(this.offset + EXTENDED.mtime + 4);
    return high * TWO_32 + this.#u32(EXTENDED.mtime);
  }

  #sortedXattrs(): readonly Xattr[] {
    const { xattrs } = this;
    if (xattrs.length === 0) return NO_XATTRS;
    return xattrs.map(({ name, value }) => ({ name, value })).sort((a, b) => compareRaw(a.name, b.name));
  }

  #chunks(): readonly ChunkRef[] {
    const { offset, size } = this.chunkEntries;
    if (size === 0) return NO_CHUNKS;
    // Most files have one chunk; an array that grows by `push` would reserve room for seventeen.
    const chunks = [this.#chunkAt(offset)];
    for (let at = offset + v6.chunkIndexEntry.size; at < offset + size; at += v6.chunkIndexEntry.size)
      chunks.push(this.#chunkAt(at));
    return chunks;
  }

  #chunkAt(entry: number): ChunkRef {
    const word = this.#source.buffer.readUInt32LE(entry);
    return chunkRef(entryBlob(word), entryIndex(word));
  }

  #target(): RawPath {
    const { blocks, tail } = this.dataRuns;
    const text = ({ offset, size }: Extent): string =>
      size === 0 ? '' : this.#source.buffer.toString('latin1', offset, offset + size);
    return (text(blocks) + text(tail)) as RawPath; // latin1 has one character a byte
  }
}

/**
 * Yields the data of a directory or symlink block by block; the last one may be shorter. The caller must know that the
 * runs lie in the file.
 */
export function* dataBlocks({ dataRuns: { blocks, tail } }: StoredInode): Generator<Extent> {
  for (let done = 0; done < blocks.size; done += v6.BLOCK_SIZE) {
    yield { offset: blocks.offset + done, size: Math.min(v6.BLOCK_SIZE, blocks.size - done) };
  }
  if (tail.size > 0) yield tail;
}

/** Unpacks 12 bits of major and 20 of minor, packed by Linux' new_encode_dev. */
export function decodeDevice(rdev: number): { readonly major: number; readonly minor: number } {
  return { major: (rdev >>> 8) & 0xfff, minor: (rdev & 0xff) | ((rdev >>> 12) & 0xf_ff00) };
}

/** Returns the blob in the first word of a chunk index entry: bits 16 to 23 are the device, counted from 1. */
function entryBlob(entry: number): number {
  return ((entry >>> 16) & 0xff) - 1;
}

/** Returns the index of the chunk in the same word: the other bits. */
function entryIndex(entry: number): number {
  return (entry & 0xffff) | ((entry >>> 24) << 16);
}
