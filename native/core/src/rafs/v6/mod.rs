//! RAFS v6: an EROFS file system with tables of chunks and blobs.
//!
//! `plan` decides the place of everything (`placement` finds room, `used_chunks` orders the chunk table), and `write` writes
//! the bytes.

mod directory;
mod placement;
mod plan;
mod read;
mod used_chunks;
mod write;
mod xattrs;

use nydus_layout::chunk_index_entry;

use super::{Bootstrap, Moved, Version, blob_table, fields, model, recall};
use crate::blob::{BATCHED, NATIVE};

/// The row of v6 in the table of versions.
pub static VERSION: Version = Version {
    number: 6,
    kind: &NATIVE,
    batched: Some(&BATCHED),
    chunk_bytes: 2 * chunk_index_entry::SIZE as u64,
    write: write::write,
    read: read::read,
};
