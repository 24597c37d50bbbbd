//! A v5 bootstrap as it is stored: tables, and the tree of names by number. Nothing is trusted: bounds before access, each inode once,
//! records together no longer than the file. What no reader could follow ends the reading with one finding; whatever
//! else is wrong, the rules find (`rules::v5`).

mod inode;
mod tables;
mod tree;

pub use inode::{Inode, Record};
pub use tables::{BlobEntry, Tables};
pub use tree::{FirstRecord, Image};

use crate::layout::v5::SUPER_MAGIC;

/// Whether bytes begin as a v5 bootstrap does; a v6 one begins with zeros.
pub fn is_v5(bytes: &[u8]) -> bool {
    bytes.starts_with(&SUPER_MAGIC.to_le_bytes())
}

/// `value` up to the next multiple of 8, which everything in the file is padded to.
pub fn padded(value: u64) -> u64 {
    value.next_multiple_of(crate::layout::v5::ALIGNMENT as u64)
}
