//! Written by tools/docs/main.ts from the tables in src/rafs-builder. Do not edit: npm run docs.
//!
//! Where fields stand and what numbers mean on disk. Every table is here whole, used or not.

#![allow(missing_docs)]

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
pub const META_MAGIC: u32 = 0xB10B_B10B;
pub const REGULAR: u8 = 0x30;
pub const OWN_BLOB_ID: &[u8; 64] = b"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
pub const GNU_MAGIC: &[u8] = b"ustar  ";

/// `SuperBlock`.
pub mod super_block {
    pub const SIZE: usize = 128;
    pub const MAGIC: usize = 0x0;
    pub const CHECKSUM: usize = 0x4;
    pub const FEATURE_COMPAT: usize = 0x8;
    pub const BLOCK_BITS: usize = 0xC;
    pub const EXT_SLOTS: usize = 0xD;
    pub const ROOT_NID: usize = 0xE;
    pub const INOS: usize = 0x10;
    pub const BUILD_TIME: usize = 0x18;
    pub const BUILD_TIME_NSEC: usize = 0x20;
    pub const BLOCKS: usize = 0x24;
    pub const META_BLOCK: usize = 0x28;
    pub const XATTR_BLOCK: usize = 0x2C;
    pub const UUID: usize = 0x30;
    pub const VOLUME_NAME: usize = 0x40;
    pub const FEATURE_INCOMPAT: usize = 0x50;
    pub const UNION: usize = 0x54;
    pub const EXTRA_DEVICES: usize = 0x56;
    pub const DEVICE_SLOT_OFFSET: usize = 0x58;
}

/// `ExtendedSuperBlock`.
pub mod extended_super_block {
    pub const SIZE: usize = 256;
    pub const FLAGS: usize = 0x0;
    pub const BLOB_TABLE_OFFSET: usize = 0x8;
    pub const BLOB_TABLE_SIZE: usize = 0x10;
    pub const CHUNK_SIZE: usize = 0x14;
    pub const CHUNK_TABLE_OFFSET: usize = 0x18;
    pub const CHUNK_TABLE_SIZE: usize = 0x20;
    pub const PREFETCH_TABLE_OFFSET: usize = 0x28;
    pub const PREFETCH_TABLE_SIZE: usize = 0x30;
}

/// `DeviceSlot`.
pub mod device_slot {
    pub const SIZE: usize = 128;
    pub const BLOB_ID: usize = 0x0;
    pub const BLOCKS: usize = 0x40;
    pub const MAPPED_BLOCK: usize = 0x44;
}

/// `BlobEntry`.
pub mod blob_entry {
    pub const SIZE: usize = 256;
    pub const BLOB_ID: usize = 0x0;
    pub const BLOB_INDEX: usize = 0x40;
    pub const CHUNK_SIZE: usize = 0x44;
    pub const CHUNK_COUNT: usize = 0x48;
    pub const COMPRESSOR: usize = 0x4C;
    pub const DIGESTER: usize = 0x50;
    pub const FEATURES: usize = 0x54;
    pub const COMPRESSED_SIZE: usize = 0x58;
    pub const UNCOMPRESSED_SIZE: usize = 0x60;
    pub const TOC_SIZE: usize = 0x68;
    pub const META_COMPRESSOR: usize = 0x6C;
    pub const META_OFFSET: usize = 0x70;
    pub const META_COMPRESSED_SIZE: usize = 0x78;
    pub const META_UNCOMPRESSED_SIZE: usize = 0x80;
    pub const TOC_DIGEST: usize = 0x88;
    pub const META_DIGEST: usize = 0xA8;
    pub const META_SIZE: usize = 0xC8;
    pub const CIPHER_IV: usize = 0xD0;
    pub const CIPHER: usize = 0xD8;
}

/// `PrefetchEntry`.
pub mod prefetch_entry {
    pub const SIZE: usize = 4;
    pub const NID: usize = 0x0;
}

/// `InodeExtended`.
pub mod inode_extended {
    pub const SIZE: usize = 64;
    pub const FORMAT: usize = 0x0;
    pub const XATTR_COUNT: usize = 0x2;
    pub const MODE: usize = 0x4;
    pub const SIZE_FIELD: usize = 0x8;
    pub const UNION: usize = 0x10;
    pub const INO: usize = 0x14;
    pub const UID: usize = 0x18;
    pub const GID: usize = 0x1C;
    pub const MTIME: usize = 0x20;
    pub const MTIME_NSEC: usize = 0x28;
    pub const NLINK: usize = 0x2C;
}

/// `InodeCompact`.
pub mod inode_compact {
    pub const SIZE: usize = 32;
    pub const FORMAT: usize = 0x0;
    pub const XATTR_COUNT: usize = 0x2;
    pub const MODE: usize = 0x4;
    pub const NLINK: usize = 0x6;
    pub const SIZE_FIELD: usize = 0x8;
    pub const UNION: usize = 0x10;
    pub const INO: usize = 0x14;
    pub const UID: usize = 0x18;
    pub const GID: usize = 0x1A;
}

/// `XattrHeader`.
pub mod xattr_header {
    pub const SIZE: usize = 12;
    pub const NAME_FILTER: usize = 0x0;
    pub const SHARED_COUNT: usize = 0x4;
}

/// `XattrEntry`.
pub mod xattr_entry {
    pub const SIZE: usize = 4;
    pub const NAME_LENGTH: usize = 0x0;
    pub const NAME_INDEX: usize = 0x1;
    pub const VALUE_SIZE: usize = 0x2;
}

/// `ChunkIndexEntry`.
pub mod chunk_index_entry {
    pub const SIZE: usize = 8;
    pub const INDEX_LOW: usize = 0x0;
    pub const DEVICE: usize = 0x2;
    pub const INDEX_HIGH: usize = 0x3;
    pub const BLOCK: usize = 0x4;
}

/// `Dirent`.
pub mod dirent {
    pub const SIZE: usize = 12;
    pub const NID: usize = 0x0;
    pub const NAME_OFFSET: usize = 0x8;
    pub const FILE_TYPE: usize = 0xA;
}

/// `ChunkInfo`.
pub mod chunk_info {
    pub const SIZE: usize = 80;
    pub const DIGEST: usize = 0x0;
    pub const BLOB_INDEX: usize = 0x20;
    pub const FLAGS: usize = 0x24;
    pub const COMPRESSED_SIZE: usize = 0x28;
    pub const UNCOMPRESSED_SIZE: usize = 0x2C;
    pub const COMPRESSED_OFFSET: usize = 0x30;
    pub const UNCOMPRESSED_OFFSET: usize = 0x38;
    pub const FILE_OFFSET: usize = 0x40;
    pub const INDEX: usize = 0x48;
    pub const CRC32: usize = 0x4C;
}

/// `ChunkMeta`.
pub mod chunk_meta {
    pub const SIZE: usize = 16;
    pub const UNCOMPRESSED_LOW: usize = 0x0;
    pub const UNCOMPRESSED_HIGH: usize = 0x4;
    pub const COMPRESSED_LOW: usize = 0x8;
    pub const COMPRESSED_HIGH: usize = 0xC;
}

/// `BlobMetaHeader`.
pub mod blob_meta_header {
    pub const SIZE: usize = 4096;
    pub const MAGIC: usize = 0x0;
    pub const FEATURES: usize = 0x4;
    pub const COMPRESSOR: usize = 0x8;
    pub const ENTRIES: usize = 0xC;
    pub const OFFSET: usize = 0x10;
    pub const COMPRESSED_SIZE: usize = 0x18;
    pub const UNCOMPRESSED_SIZE: usize = 0x20;
    pub const TABLE_OFFSET: usize = 0x28;
    pub const TABLE_SIZE: usize = 0x30;
    pub const TABLE_COUNT: usize = 0x38;
    pub const MAGIC2: usize = 0xFFC;
}

/// `TarHeader`.
pub mod tar_header {
    pub const SIZE: usize = 512;
    pub const NAME: usize = 0x0;
    pub const OWNER: usize = 0x64;
    pub const SIZE_FIELD: usize = 0x7C;
    pub const MTIME: usize = 0x88;
    pub const CHECKSUM: usize = 0x94;
    pub const TYPE: usize = 0x9C;
    pub const LINK_NAME: usize = 0x9D;
    pub const MAGIC: usize = 0x101;
}

/// `TocEntry`.
pub mod toc_entry {
    pub const SIZE: usize = 128;
    pub const FLAGS: usize = 0x0;
    pub const NAME: usize = 0x8;
    pub const DIGEST: usize = 0x18;
    pub const OFFSET: usize = 0x38;
    pub const COMPRESSED_SIZE: usize = 0x40;
    pub const UNCOMPRESSED_SIZE: usize = 0x48;
}

/// `SuperFlags`.
pub mod super_flags {
    pub const COMPRESSION_NONE: u32 = 0x1;
    pub const COMPRESSION_LZ4: u32 = 0x2;
    pub const HASH_BLAKE3: u32 = 0x4;
    pub const HASH_SHA256: u32 = 0x8;
    pub const EXPLICIT_UID_GID: u32 = 0x10;
    pub const HAS_XATTR: u32 = 0x20;
    pub const COMPRESSION_GZIP: u32 = 0x40;
    pub const COMPRESSION_ZSTD: u32 = 0x80;
    pub const INLINED_CHUNK_DIGEST: u32 = 0x100;
    pub const TARFS_MODE: u32 = 0x200;
    pub const ENCRYPTION_NONE: u32 = 0x0100_0000;
    pub const ENCRYPTION_AES_128_XTS: u32 = 0x0200_0000;
}

/// `BlobFeatures`.
pub mod blob_features {
    pub const ALIGNED: u32 = 0x1;
    pub const INLINED_FS_META: u32 = 0x2;
    pub const CHUNK_INFO_V2: u32 = 0x4;
    pub const ZRAN: u32 = 0x8;
    pub const SEPARATE: u32 = 0x10;
    pub const INLINED_CHUNK_DIGEST: u32 = 0x20;
    pub const TARFS: u32 = 0x40;
    pub const BATCH: u32 = 0x80;
    pub const ENCRYPTED: u32 = 0x100;
    pub const IS_CHUNKDICT_GENERATED: u32 = 0x200;
    pub const IS_SEPARATED_WITH_PREFETCH_FILES: u32 = 0x400;
    pub const EXTERNAL: u32 = 0x800;
    pub const HAS_TAR_HEADER: u32 = 0x1000_0000;
    pub const HAS_TOC: u32 = 0x2000_0000;
    pub const CAP_TAR_TOC: u32 = 0x4000_0000;
}

/// `ChunkFlags`.
pub mod chunk_flags {
    pub const COMPRESSED: u32 = 0x1;
    pub const HOLE: u32 = 0x2;
    pub const ENCRYPTED: u32 = 0x4;
    pub const BATCH: u32 = 0x8;
    pub const HAS_CRC32: u32 = 0x10;
}

/// `TocFlags`.
pub mod toc_flags {
    pub const NONE: u32 = 0x1;
    pub const ZSTD: u32 = 0x2;
    pub const LZ4_BLOCK: u32 = 0x4;
}

pub mod compressor {
    pub const NONE: u32 = 0;
    pub const LZ4_BLOCK: u32 = 1;
    pub const GZIP: u32 = 2;
    pub const ZSTD: u32 = 3;
}

pub mod digester {
    pub const BLAKE3: u32 = 0;
    pub const SHA256: u32 = 1;
}

pub mod mode {
    pub const FILE: u16 = 0x8000;
    pub const DIRECTORY: u16 = 0x4000;
    pub const CHAR: u16 = 0x2000;
    pub const BLOCK: u16 = 0x6000;
    pub const FIFO: u16 = 0x1000;
    pub const SOCKET: u16 = 0xC000;
    pub const SYMLINK: u16 = 0xA000;
}

pub mod dirent_type {
    pub const FILE: u8 = 0x1;
    pub const DIRECTORY: u8 = 0x2;
    pub const CHAR: u8 = 0x3;
    pub const BLOCK: u8 = 0x4;
    pub const FIFO: u8 = 0x5;
    pub const SOCKET: u8 = 0x6;
    pub const SYMLINK: u8 = 0x7;
}

/// Names of a blob’s sections.
pub mod section {
    pub const DATA: &[u8] = b"image.blob";
    pub const META: &[u8] = b"blob.meta";
    pub const META_HEADER: &[u8] = b"blob.meta.header";
    pub const DIGESTS: &[u8] = b"blob.digest";
    pub const BOOTSTRAP: &[u8] = b"image.boot";
    pub const TOC: &[u8] = b"rafs.blob.toc";
}

/// Number, prefix, and whether it is a whole name.
pub const XATTR_PREFIXES: [(u8, &[u8], bool); 5] = [
    (1, b"user.", false),
    (2, b"system.posix_acl_access", true),
    (3, b"system.posix_acl_default", true),
    (4, b"trusted.", false),
    (6, b"security.", false),
];
