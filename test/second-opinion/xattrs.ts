/** Writes extended attributes as v6 stores them: behind the inode, the name's prefix as a number. */
import { InternalError } from '../../src/errors.js';
import {
  MAX_XATTR_NAME_LENGTH,
  XATTR_PREFIXES,
  xattrEntry,
  xattrHeader,
} from '../../src/rafs-builder/layout/v6.js';
import { roundUp } from '../../src/rafs-builder/layout/struct.js';
import type { Xattr } from '../../src/rafs-builder/model/tree.js';

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

/** The inode's xattrCount for an area of this size. */
export function xattrCount(areaSize: number): number {
  return areaSize === 0 ? 0 : 1 + (areaSize - xattrHeader.size) / 4;
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
