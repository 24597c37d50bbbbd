/** Table of contents of a RAFS blob, its last section: where the others are and what they digest to. */
import { FormatError } from '../../errors.js';
import { SECTIONS, TAR_HEADER_SIZE, tocEntry, tocFlags, type TocEntry } from '../layout/blob.js';
import { decodeTarHeader } from './section-header.js';

/** Nydus' readers look no farther back than this. */
export const TOC_READ_SIZE = 4096;

/**
 * The entries of a blob's table of contents, from the last bytes of the blob (TOC_READ_SIZE, or all when it is smaller).
 * Throws FormatError when there is none, and for entries that leave the blob.
 */
export function parseToc(end: Uint8Array, blobSize: number): TocEntry[] {
  const buffer = Buffer.from(end.buffer, end.byteOffset, end.length);
  const headerStart = buffer.length - TAR_HEADER_SIZE;
  const base = blobSize - buffer.length;
  if (headerStart < 0)
    throw new FormatError(`a blob of ${blobSize} bytes is too short for a table of contents`, { offset: 0 });
  const { name, size } = decodeTarHeader(buffer, headerStart);
  const start = headerStart - size;
  if (name !== SECTIONS.toc || size === 0 || size % tocEntry.size !== 0 || start < 0) {
    throw new FormatError(
      `the blob ends with a section ${JSON.stringify(name)} of ${size} bytes, not with a table of contents`,
      {
        offset: base + headerStart,
      },
    );
  }
  return Array.from({ length: size / tocEntry.size }, (_, i) => {
    const at = start + i * tocEntry.size;
    const entry = tocEntry.read(buffer, at);
    if (!tocFlags.rows.some((row) => row.value === entry.flags))
      throw tocEntry.fault('flags', base + at, `0x${entry.flags.toString(16)}`);
    if (entry.offset + entry.compressedSize > base + start)
      throw tocEntry.fault('compressedSize', base + at, `section ${entry.name} leaves its place`);
    return entry;
  });
}
