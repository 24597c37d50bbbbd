/**
 * Extended attributes as v6 stores them: behind the inode, the name's prefix as a number. Shared xattrs are not used.
 * Rules: Nydus rafs/src/metadata/layout/v6.rs (RafsXAttrs), kernel fs/erofs/xattr.c.
 */
import { FormatError } from '../../../errors.js';
import type { RawName } from '../../../oci/raw-name.js';
import { roundUp } from '../../layout/struct.js';
import type { Xattr } from '../../model/tree.js';
import { MAX_XATTR_NAME_LENGTH, XATTR_PREFIXES, xattrEntry, xattrHeader } from '../../layout/v6.js';

/** Bytes of an inode's xattrs, of which its field xattrCount makes this. */
export function xattrAreaSizeOf(count: number): number {
  return count === 0 ? 0 : xattrHeader.size + 4 * (count - 1);
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
