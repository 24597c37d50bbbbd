//! The bootstrap of RAFS v6, an EROFS image.
//!
//! Written by tools/docs/main.ts from the tables in src/rafs-builder/layout. Do not edit: npm run docs.

use crate::table::{Field, Table, Type};

pub const BLOCK_SIZE: usize = 0x1000;
pub const SLOT_SIZE: usize = 0x20;
pub const SUPER_OFFSET: usize = 0x400;
pub const EXTENDED_SUPER_OFFSET: usize = 0x480;
pub const DEVICE_TABLE_OFFSET: usize = 0x580;
pub const ROOT_NID: u32 = 0x80;
pub const SUPER_MAGIC: u32 = 0xE0F5_E1E2;
pub const FEATURE_COMPAT_RAFS_V6: u32 = 0x4000_0000;
pub const FEATURE_INCOMPAT: u32 = 0xC;
pub const MAX_BLOBS: usize = 0xFE;
pub const MAX_NAME_LENGTH: usize = 0xFF;
pub const MAX_SYMLINK_LENGTH: usize = 0xFFF;
pub const MAX_DEPTH: usize = 0x1000;
pub const LAYOUT_PLAIN: u16 = 0x0;
pub const LAYOUT_INLINE: u16 = 0x2;
pub const LAYOUT_CHUNKS: u16 = 0x4;
pub const CHUNK_FORMAT_INDEXES: u32 = 0x20;
pub const MIN_CHUNK_SIZE: u32 = 0x1000;
pub const MAX_CHUNK_SIZE: u32 = 0x0100_0000;
pub const MAX_XATTR_NAME_LENGTH: usize = 0xFF;
pub const MAX_UNCOMPRESSED_SIZE: u64 = 0x1000_0000_0000;
pub const MAX_COMPRESSED_SIZE: u64 = 0x0100_0000_0000;
pub const SUPER_FLAGS_RESERVED: u32 = 0xFC00_0000;
pub const BLOB_FEATURES_REFUSED: u32 = 0x8000_F000;
pub const CIPHER_NONE: u32 = 0x0;
pub const CIPHER_AES_128_XTS: u32 = 0x1;
/// Indexes of chunks have 24 bits.
pub const MAX_CHUNKS_PER_BLOB: u32 = 0x00FF_FFFF;
/// The id by which a bootstrap names the blob that it is a section of.
pub const OWN_BLOB_ID: &[u8; 64] = b"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";

/// Numbers of compressors.
pub mod compressor {
    pub const NONE: u32 = 0;
    pub const LZ4_BLOCK: u32 = 1;
    pub const GZIP: u32 = 2;
    pub const ZSTD: u32 = 3;
}

/// Numbers of digesters.
pub mod digester {
    pub const BLAKE3: u32 = 0;
    pub const SHA256: u32 = 1;
}

/// File types in the mode of an inode.
pub mod mode {
    pub const FILE: u16 = 0x8000;
    pub const DIRECTORY: u16 = 0x4000;
    pub const CHAR: u16 = 0x2000;
    pub const BLOCK: u16 = 0x6000;
    pub const FIFO: u16 = 0x1000;
    pub const SOCKET: u16 = 0xC000;
    pub const SYMLINK: u16 = 0xA000;
}

/// File types in directory entries.
pub mod dirent_type {
    pub const FILE: u8 = 0x1;
    pub const DIRECTORY: u8 = 0x2;
    pub const CHAR: u8 = 0x3;
    pub const BLOCK: u8 = 0x4;
    pub const FIFO: u8 = 0x5;
    pub const SOCKET: u8 = 0x6;
    pub const SYMLINK: u8 = 0x7;
}

/// Number, prefix, and whether it is a whole name.
pub const XATTR_PREFIXES: [(u8, &[u8], bool); 5] = [
    (1, b"user.", false),
    (2, b"system.posix_acl_access", true),
    (3, b"system.posix_acl_default", true),
    (4, b"trusted.", false),
    (6, b"security.", false),
];

/// One blob in the blob table.
pub mod blob_entry {
    use super::{Field, Table, Type};

    /// Bytes of the whole structure.
    pub const SIZE: usize = 256;
    /// 64 chars: SHA-256 of the RAFS blob in hex; 64 × "x" in the blob’s own bootstrap
    pub const BLOB_ID: usize = 0x0;
    /// u32: position in the table
    pub const BLOB_INDEX: usize = 0x40;
    /// u32: that of the super block
    pub const CHUNK_SIZE: usize = 0x44;
    /// u32: chunks stored in the blob, referred to or not; never 0
    pub const CHUNK_COUNT: usize = 0x48;
    /// u32: of the chunks: 0 none, 1 lz4_block, 2 gzip, 3 zstd
    pub const COMPRESSOR: usize = 0x4C;
    /// u32: of the chunk digests: 0 blake3, 1 sha256
    pub const DIGESTER: usize = 0x50;
    /// u32: BlobFeatures
    pub const FEATURES: usize = 0x54;
    /// u64: offset of the bootstrap section in the RAFS blob
    pub const COMPRESSED_SIZE: usize = 0x58;
    /// u64: end of the uncompressed address space, multiple of 4096
    pub const UNCOMPRESSED_SIZE: usize = 0x60;
    /// u32: 0: not known when the bootstrap is part of the blob
    pub const TOC_SIZE: usize = 0x68;
    /// u32: of the chunk records: as compressor
    pub const META_COMPRESSOR: usize = 0x6C;
    /// u64: chunk records, from the start of the RAFS blob
    pub const META_OFFSET: usize = 0x70;
    /// u64: as stored, without the 4096 bytes of header
    pub const META_COMPRESSED_SIZE: usize = 0x78;
    /// u64: 16 a chunk
    pub const META_UNCOMPRESSED_SIZE: usize = 0x80;
    /// 32 bytes: zero: as tocSize
    pub const TOC_DIGEST: usize = 0x88;
    /// 32 bytes: zero; reference types: SHA-256 of the RAFS blob; encrypted: the key
    pub const META_DIGEST: usize = 0xA8;
    /// u64: 0; reference types: size of the RAFS blob; encrypted: half of the IV
    pub const META_SIZE: usize = 0xC8;
    /// 8 bytes: zero; encrypted: the other half of the IV
    pub const CIPHER_IV: usize = 0xD0;
    /// u32: 0 none, 1 aes-128-xts
    pub const CIPHER: usize = 0xD8;
    /// The whole structure.
    pub static TABLE: Table = Table {
        name: "BlobEntry",
        size: 256,
        fields: &[
            Field { name: "blobId", offset: 0x0, size: 64, kind: Type::Plain },
            Field { name: "blobIndex", offset: 0x40, size: 4, kind: Type::Plain },
            Field { name: "chunkSize", offset: 0x44, size: 4, kind: Type::Plain },
            Field { name: "chunkCount", offset: 0x48, size: 4, kind: Type::Plain },
            Field { name: "compressor", offset: 0x4C, size: 4, kind: Type::Plain },
            Field { name: "digester", offset: 0x50, size: 4, kind: Type::Plain },
            Field { name: "features", offset: 0x54, size: 4, kind: Type::Plain },
            Field { name: "compressedSize", offset: 0x58, size: 8, kind: Type::U64 },
            Field { name: "uncompressedSize", offset: 0x60, size: 8, kind: Type::U64 },
            Field { name: "tocSize", offset: 0x68, size: 4, kind: Type::Plain },
            Field { name: "metaCompressor", offset: 0x6C, size: 4, kind: Type::Plain },
            Field { name: "metaOffset", offset: 0x70, size: 8, kind: Type::U64 },
            Field { name: "metaCompressedSize", offset: 0x78, size: 8, kind: Type::U64 },
            Field { name: "metaUncompressedSize", offset: 0x80, size: 8, kind: Type::U64 },
            Field { name: "tocDigest", offset: 0x88, size: 32, kind: Type::Plain },
            Field { name: "metaDigest", offset: 0xA8, size: 32, kind: Type::Plain },
            Field { name: "metaSize", offset: 0xC8, size: 8, kind: Type::U64 },
            Field { name: "cipherIv", offset: 0xD0, size: 8, kind: Type::Plain },
            Field { name: "cipher", offset: 0xD8, size: 4, kind: Type::Plain },
            Field { name: "reserved", offset: 0xDC, size: 36, kind: Type::Reserved },
        ],
    };
}

/// One chunk of a file, behind inode and xattrs, 8-byte aligned.
pub mod chunk_index_entry {
    use super::{Field, Table, Type};

    /// Bytes of the whole structure.
    pub const SIZE: usize = 8;
    /// u16: chunk index, bits 0–15
    pub const INDEX_LOW: usize = 0x0;
    /// u8: blob index + 1
    pub const DEVICE: usize = 0x2;
    /// u8: chunk index, bits 16–23
    pub const INDEX_HIGH: usize = 0x3;
    /// u32: uncompressed offset in the blob, in blocks
    pub const BLOCK: usize = 0x4;
    /// The whole structure.
    pub static TABLE: Table = Table {
        name: "ChunkIndexEntry",
        size: 8,
        fields: &[
            Field { name: "indexLow", offset: 0x0, size: 2, kind: Type::Plain },
            Field { name: "device", offset: 0x2, size: 1, kind: Type::Plain },
            Field { name: "indexHigh", offset: 0x3, size: 1, kind: Type::Plain },
            Field { name: "block", offset: 0x4, size: 4, kind: Type::Plain },
        ],
    };
}

/// One chunk in the chunk table, sorted by digest, then blob.
pub mod chunk_info {
    use super::{Field, Table, Type};

    /// Bytes of the whole structure.
    pub const SIZE: usize = 80;
    /// 32 bytes: of the uncompressed bytes
    pub const DIGEST: usize = 0x0;
    /// u32: position in the blob table
    pub const BLOB_INDEX: usize = 0x20;
    /// u32: ChunkFlags
    pub const FLAGS: usize = 0x24;
    /// u32: as stored
    pub const COMPRESSED_SIZE: usize = 0x28;
    /// u32: at most the chunk size
    pub const UNCOMPRESSED_SIZE: usize = 0x2C;
    /// u64: from the start of the blob
    pub const COMPRESSED_OFFSET: usize = 0x30;
    /// u64: in the blob’s uncompressed address space, multiple of 4096
    pub const UNCOMPRESSED_OFFSET: usize = 0x38;
    /// u64: in one of the files that use it; readers must not rely on it
    pub const FILE_OFFSET: usize = 0x40;
    /// u32: in its blob
    pub const INDEX: usize = 0x48;
    /// u32: CRC-32C of the uncompressed bytes; 0 without the flag
    pub const CRC32: usize = 0x4C;
    /// The whole structure.
    pub static TABLE: Table = Table {
        name: "ChunkInfo",
        size: 80,
        fields: &[
            Field { name: "digest", offset: 0x0, size: 32, kind: Type::Plain },
            Field { name: "blobIndex", offset: 0x20, size: 4, kind: Type::Plain },
            Field { name: "flags", offset: 0x24, size: 4, kind: Type::Plain },
            Field { name: "compressedSize", offset: 0x28, size: 4, kind: Type::Plain },
            Field { name: "uncompressedSize", offset: 0x2C, size: 4, kind: Type::Plain },
            Field { name: "compressedOffset", offset: 0x30, size: 8, kind: Type::U64 },
            Field { name: "uncompressedOffset", offset: 0x38, size: 8, kind: Type::U64 },
            Field { name: "fileOffset", offset: 0x40, size: 8, kind: Type::U64 },
            Field { name: "index", offset: 0x48, size: 4, kind: Type::Plain },
            Field { name: "crc32", offset: 0x4C, size: 4, kind: Type::Plain },
        ],
    };
}

/// EROFS device of one blob; the table starts at offset 1408.
pub mod device_slot {
    use super::{Field, Table, Type};

    /// Bytes of the whole structure.
    pub const SIZE: usize = 128;
    /// 64 chars: as in the blob table
    pub const BLOB_ID: usize = 0x0;
    /// u32: uncompressed size in blocks, never 0
    pub const BLOCKS: usize = 0x40;
    /// u32: where the blob’s uncompressed data starts when all is put on one device; 512 KiB aligned
    pub const MAPPED_BLOCK: usize = 0x44;
    /// The whole structure.
    pub static TABLE: Table = Table {
        name: "DeviceSlot",
        size: 128,
        fields: &[
            Field { name: "blobId", offset: 0x0, size: 64, kind: Type::Plain },
            Field { name: "blocks", offset: 0x40, size: 4, kind: Type::Plain },
            Field { name: "mappedBlock", offset: 0x44, size: 4, kind: Type::Plain },
            Field { name: "reserved", offset: 0x48, size: 56, kind: Type::Reserved },
        ],
    };
}

/// Directory entry. A block holds its entries first, then their names.
pub mod dirent {
    use super::{Field, Table, Type};

    /// Bytes of the whole structure.
    pub const SIZE: usize = 12;
    /// u64: inode that this name leads to
    pub const NID: usize = 0x0;
    /// u16: from the start of the directory block; the first one also gives the count
    pub const NAME_OFFSET: usize = 0x8;
    /// u8: 1 file, 2 directory, 3 char, 4 block, 5 fifo, 6 socket, 7 symlink
    pub const FILE_TYPE: usize = 0xA;
    /// The whole structure.
    pub static TABLE: Table = Table {
        name: "Dirent",
        size: 12,
        fields: &[
            Field { name: "nid", offset: 0x0, size: 8, kind: Type::U64 },
            Field { name: "nameOffset", offset: 0x8, size: 2, kind: Type::Plain },
            Field { name: "fileType", offset: 0xA, size: 1, kind: Type::Plain },
            Field { name: "reserved", offset: 0xB, size: 1, kind: Type::Reserved },
        ],
    };
}

/// RAFS super block, at offset 1152.
pub mod extended_super_block {
    use super::{Field, Table, Type};

    /// Bytes of the whole structure.
    pub const SIZE: usize = 256;
    /// u64: SuperFlags
    pub const FLAGS: usize = 0x0;
    /// u64: multiple of 4096
    pub const BLOB_TABLE_OFFSET: usize = 0x8;
    /// u32: bytes, 256 a blob
    pub const BLOB_TABLE_SIZE: usize = 0x10;
    /// u32: power of two, 0x1000 to 0x1000000
    pub const CHUNK_SIZE: usize = 0x14;
    /// u64: multiple of 4096
    pub const CHUNK_TABLE_OFFSET: usize = 0x18;
    /// u64: bytes, 80 a chunk; may be 0
    pub const CHUNK_TABLE_SIZE: usize = 0x20;
    /// u64: right behind the blob table; 0 when there is none
    pub const PREFETCH_TABLE_OFFSET: usize = 0x28;
    /// u32: bytes, 4 an entry
    pub const PREFETCH_TABLE_SIZE: usize = 0x30;
    /// The whole structure.
    pub static TABLE: Table = Table {
        name: "ExtendedSuperBlock",
        size: 256,
        fields: &[
            Field { name: "flags", offset: 0x0, size: 8, kind: Type::U64 },
            Field { name: "blobTableOffset", offset: 0x8, size: 8, kind: Type::U64 },
            Field { name: "blobTableSize", offset: 0x10, size: 4, kind: Type::Plain },
            Field { name: "chunkSize", offset: 0x14, size: 4, kind: Type::Plain },
            Field { name: "chunkTableOffset", offset: 0x18, size: 8, kind: Type::U64 },
            Field { name: "chunkTableSize", offset: 0x20, size: 8, kind: Type::U64 },
            Field { name: "prefetchTableOffset", offset: 0x28, size: 8, kind: Type::U64 },
            Field { name: "prefetchTableSize", offset: 0x30, size: 4, kind: Type::Plain },
            Field { name: "padding", offset: 0x34, size: 4, kind: Type::Reserved },
            Field { name: "reserved", offset: 0x38, size: 200, kind: Type::Reserved },
        ],
    };
}

/// Inode with 32 bytes; read, never written. It has no times.
pub mod inode_compact {
    use super::{Field, Table, Type};

    /// Bytes of the whole structure.
    pub const SIZE: usize = 32;
    /// u16: bit 0: 0; otherwise as in InodeExtended
    pub const FORMAT: usize = 0x0;
    /// u16: as in InodeExtended
    pub const XATTR_COUNT: usize = 0x2;
    /// u16: as in InodeExtended
    pub const MODE: usize = 0x4;
    /// u16: as in InodeExtended
    pub const NLINK: usize = 0x6;
    /// u32: as in InodeExtended
    pub const SIZE_FIELD: usize = 0x8;
    /// u32: as in InodeExtended
    pub const UNION: usize = 0x10;
    /// u32: as in InodeExtended
    pub const INO: usize = 0x14;
    /// u16: owner
    pub const UID: usize = 0x18;
    /// u16: group
    pub const GID: usize = 0x1A;
    /// The whole structure.
    pub static TABLE: Table = Table {
        name: "InodeCompact",
        size: 32,
        fields: &[
            Field { name: "format", offset: 0x0, size: 2, kind: Type::Plain },
            Field { name: "xattrCount", offset: 0x2, size: 2, kind: Type::Plain },
            Field { name: "mode", offset: 0x4, size: 2, kind: Type::Plain },
            Field { name: "nlink", offset: 0x6, size: 2, kind: Type::Plain },
            Field { name: "size", offset: 0x8, size: 4, kind: Type::Plain },
            Field { name: "reserved", offset: 0xC, size: 4, kind: Type::Reserved },
            Field { name: "union", offset: 0x10, size: 4, kind: Type::Plain },
            Field { name: "ino", offset: 0x14, size: 4, kind: Type::Plain },
            Field { name: "uid", offset: 0x18, size: 2, kind: Type::Plain },
            Field { name: "gid", offset: 0x1A, size: 2, kind: Type::Plain },
            Field { name: "reserved2", offset: 0x1C, size: 4, kind: Type::Reserved },
        ],
    };
}

/// Inode with 64 bytes, the only form written. Its place is its nid.
pub mod inode_extended {
    use super::{Field, Table, Type};

    /// Bytes of the whole structure.
    pub const SIZE: usize = 64;
    /// u16: bit 0: 1; bits 1–3: data layout (0 plain, 2 inline, 4 chunks); the rest 0
    pub const FORMAT: usize = 0x0;
    /// u16: 0: no xattrs; else 1 + (xattr bytes − 12) / 4
    pub const XATTR_COUNT: usize = 0x2;
    /// u16: file type and permission bits
    pub const MODE: usize = 0x4;
    /// u64: bytes of the file, of the symlink’s target, or of the directory’s entries
    pub const SIZE_FIELD: usize = 0x8;
    /// u32: directory, symlink: first data block; file: chunk format; device: rdev
    pub const UNION: usize = 0x10;
    /// u32: number in walk order, root 1; hard links show their first name’s
    pub const INO: usize = 0x14;
    /// u32: owner
    pub const UID: usize = 0x18;
    /// u32: group
    pub const GID: usize = 0x1C;
    /// i64: seconds since 1970; before that negative
    pub const MTIME: usize = 0x20;
    /// u32: nanoseconds, 0 to 999999999
    pub const MTIME_NSEC: usize = 0x28;
    /// u32: directory: 2 + directories in it; else names that lead here
    pub const NLINK: usize = 0x2C;
    /// The whole structure.
    pub static TABLE: Table = Table {
        name: "InodeExtended",
        size: 64,
        fields: &[
            Field { name: "format", offset: 0x0, size: 2, kind: Type::Plain },
            Field { name: "xattrCount", offset: 0x2, size: 2, kind: Type::Plain },
            Field { name: "mode", offset: 0x4, size: 2, kind: Type::Plain },
            Field { name: "reserved", offset: 0x6, size: 2, kind: Type::Reserved },
            Field { name: "size", offset: 0x8, size: 8, kind: Type::U64 },
            Field { name: "union", offset: 0x10, size: 4, kind: Type::Plain },
            Field { name: "ino", offset: 0x14, size: 4, kind: Type::Plain },
            Field { name: "uid", offset: 0x18, size: 4, kind: Type::Plain },
            Field { name: "gid", offset: 0x1C, size: 4, kind: Type::Plain },
            Field { name: "mtime", offset: 0x20, size: 8, kind: Type::I64 },
            Field { name: "mtimeNsec", offset: 0x28, size: 4, kind: Type::Plain },
            Field { name: "nlink", offset: 0x2C, size: 4, kind: Type::Plain },
            Field { name: "reserved2", offset: 0x30, size: 16, kind: Type::Reserved },
        ],
    };
}

/// Right behind the blob table.
pub mod prefetch_entry {
    use super::{Field, Table, Type};

    /// Bytes of the whole structure.
    pub const SIZE: usize = 4;
    /// u32: inode to load early; the root’s alone means everything
    pub const NID: usize = 0x0;
    /// The whole structure.
    pub static TABLE: Table = Table {
        name: "PrefetchEntry",
        size: 4,
        fields: &[Field { name: "nid", offset: 0x0, size: 4, kind: Type::Plain }],
    };
}

/// EROFS super block, at offset 1024.
pub mod super_block {
    use super::{Field, Table, Type};

    /// Bytes of the whole structure.
    pub const SIZE: usize = 128;
    /// u32: 0xE0F5E1E2
    pub const MAGIC: usize = 0x0;
    /// u32: 0: never computed, and feature_compat says so
    pub const CHECKSUM: usize = 0x4;
    /// u32: 0x40000000: RAFS v6
    pub const FEATURE_COMPAT: usize = 0x8;
    /// u8: 12; 9 in tarfs images
    pub const BLOCK_BITS: usize = 0xC;
    /// u8: 0
    pub const EXT_SLOTS: usize = 0xD;
    /// u16: nid of the root directory, 128
    pub const ROOT_NID: usize = 0xE;
    /// u64: inode numbers handed out; every name counts, hard links too
    pub const INOS: usize = 0x10;
    /// u64: 0
    pub const BUILD_TIME: usize = 0x18;
    /// u32: 0
    pub const BUILD_TIME_NSEC: usize = 0x20;
    /// u32: blocks of data: the blobs’ uncompressed sizes together, in blocks
    pub const BLOCKS: usize = 0x24;
    /// u32: block at which the metadata area starts
    pub const META_BLOCK: usize = 0x28;
    /// u32: 0: no shared xattrs
    pub const XATTR_BLOCK: usize = 0x2C;
    /// 16 bytes: zero
    pub const UUID: usize = 0x30;
    /// 16 bytes: zero
    pub const VOLUME_NAME: usize = 0x40;
    /// u32: 0xC: chunk-based files and a device table
    pub const FEATURE_INCOMPAT: usize = 0x50;
    /// u16: 0
    pub const UNION: usize = 0x54;
    /// u16: number of blobs
    pub const EXTRA_DEVICES: usize = 0x56;
    /// u16: 11: the device table starts at 11 × 128
    pub const DEVICE_SLOT_OFFSET: usize = 0x58;
    /// The whole structure.
    pub static TABLE: Table = Table {
        name: "SuperBlock",
        size: 128,
        fields: &[
            Field { name: "magic", offset: 0x0, size: 4, kind: Type::Plain },
            Field { name: "checksum", offset: 0x4, size: 4, kind: Type::Plain },
            Field { name: "featureCompat", offset: 0x8, size: 4, kind: Type::Plain },
            Field { name: "blockBits", offset: 0xC, size: 1, kind: Type::Plain },
            Field { name: "extSlots", offset: 0xD, size: 1, kind: Type::Plain },
            Field { name: "rootNid", offset: 0xE, size: 2, kind: Type::Plain },
            Field { name: "inos", offset: 0x10, size: 8, kind: Type::U64 },
            Field { name: "buildTime", offset: 0x18, size: 8, kind: Type::U64 },
            Field { name: "buildTimeNsec", offset: 0x20, size: 4, kind: Type::Plain },
            Field { name: "blocks", offset: 0x24, size: 4, kind: Type::Plain },
            Field { name: "metaBlock", offset: 0x28, size: 4, kind: Type::Plain },
            Field { name: "xattrBlock", offset: 0x2C, size: 4, kind: Type::Plain },
            Field { name: "uuid", offset: 0x30, size: 16, kind: Type::Plain },
            Field { name: "volumeName", offset: 0x40, size: 16, kind: Type::Plain },
            Field { name: "featureIncompat", offset: 0x50, size: 4, kind: Type::Plain },
            Field { name: "union", offset: 0x54, size: 2, kind: Type::Plain },
            Field { name: "extraDevices", offset: 0x56, size: 2, kind: Type::Plain },
            Field { name: "deviceSlotOffset", offset: 0x58, size: 2, kind: Type::Plain },
            Field { name: "reserved", offset: 0x5A, size: 38, kind: Type::Reserved },
        ],
    };
}

/// Followed by name and value, zero padded to 4 bytes.
pub mod xattr_entry {
    use super::{Field, Table, Type};

    /// Bytes of the whole structure.
    pub const SIZE: usize = 4;
    /// u8: without the prefix
    pub const NAME_LENGTH: usize = 0x0;
    /// u8: prefix: 1 user., 2 and 3 the posix_acl names, 4 trusted., 6 security.
    pub const NAME_INDEX: usize = 0x1;
    /// u16: bytes
    pub const VALUE_SIZE: usize = 0x2;
    /// The whole structure.
    pub static TABLE: Table = Table {
        name: "XattrEntry",
        size: 4,
        fields: &[
            Field { name: "nameLength", offset: 0x0, size: 1, kind: Type::Plain },
            Field { name: "nameIndex", offset: 0x1, size: 1, kind: Type::Plain },
            Field { name: "valueSize", offset: 0x2, size: 2, kind: Type::Plain },
        ],
    };
}

/// Right behind an inode that has xattrs.
pub mod xattr_header {
    use super::{Field, Table, Type};

    /// Bytes of the whole structure.
    pub const SIZE: usize = 12;
    /// u8: 0: shared xattrs are not used
    pub const SHARED_COUNT: usize = 0x4;
    /// The whole structure.
    pub static TABLE: Table = Table {
        name: "XattrHeader",
        size: 12,
        fields: &[
            Field { name: "nameFilter", offset: 0x0, size: 4, kind: Type::Reserved },
            Field { name: "sharedCount", offset: 0x4, size: 1, kind: Type::Plain },
            Field { name: "reserved", offset: 0x5, size: 7, kind: Type::Reserved },
        ],
    };
}

/// BlobFeatures.
pub mod blob_features {
    /// chunks start at multiples of 4096 in the uncompressed address space; always, but for tarfs
    pub const ALIGNED: u32 = 0x1;
    /// the bootstrap is a section of the blob; cleared in merged bootstraps
    pub const INLINED_FS_META: u32 = 0x2;
    /// chunk records have 24 bytes instead of 16
    pub const CHUNK_INFO_V2: u32 = 0x4;
    /// inflate contexts follow the chunk records
    pub const ZRAN: u32 = 0x8;
    /// chunk data lies in another blob, the original layer
    pub const SEPARATE: u32 = 0x10;
    /// the blob has a section of chunk digests
    pub const INLINED_CHUNK_DIGEST: u32 = 0x20;
    /// tarfs
    pub const TARFS: u32 = 0x40;
    /// batch contexts follow the chunk records
    pub const BATCH: u32 = 0x80;
    /// chunks and records are encrypted
    pub const ENCRYPTED: u32 = 0x100;
    /// made by chunkdict generate; several sizes are not checked
    pub const IS_CHUNKDICT_GENERATED: u32 = 0x200;
    /// made by optimize
    pub const IS_SEPARATED_WITH_PREFETCH_FILES: u32 = 0x400;
    /// data in an external backend
    pub const EXTERNAL: u32 = 0x800;
    /// a tar header follows each section
    pub const HAS_TAR_HEADER: u32 = 0x1000_0000;
    /// the blob ends with a table of contents
    pub const HAS_TOC: u32 = 0x2000_0000;
    /// made by a builder that knows the two bits before
    pub const CAP_TAR_TOC: u32 = 0x4000_0000;
    /// All of them.
    pub const KNOWN: u32 = 0x7000_0FFF;
}

/// ChunkFlags.
pub mod chunk_flags {
    /// stored as compressor output; else raw
    pub const COMPRESSED: u32 = 0x1;
    /// never written
    pub const HOLE: u32 = 0x2;
    /// encrypted
    pub const ENCRYPTED: u32 = 0x4;
    /// part of a batch
    pub const BATCH: u32 = 0x8;
    /// crc32 holds a value
    pub const HAS_CRC32: u32 = 0x10;
    /// All of them.
    pub const KNOWN: u32 = 0x1F;
}

/// SuperFlags.
pub mod super_flags {
    /// chunks are stored raw
    pub const COMPRESSION_NONE: u32 = 0x1;
    /// chunks are lz4 blocks
    pub const COMPRESSION_LZ4: u32 = 0x2;
    /// chunk digests are BLAKE3
    pub const HASH_BLAKE3: u32 = 0x4;
    /// chunk digests are SHA-256
    pub const HASH_SHA256: u32 = 0x8;
    /// owners are stored
    pub const EXPLICIT_UID_GID: u32 = 0x10;
    /// an inode may have xattrs; merged images always say so
    pub const HAS_XATTR: u32 = 0x20;
    /// chunks are gzip (reference types)
    pub const COMPRESSION_GZIP: u32 = 0x40;
    /// chunks are zstd frames
    pub const COMPRESSION_ZSTD: u32 = 0x80;
    /// every blob has a section of chunk digests
    pub const INLINED_CHUNK_DIGEST: u32 = 0x100;
    /// tarfs: chunks lie in a plain tar
    pub const TARFS_MODE: u32 = 0x200;
    /// nothing is encrypted
    pub const ENCRYPTION_NONE: u32 = 0x0100_0000;
    /// chunks are encrypted
    pub const ENCRYPTION_AES_128_XTS: u32 = 0x0200_0000;
    /// All of them.
    pub const KNOWN: u32 = 0x0300_03FF;
}
