/**
 * Extended attributes as v6 stores them: behind the inode, the name's prefix as a number. Shared xattrs are not used.
 * Rules: Nydus rafs/src/metadata/layout/v6.rs (RafsXAttrs), kernel fs/erofs/xattr.c.
 */
import { FormatError, InternalError } from '../../../errors.js';
import type { RawName } from '../../../oci/raw-name.js';
import { roundUp } from '../../layout/struct.js';
import type { Xattr } from '../../model/tree.js';
import { MAX_XATTR_NAME_LENGTH, XATTR_PREFIXES, xattrEntry, xattrHeader } from '../../layout/v6.js';

const MAX_XATTR_VALUE_SIZE = 0xffff;

function splitName(name: string): { readonly index: number; readonly rest: string } | undefined {
  for (const { index, prefix, whole } of XATTR_PREFIXES) {
    if (whole ? name === prefix : name.startsWith(prefix)) return { index, rest: name.slice(prefix.length) };
  }
  return undefined;
}

/** Why v6 cannot store this xattr, or undefined when it can. */
export function xattrFault(xattr: Xattr): string | undefined {
  if (splitName(xattr.name) === undefined) return 'its prefix has no number in RAFS v6';
  if (xattr.name.length > MAX_XATTR_NAME_LENGTH)
    return `its name has ${xattr.name.length} bytes, more than ${MAX_XATTR_NAME_LENGTH}`;
  if (xattr.value.length > MAX_XATTR_VALUE_SIZE)
    return `its value has ${xattr.value.length} bytes, more than ${MAX_XATTR_VALUE_SIZE}`;
  return undefined;
}

/** Bytes between the inode and its body; 0 without xattrs (a header alone is invalid for the kernel). */
export function xattrAreaSize(xattrs: readonly Xattr[]): number {
  if (xattrs.length === 0) return 0;
  let size = xattrHeader.size;
  for (const xattr of xattrs) {
    const rest = splitName(xattr.name)?.rest ?? xattr.name;
    size += roundUp(xattrEntry.size + rest.length + xattr.value.length, 4);
  }
  return size;
}

/** The inode's xattrCount for an area of this size, and back. */
export function xattrCount(areaSize: number): number {
  return areaSize === 0 ? 0 : 1 + (areaSize - xattrHeader.size) / 4;
}
export function xattrAreaSizeOf(count: number): number {
  return count === 0 ? 0 : xattrHeader.size + 4 * (count - 1);
}

/** Writes in the given order, which is by name: the reference's own order is random. */
export function writeXattrs(buffer: Buffer, offset: number, xattrs: readonly Xattr[]): void {
  if (xattrs.length === 0) return;
  xattrHeader.write(buffer, offset, { sharedCount: 0 });
  let at = offset + xattrHeader.size;
  for (const { name, value } of xattrs) {
    const split = splitName(name);
    if (split === undefined) throw new InternalError(`xattr ${name}: its prefix has no number in RAFS v6`);
    xattrEntry.write(buffer, at, {
      nameLength: split.rest.length,
      nameIndex: split.index,
      valueSize: value.length,
    });
    buffer.write(split.rest, at + xattrEntry.size, 'latin1');
    buffer.set(value, at + xattrEntry.size + split.rest.length);
    at += roundUp(xattrEntry.size + split.rest.length + value.length, 4);
  }
}

/** Shared by all inodes without xattrs. */
const NONE: readonly LocatedXattr[] = [];

export interface LocatedXattr extends Xattr {
  /** Of the entry, in the file. */
  readonly offset: number;
  /** Bytes of the name as stored, behind the entry; the value follows. */
  readonly storedNameSize: number;
}

/**
 * The xattrs between `offset` and `end`, in the order of the file. Throws FormatError for an entry that leaves the
 * area, a prefix without a meaning, and a name that occurs twice.
 */
export function readXattrs(buffer: Buffer, offset: number, end: number): readonly LocatedXattr[] {
  if (offset === end) return NONE;
  const found: LocatedXattr[] = [];
  const header = xattrHeader.read(buffer, offset);
  if (header.sharedCount !== 0)
    throw xattrHeader.fault(
      'sharedCount',
      offset,
      `${header.sharedCount} shared xattrs, but there is no area for them`,
    );
  const seen = new Set<string>();
  for (let at = offset + xattrHeader.size; at < end;) {
    const entry = xattrEntry.read(buffer, at);
    const nameStart = at + xattrEntry.size;
    const valueStart = nameStart + entry.nameLength;
    const stop = valueStart + entry.valueSize;
    if (stop > end)
      throw xattrEntry.fault('valueSize', at, `the xattr ends ${stop - end} bytes behind its area`);
    const prefix = XATTR_PREFIXES.find((row) => row.index === entry.nameIndex);
    if (prefix === undefined)
      throw xattrEntry.fault('nameIndex', at, `no prefix has the number ${entry.nameIndex}`);
    if (prefix.whole === entry.nameLength > 0) {
      throw xattrEntry.fault(
        'nameLength',
        at,
        `a name of ${entry.nameLength} bytes behind "${prefix.prefix}"`,
      );
    }
    const name = (prefix.prefix + buffer.toString('latin1', nameStart, valueStart)) as RawName; // latin1 is one character a byte
    if (name.length > MAX_XATTR_NAME_LENGTH)
      throw xattrEntry.fault('nameLength', at, `a name of ${name.length} bytes`);
    if (seen.has(name))
      throw new FormatError(`XattrEntry at offset ${at}: xattr ${name} occurs twice`, { offset: at });
    seen.add(name);
    found.push({
      name,
      value: buffer.subarray(valueStart, stop),
      offset: at,
      storedNameSize: entry.nameLength,
    });
    at = roundUp(stop, 4);
  }
  return found;
}
