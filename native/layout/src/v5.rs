//! The bootstrap of RAFS v5; its chunk records are those of v6.
//!
//! Written by tools/docs/main.ts from the tables in src/rafs-builder/layout. Do not edit: npm run docs.

use crate::table::{Field, Table, Type};

pub const SUPER_SIZE: usize = 0x2000;
pub const SUPER_MAGIC: u32 = 0x5241_4653;
pub const VERSION: u32 = 0x500;
pub const ALIGNMENT: usize = 0x8;
pub const ROOT_INO: u64 = 0x1;
pub const INODE_UNIT: usize = 0x8;
pub const COUNTED_BLOCK: u64 = 0x200;
pub const NO_DEVICE: u32 = 0xFFFF_FFFF;
/// The only name of an inode with a slash in it.
pub const ROOT_NAME: &[u8] = b"/";

/// In front of each id of the v5 blob table; a NUL stands between entries.
pub mod blob_prefix {
    use super::{Field, Table, Type};

    /// Bytes of the whole structure.
    pub const SIZE: usize = 8;
    /// u32: 0
    pub const READAHEAD_OFFSET: usize = 0x0;
    /// u32: 0: nothing of the blob is loaded early
    pub const READAHEAD_SIZE: usize = 0x4;
    /// The whole structure.
    pub static TABLE: Table = Table {
        name: "BlobPrefix",
        size: 8,
        fields: &[
            Field { name: "readaheadOffset", offset: 0x0, size: 4, kind: Type::Plain },
            Field { name: "readaheadSize", offset: 0x4, size: 4, kind: Type::Plain },
        ],
    };
}

/// One blob in the extended blob table of v5, in the same order.
pub mod extended_blob {
    use super::{Field, Table, Type};

    /// Bytes of the whole structure.
    pub const SIZE: usize = 64;
    /// u32: chunks stored in the blob, referred to or not
    pub const CHUNK_COUNT: usize = 0x0;
    /// u32: BlobFeatures
    pub const FEATURES: usize = 0x4;
    /// u64: end of the uncompressed address space
    pub const UNCOMPRESSED_SIZE: usize = 0x8;
    /// u64: offset of the bootstrap section in the RAFS blob
    pub const COMPRESSED_SIZE: usize = 0x10;
    /// The whole structure.
    pub static TABLE: Table = Table {
        name: "ExtendedBlob",
        size: 64,
        fields: &[
            Field { name: "chunkCount", offset: 0x0, size: 4, kind: Type::Plain },
            Field { name: "features", offset: 0x4, size: 4, kind: Type::Plain },
            Field { name: "uncompressedSize", offset: 0x8, size: 8, kind: Type::U64 },
            Field { name: "compressedSize", offset: 0x10, size: 8, kind: Type::U64 },
            Field { name: "reserved", offset: 0x18, size: 40, kind: Type::Reserved },
        ],
    };
}

/// One name of v5; followed by the name, a symlink’s target, xattrs, and the chunk records of a file.
pub mod inode {
    use super::{Field, Table, Type};

    /// Bytes of the whole structure.
    pub const SIZE: usize = 128;
    /// 32 bytes: of the chunk digests, the symlink’s target, or the digests of the directory’s entries
    pub const DIGEST: usize = 0x0;
    /// u64: number of the directory; 0 for the root
    pub const PARENT: usize = 0x20;
    /// u64: its number; of hard links, that of the first of them
    pub const INO: usize = 0x28;
    /// u32: owner
    pub const UID: usize = 0x30;
    /// u32: group
    pub const GID: usize = 0x34;
    /// u32: 0
    pub const PROJECT: usize = 0x38;
    /// u32: file type and permission bits
    pub const MODE: usize = 0x3C;
    /// u64: bytes of the file or the symlink’s target; of a directory what its names take
    pub const SIZE_FIELD: usize = 0x40;
    /// u64: size and xattrs, in 512 bytes
    pub const BLOCKS: usize = 0x48;
    /// u64: InodeFlags
    pub const FLAGS: usize = 0x50;
    /// u32: directory: 2 + directories in it; else names that lead here
    pub const NLINK: usize = 0x58;
    /// u32: directory: number of its first entry
    pub const CHILD_INDEX: usize = 0x5C;
    /// u32: directory: entries; file: chunks
    pub const CHILD_COUNT: usize = 0x60;
    /// u16: bytes of the name
    pub const NAME_SIZE: usize = 0x64;
    /// u16: bytes of the target
    pub const SYMLINK_SIZE: usize = 0x66;
    /// u32: of a device; else 0xffffffff, or 0
    pub const RDEV: usize = 0x68;
    /// u32: nanoseconds, 0 to 999999999
    pub const MTIME_NSEC: usize = 0x6C;
    /// i64: seconds since 1970; before that negative
    pub const MTIME: usize = 0x70;
    /// The whole structure.
    pub static TABLE: Table = Table {
        name: "InodeV5",
        size: 128,
        fields: &[
            Field { name: "digest", offset: 0x0, size: 32, kind: Type::Plain },
            Field { name: "parent", offset: 0x20, size: 8, kind: Type::U64 },
            Field { name: "ino", offset: 0x28, size: 8, kind: Type::U64 },
            Field { name: "uid", offset: 0x30, size: 4, kind: Type::Plain },
            Field { name: "gid", offset: 0x34, size: 4, kind: Type::Plain },
            Field { name: "project", offset: 0x38, size: 4, kind: Type::Plain },
            Field { name: "mode", offset: 0x3C, size: 4, kind: Type::Plain },
            Field { name: "size", offset: 0x40, size: 8, kind: Type::U64 },
            Field { name: "blocks", offset: 0x48, size: 8, kind: Type::U64 },
            Field { name: "flags", offset: 0x50, size: 8, kind: Type::U64 },
            Field { name: "nlink", offset: 0x58, size: 4, kind: Type::Plain },
            Field { name: "childIndex", offset: 0x5C, size: 4, kind: Type::Plain },
            Field { name: "childCount", offset: 0x60, size: 4, kind: Type::Plain },
            Field { name: "nameSize", offset: 0x64, size: 2, kind: Type::Plain },
            Field { name: "symlinkSize", offset: 0x66, size: 2, kind: Type::Plain },
            Field { name: "rdev", offset: 0x68, size: 4, kind: Type::Plain },
            Field { name: "mtimeNsec", offset: 0x6C, size: 4, kind: Type::Plain },
            Field { name: "mtime", offset: 0x70, size: 8, kind: Type::I64 },
            Field { name: "reserved", offset: 0x78, size: 8, kind: Type::Reserved },
        ],
    };
}

/// Where an inode of v5 is; its number is its place here, from 1.
pub mod inode_table_entry {
    use super::{Field, Table, Type};

    /// Bytes of the whole structure.
    pub const SIZE: usize = 4;
    /// u32: from the start of the file, in units of 8 bytes
    pub const OFFSET: usize = 0x0;
    /// The whole structure.
    pub static TABLE: Table = Table {
        name: "InodeTableEntry",
        size: 4,
        fields: &[Field { name: "offset", offset: 0x0, size: 4, kind: Type::Plain }],
    };
}

/// One entry of the v5 prefetch table.
pub mod prefetch_entry {
    use super::{Field, Table, Type};

    /// Bytes of the whole structure.
    pub const SIZE: usize = 4;
    /// u32: inode to load early
    pub const INO: usize = 0x0;
    /// The whole structure.
    pub static TABLE: Table = Table {
        name: "PrefetchEntryV5",
        size: 4,
        fields: &[Field { name: "ino", offset: 0x0, size: 4, kind: Type::Plain }],
    };
}

/// At offset 0 of a v5 bootstrap.
pub mod super_block {
    use super::{Field, Table, Type};

    /// Bytes of the whole structure.
    pub const SIZE: usize = 8192;
    /// u32: 0x52414653
    pub const MAGIC: usize = 0x0;
    /// u32: 0x500
    pub const VERSION: usize = 0x4;
    /// u32: 8192
    pub const SIZE_FIELD: usize = 0x8;
    /// u32: power of two, 0x1000 to 0x1000000
    pub const CHUNK_SIZE: usize = 0xC;
    /// u64: SuperFlags
    pub const FLAGS: usize = 0x10;
    /// u64: inode numbers in use; hard links count once
    pub const INODES: usize = 0x18;
    /// u64: 8192
    pub const INODE_TABLE_OFFSET: usize = 0x20;
    /// u64: behind the inode table
    pub const PREFETCH_TABLE_OFFSET: usize = 0x28;
    /// u64: behind the prefetch table
    pub const BLOB_TABLE_OFFSET: usize = 0x30;
    /// u32: names; hard links count each
    pub const INODE_TABLE_ENTRIES: usize = 0x38;
    /// u32: inode numbers to load early
    pub const PREFETCH_TABLE_ENTRIES: usize = 0x3C;
    /// u32: bytes, padded
    pub const BLOB_TABLE_SIZE: usize = 0x40;
    /// u32: number of blobs
    pub const EXTENDED_ENTRIES: usize = 0x44;
    /// u64: behind the blob table
    pub const EXTENDED_OFFSET: usize = 0x48;
    /// The whole structure.
    pub static TABLE: Table = Table {
        name: "SuperBlockV5",
        size: 8192,
        fields: &[
            Field { name: "magic", offset: 0x0, size: 4, kind: Type::Plain },
            Field { name: "version", offset: 0x4, size: 4, kind: Type::Plain },
            Field { name: "size", offset: 0x8, size: 4, kind: Type::Plain },
            Field { name: "chunkSize", offset: 0xC, size: 4, kind: Type::Plain },
            Field { name: "flags", offset: 0x10, size: 8, kind: Type::U64 },
            Field { name: "inodes", offset: 0x18, size: 8, kind: Type::U64 },
            Field { name: "inodeTableOffset", offset: 0x20, size: 8, kind: Type::U64 },
            Field { name: "prefetchTableOffset", offset: 0x28, size: 8, kind: Type::U64 },
            Field { name: "blobTableOffset", offset: 0x30, size: 8, kind: Type::U64 },
            Field { name: "inodeTableEntries", offset: 0x38, size: 4, kind: Type::Plain },
            Field { name: "prefetchTableEntries", offset: 0x3C, size: 4, kind: Type::Plain },
            Field { name: "blobTableSize", offset: 0x40, size: 4, kind: Type::Plain },
            Field { name: "extendedEntries", offset: 0x44, size: 4, kind: Type::Plain },
            Field { name: "extendedOffset", offset: 0x48, size: 8, kind: Type::U64 },
            Field { name: "reserved", offset: 0x50, size: 8112, kind: Type::Reserved },
        ],
    };
}

/// In front of one xattr of v5: name, NUL, value.
pub mod xattr_pair {
    use super::{Field, Table, Type};

    /// Bytes of the whole structure.
    pub const SIZE: usize = 4;
    /// u32: bytes of name, NUL and value
    pub const SIZE_FIELD: usize = 0x0;
    /// The whole structure.
    pub static TABLE: Table = Table {
        name: "XattrPair",
        size: 4,
        fields: &[Field { name: "size", offset: 0x0, size: 4, kind: Type::Plain }],
    };
}

/// In front of the xattrs of a v5 inode, which are padded together.
pub mod xattr_total {
    use super::{Field, Table, Type};

    /// Bytes of the whole structure.
    pub const SIZE: usize = 8;
    /// u64: bytes of all pairs, each with its size
    pub const SIZE_FIELD: usize = 0x0;
    /// The whole structure.
    pub static TABLE: Table = Table {
        name: "XattrTotal",
        size: 8,
        fields: &[Field { name: "size", offset: 0x0, size: 8, kind: Type::U64 }],
    };
}

/// InodeFlags.
pub mod inode_flags {
    /// it has a target
    pub const SYMLINK: u32 = 0x1;
    /// other names share its number
    pub const HARDLINK: u32 = 0x2;
    /// xattrs follow
    pub const XATTR: u32 = 0x4;
    /// never written
    pub const HAS_HOLE: u32 = 0x8;
    /// All of them.
    pub const KNOWN: u32 = 0xF;
}
