/**
 * RAFS v6 as tables: every structure of the bootstrap, its flags and its numbers; no logic.
 *
 * A v6 bootstrap is an EROFS image that holds only metadata. Structures of EROFS have EROFS's names. Offsets come from
 * Nydus (rafs/src/metadata/layout/v6.rs, storage/src/device.rs) and from the kernel's erofs_fs.h.
 */
import { at, bytes, flags, i64, reserved, struct, text, u16, u32, u64, u8, type StructOf } from './struct.js';
import type { CompressorName, DigesterName } from '../model/tree.js';

export { DEFAULT_CHUNK_SIZE, MAX_CHUNK_SIZE, MIN_CHUNK_SIZE } from './chunk-size.js';

export const BLOCK_SIZE = 4096;
/** Inodes stand at multiples of this from the start of the metadata area; a nid counts these multiples. */
export const SLOT_SIZE = 32;
export const SUPER_OFFSET = 1024;
export const EXTENDED_SUPER_OFFSET = 1152;
export const DEVICE_TABLE_OFFSET = 1408;
/** The metadata area begins with an unused block, so that the root's nid is not 0. */
export const ROOT_NID = 128;
export const SUPER_MAGIC = 0xe0f5_e1e2;
export const FEATURE_COMPAT_RAFS_V6 = 0x4000_0000;
/** Exactly these two features: chunk-based files (4) and a device table (8). */
export const FEATURE_INCOMPAT = 0xc;
/** Chunk index entries hold the blob's number plus one in 8 bits, and the kernel masks by the next power of two. */
export const MAX_BLOBS = 254;
export const MAX_UNCOMPRESSED_SIZE = 2 ** 44;
export const MAX_COMPRESSED_SIZE = 2 ** 40;
export const MAX_NAME_LENGTH = 255;
/** The most bytes of an xattr's name, prefix included. */
export const MAX_XATTR_NAME_LENGTH = 255;
/** Nydus cannot read longer targets back, and the kernel requires them to be shorter than a page. */
export const MAX_SYMLINK_LENGTH = 4095;
/**
 * The deepest nesting of directories. PATH_MAX ends a path after 2048 components; a deeper tree only harms recursion.
 */
export const MAX_DEPTH = 4096;
/** The id of a blob in the bootstrap inside it, where the blob's digest is not known yet. */
export const OWN_BLOB_ID = 'x'.repeat(64);

export const superBlock = struct('SuperBlock', 128, 'EROFS super block, at offset 1024.', {
  magic: at(0x00, u32, '0xE0F5E1E2'),
  checksum: at(0x04, u32, '0: never computed, and feature_compat says so'),
  featureCompat: at(0x08, u32, '0x40000000: RAFS v6'),
  blockBits: at(0x0c, u8, '12; 9 in tarfs images'),
  extSlots: at(0x0d, u8, '0'),
  rootNid: at(0x0e, u16, 'nid of the root directory, 128'),
  inos: at(0x10, u64, 'inode numbers handed out; every name counts, hard links too'),
  buildTime: at(0x18, u64, '0'),
  buildTimeNsec: at(0x20, u32, '0'),
  blocks: at(0x24, u32, 'blocks of data: the blobs’ uncompressed sizes together, in blocks'),
  metaBlock: at(0x28, u32, 'block at which the metadata area starts'),
  xattrBlock: at(0x2c, u32, '0: no shared xattrs'),
  uuid: at(0x30, bytes(16), 'zero'),
  volumeName: at(0x40, bytes(16), 'zero'),
  featureIncompat: at(0x50, u32, '0xC: chunk-based files and a device table'),
  union: at(0x54, u16, '0'),
  extraDevices: at(0x56, u16, 'number of blobs'),
  deviceSlotOffset: at(0x58, u16, '11: the device table starts at 11 × 128'),
  reserved: at(0x5a, reserved(38), 'zero; newer kernels read fields here'),
});

export const extendedSuperBlock = struct('ExtendedSuperBlock', 256, 'RAFS super block, at offset 1152.', {
  flags: at(0x00, u64, 'SuperFlags'),
  blobTableOffset: at(0x08, u64, 'multiple of 4096'),
  blobTableSize: at(0x10, u32, 'bytes, 256 a blob'),
  chunkSize: at(0x14, u32, 'power of two, 0x1000 to 0x1000000'),
  chunkTableOffset: at(0x18, u64, 'multiple of 4096'),
  chunkTableSize: at(0x20, u64, 'bytes, 80 a chunk; may be 0'),
  prefetchTableOffset: at(0x28, u64, 'right behind the blob table; 0 when there is none'),
  prefetchTableSize: at(0x30, u32, 'bytes, 4 an entry'),
  padding: at(0x34, reserved(4), 'zero'),
  reserved: at(0x38, reserved(200), 'zero'),
});

export const deviceSlot = struct(
  'DeviceSlot',
  128,
  'EROFS device of one blob; the table starts at offset 1408.',
  {
    blobId: at(0x00, text(64), 'as in the blob table'),
    blocks: at(0x40, u32, 'uncompressed size in blocks, never 0'),
    mappedBlock: at(
      0x44,
      u32,
      'where the blob’s uncompressed data starts when all is put on one device; 512 KiB aligned',
    ),
    reserved: at(0x48, reserved(56), 'zero'),
  },
);

export const blobEntry = struct('BlobEntry', 256, 'One blob in the blob table.', {
  blobId: at(0x00, text(64), 'SHA-256 of the RAFS blob in hex; 64 × "x" in the blob’s own bootstrap'),
  blobIndex: at(0x40, u32, 'position in the table'),
  chunkSize: at(0x44, u32, 'that of the super block'),
  chunkCount: at(0x48, u32, 'chunks stored in the blob, referred to or not; never 0'),
  compressor: at(0x4c, u32, 'of the chunks: 0 none, 1 lz4_block, 2 gzip, 3 zstd'),
  digester: at(0x50, u32, 'of the chunk digests: 0 blake3, 1 sha256'),
  features: at(0x54, u32, 'BlobFeatures'),
  compressedSize: at(0x58, u64, 'offset of the bootstrap section in the RAFS blob'),
  uncompressedSize: at(0x60, u64, 'end of the uncompressed address space, multiple of 4096'),
  tocSize: at(0x68, u32, '0: not known when the bootstrap is part of the blob'),
  metaCompressor: at(0x6c, u32, 'of the chunk records: as compressor'),
  metaOffset: at(0x70, u64, 'chunk records, from the start of the RAFS blob'),
  metaCompressedSize: at(0x78, u64, 'as stored, without the 4096 bytes of header'),
  metaUncompressedSize: at(0x80, u64, '16 a chunk'),
  tocDigest: at(0x88, bytes(32), 'zero: as tocSize'),
  metaDigest: at(0xa8, bytes(32), 'zero; reference types: SHA-256 of the RAFS blob; encrypted: the key'),
  metaSize: at(0xc8, u64, '0; reference types: size of the RAFS blob; encrypted: half of the IV'),
  cipherIv: at(0xd0, bytes(8), 'zero; encrypted: the other half of the IV'),
  cipher: at(0xd8, u32, '0 none, 1 aes-128-xts'),
  reserved: at(0xdc, reserved(36), 'zero'),
});

export const inodeExtended = struct(
  'InodeExtended',
  64,
  'Inode with 64 bytes, the only form written. Its place is its nid.',
  {
    format: at(0x00, u16, 'bit 0: 1; bits 1–3: data layout (0 plain, 2 inline, 4 chunks); the rest 0'),
    xattrCount: at(0x02, u16, '0: no xattrs; else 1 + (xattr bytes − 12) / 4'),
    mode: at(0x04, u16, 'file type and permission bits'),
    reserved: at(0x06, reserved(2), 'zero'),
    size: at(0x08, u64, 'bytes of the file, of the symlink’s target, or of the directory’s entries'),
    union: at(0x10, u32, 'directory, symlink: first data block; file: chunk format; device: rdev'),
    ino: at(0x14, u32, 'number in walk order, root 1; hard links show their first name’s'),
    uid: at(0x18, u32, 'owner'),
    gid: at(0x1c, u32, 'group'),
    mtime: at(0x20, i64, 'seconds since 1970; before that negative'),
    mtimeNsec: at(0x28, u32, 'nanoseconds, 0 to 999999999'),
    nlink: at(0x2c, u32, 'directory: 2 + directories in it; else names that lead here'),
    reserved2: at(0x30, reserved(16), 'zero'),
  },
);

export const inodeCompact = struct(
  'InodeCompact',
  32,
  'Inode with 32 bytes; read, never written. It has no times.',
  {
    format: at(0x00, u16, 'bit 0: 0; otherwise as in InodeExtended'),
    xattrCount: at(0x02, u16, 'as in InodeExtended'),
    mode: at(0x04, u16, 'as in InodeExtended'),
    nlink: at(0x06, u16, 'as in InodeExtended'),
    size: at(0x08, u32, 'as in InodeExtended'),
    reserved: at(0x0c, reserved(4), 'zero'),
    union: at(0x10, u32, 'as in InodeExtended'),
    ino: at(0x14, u32, 'as in InodeExtended'),
    uid: at(0x18, u16, 'owner'),
    gid: at(0x1a, u16, 'group'),
    reserved2: at(0x1c, reserved(4), 'zero'),
  },
);

export const dirent = struct(
  'Dirent',
  12,
  'Directory entry. A block holds its entries first, then their names.',
  {
    nid: at(0, u64, 'inode that this name leads to'),
    nameOffset: at(8, u16, 'from the start of the directory block; the first one also gives the count'),
    fileType: at(10, u8, '1 file, 2 directory, 3 char, 4 block, 5 fifo, 6 socket, 7 symlink'),
    reserved: at(11, reserved(1), 'zero'),
  },
);

export const xattrHeader = struct('XattrHeader', 12, 'Right behind an inode that has xattrs.', {
  nameFilter: at(0, reserved(4), 'zero'),
  sharedCount: at(4, u8, '0: shared xattrs are not used'),
  reserved: at(5, reserved(7), 'zero'),
});

export const xattrEntry = struct('XattrEntry', 4, 'Followed by name and value, zero padded to 4 bytes.', {
  nameLength: at(0, u8, 'without the prefix'),
  nameIndex: at(1, u8, 'prefix: 1 user., 2 and 3 the posix_acl names, 4 trusted., 6 security.'),
  valueSize: at(2, u16, 'bytes'),
});

export const chunkIndexEntry = struct(
  'ChunkIndexEntry',
  8,
  'One chunk of a file, behind inode and xattrs, 8-byte aligned.',
  {
    indexLow: at(0, u16, 'chunk index, bits 0–15'),
    device: at(2, u8, 'blob index + 1'),
    indexHigh: at(3, u8, 'chunk index, bits 16–23'),
    block: at(4, u32, 'uncompressed offset in the blob, in blocks'),
  },
);

export const chunkInfo = struct(
  'ChunkInfo',
  80,
  'One chunk in the chunk table, sorted by digest, then blob.',
  {
    digest: at(0x00, bytes(32), 'of the uncompressed bytes'),
    blobIndex: at(0x20, u32, 'position in the blob table'),
    flags: at(0x24, u32, 'ChunkFlags'),
    compressedSize: at(0x28, u32, 'as stored'),
    uncompressedSize: at(0x2c, u32, 'at most the chunk size'),
    compressedOffset: at(0x30, u64, 'from the start of the blob'),
    uncompressedOffset: at(0x38, u64, 'in the blob’s uncompressed address space, multiple of 4096'),
    fileOffset: at(0x40, u64, 'in one of the files that use it; readers must not rely on it'),
    index: at(0x48, u32, 'in its blob'),
    crc32: at(0x4c, u32, 'CRC-32C of the uncompressed bytes; 0 without the flag'),
  },
);

export const prefetchEntry = struct('PrefetchEntry', 4, 'Right behind the blob table.', {
  nid: at(0, u32, 'inode to load early; the root’s alone means everything'),
});

export type SuperBlock = StructOf<typeof superBlock>;
export type ExtendedSuperBlock = StructOf<typeof extendedSuperBlock>;
export type DeviceSlot = StructOf<typeof deviceSlot>;
export type BlobEntry = StructOf<typeof blobEntry>;
export type InodeExtended = StructOf<typeof inodeExtended>;
export type ChunkInfo = StructOf<typeof chunkInfo>;

export const superFlags = flags('SuperFlags', {
  COMPRESSION_NONE: [0x0001, 'chunks are stored raw'],
  COMPRESSION_LZ4: [0x0002, 'chunks are lz4 blocks'],
  HASH_BLAKE3: [0x0004, 'chunk digests are BLAKE3'],
  HASH_SHA256: [0x0008, 'chunk digests are SHA-256'],
  EXPLICIT_UID_GID: [0x0010, 'owners are stored'],
  HAS_XATTR: [0x0020, 'an inode may have xattrs; merged images always say so'],
  COMPRESSION_GZIP: [0x0040, 'chunks are gzip (reference types)'],
  COMPRESSION_ZSTD: [0x0080, 'chunks are zstd frames'],
  INLINED_CHUNK_DIGEST: [0x0100, 'every blob has a section of chunk digests'],
  TARFS_MODE: [0x0200, 'tarfs: chunks lie in a plain tar'],
  ENCRYPTION_NONE: [0x0100_0000, 'nothing is encrypted'],
  ENCRYPTION_AES_128_XTS: [0x0200_0000, 'chunks are encrypted'],
});
/** Nydus' readers accept these bits and ignore them. */
export const SUPER_FLAGS_RESERVED = 0xfc00_0000;

export const blobFeatures = flags('BlobFeatures', {
  ALIGNED: [
    0x0000_0001,
    'chunks start at multiples of 4096 in the uncompressed address space; always, but for tarfs',
  ],
  INLINED_FS_META: [0x0000_0002, 'the bootstrap is a section of the blob; cleared in merged bootstraps'],
  CHUNK_INFO_V2: [0x0000_0004, 'chunk records have 24 bytes instead of 16'],
  ZRAN: [0x0000_0008, 'inflate contexts follow the chunk records'],
  SEPARATE: [0x0000_0010, 'chunk data lies in another blob, the original layer'],
  INLINED_CHUNK_DIGEST: [0x0000_0020, 'the blob has a section of chunk digests'],
  TARFS: [0x0000_0040, 'tarfs'],
  BATCH: [0x0000_0080, 'batch contexts follow the chunk records'],
  ENCRYPTED: [0x0000_0100, 'chunks and records are encrypted'],
  IS_CHUNKDICT_GENERATED: [0x0000_0200, 'made by chunkdict generate; several sizes are not checked'],
  IS_SEPARATED_WITH_PREFETCH_FILES: [0x0000_0400, 'made by optimize'],
  EXTERNAL: [0x0000_0800, 'data in an external backend'],
  HAS_TAR_HEADER: [0x1000_0000, 'a tar header follows each section'],
  HAS_TOC: [0x2000_0000, 'the blob ends with a table of contents'],
  CAP_TAR_TOC: [0x4000_0000, 'made by a builder that knows the two bits before'],
});
/** Low bits without a name, and a bit that Nydus uses only in memory. A stored one is refused. */
export const BLOB_FEATURES_REFUSED = 0x8000_f000;

export const chunkFlags = flags('ChunkFlags', {
  COMPRESSED: [0x01, 'stored as compressor output; else raw'],
  HOLE: [0x02, 'never written'],
  ENCRYPTED: [0x04, 'encrypted'],
  BATCH: [0x08, 'part of a batch'],
  HAS_CRC32: [0x10, 'crc32 holds a value'],
});

export const COMPRESSORS = { none: 0, lz4_block: 1, gzip: 2, zstd: 3 } as const satisfies Record<
  CompressorName,
  number
>;
export const DIGESTERS = { blake3: 0, sha256: 1 } as const satisfies Record<DigesterName, number>;

export const CIPHER_NONE = 0;
export const CIPHER_AES_128_XTS = 1;

export const COMPRESSOR_FLAG = {
  none: 'COMPRESSION_NONE',
  lz4_block: 'COMPRESSION_LZ4',
  gzip: 'COMPRESSION_GZIP',
  zstd: 'COMPRESSION_ZSTD',
} as const satisfies Record<CompressorName, string>;
export const DIGESTER_FLAG = { blake3: 'HASH_BLAKE3', sha256: 'HASH_SHA256' } as const satisfies Record<
  DigesterName,
  string
>;

/** Data layouts of an inode (bits 1–3 of its format). */
export const LAYOUT_PLAIN = 0;
export const LAYOUT_INLINE = 2;
export const LAYOUT_CHUNKS = 4;

/**
 * Flags in the low word of a file's union: 0x20 means chunk index entries, and bits 0–4 are log2(chunk size / block
 * size).
 */
export const CHUNK_FORMAT_INDEXES = 0x20;

/** File types in the mode, and in directory entries. */
export const FILE_TYPES = {
  file: { mode: 0o100000, dirent: 1 },
  directory: { mode: 0o040000, dirent: 2 },
  char: { mode: 0o020000, dirent: 3 },
  block: { mode: 0o060000, dirent: 4 },
  fifo: { mode: 0o010000, dirent: 5 },
  socket: { mode: 0o140000, dirent: 6 },
  symlink: { mode: 0o120000, dirent: 7 },
} as const;
export const MODE_TYPE_MASK = 0o170000;

/** Prefixes that the format can store; `whole` ones are complete names. */
export const XATTR_PREFIXES = [
  { index: 1, prefix: 'user.', whole: false },
  { index: 2, prefix: 'system.posix_acl_access', whole: true },
  { index: 3, prefix: 'system.posix_acl_default', whole: true },
  { index: 4, prefix: 'trusted.', whole: false },
  { index: 6, prefix: 'security.', whole: false },
] as const;
