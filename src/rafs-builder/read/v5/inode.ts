/**
 * Reads one stored inode of v5 without the tree around it: its fields, name, target, xattrs, and the place of its chunk
 * records.
 */
import type { RawName, RawPath } from '../../../oci/raw-name.js';
import { roundUp } from '../../layout/struct.js';
import type { InodeKind, Xattr } from '../../model/tree.js';
import * as v5 from '../../layout/v5.js';
import { chunkInfo } from '../../layout/v6.js';
import { kindOfMode } from '../v6/inode.js';

export interface LocatedV5Xattr extends Xattr {
  /** The offset of the pair in the file. */
  readonly offset: number;
}

export interface RawV5Inode {
  /** The inode's number in the inode table, from 1. */
  readonly number: number;
  /** Bytes from the start of the file. */
  readonly offset: number;
  readonly kind: InodeKind;
  readonly fields: v5.InodeFields;
  readonly name: RawName;
  readonly nameOffset: number;
  readonly target: RawPath;
  readonly targetOffset: number;
  /** In the order of the file. */
  readonly xattrs: readonly LocatedV5Xattr[];
  /** The offset of `XattrTotal`, if the flag says that there is one. */
  readonly xattrsOffset: number;
  readonly xattrsSize: number;
  readonly chunksOffset: number;
  readonly chunkCount: number;
  readonly end: number;
}

const NO_XATTRS = { xattrs: [], size: 0 };

/** Throws FormatError, with the offset, for a record that leaves the file, and for one of an unknown type. */
export function readV5Inode(buffer: Buffer, offset: number, number: number): RawV5Inode {
  const fields = v5.inode.read(buffer, offset);
  const kind = kindOfMode(fields.mode);
  if (kind === undefined)
    throw v5.inode.fault('mode', offset, `0o${fields.mode.toString(8)} is of no known type`);
  const nameOffset = offset + v5.inode.size;
  const targetOffset = nameOffset + roundUp(fields.nameSize, v5.ALIGNMENT);
  const targetSize = kind === 'symlink' ? fields.symlinkSize : 0;
  const xattrsOffset = targetOffset + roundUp(targetSize, v5.ALIGNMENT);
  const hasXattrs = v5.inodeFlags.has(fields.flags, 'XATTR');
  const { xattrs, size: xattrsSize } = hasXattrs ? readXattrs(buffer, xattrsOffset) : NO_XATTRS;
  const chunksOffset = xattrsOffset + roundUp(xattrsSize, v5.ALIGNMENT);
  const chunkCount = kind === 'file' ? fields.childCount : 0;
  const end = chunksOffset + chunkCount * chunkInfo.size;
  if (end > buffer.length) throw v5.inode.fault('childCount', offset, 'the record leaves the file');
  return {
    number,
    offset,
    kind,
    fields,
    // Names and targets have one character a byte.
    name: buffer.toString('latin1', nameOffset, nameOffset + fields.nameSize) as RawName,
    nameOffset,
    target: buffer.toString('latin1', targetOffset, targetOffset + targetSize) as RawPath,
    targetOffset,
    xattrs,
    xattrsOffset,
    xattrsSize,
    chunksOffset,
    chunkCount,
    end,
  };
}

/** `size` counts `XattrTotal`, too. */
function readXattrs(
  buffer: Buffer,
  offset: number,
): { readonly xattrs: readonly LocatedV5Xattr[]; readonly size: number } {
  const start = offset + v5.xattrTotal.size;
  const end = start + v5.xattrTotal.read(buffer, offset).size;
  const xattrs: LocatedV5Xattr[] = [];
  for (let at = start; at < end;) {
    const from = at + v5.xattrPair.size;
    const stop = from + v5.xattrPair.read(buffer, at).size;
    const nul = buffer.indexOf(0, from);
    const name = buffer.toString('latin1', from, nul) as RawName; // one character a byte
    xattrs.push({ name, value: buffer.subarray(nul + 1, stop), offset: at });
    at = stop;
  }
  return { xattrs, size: end - offset };
}
