/** One stored inode of v5: its fields, name, target, xattrs, and where its chunk records are. Knows nothing of the tree. */
import type { FormatError } from '../../../errors.js';
import type { RawName, RawPath } from '../../../oci/raw-name.js';
import { roundUp } from '../../layout/struct.js';
import type { InodeKind, Xattr } from '../../model/tree.js';
import * as v5 from '../../layout/v5.js';
import { chunkInfo, MAX_NAME_LENGTH, MAX_SYMLINK_LENGTH, MAX_XATTR_NAME_LENGTH } from '../../layout/v6.js';
import { kindOfMode } from '../v6/inode.js';

export interface LocatedV5Xattr extends Xattr {
  /** Of the pair, in the file. */
  readonly offset: number;
}

export interface RawV5Inode {
  /** Its place in the inode table, from 1. */
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
  /** Where `XattrTotal` is, if the flag says that there is one. */
  readonly xattrsOffset: number;
  readonly xattrsSize: number;
  readonly chunksOffset: number;
  readonly chunkCount: number;
  readonly end: number;
}

const NO_XATTRS: readonly LocatedV5Xattr[] = [];

/** Throws FormatError, with the offset, for a record that leaves the file or does not add up. */
export function readV5Inode(buffer: Buffer, offset: number, number: number, chunkSize: number): RawV5Inode {
  const fields = v5.inode.read(buffer, offset);
  const fault = (field: keyof v5.InodeFields, reason: string): FormatError =>
    v5.inode.fault(field, offset, reason);
  const kind = kindOfMode(fields.mode);
  if (kind === undefined) throw fault('mode', `0o${fields.mode.toString(8)} is of no known type`);
  if (fields.nameSize === 0 || fields.nameSize > MAX_NAME_LENGTH)
    throw fault('nameSize', `a name of ${fields.nameSize} bytes`);
  if ((kind === 'symlink') !== v5.inodeFlags.has(fields.flags, 'SYMLINK'))
    throw fault('flags', `${v5.inodeFlags.show(fields.flags)} of a ${kind}`);
  const nameOffset = offset + v5.inode.size;
  const targetOffset = nameOffset + roundUp(fields.nameSize, v5.ALIGNMENT);
  const isLink = kind === 'symlink';
  if (isLink && (fields.symlinkSize === 0 || fields.symlinkSize > MAX_SYMLINK_LENGTH))
    throw fault('symlinkSize', `a symlink's target of ${fields.symlinkSize} bytes`);
  const xattrsOffset = targetOffset + (isLink ? roundUp(fields.symlinkSize, v5.ALIGNMENT) : 0);
  if (xattrsOffset > buffer.length) throw fault('nameSize', 'the name leaves the file');
  const name = buffer.toString('latin1', nameOffset, nameOffset + fields.nameSize) as RawName; // one character a byte
  if (number === v5.ROOT_INO ? name !== v5.ROOT_NAME : /[/\0]|^\.\.?$/.test(name))
    throw fault('nameSize', `the name behind it is ${JSON.stringify(name)}`);
  const hasXattrs = v5.inodeFlags.has(fields.flags, 'XATTR');
  const { xattrs, size: xattrsSize } = hasXattrs
    ? readXattrs(buffer, xattrsOffset)
    : { xattrs: NO_XATTRS, size: 0 };
  const chunksOffset = xattrsOffset + roundUp(xattrsSize, v5.ALIGNMENT);
  const chunkCount = kind === 'file' ? fields.childCount : 0;
  if (kind === 'file' && chunkCount !== Math.ceil(fields.size / chunkSize))
    throw fault('childCount', `${chunkCount} chunks for ${fields.size} bytes`);
  const end = chunksOffset + chunkCount * chunkInfo.size;
  if (end > buffer.length) throw fault('childCount', 'the chunk records leave the file');
  return {
    number,
    offset,
    kind,
    fields,
    name,
    nameOffset,
    target: (isLink
      ? buffer.toString('latin1', targetOffset, targetOffset + fields.symlinkSize)
      : '') as RawPath, // as above
    targetOffset,
    xattrs,
    xattrsOffset,
    xattrsSize,
    chunksOffset,
    chunkCount,
    end,
  };
}

/** `size` counts `XattrTotal` too. */
function readXattrs(
  buffer: Buffer,
  offset: number,
): { readonly xattrs: readonly LocatedV5Xattr[]; readonly size: number } {
  const total = v5.xattrTotal.read(buffer, offset).size;
  const start = offset + v5.xattrTotal.size;
  const end = start + total;
  if (roundUp(end, v5.ALIGNMENT) > buffer.length)
    throw v5.xattrTotal.fault('size', offset, `${total} bytes of xattrs leave the file`);
  const xattrs: LocatedV5Xattr[] = [];
  const seen = new Set<string>();
  for (let at = start; at < end;) {
    const { size } = v5.xattrPair.read(buffer, at);
    const from = at + v5.xattrPair.size;
    const stop = from + size;
    const nul = buffer.indexOf(0, from);
    if (stop > end || nul < 0 || nul >= stop)
      throw v5.xattrPair.fault(
        'size',
        at,
        `an xattr of ${size} bytes has no end of its name, or leaves its area`,
      );
    const name = buffer.toString('latin1', from, nul) as RawName; // one character a byte
    if (name === '' || name.length > MAX_XATTR_NAME_LENGTH || seen.has(name))
      throw v5.xattrPair.fault(
        'size',
        at,
        seen.has(name) ? `xattr ${name} occurs twice` : `a name of ${name.length} bytes`,
      );
    seen.add(name);
    xattrs.push({ name, value: buffer.subarray(nul + 1, stop), offset: at });
    at = stop;
  }
  return { xattrs, size: v5.xattrTotal.size + total };
}
