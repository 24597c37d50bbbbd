//! Reads one stored inode of v5: its fields, name, target and xattrs, and the offsets of its chunk records. It does not know
//! the tree.

use std::collections::HashSet;

use super::padded;
use crate::bytes::{slice, u32_at};
use crate::finding::Finding;
use crate::finding::Refusal;
use crate::kind::Kind;
use crate::layout::rules::Sentence;
use crate::layout::v5::{self, inode as field, inode_flags, xattr_pair, xattr_total};
use crate::layout::{MAX_NAME_LENGTH, MAX_SYMLINK_LENGTH, MAX_XATTR_NAME_LENGTH, chunk_info};
use crate::source::Xattr;
use crate::view::View;

/// One name of the tree with its stored inode.
#[derive(Debug, Clone, Copy)]
pub struct Inode<'a> {
    pub view: View<'a>,
    /// Its number in the inode table, from 1.
    pub number: u32,
    pub kind: Kind,
    pub name: &'a [u8],
    /// The target of a symlink, else empty.
    pub target: &'a [u8],
    /// True if at least one xattr follows the size that stands before all of them.
    pub has_xattrs: bool,
    /// Offset of this size, and the number of bytes that it and the xattrs take; 0 without the flag.
    pub xattrs: usize,
    pub xattrs_size: usize,
    /// Number of chunks of a file.
    pub chunks: usize,
    pub chunk_count: usize,
}

impl<'a> Inode<'a> {
    /// Reads an inode; refuses one that leaves the file or contradicts itself.
    pub fn read(bytes: &'a [u8], at: usize, number: u32, chunk_size: u64) -> Result<Self, Refusal> {
        let view = View::read(bytes, &field::TABLE, at)?;
        let mode = view.u32(field::MODE);
        let Some(kind) = u16::try_from(mode).ok().and_then(Kind::of_mode) else {
            return view.refuse(field::MODE, Sentence::ReadMode, |finding| finding.arg(mode));
        };
        let name_size = usize::from(view.u16(field::NAME_SIZE));
        if name_size == 0 || name_size > MAX_NAME_LENGTH {
            return view.refuse(field::NAME_SIZE, Sentence::V5NameSize, |it| it.arg(name_size));
        }
        let is_link = kind == Kind::Symlink;
        let flags = view.u64(field::FLAGS);
        let has = |flag: u32| flags & u64::from(flag) != 0;
        if is_link != has(inode_flags::SYMLINK) {
            return view.refuse(field::FLAGS, Sentence::V5SymlinkFlag, |finding| {
                finding.arg(flags).arg(kind.name())
            });
        }
        let target_size = if is_link { usize::from(view.u16(field::SYMLINK_SIZE)) } else { 0 };
        if is_link && (target_size == 0 || target_size > MAX_SYMLINK_LENGTH) {
            return view.refuse(field::SYMLINK_SIZE, Sentence::ReadTargetSize, |it| it.arg(target_size));
        }
        let name_at = at + v5::inode::SIZE;
        let target_at = name_at + pad(name_size);
        let xattrs = target_at + pad(target_size);
        if xattrs > bytes.len() {
            return view.refuse(field::NAME_SIZE, Sentence::V5NameEnd, |finding| finding);
        }
        let name = slice(bytes, name_at, name_size).unwrap_or_default();
        if !is_name(name, u64::from(number) == v5::ROOT_INO) {
            return view.refuse(field::NAME_SIZE, Sentence::V5Name, |finding| finding.name(name));
        }
        let xattrs_size = if has(inode_flags::XATTR) { read_xattrs(bytes, xattrs)? } else { 0 };
        let chunks = xattrs + pad(xattrs_size);
        let chunk_count = if kind == Kind::File { view.u32(field::CHILD_COUNT) } else { 0 };
        let size = view.u64(field::SIZE_FIELD);
        if kind == Kind::File && u64::from(chunk_count) != size.div_ceil(chunk_size) {
            return view.refuse(field::CHILD_COUNT, Sentence::V5ChunkCount, |finding| {
                finding.arg(chunk_count).arg(size)
            });
        }
        let inode = Self {
            view,
            number,
            kind,
            name,
            target: slice(bytes, target_at, target_size).unwrap_or_default(),
            has_xattrs: xattrs_size > xattr_total::SIZE,
            xattrs,
            xattrs_size,
            chunks,
            chunk_count: chunk_count as usize,
        };
        if inode.end() > bytes.len() {
            return view.refuse(field::CHILD_COUNT, Sentence::V5RecordsEnd, |finding| finding);
        }
        Ok(inode)
    }

    /// Offset of the end of the record and everything that belongs to it.
    pub fn end(&self) -> usize {
        self.chunks + self.chunk_count * chunk_info::SIZE
    }

    /// Offset of the name.
    pub fn name_at(&self) -> usize {
        self.view.place() + v5::inode::SIZE
    }

    /// Offset of the target of a symlink.
    pub fn target_at(&self) -> usize {
        self.name_at() + pad(self.name.len())
    }

    /// Offsets of the chunk records, in the order of the file.
    pub fn records(&self) -> impl Iterator<Item = usize> + use<> {
        let start = self.chunks;
        (0..self.chunk_count).map(move |position| start + position * chunk_info::SIZE)
    }

    /// The xattrs, in the order of the file.
    pub fn xattrs(&self, bytes: &'a [u8]) -> Option<Vec<Xattr<'a>>> {
        let mut found = Vec::new();
        let mut at = self.xattrs + xattr_total::SIZE;
        let end = self.xattrs + self.xattrs_size;
        while at < end {
            let length = u32_at(bytes, at + xattr_pair::SIZE_FIELD)? as usize;
            let content = slice(bytes, at + xattr_pair::SIZE, length)?;
            let name = before_nul(content)?;
            found.push((name.to_vec(), content.get(name.len() + 1..)?));
            at += xattr_pair::SIZE + length;
        }
        Some(found)
    }

    /// The inode number; all hard links have that of the first of them.
    pub fn ino(&self) -> u64 {
        self.view.u64(field::INO)
    }

    /// The digest of the inode's content.
    pub fn digest(&self) -> &'a [u8] {
        self.view.slice(field::DIGEST, 32)
    }
}

fn pad(size: usize) -> usize {
    size.next_multiple_of(v5::ALIGNMENT)
}

/// True if a name is valid. Only the root's name is a slash.
fn is_name(name: &[u8], is_root: bool) -> bool {
    if is_root {
        return name == v5::ROOT_NAME;
    }
    !matches!(name, b"." | b"..") && !name.iter().any(|byte| matches!(byte, b'/' | 0))
}

/// The number of bytes of the xattrs, including the size before them.
fn read_xattrs(bytes: &[u8], at: usize) -> Result<usize, Refusal> {
    let total = View::read(bytes, &xattr_total::TABLE, at)?;
    let size = total.u64(xattr_total::SIZE_FIELD);
    let start = at + xattr_total::SIZE;
    if padded(start as u64 + size) > bytes.len() as u64 {
        let field = xattr_total::SIZE_FIELD;
        return total.refuse(field, Sentence::V5XattrsEnd, |finding| finding.arg(size));
    }
    // The size was checked to lie in the file.
    let size = usize::try_from(size).unwrap_or_default();
    let end = start + size;
    let mut seen = HashSet::new();
    let mut next = start;
    while next < end {
        let pair = View::read(bytes, &xattr_pair::TABLE, next)?;
        let length = pair.u32(xattr_pair::SIZE_FIELD);
        let refuse =
            |sentence, say: &dyn Fn(Finding) -> Finding| pair.refuse(xattr_pair::SIZE_FIELD, sentence, say);
        let from = next + xattr_pair::SIZE;
        let stop = from + length as usize;
        let content = if stop <= end { slice(bytes, from, length as usize) } else { None };
        let Some(name) = content.and_then(before_nul) else {
            return refuse(Sentence::V5XattrEnd, &|finding| finding.arg(length));
        };
        if !seen.insert(name) {
            return refuse(Sentence::V5XattrTwice, &|finding| finding.name(name));
        }
        if name.is_empty() || name.len() > MAX_XATTR_NAME_LENGTH {
            return refuse(Sentence::V5NameSize, &|finding| finding.arg(name.len()));
        }
        next = stop;
    }
    Ok(xattr_total::SIZE + size)
}

fn before_nul(content: &[u8]) -> Option<&[u8]> {
    content.get(..content.iter().position(|&byte| byte == 0)?)
}

/// A chunk record, in which an inode describes one of its chunks.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a>(View<'a>);

impl<'a> Record<'a> {
    pub fn read(bytes: &'a [u8], at: usize) -> Result<Self, Refusal> {
        View::read(bytes, &chunk_info::TABLE, at).map(Self)
    }

    pub fn view(&self) -> &View<'a> {
        &self.0
    }

    pub fn blob(&self) -> u32 {
        self.0.u32(chunk_info::BLOB_INDEX)
    }

    /// Index of the chunk in its blob.
    pub fn index(&self) -> u32 {
        self.0.u32(chunk_info::INDEX)
    }

    pub fn flags(&self) -> u32 {
        self.0.u32(chunk_info::FLAGS)
    }

    pub fn stored_size(&self) -> u64 {
        self.0.u32(chunk_info::COMPRESSED_SIZE).into()
    }

    pub fn size(&self) -> u64 {
        self.0.u32(chunk_info::UNCOMPRESSED_SIZE).into()
    }

    /// End of the stored bytes in the blob.
    pub fn stored_end(&self) -> u64 {
        self.0.u64(chunk_info::COMPRESSED_OFFSET) + self.stored_size()
    }

    /// Start of the chunk in the uncompressed address space of the blob.
    pub fn start(&self) -> u64 {
        self.0.u64(chunk_info::UNCOMPRESSED_OFFSET)
    }

    pub fn end(&self) -> u64 {
        self.start() + self.size()
    }

    pub fn file_offset(&self) -> u64 {
        self.0.u64(chunk_info::FILE_OFFSET)
    }

    pub fn crc32(&self) -> u32 {
        self.0.u32(chunk_info::CRC32)
    }

    pub fn digest(&self) -> [u8; 32] {
        self.0.array(chunk_info::DIGEST)
    }

    /// True if two records describe the chunk in the same way; its offset in the file does not count.
    pub fn is_same(&self, other: &Self) -> bool {
        self.digest() == other.digest()
            && self.flags() == other.flags()
            && self.crc32() == other.crc32()
            && self.stored_size() == other.stored_size()
            && self.stored_end() == other.stored_end()
            && self.size() == other.size()
            && self.start() == other.start()
    }
}
