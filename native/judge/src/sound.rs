//! Rules over inodes, directories and the chunks of files.

use crate::Facts;
use crate::bytes::{holds, u32_at, u64_at};
use crate::chunks;
use crate::inode::{Fields, Kind, xattrs};
use crate::layout::{
    BLOCK_SIZE, CHUNK_FORMAT_INDEXES, LAYOUT_PLAIN, MAX_SYMLINK_LENGTH, chunk_index_entry, chunk_info,
};
use crate::tree::{Inode, Row, Tree, is_dots};

const MAX_INO: u32 = 0x7FFF_FFFF;
const MAX_NSEC: u32 = 999_999_999;
/// Of a chunk format: the chunk size as a power of two of blocks.
const UNIT_BITS: u32 = 0x1F;

/// `Some` when all of them are kept.
pub fn is_sound(bytes: &[u8], facts: &Facts, tree: &Tree) -> Option<()> {
    let names = 1 + tree.inodes.iter().map(|inode| u64::from(inode.names)).sum::<u64>();
    holds(facts.names == names)?;
    let mut taken = vec![false; usize::try_from(names).ok()?.checked_add(1)?];
    for (number, inode) in (0..).zip(&tree.inodes) {
        let fields = inode.fields(bytes)?;
        holds(fields.ino > 0 && fields.ino <= MAX_INO)?;
        let taken = taken.get_mut(usize::try_from(fields.ino).ok()?)?;
        holds(!std::mem::replace(taken, true))?;
        Judged { bytes, facts, tree, number, inode, fields }.is_sound()?;
    }
    holds(facts.prefetch.iter().all(|&nid| tree.at_nid(nid).is_some()))?;
    chunks::are_sound(bytes, facts, &tree.used)
}

struct Judged<'a> {
    bytes: &'a [u8],
    facts: &'a Facts,
    tree: &'a Tree,
    number: u32,
    inode: &'a Inode,
    fields: Fields,
}

impl Judged<'_> {
    fn is_sound(&self) -> Option<()> {
        let Self { fields, .. } = self;
        holds(fields.mtime_nsec <= MAX_NSEC)?;
        holds(self.facts.with_xattrs || fields.xattrs == fields.body)?;
        xattrs(self.bytes, fields.xattrs, fields.body)?;
        if fields.kind == Kind::Directory {
            self.is_inline()?;
            return self.is_directory();
        }
        holds(fields.nlink == self.inode.names)?;
        match fields.kind {
            Kind::File => self.is_file(),
            Kind::Symlink => {
                self.is_inline()?;
                holds(fields.size <= MAX_SYMLINK_LENGTH as u64 && !fields.target(self.bytes)?.contains(&0))
            }
            _ => holds(fields.size == 0 && fields.layout == LAYOUT_PLAIN),
        }
    }

    /// Inline data ends in the block that it begins in.
    fn is_inline(&self) -> Option<()> {
        let tail = self.fields.tail();
        holds(tail == 0 || self.fields.body % BLOCK_SIZE + tail <= BLOCK_SIZE)
    }

    /// Its chunks are told in pieces of the chunk size, or as one run.
    fn is_file(&self) -> Option<()> {
        let word = self.fields.union;
        holds(word & !UNIT_BITS == CHUNK_FORMAT_INDEXES)?;
        let unit = (BLOCK_SIZE as u64) << (word & UNIT_BITS);
        let Facts { chunk_size, .. } = *self.facts;
        if unit == chunk_size {
            return Some(());
        }
        holds(unit >= self.fields.size && self.fields.size > chunk_size)?;
        self.is_one_run()
    }

    /// The chunks lie in one blob, one behind the other without a gap.
    fn is_one_run(&self) -> Option<()> {
        let Facts { chunk_size, .. } = *self.facts;
        let first = self.fields.chunk_entries();
        let (blob, start) = self.chunk(first)?;
        for k in 1..self.fields.chunk_count(chunk_size)? {
            let expected = start + u64::try_from(k).ok()? * chunk_size;
            holds(self.chunk(first + k * chunk_index_entry::SIZE)? == (blob, expected))?;
        }
        Some(())
    }

    /// Of an entry: blob and uncompressed offset.
    fn chunk(&self, entry: usize) -> Option<(u32, u64)> {
        let place = self.tree.chunks.of_entry(u32_at(self.bytes, entry)?)?;
        let blob = u32_at(self.bytes, place + chunk_info::BLOB_INDEX)?;
        Some((blob, u64_at(self.bytes, place + chunk_info::UNCOMPRESSED_OFFSET)?))
    }

    /// Entries are in order and of the type of their inodes, `.` and `..` are there once, and its links are right.
    fn is_directory(&self) -> Option<()> {
        let mut last: Option<Row> = None;
        let (mut below, mut dots) = (0, 0);
        for row in self.tree.rows.get(self.tree.rows_of(self.number)?)? {
            let name = row.name(self.bytes);
            holds(last.is_none_or(|last| last.name(self.bytes) < name))?;
            last = Some(*row);
            let target = self.tree.at_nid(row.nid(self.bytes)?)?;
            let kind = self.tree.inode(target)?.kind;
            holds(row.file_type(self.bytes)? == kind.dirent_type())?;
            if is_dots(name) {
                dots += 1;
                holds(target == if name.len() == 1 { self.number } else { self.inode.parent })?;
            } else if kind == Kind::Directory {
                below += 1;
            }
        }
        holds(dots == 2 && self.fields.nlink == 2 + below)
    }
}
