/** One section of a RAFS blob and its content. */
import { createHash } from 'node:crypto';
import { TOC_COMPRESSORS, tocFlags, type TocEntry } from '../layout/blob.js';
import type { CompressorName } from '../model/tree.js';
import { MAX_TAIL } from './end.js';
import { frameFault } from './window.js';

export interface Section {
  /** The section's entry in the table of contents; for blobs without a table, the entry that it would have. */
  readonly entry: TocEntry;
  /** The stored bytes; undefined for the chunk data. */
  readonly stored: Buffer | undefined;
}

/** Decompresses to exactly `size` bytes, or rejects. */
export type Decompress = (bytes: Uint8Array, compressor: CompressorName, size: number) => Promise<Buffer>;

/** Returns the uncompressed content of a section without checking its digest. Throws FormatError. */
export async function decodeSection({ entry, stored }: Section, decompress: Decompress): Promise<Buffer> {
  const { name, flags, offset, uncompressedSize } = entry;
  if (stored === undefined) throw frameFault(`${name} is not read as a whole`, offset);
  const compressor = compressorOf(flags);
  if (compressor === undefined) throw frameFault(`${name} has unknown flags 0x${flags.toString(16)}`, offset);
  if (compressor === 'none') {
    if (uncompressedSize === stored.length) return stored;
    throw frameFault(
      `${name} is stored raw with ${stored.length} bytes, but the table of contents states ${uncompressedSize}`,
      offset,
    );
  }
  if (uncompressedSize > MAX_TAIL) throw frameFault(`${name} is too large`, offset);
  return decompress(stored, compressor, uncompressedSize);
}

/** Returns the uncompressed content of a section and checks its digest in the table of contents. Throws FormatError. */
export async function sectionContent(section: Section, decompress: Decompress): Promise<Buffer> {
  const { name, digest, offset } = section.entry;
  const content = await decodeSection(section, decompress);
  if (createHash('sha256').update(content).digest().equals(digest)) return content;
  throw frameFault(`${name} does not have its digest in the table of contents`, offset);
}

/** Returns the compressor of a section; undefined unless exactly one known flag is set. */
function compressorOf(flags: number): CompressorName | undefined {
  const row = tocFlags.rows.find(({ value }) => value === flags);
  return row === undefined ? undefined : TOC_COMPRESSORS[row.name];
}
