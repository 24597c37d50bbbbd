//! One stored inode, and its extended attributes.

use crate::bytes::{array, holds, i64_at, is_zero, slice, u16_at, u32_at, u64_at};
use crate::layout::{
    self, BLOCK_SIZE, LAYOUT_INLINE, XATTR_PREFIXES, inode_compact, inode_extended, mode, xattr_entry,
    xattr_header,
};

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
    /// None for a type that no file has.
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

    /// As findings call it.
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

    /// What an entry that leads to it should say.
    pub fn dirent_type(self) -> u8 {
        use layout::dirent_type;
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
}

const TYPE_MASK: u16 = 0xF000;

/// The fields of an inode of either size; a compact one has no times.
#[derive(Debug)]
pub struct Fields {
    pub compact: bool,
    pub layout: u16,
    pub kind: Kind,
    /// Without the type.
    pub permissions: u16,
    pub nlink: u32,
    pub size: u64,
    pub union: u32,
    pub ino: u32,
    pub uid: u32,
    pub gid: u32,
    pub mtime: i64,
    pub mtime_nsec: u32,
    /// Where xattrs begin, and where they end: inline data or chunk entries follow.
    pub xattrs: usize,
    pub body: usize,
}

impl Fields {
    /// None for what no reader could use.
    pub fn read(bytes: &[u8], at: usize) -> Option<Self> {
        use inode_extended as field;
        let format = u16_at(bytes, at + field::FORMAT)?;
        let compact = format & 1 == 0;
        let mode = u16_at(bytes, at + field::MODE)?;
        let count = usize::from(u16_at(bytes, at + field::XATTR_COUNT)?);
        let xattrs = at + if compact { inode_compact::SIZE } else { inode_extended::SIZE };
        // A header alone is nothing for the kernel.
        holds(count != 1)?;
        let area = if count == 0 { 0 } else { xattr_header::SIZE + 4 * (count - 1) };
        holds(xattrs + area <= bytes.len())?;
        let word = |at: usize| u32_at(bytes, at);
        let half = |at: usize| u16_at(bytes, at).map(u32::from);
        Some(Self {
            compact,
            layout: format >> 1,
            kind: Kind::of_mode(mode)?,
            permissions: mode & !TYPE_MASK,
            nlink: if compact { half(at + inode_compact::NLINK)? } else { word(at + field::NLINK)? },
            size: if compact {
                u64::from(word(at + inode_compact::SIZE_FIELD)?)
            } else {
                u64_at(bytes, at + field::SIZE_FIELD)?
            },
            union: word(at + field::UNION)?,
            ino: word(at + field::INO)?,
            uid: if compact { half(at + inode_compact::UID)? } else { word(at + field::UID)? },
            gid: if compact { half(at + inode_compact::GID)? } else { word(at + field::GID)? },
            mtime: if compact { 0 } else { i64_at(bytes, at + field::MTIME)? },
            mtime_nsec: if compact { 0 } else { word(at + field::MTIME_NSEC)? },
            xattrs,
            body: xattrs + area,
        })
    }

    /// Of directories and symlinks: bytes in the last, inline block.
    pub fn tail(&self) -> usize {
        let size = if self.layout == LAYOUT_INLINE { self.size % BLOCK_SIZE as u64 } else { 0 };
        usize::try_from(size).unwrap_or_default()
    }

    /// The same, before that: place and length of a run of blocks. None when it cannot lie in memory.
    pub fn blocks(&self) -> Option<(usize, usize)> {
        let start = usize::try_from(self.union).ok()?.checked_mul(BLOCK_SIZE)?;
        Some((start, usize::try_from(self.size).ok()?.checked_sub(self.tail())?))
    }

    /// Of files.
    pub fn chunk_count(&self, chunk_size: u64) -> Option<usize> {
        usize::try_from(self.size.div_ceil(chunk_size)).ok()
    }

    /// Of files: where chunk index entries begin.
    pub fn chunk_entries(&self) -> usize {
        self.body.next_multiple_of(8)
    }

    /// Of devices: major and minor. A compact inode has no room for them.
    pub fn device(&self) -> (u32, u32) {
        let rdev = if self.compact { 0 } else { self.union };
        ((rdev >> 8) & 0xFFF, (rdev & 0xFF) | ((rdev >> 12) & 0xF_FF00))
    }

    /// Of symlinks.
    pub fn target(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let (start, len) = self.blocks()?;
        let blocks = if len == 0 { &[] } else { slice(bytes, start, len)? };
        Some([blocks, slice(bytes, self.body, self.tail())?].concat())
    }

    /// Whether reserved fields are zero.
    pub fn is_clean(&self, bytes: &[u8], at: usize) -> bool {
        if self.compact {
            // Two fields of four bytes: before `union` and at the end.
            let first = array::<4>(bytes, at + inode_compact::UNION - 4);
            return first == Some([0; 4]) && array::<4>(bytes, at + inode_compact::SIZE - 4) == Some([0; 4]);
        }
        let rest = at + inode_extended::NLINK + 4..at + inode_extended::SIZE;
        u16_at(bytes, at + inode_extended::MODE + 2) == Some(0) && bytes.get(rest).is_some_and(is_zero)
    }
}

/// Name, in full, and value.
pub type Xattr<'a> = (Vec<u8>, &'a [u8]);

const MAX_XATTR_NAME: usize = 255;

/// Extended attributes between two places, sorted by name. None for what no reader could use, a NUL in a name, or anything
/// but zeros between them.
pub fn xattrs(bytes: &[u8], start: usize, end: usize) -> Option<Vec<Xattr<'_>>> {
    if start == end {
        return Some(Vec::new());
    }
    // A filter, the number of shared ones, reserved: none of it is in use.
    holds(is_zero(slice(bytes, start, xattr_header::SIZE)?))?;
    let mut found = Vec::new();
    let mut at = start + xattr_header::SIZE;
    while at < end {
        let len = usize::from(array::<1>(bytes, at + xattr_entry::NAME_LENGTH)?[0]);
        let number = array::<1>(bytes, at + xattr_entry::NAME_INDEX)?[0];
        let size = usize::from(u16_at(bytes, at + xattr_entry::VALUE_SIZE)?);
        let name = at + xattr_entry::SIZE;
        let value = name + len;
        let stop = value + size;
        holds(stop <= end)?;
        let &(_, prefix, whole) = XATTR_PREFIXES.iter().find(|(known, _, _)| *known == number)?;
        let full = [prefix, slice(bytes, name, len)?].concat();
        holds(whole == (len == 0) && full.len() <= MAX_XATTR_NAME && !full.contains(&0))?;
        found.push((full, slice(bytes, value, size)?));
        at = stop.next_multiple_of(4);
        holds(is_zero(bytes.get(stop..at)?))?;
    }
    found.sort_unstable();
    let distinct = found.is_sorted_by(|(a, _), (b, _)| a < b);
    distinct.then_some(found)
}
