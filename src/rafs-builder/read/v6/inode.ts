/** One stored inode: its fields, its xattrs, and where its body is. Knows nothing of the tree around it. */
import { FormatError } from '../../../errors.js';
import type { RawPath } from '../../../oci/raw-name.js';
import { roundUp } from '../../layout/struct.js';
import type { Inode } from '../../model/tree.js';
import * as v6 from '../../layout/v6.js';
import { type LocatedXattr, readXattrs, xattrAreaSizeOf } from './xattrs.js';

export interface RawInode {
  readonly nid: number;
  /** Bytes from the start of the file. */
  readonly offset: number;
  readonly compact: boolean;
  readonly kind: Inode['kind'];
  /** Of a compact inode: in the terms of the extended one, times 0. */
  readonly fields: v6.InodeExtended;
  /** In the order of the file. */
  readonly xattrs: readonly LocatedXattr[];
  /** Where xattrs end: inline data starts here, chunk entries at the next multiple of 8. */
  readonly bodyOffset: number;
  /** The name under which it was found first. */
  readonly path: RawPath;
}

export interface Extent {
  readonly offset: number;
  readonly size: number;
}

const KIND_OF_MODE = new Map<number, Inode['kind']>(
  Object.entries(v6.FILE_TYPES).map(([kind, type]) => [type.mode, kind as Inode['kind']]), // keys of FILE_TYPES are the kinds
);

/** By the file type in a mode; undefined when it has none, or bits that no mode has. */
export function kindOfMode(mode: number): Inode['kind'] | undefined {
  return mode > 0xffff ? undefined : KIND_OF_MODE.get(mode & v6.MODE_TYPE_MASK);
}

/** Throws FormatError, with the offset. `path` is for people. */
export function readInode(buffer: Buffer, metaOffset: number, nid: number, path: RawPath): RawInode {
  const offset = metaOffset + nid * v6.SLOT_SIZE;
  if (offset + v6.inodeCompact.size > buffer.length) {
    throw new FormatError(`inode ${nid} would be at offset ${offset}, past the end of the file`, { offset });
  }
  const compact = (buffer.readUInt16LE(offset) & 1) === 0;
  const fields = compact
    ? { ...v6.inodeCompact.read(buffer, offset), mtime: 0, mtimeNsec: 0 }
    : v6.inodeExtended.read(buffer, offset);
  const afterInode = offset + inodeSize(compact);
  const bodyOffset = afterInode + xattrAreaSizeOf(fields.xattrCount);
  if (bodyOffset > buffer.length || fields.xattrCount === 1) {
    throw v6.inodeExtended.fault(
      'xattrCount',
      offset,
      `an area of ${bodyOffset - afterInode} bytes for xattrs`,
    );
  }
  const kind = kindOfMode(fields.mode);
  if (kind === undefined) {
    throw v6.inodeExtended.fault('mode', offset, `0o${fields.mode.toString(8)} is of no known type`);
  }
  const xattrs = readXattrs(buffer, afterInode, bodyOffset);
  return { nid, offset, compact, kind, fields, xattrs, bodyOffset, path };
}

export function inodeSize(compact: boolean): number {
  return compact ? v6.inodeCompact.size : v6.inodeExtended.size;
}

/** Data layout: LAYOUT_PLAIN, LAYOUT_INLINE, LAYOUT_CHUNKS, or what only a broken inode has. */
function layoutOf({ fields }: RawInode): number {
  return fields.format >> 1;
}

/** The chunk index entries of a file; may leave the file. */
export function chunkEntries({ fields, bodyOffset }: RawInode, chunkSize: number): Extent {
  return {
    offset: roundUp(bodyOffset, 8),
    size: Math.ceil(fields.size / chunkSize) * v6.chunkIndexEntry.size,
  };
}

/** The bytes of a directory or symlink: one run of blocks, and the inline tail. Either may be empty, or leave the file. */
function dataRuns(raw: RawInode): { readonly blocks: Extent; readonly tail: Extent } {
  const { size, union } = raw.fields;
  const tail = layoutOf(raw) === v6.LAYOUT_INLINE ? size % v6.BLOCK_SIZE : 0;
  return {
    blocks: { offset: union * v6.BLOCK_SIZE, size: size - tail },
    tail: { offset: raw.bodyOffset, size: tail },
  };
}

/** The same a block at a time; the last one may be shorter. Only for runs known to lie in the file. */
export function* dataBlocks(raw: RawInode): Generator<Extent> {
  const { blocks, tail } = dataRuns(raw);
  for (let done = 0; done < blocks.size; done += v6.BLOCK_SIZE) {
    yield { offset: blocks.offset + done, size: Math.min(v6.BLOCK_SIZE, blocks.size - done) };
  }
  if (tail.size > 0) yield tail;
}

/** The inverse of `encodeDevice`. */
export function decodeDevice(rdev: number): { readonly major: number; readonly minor: number } {
  return { major: (rdev >>> 8) & 0xfff, minor: (rdev & 0xff) | ((rdev >>> 12) & 0xf_ff00) };
}

/** 12 bits of major and 20 of minor, as Linux' new_encode_dev packs them. */
export function encodeDevice(major: number, minor: number): number {
  return ((minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)) >>> 0;
}
