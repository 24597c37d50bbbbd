//! Both versions of RAFS use the same numbers for the kinds of inodes.

use crate::layout::{dirent_type, mode};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    File,
    Directory,
    Symlink,
    Char,
    Block,
    Fifo,
    Socket,
}

impl Kind {
    /// The kind in a mode; `None` for a type that no file has.
    pub fn of_mode(mode: u16) -> Option<Self> {
        match mode & TYPE_MASK {
            mode::FILE => Some(Self::File),
            mode::DIRECTORY => Some(Self::Directory),
            mode::SYMLINK => Some(Self::Symlink),
            mode::CHAR => Some(Self::Char),
            mode::BLOCK => Some(Self::Block),
            mode::FIFO => Some(Self::Fifo),
            mode::SOCKET => Some(Self::Socket),
            _ => None,
        }
    }

    /// The type that a directory entry of this kind should have.
    pub fn dirent_type(self) -> u8 {
        match self {
            Self::File => dirent_type::FILE,
            Self::Directory => dirent_type::DIRECTORY,
            Self::Symlink => dirent_type::SYMLINK,
            Self::Char => dirent_type::CHAR,
            Self::Block => dirent_type::BLOCK,
            Self::Fifo => dirent_type::FIFO,
            Self::Socket => dirent_type::SOCKET,
        }
    }

    /// The name of the kind in findings.
    pub fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Directory => "directory",
            Self::Symlink => "symlink",
            Self::Char => "char",
            Self::Block => "block",
            Self::Fifo => "fifo",
            Self::Socket => "socket",
        }
    }
}

/// The bits of a mode that hold the type.
pub const TYPE_MASK: u16 = 0xF000;
