//! The sections of a RAFS blob, of either version.
//!
//! Written by tools/docs/main.ts from the tables in src/rafs-builder/layout. Do not edit: npm run docs.

use crate::table::{Field, Table, Type};

pub const META_MAGIC: u32 = 0xB10B_B10B;
pub const REGULAR: u8 = 0x30;
/// In the header behind each section.
pub const GNU_MAGIC: &[u8] = b"ustar  ";

/// Names of the sections.
pub mod section {
    /// `image.blob`.
    pub const DATA: &[u8] = b"image.blob";
    /// `blob.meta`.
    pub const META: &[u8] = b"blob.meta";
    /// `blob.meta.header`.
    pub const META_HEADER: &[u8] = b"blob.meta.header";
    /// `blob.digest`.
    pub const DIGESTS: &[u8] = b"blob.digest";
    /// `image.boot`.
    pub const BOOTSTRAP: &[u8] = b"image.boot";
    /// `rafs.blob.toc`.
    pub const TOC: &[u8] = b"rafs.blob.toc";
}

/// One batch of small chunks, behind the chunk records of a blob with the feature BATCH.
pub mod batch_context {
    use super::{Field, Table, Type};

    /// Bytes of the whole structure.
    pub const SIZE: usize = 40;
    /// u32: of the batch as stored; raw when the sizes are equal
    pub const COMPRESSED_SIZE: usize = 0x0;
    /// u32: sizes of its chunks together, not padded
    pub const UNCOMPRESSED_SIZE: usize = 0x4;
    /// The whole structure.
    pub static TABLE: Table = Table {
        name: "BatchContext",
        size: 40,
        fields: &[
            Field { name: "compressedSize", offset: 0x0, size: 4, kind: Type::Plain },
            Field { name: "uncompressedSize", offset: 0x4, size: 4, kind: Type::Plain },
            Field { name: "reserved", offset: 0x8, size: 32, kind: Type::Reserved },
        ],
    };
}

/// Behind the chunk records in `blob.meta`, never compressed.
pub mod blob_meta_header {
    use super::{Field, Table, Type};

    /// Bytes of the whole structure.
    pub const SIZE: usize = 4096;
    /// u32: 0xB10BB10B
    pub const MAGIC: usize = 0x0;
    /// u32: BlobFeatures, as in the blob’s own bootstrap
    pub const FEATURES: usize = 0x4;
    /// u32: of the records: 0 when compression did not shrink them
    pub const COMPRESSOR: usize = 0x8;
    /// u32: number of records
    pub const ENTRIES: usize = 0xC;
    /// u64: of the records in the blob
    pub const OFFSET: usize = 0x10;
    /// u64: of the records as stored, with the contexts behind them
    pub const COMPRESSED_SIZE: usize = 0x18;
    /// u64: 16 a record, or 24 in version 2, and the contexts
    pub const UNCOMPRESSED_SIZE: usize = 0x20;
    /// u64: of the contexts, from the first record; 0 without contexts
    pub const TABLE_OFFSET: usize = 0x28;
    /// u64: of the contexts and their dictionaries
    pub const TABLE_SIZE: usize = 0x30;
    /// u32: number of contexts
    pub const TABLE_COUNT: usize = 0x38;
    /// u32: 0xB10BB10B
    pub const MAGIC2: usize = 0xFFC;
    /// The whole structure.
    pub static TABLE: Table = Table {
        name: "BlobMetaHeader",
        size: 4096,
        fields: &[
            Field { name: "magic", offset: 0x0, size: 4, kind: Type::Plain },
            Field { name: "features", offset: 0x4, size: 4, kind: Type::Plain },
            Field { name: "compressor", offset: 0x8, size: 4, kind: Type::Plain },
            Field { name: "entries", offset: 0xC, size: 4, kind: Type::Plain },
            Field { name: "offset", offset: 0x10, size: 8, kind: Type::U64 },
            Field { name: "compressedSize", offset: 0x18, size: 8, kind: Type::U64 },
            Field { name: "uncompressedSize", offset: 0x20, size: 8, kind: Type::U64 },
            Field { name: "tableOffset", offset: 0x28, size: 8, kind: Type::U64 },
            Field { name: "tableSize", offset: 0x30, size: 8, kind: Type::U64 },
            Field { name: "tableCount", offset: 0x38, size: 4, kind: Type::Plain },
            Field { name: "reserved", offset: 0x3C, size: 4032, kind: Type::Reserved },
            Field { name: "magic2", offset: 0xFFC, size: 4, kind: Type::Plain },
        ],
    };
}

/// One chunk in `blob.meta` (version 1); bits of two 64-bit words.
pub mod chunk_meta {
    use super::{Field, Table, Type};

    /// Bytes of the whole structure.
    pub const SIZE: usize = 16;
    /// u32: bits 8–11: bits 20–23 of uncompressed size − 1; bits 12–31: those of the uncompressed offset
    pub const UNCOMPRESSED_LOW: usize = 0x0;
    /// u32: bits 0–11: bits 32–43 of the uncompressed offset; bits 12–31: low 20 bits of uncompressed size − 1
    pub const UNCOMPRESSED_HIGH: usize = 0x4;
    /// u32: bits 0–31 of the compressed offset
    pub const COMPRESSED_LOW: usize = 0x8;
    /// u32: bits 0–7: bits 32–39 of the compressed offset; bits 8–11: bits 20–23 of compressed size − 1; bits 12–31: its low 20 bits
    pub const COMPRESSED_HIGH: usize = 0xC;
    /// The whole structure.
    pub static TABLE: Table = Table {
        name: "ChunkMeta",
        size: 16,
        fields: &[
            Field { name: "uncompressedLow", offset: 0x0, size: 4, kind: Type::Plain },
            Field { name: "uncompressedHigh", offset: 0x4, size: 4, kind: Type::Plain },
            Field { name: "compressedLow", offset: 0x8, size: 4, kind: Type::Plain },
            Field { name: "compressedHigh", offset: 0xC, size: 4, kind: Type::Plain },
        ],
    };
}

/// One chunk in `blob.meta` when the blob has the feature CHUNK_INFO_V2; bits of three 64-bit words.
pub mod chunk_meta_v2 {
    use super::{Field, Table, Type};

    /// Bytes of the whole structure.
    pub const SIZE: usize = 24;
    /// u32: uncompressed offset in units of 4096
    pub const UNCOMPRESSED_BLOCK: usize = 0x0;
    /// u32: bits 0–23: uncompressed size − 1; bits 24–31: ChunkMetaV2Flags
    pub const UNCOMPRESSED_SIZE_AND_FLAGS: usize = 0x4;
    /// u32: bits 0–31 of the compressed offset
    pub const COMPRESSED_LOW: usize = 0x8;
    /// u32: bits 0–7: bits 32–39 of the compressed offset; bits 8–31: compressed size, 0 in a batch
    pub const COMPRESSED_HIGH: usize = 0xC;
    /// u32: ZRAN, BATCH: offset in what the context decompresses to; else the CRC-32C, with its flag
    pub const DATA_LOW: usize = 0x10;
    /// u32: ZRAN, BATCH: number of the context; else 0
    pub const DATA_HIGH: usize = 0x14;
    /// The whole structure.
    pub static TABLE: Table = Table {
        name: "ChunkMetaV2",
        size: 24,
        fields: &[
            Field { name: "uncompressedBlock", offset: 0x0, size: 4, kind: Type::Plain },
            Field { name: "uncompressedSizeAndFlags", offset: 0x4, size: 4, kind: Type::Plain },
            Field { name: "compressedLow", offset: 0x8, size: 4, kind: Type::Plain },
            Field { name: "compressedHigh", offset: 0xC, size: 4, kind: Type::Plain },
            Field { name: "dataLow", offset: 0x10, size: 4, kind: Type::Plain },
            Field { name: "dataHigh", offset: 0x14, size: 4, kind: Type::Plain },
        ],
    };
}

/// Follows each section of a RAFS blob and names it and its size.
pub mod tar_header {
    use super::{Field, Table, Type};

    /// Bytes of the whole structure.
    pub const SIZE: usize = 512;
    /// 100 chars: name of the section before it
    pub const NAME: usize = 0x0;
    /// 12 bytes: size of the section: 11 octal digits and NUL; from 8 GiB on binary, big-endian, top bit set
    pub const SIZE_FIELD: usize = 0x7C;
    /// 12 chars: 00000000000
    pub const MTIME: usize = 0x88;
    /// 8 chars: 7 octal digits: sum of the 512 bytes, these 8 taken as blanks
    pub const CHECKSUM: usize = 0x94;
    /// u8: 0x30: a regular file
    pub const TYPE: usize = 0x9C;
    /// 8 chars: "ustar", two blanks, NUL
    pub const MAGIC: usize = 0x101;
    /// The whole structure.
    pub static TABLE: Table = Table {
        name: "TarHeader",
        size: 512,
        fields: &[
            Field { name: "name", offset: 0x0, size: 100, kind: Type::Plain },
            Field { name: "owner", offset: 0x64, size: 24, kind: Type::Reserved },
            Field { name: "size", offset: 0x7C, size: 12, kind: Type::Plain },
            Field { name: "mtime", offset: 0x88, size: 12, kind: Type::Plain },
            Field { name: "checksum", offset: 0x94, size: 8, kind: Type::Plain },
            Field { name: "type", offset: 0x9C, size: 1, kind: Type::Plain },
            Field { name: "linkName", offset: 0x9D, size: 100, kind: Type::Reserved },
            Field { name: "magic", offset: 0x101, size: 8, kind: Type::Plain },
            Field { name: "reserved", offset: 0x109, size: 247, kind: Type::Reserved },
        ],
    };
}

/// One section in `rafs.blob.toc`.
pub mod toc_entry {
    use super::{Field, Table, Type};

    /// Bytes of the whole structure.
    pub const SIZE: usize = 128;
    /// u32: TocFlags: exactly one
    pub const FLAGS: usize = 0x0;
    /// 16 chars: may use all 16 characters
    pub const NAME: usize = 0x8;
    /// 32 bytes: SHA-256 of the uncompressed content; of image.blob: of the data and the tar header behind it
    pub const DIGEST: usize = 0x18;
    /// u64: from the start of the blob
    pub const OFFSET: usize = 0x38;
    /// u64: as stored
    pub const COMPRESSED_SIZE: usize = 0x40;
    /// u64: image.blob: of the uncompressed address space
    pub const UNCOMPRESSED_SIZE: usize = 0x48;
    /// The whole structure.
    pub static TABLE: Table = Table {
        name: "TocEntry",
        size: 128,
        fields: &[
            Field { name: "flags", offset: 0x0, size: 4, kind: Type::Plain },
            Field { name: "reserved", offset: 0x4, size: 4, kind: Type::Reserved },
            Field { name: "name", offset: 0x8, size: 16, kind: Type::Plain },
            Field { name: "digest", offset: 0x18, size: 32, kind: Type::Plain },
            Field { name: "offset", offset: 0x38, size: 8, kind: Type::U64 },
            Field { name: "compressedSize", offset: 0x40, size: 8, kind: Type::U64 },
            Field { name: "uncompressedSize", offset: 0x48, size: 8, kind: Type::U64 },
            Field { name: "reserved2", offset: 0x50, size: 48, kind: Type::Reserved },
        ],
    };
}

/// A place where inflating the original layer may begin, behind the chunk records of a blob with the feature ZRAN; all dictionaries follow the contexts.
pub mod zran_context {
    use super::{Field, Table, Type};

    /// Bytes of the whole structure.
    pub const SIZE: usize = 40;
    /// u64: in the gzip file
    pub const IN_OFFSET: usize = 0x0;
    /// u64: in the uncompressed stream, over all members
    pub const OUT_OFFSET: usize = 0x8;
    /// u64: from the first dictionary
    pub const DICTIONARY_OFFSET: usize = 0x10;
    /// u32: compressed bytes
    pub const IN_SIZE: usize = 0x18;
    /// u32: uncompressed bytes
    pub const OUT_SIZE: usize = 0x1C;
    /// u32: 0 to 32768; a shorter one is the end of the window
    pub const DICTIONARY_SIZE: usize = 0x20;
    /// u8: the byte before inOffset when bits of it are pending; else 0
    pub const PENDING_BYTE: usize = 0x24;
    /// u8: how many bits of it are pending, from the top: 0 to 7
    pub const PENDING_BITS: usize = 0x25;
    /// The whole structure.
    pub static TABLE: Table = Table {
        name: "ZranContext",
        size: 40,
        fields: &[
            Field { name: "inOffset", offset: 0x0, size: 8, kind: Type::U64 },
            Field { name: "outOffset", offset: 0x8, size: 8, kind: Type::U64 },
            Field { name: "dictionaryOffset", offset: 0x10, size: 8, kind: Type::U64 },
            Field { name: "inSize", offset: 0x18, size: 4, kind: Type::Plain },
            Field { name: "outSize", offset: 0x1C, size: 4, kind: Type::Plain },
            Field { name: "dictionarySize", offset: 0x20, size: 4, kind: Type::Plain },
            Field { name: "pendingByte", offset: 0x24, size: 1, kind: Type::Plain },
            Field { name: "pendingBits", offset: 0x25, size: 1, kind: Type::Plain },
            Field { name: "reserved", offset: 0x26, size: 2, kind: Type::Reserved },
        ],
    };
}

/// ChunkMetaV2Flags.
pub mod chunk_meta_v2_flags {
    /// stored as compressor output
    pub const COMPRESSED: u32 = 0x1;
    /// found through an inflate context
    pub const ZRAN: u32 = 0x2;
    /// found through a batch
    pub const BATCH: u32 = 0x4;
    /// encrypted
    pub const ENCRYPTED: u32 = 0x8;
    /// the CRC-32C is there; never with 0, never beside ZRAN or BATCH
    pub const HAS_CRC32: u32 = 0x10;
    /// All of them.
    pub const KNOWN: u32 = 0x1F;
}

/// TocFlags.
pub mod toc_flags {
    /// stored as it is
    pub const NONE: u32 = 0x1;
    /// zstd
    pub const ZSTD: u32 = 0x2;
    /// lz4 block
    pub const LZ4_BLOCK: u32 = 0x4;
    /// All of them.
    pub const KNOWN: u32 = 0x7;
}
