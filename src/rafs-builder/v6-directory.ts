/**
 * Directory blocks: entries first, then their names, everything sorted by bytes – `.` and `..` too, so that a name
 * such as `+x` stands before them. Readers search by bisection; one entry out of order hides others.
 */
import { FormatError } from '../errors.js';
import { type RawName } from '../oci/raw-name.js';
import { BLOCK_SIZE, dirent, MAX_NAME_LENGTH } from './v6.js';

/** How many bytes the entries take: all blocks but the last count in full. */
export function directorySize(names: Iterable<{ readonly name: string }>): number {
  let size = 0;
  for (const { name } of names) {
    const used = size % BLOCK_SIZE;
    const needed = dirent.size + name.length;
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

/** Rows in order, cut where a block is full: what `directorySize` counted. */
export function directoryBlocks<T extends { readonly name: string }>(rows: readonly T[]): T[][] {
  const blocks: T[][] = [];
  let block: T[] = [];
  let used = 0;
  for (const row of rows) {
    const needed = dirent.size + row.name.length;
    if (used + needed > BLOCK_SIZE) {
      blocks.push(block);
      block = [];
      used = 0;
    }
    block.push(row);
    used += needed;
  }
  if (block.length > 0) blocks.push(block);
  return blocks;
}

export function writeDirectoryBlock(buffer: Buffer, offset: number, rows: readonly DirectoryRow[]): void {
  let nameOffset = dirent.size * rows.length;
  rows.forEach((row, i) => {
    dirent.write(buffer, offset + i * dirent.size, { nid: row.nid, nameOffset, fileType: row.fileType });
    buffer.write(row.name, offset + nameOffset, 'latin1');
    nameOffset += row.name.length;
  });
}

export interface LocatedRow extends DirectoryRow {
  readonly name: RawName;
  /** Of the entry, and of the name, in the file. */
  readonly offset: number;
  readonly nameStart: number;
}

/** One block of `size` bytes at `offset`. Throws FormatError for whatever would make a reader leave it. */
export function readDirectoryBlock(buffer: Buffer, offset: number, size: number): LocatedRow[] {
  const first = dirent.read(buffer, offset).nameOffset;
  const count = first / dirent.size;
  if (!Number.isInteger(count) || count < 1 || first > size) {
    throw dirent.fault(
      'nameOffset',
      offset,
      `the first one is ${first}, in a directory block of ${size} bytes`,
    );
  }
  const rows: LocatedRow[] = [];
  let entry = dirent.read(buffer, offset);
  for (let i = 0; i < count; i++) {
    const at = offset + i * dirent.size;
    const next = i + 1 < count ? dirent.read(buffer, at + dirent.size) : undefined;
    const start = entry.nameOffset;
    const stop = next === undefined ? size : next.nameOffset;
    if (stop <= start || stop > size) {
      throw dirent.fault(
        'nameOffset',
        at,
        `a name from ${start} to ${stop} in a directory block of ${size} bytes`,
      );
    }
    const raw = buffer.toString('latin1', offset + start, offset + stop);
    // Only the last name of a block may be followed by unused bytes, and then ends at the first NUL.
    const end = next === undefined ? raw.indexOf('\0') : -1;
    const name = (end < 0 ? raw : raw.slice(0, end)) as RawName; // latin1 is one character a byte
    checkName(name, offset + start);
    rows.push({ name, nid: entry.nid, fileType: entry.fileType, offset: at, nameStart: offset + start });
    if (next !== undefined) entry = next;
  }
  return rows;
}

function checkName(name: string, offset: number): void {
  const fault =
    name.length === 0 || name.length > MAX_NAME_LENGTH
      ? `a name of ${name.length} bytes`
      : name.includes('/')
        ? 'a name with a slash in it'
        : name.includes('\0')
          ? 'a name with a NUL in it'
          : undefined;
  if (fault !== undefined) throw new FormatError(`Dirent at offset ${offset}: ${fault}`, { offset });
}
