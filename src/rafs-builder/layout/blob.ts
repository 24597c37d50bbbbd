/**
 * The structures of a RAFS blob as tables: section headers, the table of contents, and the section `blob.meta` with its
 * records; no logic. (Nydus builder/src/core/blob.rs, storage/src/meta.)
 */
import type { CompressorName } from '../model/tree.js';
import { at, bytes, flags, reserved, struct, text, u32, u64, u8, type StructOf } from './struct.js';

/** The names of the sections, in their order in the blob. `blob.meta.header` is the end of the section `blob.meta`. */
export const SECTIONS = {
  data: 'image.blob',
  meta: 'blob.meta',
  metaHeader: 'blob.meta.header',
  digests: 'blob.digest',
  bootstrap: 'image.boot',
  toc: 'rafs.blob.toc',
} as const;

export const TAR_HEADER_SIZE = 512;
export const GNU_MAGIC = 'ustar  ';
export const REGULAR = 0x30;
export const META_MAGIC = 0xb10b_b10b;

export const tarHeader = struct(
  'TarHeader',
  TAR_HEADER_SIZE,
  'Follows each section of a RAFS blob and names it and its size.',
  {
    name: at(0, text(100), 'name of the section before it'),
    owner: at(100, reserved(24), 'mode, uid and gid: NUL bytes, not digits'),
    size: at(
      124,
      bytes(12),
      'size of the section: 11 octal digits and NUL; from 8 GiB on binary, big-endian, top bit set',
    ),
    mtime: at(136, text(12), '00000000000'),
    checksum: at(148, text(8), '7 octal digits: sum of the 512 bytes, these 8 taken as blanks'),
    type: at(156, u8, '0x30: a regular file'),
    linkName: at(157, reserved(100), 'zero'),
    magic: at(257, text(8), '"ustar", two blanks, NUL'),
    reserved: at(265, reserved(247), 'zero'),
  },
);

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
/** The compressor of a section by its flag. */
export const TOC_COMPRESSORS = {
  NONE: 'none',
  ZSTD: 'zstd',
  LZ4_BLOCK: 'lz4_block',
} as const satisfies Record<keyof typeof tocFlags.bits, CompressorName>;

export const chunkMeta = struct(
  'ChunkMeta',
  16,
  'One chunk in `blob.meta` (version 1); bits of two 64-bit words.',
  {
    uncompressedLow: at(
      0,
      u32,
      'bits 8–11: bits 20–23 of uncompressed size − 1; bits 12–31: those of the uncompressed offset',
    ),
    uncompressedHigh: at(
      4,
      u32,
      'bits 0–11: bits 32–43 of the uncompressed offset; bits 12–31: low 20 bits of uncompressed size − 1',
    ),
    compressedLow: at(8, u32, 'bits 0–31 of the compressed offset'),
    compressedHigh: at(
      12,
      u32,
      'bits 0–7: bits 32–39 of the compressed offset; bits 8–11: bits 20–23 of compressed size − 1; bits 12–31: its low 20 bits',
    ),
  },
);

export const chunkMetaV2 = struct(
  'ChunkMetaV2',
  24,
  'One chunk in `blob.meta` when the blob has the feature CHUNK_INFO_V2; bits of three 64-bit words.',
  {
    uncompressedBlock: at(0x00, u32, 'uncompressed offset in units of 4096'),
    uncompressedSizeAndFlags: at(0x04, u32, 'bits 0–23: uncompressed size − 1; bits 24–31: ChunkMetaV2Flags'),
    compressedLow: at(0x08, u32, 'bits 0–31 of the compressed offset'),
    compressedHigh: at(
      0x0c,
      u32,
      'bits 0–7: bits 32–39 of the compressed offset; bits 8–31: compressed size, 0 in a batch',
    ),
    dataLow: at(
      0x10,
      u32,
      'ZRAN, BATCH: offset in what the context decompresses to; else the CRC-32C, with its flag',
    ),
    dataHigh: at(0x14, u32, 'ZRAN, BATCH: number of the context; else 0'),
  },
);

export const chunkMetaV2Flags = flags('ChunkMetaV2Flags', {
  COMPRESSED: [0x01, 'stored as compressor output'],
  ZRAN: [0x02, 'found through an inflate context'],
  BATCH: [0x04, 'found through a batch'],
  ENCRYPTED: [0x08, 'encrypted'],
  HAS_CRC32: [0x10, 'the CRC-32C is there; never with 0, never beside ZRAN or BATCH'],
});

export const batchContext = struct(
  'BatchContext',
  40,
  'One batch of small chunks, behind the chunk records of a blob with the feature BATCH.',
  {
    compressedSize: at(0x00, u32, 'of the batch as stored; raw when the sizes are equal'),
    uncompressedSize: at(0x04, u32, 'sizes of its chunks together, not padded'),
    reserved: at(0x08, reserved(32), 'zero'),
  },
);

export const zranContext = struct(
  'ZranContext',
  40,
  'A place where inflating the original layer may begin, behind the chunk records of a blob with the feature ZRAN; all dictionaries follow the contexts.',
  {
    inOffset: at(0x00, u64, 'in the gzip file'),
    outOffset: at(0x08, u64, 'in the uncompressed stream, over all members'),
    dictionaryOffset: at(0x10, u64, 'from the first dictionary'),
    inSize: at(0x18, u32, 'compressed bytes'),
    outSize: at(0x1c, u32, 'uncompressed bytes'),
    dictionarySize: at(0x20, u32, '0 to 32768; a shorter one is the end of the window'),
    pendingByte: at(0x24, u8, 'the byte before inOffset when bits of it are pending; else 0'),
    pendingBits: at(0x25, u8, 'how many bits of it are pending, from the top: 0 to 7'),
    reserved: at(0x26, reserved(2), 'zero'),
  },
);

export const blobMetaHeader = struct(
  'BlobMetaHeader',
  4096,
  'Behind the chunk records in `blob.meta`, never compressed.',
  {
    magic: at(0x000, u32, '0xB10BB10B'),
    features: at(0x004, u32, 'BlobFeatures, as in the blob’s own bootstrap'),
    compressor: at(0x008, u32, 'of the records: 0 when compression did not shrink them'),
    entries: at(0x00c, u32, 'number of records'),
    offset: at(0x010, u64, 'of the records in the blob'),
    compressedSize: at(0x018, u64, 'of the records as stored, with the contexts behind them'),
    uncompressedSize: at(0x020, u64, '16 a record, or 24 in version 2, and the contexts'),
    tableOffset: at(0x028, u64, 'of the contexts, from the first record; 0 without contexts'),
    tableSize: at(0x030, u64, 'of the contexts and their dictionaries'),
    tableCount: at(0x038, u32, 'number of contexts'),
    reserved: at(0x03c, reserved(4032), 'zero'),
    magic2: at(0xffc, u32, '0xB10BB10B'),
  },
);
export type BlobMetaHeader = StructOf<typeof blobMetaHeader>;
