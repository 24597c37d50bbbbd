//! Reads a v5 bootstrap as it is stored: tables, and the tree of names by number. Nothing is trusted: bounds are checked
//! before access, each inode is read once, and records together are no longer than the file. A fault that no reader could
//! pass ends the reading with one finding; the rules find all other faults (`rules::v5`).

mod inode;
mod shown;
mod tables;
mod tree;

pub use inode::{Inode, Record};
pub use tables::{BlobEntry, Tables};
pub use tree::{FirstRecord, Image};

use crate::layout::v5::SUPER_MAGIC;

/// True if bytes begin like a v5 bootstrap; a v6 one begins with zeros.
pub fn is_v5(bytes: &[u8]) -> bool {
    bytes.starts_with(&SUPER_MAGIC.to_le_bytes())
}

/// Rounds `value` up to the next multiple of 8, to which everything in the file is padded.
pub fn padded(value: u64) -> u64 {
    value.next_multiple_of(crate::layout::v5::ALIGNMENT as u64)
}
