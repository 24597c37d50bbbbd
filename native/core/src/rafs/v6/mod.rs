//! RAFS v6: an EROFS file system with tables of chunks and blobs.
//!
//! `plan` decides where everything goes (`placement` finds room, `used_chunks` orders the chunk table, `prefetch` chooses what is
//! loaded first), and `write` writes it down.

mod directory;
mod placement;
mod plan;
mod prefetch;
mod used_chunks;
mod write;
mod xattrs;

use super::{Bootstrap, Moved, Version, blob_table, model};

/// The row of the table.
pub static VERSION: Version = Version { number: 6, write: write::write };
