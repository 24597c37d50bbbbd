//! Reads the tree of a bootstrap from its root: which inodes there are, which names lead to them, which chunks they use.

use crate::Facts;
use crate::bytes::{holds, slice, u16_at, u32_at, u64_at};
use crate::chunks::{self, ChunkPlaces};
use crate::inode::{Fields, Kind};
use crate::layout::{
    BLOCK_SIZE, LAYOUT_CHUNKS, LAYOUT_INLINE, LAYOUT_PLAIN, MAX_DEPTH, MAX_NAME_LENGTH, SLOT_SIZE,
    chunk_index_entry, chunk_info, dirent,
};
use std::ops::Range;

/// Inodes by a number of their own, the root first.
pub struct Tree {
    pub inodes: Vec<Inode>,
    pub rows: Vec<Row>,
    /// By nid: one more than the number of the inode there.
    slots: Vec<u32>,
    pub chunks: ChunkPlaces,
    /// By position in the chunk table.
    pub used: Vec<bool>,
    /// Bytes that inodes and their bodies have claimed so far.
    claimed: usize,
}

/// What reading found; fields are read again where they are wanted.
pub struct Inode {
    /// In the file.
    pub at: u32,
    pub kind: Kind,
    /// The directory that its first name stands in; the root's is itself.
    pub parent: u32,
    /// Entries that lead to it, without `.` and `..`.
    pub names: u32,
    /// Of directories, in the order of the file.
    first_row: u32,
    end_row: u32,
}

impl Inode {
    pub fn place(&self) -> usize {
        index(self.at)
    }

    pub fn fields(&self, bytes: &[u8]) -> Option<Fields> {
        Fields::read(bytes, self.place())
    }
}

/// An entry of a directory.
#[derive(Clone, Copy)]
pub struct Row {
    at: u32,
    name: u32,
    len: u8,
}

impl Row {
    /// Of the entry, in the file.
    pub fn place(self) -> usize {
        index(self.at)
    }

    /// Where its name ends.
    pub fn end(self) -> usize {
        index(self.name) + usize::from(self.len)
    }

    pub fn name(self, bytes: &[u8]) -> &[u8] {
        slice(bytes, index(self.name), usize::from(self.len)).unwrap_or_default()
    }

    pub fn nid(self, bytes: &[u8]) -> Option<u32> {
        u32::try_from(u64_at(bytes, self.place() + dirent::NID)?).ok()
    }

    pub fn file_type(self, bytes: &[u8]) -> Option<u8> {
        bytes.get(self.place() + dirent::FILE_TYPE).copied()
    }
}

/// `.` or `..`.
pub fn is_dots(name: &[u8]) -> bool {
    matches!(name, b"." | b"..")
}

fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

impl Tree {
    pub fn read(bytes: &[u8], facts: &Facts) -> Option<Self> {
        u32::try_from(bytes.len()).ok()?;
        let mut tree = Self {
            inodes: Vec::new(),
            rows: Vec::new(),
            slots: vec![0; bytes.len().checked_sub(facts.meta_offset)?.div_ceil(SLOT_SIZE)],
            chunks: ChunkPlaces::read(bytes, &facts.chunks)?,
            used: vec![false; facts.chunks.count],
            claimed: 0,
        };
        let root = tree.add(bytes, facts, facts.root_nid, 0)?;
        let mut pending = vec![(root, 0)];
        while let Some((directory, depth)) = pending.pop() {
            for row in tree.rows_of(directory)? {
                let row = *tree.rows.get(row)?;
                if is_dots(row.name(bytes)) {
                    continue;
                }
                let nid = row.nid(bytes)?;
                let child = match tree.at_nid(nid) {
                    None => tree.add(bytes, facts, nid, directory)?,
                    Some(known) => known,
                };
                let inode = tree.inodes.get_mut(index(child))?;
                let is_new = inode.names == 0 && child != root;
                inode.names += 1;
                if inode.kind == Kind::Directory {
                    holds(is_new && depth < MAX_DEPTH)?;
                    pending.push((child, depth + 1));
                }
            }
        }
        holds(tree.inodes.first()?.kind == Kind::Directory)?;
        Some(tree)
    }

    pub fn inode(&self, number: u32) -> Option<&Inode> {
        self.inodes.get(index(number))
    }

    /// The number of the inode that a nid names.
    pub fn at_nid(&self, nid: u32) -> Option<u32> {
        self.slots.get(index(nid))?.checked_sub(1)
    }

    /// Of a directory.
    pub fn rows_of(&self, number: u32) -> Option<Range<usize>> {
        let inode = self.inode(number)?;
        Some(index(inode.first_row)..index(inode.end_row))
    }

    /// Numbers of all inodes, by their place in the file.
    pub fn by_place(&self) -> impl Iterator<Item = u32> {
        self.slots.iter().filter_map(|&slot| slot.checked_sub(1))
    }

    fn add(&mut self, bytes: &[u8], facts: &Facts, nid: u32, parent: u32) -> Option<u32> {
        let at = index(nid).checked_mul(SLOT_SIZE)?.checked_add(facts.meta_offset)?;
        let fields = Fields::read(bytes, at)?;
        self.claim(bytes, fields.body.checked_sub(at)?)?;
        let first_row = u32::try_from(self.rows.len()).ok()?;
        match fields.kind {
            Kind::Directory => self.read_rows(bytes, &fields)?,
            Kind::File => self.read_chunks(bytes, facts, &fields)?,
            Kind::Symlink => {
                holds(fields.size <= BLOCK_SIZE as u64)?;
                self.claim_data(bytes, &fields)?;
            }
            Kind::Char | Kind::Block | Kind::Fifo | Kind::Socket => {}
        }
        let end_row = u32::try_from(self.rows.len()).ok()?;
        let number = u32::try_from(self.inodes.len()).ok()?;
        let at = u32::try_from(at).ok()?;
        self.inodes.push(Inode { at, kind: fields.kind, parent, names: 0, first_row, end_row });
        *self.slots.get_mut(index(nid))? = number + 1;
        Some(number)
    }

    fn read_rows(&mut self, bytes: &[u8], fields: &Fields) -> Option<()> {
        self.claim_data(bytes, fields)?;
        let (start, len) = fields.blocks()?;
        for done in (0..len).step_by(BLOCK_SIZE) {
            self.read_block(bytes, start + done, BLOCK_SIZE.min(len - done))?;
        }
        if fields.tail() > 0 { self.read_block(bytes, fields.body, fields.tail()) } else { Some(()) }
    }

    /// Entries, then their names. Only the last name may be followed by anything, and ends at the first NUL.
    fn read_block(&mut self, bytes: &[u8], block: usize, size: usize) -> Option<()> {
        let name_offset = |at: usize| u16_at(bytes, at + dirent::NAME_OFFSET).map(usize::from);
        let first = name_offset(block)?;
        let count = first / dirent::SIZE;
        holds(first % dirent::SIZE == 0 && count > 0 && first <= size)?;
        let mut start = first;
        for i in 0..count {
            let at = block + i * dirent::SIZE;
            let is_last = i + 1 == count;
            let stop = if is_last { size } else { name_offset(at + dirent::SIZE)? };
            holds(start < stop && stop <= size)?;
            let name = slice(bytes, block + start, stop - start)?;
            let len = name.iter().position(|&byte| byte == 0).unwrap_or(name.len());
            holds(len > 0 && len <= MAX_NAME_LENGTH && (is_last || len == name.len()))?;
            holds(!name.get(..len)?.contains(&b'/'))?;
            self.rows.push(Row {
                at: u32::try_from(at).ok()?,
                name: u32::try_from(block + start).ok()?,
                len: u8::try_from(len).ok()?,
            });
            start = stop;
        }
        Some(())
    }

    /// Every chunk is in the table, where the entry says, and as long as its place in the file asks for.
    fn read_chunks(&mut self, bytes: &[u8], facts: &Facts, fields: &Fields) -> Option<()> {
        holds(fields.layout == LAYOUT_CHUNKS)?;
        let first = fields.chunk_entries();
        let size = fields.chunk_count(facts.chunk_size)?.checked_mul(chunk_index_entry::SIZE)?;
        holds(first.checked_add(size)? <= bytes.len())?;
        self.claim(bytes, size)?;
        let mut left = fields.size;
        for at in (first..first + size).step_by(chunk_index_entry::SIZE) {
            let place = self.chunks.of_entry(u32_at(bytes, at)?)?;
            let start = u64::from(u32_at(bytes, at + chunk_index_entry::BLOCK)?) * BLOCK_SIZE as u64;
            holds(u64_at(bytes, place + chunk_info::UNCOMPRESSED_OFFSET)? == start)?;
            let len = u64::from(u32_at(bytes, place + chunk_info::UNCOMPRESSED_SIZE)?);
            holds(len == left.min(facts.chunk_size))?;
            left = left.saturating_sub(facts.chunk_size);
            *self.used.get_mut(chunks::position(&facts.chunks, place))? = true;
        }
        Some(())
    }

    /// Of directories and symlinks.
    fn claim_data(&mut self, bytes: &[u8], fields: &Fields) -> Option<()> {
        holds(fields.size > 0 && matches!(fields.layout, LAYOUT_PLAIN | LAYOUT_INLINE))?;
        let (start, len) = fields.blocks()?;
        holds(len == 0 || start.checked_add(len)? <= bytes.len())?;
        holds(fields.body + fields.tail() <= bytes.len())?;
        self.claim(bytes, len + fields.tail())
    }

    /// Nothing overlaps in a valid image, and without this rule a few kilobytes could describe millions of names.
    fn claim(&mut self, bytes: &[u8], size: usize) -> Option<()> {
        self.claimed = self.claimed.checked_add(size)?;
        holds(self.claimed <= bytes.len())
    }
}
