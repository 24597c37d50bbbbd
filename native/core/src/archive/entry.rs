//! The parser reports entries, the bytes of files and warnings to the `EntrySink` that its caller supplies.

use std::fmt::Display;

use super::path::quoted;
use crate::error::Error;

/// The kind of inode that an entry makes in the tree. A whiteout is a file, however it is stored; the overlay
/// knows its name.
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
    /// Offset of the entry's own header (not of its extensions), in bytes of the uncompressed archive; `NOT_IN_A_TAR` for an entry
    /// that was read from a directory.
    pub offset: u64,
    /// The kind of inode that the entry makes.
    pub kind: EntryKind,
    /// The twelve permission bits.
    pub mode: u16,
    /// User id of the owner.
    pub uid: u32,
    /// Group id of the owner.
    pub gid: u32,
    /// Modification time in seconds since 1970; negative before it.
    pub mtime: i64,
    /// Nanoseconds to add to `mtime`, below 10^9.
    pub mtime_nsec: u32,
    /// Bytes that a reader of the file sees, holes included; 0 for every entry that is not a file.
    pub size: u64,
    /// Device number, at most 4095; 0 where the kind has none.
    pub major: u32,
    /// Device number, at most 1048575; 0 where the kind has none.
    pub minor: u32,
    /// Symbolic link: the target as written. Hard link: the path of the other entry, normalised as `path` is.
    pub link: Vec<u8>,
    /// Extended attributes by name, sorted, each name once. A hard link has none, because it has no inode of its own.
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

/// The offset of an entry that has no header.
pub const NOT_IN_A_TAR: u64 = u64::MAX;

impl Entry {
    /// The subject of a sentence about the entry.
    pub fn place(&self) -> String {
        if self.offset == NOT_IN_A_TAR {
            return format!("file {}", quoted(&self.path));
        }
        format!("tar entry {} at offset {}", quoted(&self.path), self.offset)
    }

    /// Makes the error for an entry that makes no sense.
    pub fn format(&self, reason: impl Display) -> Error {
        let message = format!("{}: {reason}", self.place());
        match self.offset {
            NOT_IN_A_TAR => Error::format(message),
            offset => Error::format_at(message, &self.path, offset),
        }
    }

    /// Makes the error for an entry that is not supported.
    pub fn unsupported(&self, reason: impl Display) -> Error {
        let message = format!("{}: {reason}", self.place());
        match self.offset {
            NOT_IN_A_TAR => Error::unsupported(message),
            offset => Error::unsupported_at(message, &self.path, offset),
        }
    }
}

/// Receives entries, file data and warnings in archive order. An error from a method ends the parse, and the parser returns
/// it.
///
/// After `entry` of a file with `size` > 0 come `data` and `zeros` with exactly `size` bytes in all, in file order and
/// in pieces of any length, then `end_file` once. Other entries are followed by neither.
pub trait EntrySink {
    /// Receives the next entry.
    fn entry(&mut self, entry: Entry) -> Result<(), Error>;
    /// Receives the next bytes of the file, at least one.
    fn data(&mut self, bytes: &[u8]) -> Result<(), Error>;
    /// The file continues with a hole of `count` bytes, at least one.
    fn zeros(&mut self, count: u64) -> Result<(), Error>;
    /// The file is complete.
    fn end_file(&mut self) -> Result<(), Error>;
    /// Receives the bytes of the archive that are no file data, in order: headers with their extensions, maps, padding, and all bytes
    /// behind the end. A header may come in pieces, the last of them after its entry.
    fn structure(&mut self, _bytes: &[u8]) -> Result<(), Error> {
        Ok(())
    }
    /// The parser has dropped or corrected something. `code` is stable: `XATTR_DROPPED`, `PAX_MTIME`, `TAR_MTIME`,
    /// `TAR_TRAILING`.
    fn warn(&mut self, code: &'static str, message: String);
}
