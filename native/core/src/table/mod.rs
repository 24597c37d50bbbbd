//! A scan sends packed tables to TypeScript: entries, references and chunks, three buffers for each layer.
//! `nydus_layout::wire` defines the offsets of their fields; `src/native/tables.ts` decodes them.

mod chunks;
mod entries;
mod limits;

pub use chunks::{ALIGNMENT, Batch, ChunkRecord, ChunkRecords, PackedChunk};
pub use entries::EntryTable;
pub use limits::{EntryLimits, Promised};

/// The most chunks of a layer: an index has 24 bits, and Nydus does not use the last one.
pub const MAX_CHUNKS: u32 = 0xFF_FFFF;

/// Writes the bytes of a field at its offset. At an offset outside of the record, where no table has a field, it writes
/// nothing.
#[inline]
fn set<const N: usize>(record: &mut [u8], at: usize, field: [u8; N]) {
    if let Some(place) = record.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
        *place = field;
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
