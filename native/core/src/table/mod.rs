//! The packed tables that cross to TypeScript when layers are only read, little-endian; `src/native/tables.ts` decodes them.
//! Three buffers a layer:
//!
//! *Entries*, in tar order, one record after another without padding:
//!
//! | at | type | field |
//! | --- | --- | --- |
//! | 0 | u8 | kind: 0 file, 1 directory, 2 symlink, 3 hard link, 4 char, 5 block, 6 fifo |
//! | 1 | u8 | zero |
//! | 2 | u16 | mode, 0 … 0o7777 |
//! | 4, 8 | u32 | uid, gid |
//! | 12 | u32 | nanoseconds of mtime |
//! | 16 | i64 | mtime, seconds since 1970 |
//! | 24 | u64 | size |
//! | 32 | u64 | offset of the header in the uncompressed tar |
//! | 40, 44 | u32 | major, minor |
//! | 48, 52 | u32 | length of path, length of link |
//! | 56 | u32 | number of xattrs |
//! | 60 | u32 | number of chunk references |
//! | 64 | | path, link, then for each xattr: u32 length of name, u32 length of value, name, value |
//!
//! *References*, 8 bytes each, file after file: u32 layer, u32 index in that layer's blob.
//!
//! *Chunks* that the layer stores, 64 bytes each, by index: digest 32, u32 CRC-32C, u32 uncompressed size, u32 compressed
//! size, u32 flags (1 compressed, 2 has a CRC), u64 compressed offset, u64 uncompressed offset.

mod chunks;
mod entries;
mod limits;

pub use chunks::{ChunkRecord, ChunkRecords};
pub use entries::EntryTable;
pub use limits::{EntryLimits, Promised};

/// Bytes of an entry before its names.
pub const ENTRY_HEAD: usize = 64;
/// Bytes of a chunk record.
pub const CHUNK_RECORD: usize = 64;
/// The stored bytes are the compressor's.
pub const FLAG_COMPRESSED: u32 = 1;
/// The CRC-32C is known.
pub const FLAG_CRC: u32 = 2;

/// Indexes of 24 bits, the last of which Nydus does not hand out.
pub const MAX_CHUNKS: u32 = 0xFF_FFFF;

fn put_u32(out: &mut Vec<u8>, values: &[u32]) {
    for value in values {
        out.extend(value.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use crate::archive::{Entry, EntryKind};

    /// A regular file of `size` bytes.
    pub fn file(size: u64) -> Entry {
        Entry {
            path: b"a/b".to_vec(),
            offset: 1024,
            kind: EntryKind::File,
            mode: 0o644,
            uid: 1,
            gid: 2,
            mtime: -1,
            mtime_nsec: 5,
            size,
            major: 0,
            minor: 0,
            link: Vec::new(),
            xattrs: vec![(b"user.x".to_vec(), b"\0v".to_vec())],
        }
    }
}
