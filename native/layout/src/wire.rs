//! The packed records of a scanned layer, which cross to TypeScript and from there to the judge.
//!
//! Written by tools/docs/main.ts from the tables in src/rafs-builder/layout. Do not edit: npm run docs.

use crate::table::{Field, Table, Type};

/// Kinds of entries.
pub mod entry_kind {
    pub const FILE: u8 = 0;
    pub const DIRECTORY: u8 = 1;
    pub const SYMLINK: u8 = 2;
    pub const HARDLINK: u8 = 3;
    pub const CHAR: u8 = 4;
    pub const BLOCK: u8 = 5;
    pub const FIFO: u8 = 6;
}

pub const REPEATED: u32 = 0xFFFF_FFFF;

/// One chunk that a layer stores.
pub mod chunk_record {
    use super::{Field, Table, Type};

    /// Bytes of the whole structure.
    pub const SIZE: usize = 64;
    /// 32 bytes: BLAKE3 or SHA-256 of the uncompressed bytes
    pub const DIGEST: usize = 0x0;
    /// u32: CRC-32C of the uncompressed bytes, with its flag
    pub const CRC32: usize = 0x20;
    /// u32: bytes; 0 stands for "no such chunk"
    pub const UNCOMPRESSED_SIZE: usize = 0x24;
    /// u32: bytes as stored
    pub const COMPRESSED_SIZE: usize = 0x28;
    /// u32: chunk_record_flags
    pub const FLAGS: usize = 0x2C;
    /// u64: from the start of the blob
    pub const COMPRESSED_OFFSET: usize = 0x30;
    /// u64: in the uncompressed address space of the blob
    pub const UNCOMPRESSED_OFFSET: usize = 0x38;
    /// The whole structure.
    pub static TABLE: Table = Table {
        name: "ChunkRecord",
        size: 64,
        fields: &[
            Field { name: "digest", offset: 0x0, size: 32, kind: Type::Plain },
            Field { name: "crc32", offset: 0x20, size: 4, kind: Type::Plain },
            Field { name: "uncompressedSize", offset: 0x24, size: 4, kind: Type::Plain },
            Field { name: "compressedSize", offset: 0x28, size: 4, kind: Type::Plain },
            Field { name: "flags", offset: 0x2C, size: 4, kind: Type::Plain },
            Field { name: "compressedOffset", offset: 0x30, size: 8, kind: Type::U64 },
            Field { name: "uncompressedOffset", offset: 0x38, size: 8, kind: Type::U64 },
        ],
    };
}

/// One chunk of a dictionary.
pub mod dictionary_chunk {
    use super::{Field, Table, Type};

    /// Bytes of the whole structure.
    pub const SIZE: usize = 72;
    /// 64 bytes: ChunkRecord
    pub const RECORD: usize = 0x0;
    /// u32: position of its blob in the dictionary
    pub const BLOB: usize = 0x40;
    /// u32: of the chunk in that blob
    pub const INDEX: usize = 0x44;
    /// The whole structure.
    pub static TABLE: Table = Table {
        name: "DictionaryChunk",
        size: 72,
        fields: &[
            Field { name: "record", offset: 0x0, size: 64, kind: Type::Plain },
            Field { name: "blob", offset: 0x40, size: 4, kind: Type::Plain },
            Field { name: "index", offset: 0x44, size: 4, kind: Type::Plain },
        ],
    };
}

/// One entry of a layer; path, link and xattrs follow it.
pub mod entry_head {
    use super::{Field, Table, Type};

    /// Bytes of the whole structure.
    pub const SIZE: usize = 64;
    /// u8: entry_kind
    pub const KIND: usize = 0x0;
    /// u16: permission bits, at most 0o7777
    pub const MODE: usize = 0x2;
    /// u32: owner
    pub const UID: usize = 0x4;
    /// u32: group
    pub const GID: usize = 0x8;
    /// u32: nanoseconds
    pub const MTIME_NSEC: usize = 0xC;
    /// i64: seconds since 1970; within 2^53
    pub const MTIME: usize = 0x10;
    /// u64: bytes of a file; below 2^53
    pub const SIZE_FIELD: usize = 0x18;
    /// u64: of the header in the uncompressed tar
    pub const OFFSET: usize = 0x20;
    /// u32: of a device
    pub const MAJOR: usize = 0x28;
    /// u32: of a device
    pub const MINOR: usize = 0x2C;
    /// u32: bytes
    pub const PATH_LENGTH: usize = 0x30;
    /// u32: bytes of a symlink’s target or of the path that a hard link names
    pub const LINK_LENGTH: usize = 0x34;
    /// u32: number of xattrs
    pub const XATTR_COUNT: usize = 0x38;
    /// u32: number of references that a file takes from the buffer of references
    pub const REFERENCE_COUNT: usize = 0x3C;
    /// The whole structure.
    pub static TABLE: Table = Table {
        name: "EntryHead",
        size: 64,
        fields: &[
            Field { name: "kind", offset: 0x0, size: 1, kind: Type::Plain },
            Field { name: "reserved", offset: 0x1, size: 1, kind: Type::Reserved },
            Field { name: "mode", offset: 0x2, size: 2, kind: Type::Plain },
            Field { name: "uid", offset: 0x4, size: 4, kind: Type::Plain },
            Field { name: "gid", offset: 0x8, size: 4, kind: Type::Plain },
            Field { name: "mtimeNsec", offset: 0xC, size: 4, kind: Type::Plain },
            Field { name: "mtime", offset: 0x10, size: 8, kind: Type::I64 },
            Field { name: "size", offset: 0x18, size: 8, kind: Type::U64 },
            Field { name: "offset", offset: 0x20, size: 8, kind: Type::U64 },
            Field { name: "major", offset: 0x28, size: 4, kind: Type::Plain },
            Field { name: "minor", offset: 0x2C, size: 4, kind: Type::Plain },
            Field { name: "pathLength", offset: 0x30, size: 4, kind: Type::Plain },
            Field { name: "linkLength", offset: 0x34, size: 4, kind: Type::Plain },
            Field { name: "xattrCount", offset: 0x38, size: 4, kind: Type::Plain },
            Field { name: "referenceCount", offset: 0x3C, size: 4, kind: Type::Plain },
        ],
    };
}

/// One chunk of a file, or its repetitions.
pub mod reference {
    use super::{Field, Table, Type};

    /// Bytes of the whole structure.
    pub const SIZE: usize = 8;
    /// u32: number of the layer that stores the chunk
    pub const LAYER: usize = 0x0;
    /// u32: of the chunk in that layer
    pub const INDEX: usize = 0x4;
    /// The whole structure.
    pub static TABLE: Table = Table {
        name: "Reference",
        size: 8,
        fields: &[
            Field { name: "layer", offset: 0x0, size: 4, kind: Type::Plain },
            Field { name: "index", offset: 0x4, size: 4, kind: Type::Plain },
        ],
    };
}

/// In front of one xattr of an entry: name, value.
pub mod xattr_head {
    use super::{Field, Table, Type};

    /// Bytes of the whole structure.
    pub const SIZE: usize = 8;
    /// u32: bytes
    pub const NAME_LENGTH: usize = 0x0;
    /// u32: bytes
    pub const VALUE_LENGTH: usize = 0x4;
    /// The whole structure.
    pub static TABLE: Table = Table {
        name: "XattrHead",
        size: 8,
        fields: &[
            Field { name: "nameLength", offset: 0x0, size: 4, kind: Type::Plain },
            Field { name: "valueLength", offset: 0x4, size: 4, kind: Type::Plain },
        ],
    };
}

/// ChunkRecordFlags.
pub mod chunk_record_flags {
    /// the stored bytes are the output of the compressor
    pub const COMPRESSED: u32 = 0x1;
    /// the CRC-32C is known
    pub const HAS_CRC32: u32 = 0x2;
    /// part of a batch: the stored bytes are those of the batch
    pub const BATCH: u32 = 0x4;
    /// All of them.
    pub const KNOWN: u32 = 0x7;
}
