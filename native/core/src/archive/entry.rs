//! What the parser tells its owner: entries, the bytes of files, warnings.

use crate::error::Error;

/// What an entry makes in the tree. Whiteouts are ordinary files here; the overlay knows their names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EntryKind {
    /// A regular file; also contiguous files (type `7`) and sparse files.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// Another name of an earlier entry.
    Hardlink,
    /// A character device.
    Char,
    /// A block device.
    Block,
    /// A named pipe.
    Fifo,
}

/// One entry of the archive, with global and local pax records and GNU long names already applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Components joined by `/`, without leading slash, empty components or `.`; empty for the root.
    pub path: Vec<u8>,
    /// Where the entry's own header (not that of its extensions) starts, in bytes of the uncompressed archive.
    pub offset: u64,
    /// What it is.
    pub kind: EntryKind,
    /// The twelve permission bits.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Seconds since 1970, before which it is negative.
    pub mtime: i64,
    /// Nanoseconds to add to `mtime`, below 10^9.
    pub mtime_nsec: u32,
    /// Bytes that a reader of the file sees (holes included); 0 for everything but files.
    pub size: u64,
    /// Device number, at most 4095; 0 where the kind has none.
    pub major: u32,
    /// Device number, at most 1048575; 0 where the kind has none.
    pub minor: u32,
    /// Symbolic link: the target as written. Hard link: the path of the other entry, normalised as `path` is.
    pub link: Vec<u8>,
    /// Extended attributes by name, sorted, each name once. None on hard links, which have no inode of their own.
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

/// Takes what the parser finds, in archive order. An error from a method ends the parse and is handed back.
///
/// After `entry` of a file with `size` > 0 come `data` and `zeros` with exactly `size` bytes in all, in file order and
/// in pieces of any length, then `end_file` once. Other entries are followed by neither.
pub trait EntrySink {
    /// The next entry.
    fn entry(&mut self, entry: Entry) -> Result<(), Error>;
    /// The next bytes of the file; never empty.
    fn data(&mut self, bytes: &[u8]) -> Result<(), Error>;
    /// The file goes on with a hole of `count` bytes; never 0.
    fn zeros(&mut self, count: u64) -> Result<(), Error>;
    /// The file is complete.
    fn end_file(&mut self) -> Result<(), Error>;
    /// Something was dropped or mended. `code` is stable: `XATTR_DROPPED`, `PAX_MTIME`, `TAR_MTIME`, `TAR_TRAILING`.
    fn warn(&mut self, code: &'static str, message: String);
}
