/** Table of contents of a RAFS blob, its last section: where the others are and what they digest to. */
import { FormatError } from '../../errors.js';
import { at, bytes, flags, reserved, struct, text, u32, u64, type StructOf } from '../layout/struct.js';
import { decodeTarHeader, TAR_HEADER_SIZE } from './section-header.js';

export const tocEntry = struct('TocEntry', 128, 'One section in `rafs.blob.toc`.', {
  flags: at(0x00, u32, 'TocFlags: exactly one'),
  reserved: at(0x04, reserved(4), 'zero'),
  name: at(0x08, text(16), 'may use all 16 characters'),
  digest: at(
    0x18,
    bytes(32),
    'SHA-256 of the uncompressed content; of image.blob: of the data and the tar header behind it',
  ),
  offset: at(0x38, u64, 'from the start of the blob'),
  compressedSize: at(0x40, u64, 'as stored'),
  uncompressedSize: at(0x48, u64, 'image.blob: of the uncompressed address space'),
  reserved2: at(0x50, reserved(48), 'zero; old builders left garbage, readers must not look'),
});
export type TocEntry = StructOf<typeof tocEntry>;

export const tocFlags = flags('TocFlags', {
  NONE: [1, 'stored as it is'],
  ZSTD: [2, 'zstd'],
  LZ4_BLOCK: [4, 'lz4 block'],
});

/** Names of the sections, in the order of the blob; `blob.meta.header` is the end of the section `blob.meta`. */
export const SECTIONS = {
  data: 'image.blob',
  meta: 'blob.meta',
  metaHeader: 'blob.meta.header',
  digests: 'blob.digest',
  bootstrap: 'image.boot',
  toc: 'rafs.blob.toc',
} as const;

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
