//! RAFS v5: a file of inodes, each with its name, target, extended attributes and chunks behind it.
//!
//! `plan` decides the place of everything, and `write` writes the bytes.

mod plan;
mod read;
mod write;
mod xattrs;

use nydus_layout::chunk_info;

use super::{Bootstrap, Moved, Version, fields, model, recall};
use crate::blob::BARE;

/// The row of v5 in the table of versions.
pub static VERSION: Version = Version {
    number: 5,
    kind: &BARE,
    batched: None,
    chunk_bytes: 2 * chunk_info::SIZE as u64,
    write: write::write,
    read: read::read,
};
