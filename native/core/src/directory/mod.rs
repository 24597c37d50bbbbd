//! Reads a directory of this machine as the entries of a layer: the second source of the pipeline, beside the tar.
//!
//! Entries come in the order in which the reference takes them: the names of a directory in the order of their bytes, then each
//! of its directories in the same way. So equal trees give equal blobs, whatever the order in which the file system lists names.
//!
//! A process may write to the directory meanwhile, even one that wants to lead the reader elsewhere. Every name is opened below the
//! descriptor of its directory and never through a link, so nothing outside is read. What changes while it is read is an error,
//! because the image would show a state that never was.

mod attributes;
mod content;
mod entry;
mod facts;
mod failures;
#[cfg(test)]
mod tests;
mod walk;
mod whiteouts;

use std::path::PathBuf;

pub use walk::read;
pub use whiteouts::Whiteouts;

/// What the entries of a directory become.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DirectoryOptions {
    /// User and group of every entry, instead of the directory's.
    pub owner: Option<(u32, u32)>,
    /// Modification time of every entry in seconds since 1970, instead of the directory's.
    pub mtime: Option<i64>,
    /// Leaves out the extended attributes in which the machine keeps its own security labels and signatures.
    pub without_labels: bool,
    /// The form of whiteouts.
    pub whiteouts: Whiteouts,
    /// True if nothing lies below, so that a whiteout removes nothing and is left out.
    pub is_lowest: bool,
}

/// A directory that is packed as a layer.
#[derive(Clone, Debug)]
pub struct Directory {
    /// Its path; if it is a link, the directory that the link leads to is read.
    pub path: PathBuf,
    /// What its entries become.
    pub options: DirectoryOptions,
}
