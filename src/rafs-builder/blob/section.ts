/** One section of a RAFS blob and its content. */
import { createHash } from 'node:crypto';
import { TOC_COMPRESSORS, tocFlags, type TocEntry } from '../layout/blob.js';
import type { CompressorName } from '../model/tree.js';
import { MAX_TAIL } from './end.js';
import { frameFault } from './window.js';

export interface Section {
  /** As the table of contents lists the section; for blobs without a table, as it would. */
  readonly entry: TocEntry;
  /** Bytes as stored; undefined for the chunk data. */
  readonly stored: Buffer | undefined;
}

/** Decompresses to exactly `size` bytes, or rejects. */
export type Decompress = (bytes: Uint8Array, compressor: CompressorName, size: number) => Promise<Buffer>;

/** The uncompressed content of a section, whose digest is not looked at. Throws FormatError. */
export async function decodeSection({ entry, stored }: Section, decompress: Decompress): Promise<Buffer> {
  const { name, flags, offset, uncompressedSize } = entry;
  if (stored === undefined) throw frameFault(`${name} is not read as a whole`, offset);
  const compressor = compressorOf(flags);
  if (compressor === undefined) throw frameFault(`${name} has unknown flags 0x${flags.toString(16)}`, offset);
  if (compressor === 'none') {
    if (uncompressedSize === stored.length) return stored;
    throw frameFault(
      `${name} is stored raw with ${stored.length} bytes, and told to have ${uncompressedSize}`,
      offset,
    );
  }
  if (uncompressedSize > MAX_TAIL) throw frameFault(`${name} is too large`, offset);
  return decompress(stored, compressor, uncompressedSize);
}

/** The uncompressed content of a section, which has the digest that the table of contents lists. Throws FormatError. */
export async function sectionContent(section: Section, decompress: Decompress): Promise<Buffer> {
  const { name, digest, offset } = section.entry;
  const content = await decodeSection(section, decompress);
  if (createHash('sha256').update(content).digest().equals(digest)) return content;
  throw frameFault(`${name} does not have the digest that the table of contents tells`, offset);
}

/** Undefined unless exactly one known flag is set. */
function compressorOf(flags: number): CompressorName | undefined {
  const row = tocFlags.rows.find(({ value }) => value === flags);
  return row === undefined ? undefined : TOC_COMPRESSORS[row.name];
}
