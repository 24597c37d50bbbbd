//! Parses tar archives as container layers have them; the caller pushes the bytes in.
//!
//! The parser understands V7, ustar, old GNU (long names, base-256 numbers, sparse files) and pax (local and global records,
//! extended attributes of star and libarchive, GNU.sparse 0.0, 0.1, 1.0). Names are bytes and are never decoded. Overlay
//! rules (whiteouts), missing parents and duplicate paths are the concern of the code that builds the tree.
//!
//! Sources: POSIX.1-2017 pax "Interchange Format"; GNU tar manual, "Tar Internals"; libarchive's tar(5).

mod entry;
mod fault;
mod header;
mod interpret;
mod map;
mod parser;
mod path;
mod pax;
mod sparse;
mod steps;
mod xattr;

pub use entry::{Entry, EntryKind, EntrySink, NOT_IN_A_TAR};
pub use header::BLOCK;
pub use parser::Archive;
pub(crate) use path::{MAX_PATH, quoted};
pub(crate) use xattr::{MAX_VALUE as MAX_XATTR_VALUE, name_fault as xattr_name_fault};

/// True if these bytes, the first of a file, may begin an archive: a valid header, a block of zeros, or less than a block.
pub fn may_begin(bytes: &[u8]) -> bool {
    bytes
        .first_chunk()
        .is_none_or(|block| header::Header(block).is_valid() || block.iter().all(|&byte| byte == 0))
}
