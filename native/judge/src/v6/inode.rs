//! Reads one stored inode. It does not know the tree.

use super::xattrs;
use crate::bytes::{half, i64_at, index, slice, u64_at, wide, word};
use crate::finding::{Finding, Refusal};
use crate::kind::{Kind, TYPE_MASK};
use crate::layout::rules::Sentence;
use crate::layout::{
    BLOCK_SIZE, LAYOUT_INLINE, SLOT_SIZE, chunk_index_entry, inode_compact, inode_extended, xattr_header,
};
use crate::view::View;

/// The fields of an inode of either size; a compact one has no times.
#[derive(Debug)]
pub struct Fields {
    pub compact: bool,
    pub layout: u16,
    pub kind: Kind,
    /// The mode without the type.
    pub permissions: u16,
    pub nlink: u32,
    pub size: u64,
    pub union: u32,
    pub ino: u32,
    pub uid: u32,
    pub gid: u32,
    pub mtime: i64,
    pub mtime_nsec: u32,
    /// Start and end of the xattrs; inline data or chunk entries follow.
    pub xattrs: usize,
    pub body: usize,
}

impl Fields {
    /// Reads the inode of a nid; returns its offset, too.
    pub fn read(bytes: &[u8], meta_offset: usize, nid: u64) -> Result<(usize, Self), Refusal> {
        // The sum fits, because a nid is below 2^53.
        let offset = meta_offset as u64 + nid * SLOT_SIZE as u64;
        let at = index(offset);
        if at.checked_add(inode_compact::SIZE).is_none_or(|end| end > bytes.len()) {
            return Err(Finding::new(Sentence::ReadInodePast).arg(nid).at(offset).into());
        }
        let fault = |field, sentence| Finding::of_field(sentence, &inode_extended::TABLE, field, at);
        let is_compact = half(bytes, at + inode_extended::FORMAT) & 1 == 0;
        let is_exact = is_compact
            || at + inode_extended::SIZE <= bytes.len()
                && u64_at(bytes, at + inode_extended::SIZE_FIELD).is_some()
                && i64_at(bytes, at + inode_extended::MTIME).is_some();
        if !is_exact {
            View::read(bytes, &inode_extended::TABLE, at)?;
        }
        let (xattrs, body) = Self::xattr_area(bytes, at);
        // The kernel refuses an xattr header without xattrs.
        if body > bytes.len() || half(bytes, at + inode_extended::XATTR_COUNT) == 1 {
            let finding = fault(inode_extended::XATTR_COUNT, Sentence::ReadXattrArea);
            return Err(finding.arg(body - xattrs).into());
        }
        let mode = half(bytes, at + inode_extended::MODE);
        let Some(kind) = Kind::of_mode(mode) else {
            return Err(fault(inode_extended::MODE, Sentence::ReadMode).arg(mode).into());
        };
        if body > xattrs {
            xattrs::read(bytes, xattrs, body)?;
        }
        Ok((at, Self::at(bytes, at, kind)))
    }

    /// Reads an inode that has been read before.
    pub fn at(bytes: &[u8], at: usize, kind: Kind) -> Self {
        use inode_extended as field;
        let format = half(bytes, at + field::FORMAT);
        let compact = format & 1 == 0;
        let half_or_word = |half_at: usize, word_at: usize| {
            if compact { u32::from(half(bytes, at + half_at)) } else { word(bytes, at + word_at) }
        };
        let (xattrs, body) = Self::xattr_area(bytes, at);
        Self {
            compact,
            layout: format >> 1,
            kind,
            permissions: half(bytes, at + field::MODE) & !TYPE_MASK,
            nlink: half_or_word(inode_compact::NLINK, field::NLINK),
            size: if compact {
                u64::from(word(bytes, at + inode_compact::SIZE_FIELD))
            } else {
                wide(bytes, at + field::SIZE_FIELD)
            },
            union: word(bytes, at + field::UNION),
            ino: word(bytes, at + field::INO),
            uid: half_or_word(inode_compact::UID, field::UID),
            gid: half_or_word(inode_compact::GID, field::GID),
            mtime: if compact { 0 } else { i64_at(bytes, at + field::MTIME).unwrap_or_default() },
            mtime_nsec: if compact { 0 } else { word(bytes, at + field::MTIME_NSEC) },
            xattrs,
            body,
        }
    }

    /// Start and end of the xattrs.
    fn xattr_area(bytes: &[u8], at: usize) -> (usize, usize) {
        let is_compact = half(bytes, at + inode_extended::FORMAT) & 1 == 0;
        let xattrs = at + if is_compact { inode_compact::SIZE } else { inode_extended::SIZE };
        let area = match usize::from(half(bytes, at + inode_extended::XATTR_COUNT)) {
            0 => 0,
            count => xattr_header::SIZE + 4 * (count - 1),
        };
        (xattrs, xattrs + area)
    }

    /// The bytes in the last, inline block of a directory or symlink.
    pub fn tail(&self) -> usize {
        if self.layout == LAYOUT_INLINE { index(self.size % BLOCK_SIZE as u64) } else { 0 }
    }

    /// The data before these: offset and length of a run of blocks.
    pub fn blocks(&self) -> (usize, usize) {
        let start = index(self.union).saturating_mul(BLOCK_SIZE);
        (start, index(self.size) - self.tail())
    }

    /// The number of a file's chunks.
    pub fn chunk_count(&self, chunk_size: u64) -> usize {
        index(self.size.div_ceil(chunk_size))
    }

    /// The start of a file's chunk index entries.
    pub fn chunk_entries(&self) -> usize {
        self.body.next_multiple_of(chunk_index_entry::SIZE)
    }

    /// The major and minor number of a device. A compact inode has no room for them.
    pub fn device(&self) -> (u32, u32) {
        let rdev = if self.compact { 0 } else { self.union };
        ((rdev >> 8) & 0xFFF, (rdev & 0xFF) | ((rdev >> 12) & 0xF_FF00))
    }

    /// The two parts of a symlink's target: the one in blocks and the inline one.
    pub fn target<'a>(&self, bytes: &'a [u8]) -> (&'a [u8], &'a [u8]) {
        let (start, len) = self.blocks();
        let blocks = if len == 0 { &[] } else { slice(bytes, start, len).unwrap_or_default() };
        (blocks, slice(bytes, self.body, self.tail()).unwrap_or_default())
    }
}
