/**
 * Reads extended attributes of v6. They follow the inode, and a number stands for a name's prefix. Shared xattrs are
 * not used. Rules: Nydus rafs/src/metadata/layout/v6.rs (RafsXAttrs), kernel fs/erofs/xattr.c.
 */
import type { RawName } from '../../../oci/raw-name.js';
import { XATTR_PREFIXES, xattrEntry, xattrHeader } from '../../layout/v6.js';
import { roundUp } from '../../layout/struct.js';
import type { Xattr } from '../../model/tree.js';

export interface LocatedXattr extends Xattr {
  /** The offset of the entry in the file. */
  readonly offset: number;
  /** Bytes of the stored name behind the entry; the value follows. */
  readonly storedNameSize: number;
}

/**
 * Reads the xattrs between `offset` and `end`, in the order of the file. Throws FormatError for an entry that leaves
 * the area, and for an unknown prefix.
 */
export function readXattrs(buffer: Buffer, offset: number, end: number): readonly LocatedXattr[] {
  const found: LocatedXattr[] = [];
  for (let at = offset + xattrHeader.size; at < end;) {
    const entry = xattrEntry.read(buffer, at);
    const nameStart = at + xattrEntry.size;
    const valueStart = nameStart + entry.nameLength;
    const stop = valueStart + entry.valueSize;
    const prefix = XATTR_PREFIXES.find((row) => row.index === entry.nameIndex);
    if (stop > end || prefix === undefined) throw xattrEntry.fault('nameLength', at, 'no xattr stands here');
    found.push({
      name: (prefix.prefix + buffer.toString('latin1', nameStart, valueStart)) as RawName, // latin1 has one character a byte
      value: buffer.subarray(valueStart, stop),
      offset: at,
      storedNameSize: entry.nameLength,
    });
    at = roundUp(stop, 4);
  }
  return found;
}
