/**
 * Directory blocks: entries first, then their names, everything sorted by bytes – `.` and `..` too, so that a name
 * such as `+x` stands before them. Readers search by bisection; one entry out of order hides others.
 */
import { FormatError } from '../../../errors.js';
import type { RawName } from '../../../oci/raw-name.js';
import { BLOCK_SIZE, dirent, MAX_NAME_LENGTH } from '../../layout/v6.js';

/** How many bytes the entries of names `from` to `to` take: all blocks but the last count in full. */
export function directorySize(names: readonly string[], from = 0, to = names.length): number {
  let size = 0;
  for (let i = from; i < to; i++) {
    const used = size % BLOCK_SIZE;
    const needed = dirent.size + (names[i] ?? '').length;
    size += used + needed > BLOCK_SIZE ? BLOCK_SIZE - used + needed : needed;
  }
  return size;
}

export interface DirectoryRow {
  readonly name: string;
  readonly nid: number;
  /** As FILE_TYPES numbers it. */
  readonly fileType: number;
}

/** Rows `from` to `to`, as columns, and the first one that does not fit the block any more. */
export function blockEnd(names: readonly string[], from: number, to: number): number {
  let used = 0;
  for (let i = from; i < to; i++) {
    used += dirent.size + (names[i] ?? '').length;
    if (used > BLOCK_SIZE) return i;
  }
  return to;
}

/** An entry as it was read. */
export interface LocatedRow extends DirectoryRow {
  readonly name: RawName;
  /** Of the entry, and of the name, in the file. */
  readonly offset: number;
  readonly nameStart: number;
}

/** Where an entry stands in the file, and where its name does. */
export type RowVisitor = (offset: number, nameStart: number, nameLength: number) => void;

const { nid: NID, nameOffset: NAME_OFFSET } = dirent.offset;
const MAX_HIGH = 0x1f_ffff;
const SLASH = 0x2f;

/** One block of `size` bytes at `offset`, in the file. Throws FormatError for whatever would make a reader leave it. */
export function visitDirectoryBlock(buffer: Buffer, offset: number, size: number, visit: RowVisitor): void {
  const first = nameOffsetAt(buffer, offset);
  const count = first / dirent.size;
  if (!Number.isInteger(count) || count < 1 || first > size) {
    throw dirent.fault(
      'nameOffset',
      offset,
      `the first one is ${first}, in a directory block of ${size} bytes`,
    );
  }
  let start = first;
  for (let i = 0; i < count; i++) {
    const at = offset + i * dirent.size;
    const isLast = i + 1 === count;
    const stop = isLast ? size : nameOffsetAt(buffer, at + dirent.size);
    if (stop <= start || stop > size) {
      throw dirent.fault(
        'nameOffset',
        at,
        `a name from ${start} to ${stop} in a directory block of ${size} bytes`,
      );
    }
    visit(at, offset + start, nameLength(buffer, offset + start, offset + stop, isLast));
    start = stop;
  }
}

/** A nid that no double holds is an error of the whole entry. */
function nameOffsetAt(buffer: Buffer, at: number): number {
  if (at + dirent.size > buffer.length || buffer.readUInt32LE(at + NID + 4) > MAX_HIGH) {
    return dirent.read(buffer, at).nameOffset; // throws
  }
  return buffer.readUInt16LE(at + NAME_OFFSET);
}

/** Only the last name of a block may be followed by unused bytes, and then ends at the first NUL. */
function nameLength(buffer: Buffer, start: number, stop: number, isLast: boolean): number {
  let end = stop;
  let slash = false;
  for (let i = start; i < stop; i++) {
    const byte = buffer[i];
    if (byte === SLASH) slash = true;
    if (byte !== 0) continue;
    if (!isLast) throw nameFault(start, slash ? 'a name with a slash in it' : 'a name with a NUL in it');
    end = i;
    break;
  }
  const length = end - start;
  if (length === 0 || length > MAX_NAME_LENGTH) throw nameFault(start, `a name of ${length} bytes`);
  if (slash) throw nameFault(start, 'a name with a slash in it');
  return length;
}

function nameFault(offset: number, fault: string): FormatError {
  return new FormatError(`Dirent at offset ${offset}: ${fault}`, { offset });
}
