/**
 * Reads the table of contents, the last section of a RAFS blob. It holds the places and digests of the other sections.
 */
import { SECTIONS, TAR_HEADER_SIZE, tocEntry, type TocEntry } from '../layout/blob.js';
import { frameFault, type Window } from './window.js';

/** Nydus' readers accept no more entries. */
const MAX_ENTRIES = 28;

/** Entries as they are stored. Flags, offsets and sizes are checked where they are used. */
export interface Toc {
  readonly entries: readonly TocEntry[];
  /** The offset of the first entry in the blob. */
  readonly offset: number;
}

/** Reads the table at the end of a blob of `size` bytes. Throws FormatError when the blob does not end with a table. */
export function readToc(end: Window, size: number): Toc {
  if (size < TAR_HEADER_SIZE) throw frameFault(`a blob of ${size} bytes has no table of contents`, 0);
  const header = end.header(size - TAR_HEADER_SIZE);
  if (header.name !== SECTIONS.toc)
    throw frameFault(`last section is ${header.name}, not ${SECTIONS.toc}`, size - TAR_HEADER_SIZE);
  const count = header.size / tocEntry.size;
  if (!Number.isInteger(count) || count < 1 || count > MAX_ENTRIES) {
    throw frameFault(`table of contents has ${header.size} bytes`, size - TAR_HEADER_SIZE);
  }
  const offset = size - TAR_HEADER_SIZE - header.size;
  const bytes = end.slice(offset, size - TAR_HEADER_SIZE);
  return {
    entries: Array.from({ length: count }, (_, i) => tocEntry.read(bytes, i * tocEntry.size)),
    offset,
  };
}
