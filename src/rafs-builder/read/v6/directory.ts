/** A directory block holds its entries first, then their names. */
import type { RawName } from '../../../oci/raw-name.js';
import { dirent } from '../../layout/v6.js';

/** An entry with its place. */
export interface LocatedRow {
  readonly name: RawName;
  readonly nid: number;
  /** The file type by the numbers of FILE_TYPES. */
  readonly fileType: number;
  /** The offset of the entry, and of the name, in the file. */
  readonly offset: number;
  readonly nameStart: number;
}

const { nid: NID, nameOffset: NAME_OFFSET, fileType: FILE_TYPE } = dirent.offset;
const TWO_32 = 2 ** 32;

/**
 * Adds the entries of a block of `size` bytes at `offset` of the file to `rows`. Throws FormatError for an entry that
 * leaves the block.
 */
export function readDirectoryBlock(buffer: Buffer, offset: number, size: number, rows: LocatedRow[]): void {
  const first = size < dirent.size ? 0 : buffer.readUInt16LE(offset + NAME_OFFSET);
  if (first % dirent.size !== 0 || first > size)
    throw dirent.fault('nameOffset', offset, `names from ${first} in a block of ${size} bytes`);
  let start = first;
  for (let at = offset; at < offset + first; at += dirent.size) {
    const isLast = at + dirent.size >= offset + first;
    const stop = isLast ? size : buffer.readUInt16LE(at + dirent.size + NAME_OFFSET);
    if (stop < start || stop > size)
      throw dirent.fault('nameOffset', at, `a name from ${start} to ${stop} in a block of ${size} bytes`);
    const nameStart = offset + start;
    const name = nameBetween(buffer, nameStart, offset + stop, isLast);
    const nid = buffer.readUInt32LE(at + NID) + buffer.readUInt32LE(at + NID + 4) * TWO_32;
    rows.push({ name, nid, fileType: buffer.readUInt8(at + FILE_TYPE), offset: at, nameStart });
    start = stop;
  }
}

/**
 * Returns the length of a name. Only the last name of a block may be followed by unused bytes; it then ends at the
 * first NUL.
 */
function nameBetween(buffer: Buffer, start: number, stop: number, isLast: boolean): RawName {
  const nul = isLast ? buffer.subarray(start, stop).indexOf(0) : -1;
  return buffer.toString('latin1', start, nul === -1 ? stop : start + nul) as RawName; // latin1 has one character a byte
}
