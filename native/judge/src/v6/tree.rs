//! Reads the tree of a bootstrap from its root: the inodes, the names that lead to them, and the chunks that they use.

use std::collections::HashSet;
use std::ops::Range;

use super::chunks::{ChunkPlaces, entry_device, entry_index};
use super::directory;
use super::inode::Fields;
use super::tables::Tables;
use crate::bytes::{byte, index, slice, wide, word};
use crate::finding::{Finding, Refusal};
use crate::kind::Kind;
use crate::layout::rules::Sentence;
use crate::layout::{
    BLOCK_SIZE, LAYOUT_CHUNKS, LAYOUT_INLINE, LAYOUT_PLAIN, MAX_DEPTH, SLOT_SIZE, SUPER_OFFSET,
    chunk_index_entry, chunk_info, dirent, inode_extended, super_block,
};
use crate::paths::PathRoom;

/// The inodes, numbered in the order in which names led to them; the root is 0.
pub struct Tree {
    pub inodes: Vec<Inode>,
    pub rows: Vec<Row>,
    /// One more than the number of the inode at each nid.
    slots: Vec<u32>,
    /// True for each chunk that a file refers to, by position in the chunk table.
    pub used: Vec<bool>,
    /// Number of bytes that inodes and their bodies have claimed so far.
    claimed: usize,
    path_room: PathRoom,
}

/// An inode as the reader found it. Other fields are read again by the code that needs them.
pub struct Inode {
    /// Offset of the inode in the file.
    at: u32,
    pub kind: Kind,
    /// The directory of its first name; the root is its own parent.
    pub parent: u32,
    /// The entry of its first name; the root has none.
    first_name: u32,
    /// The number of entries that lead to it, without `.` and `..`.
    pub names: u32,
    /// The first of a directory's rows, which are in the order of the file.
    first_row: u32,
    end_row: u32,
}

impl Inode {
    pub fn place(&self) -> usize {
        index(self.at)
    }

    pub fn nid(&self, meta_offset: usize) -> u64 {
        ((self.place() - meta_offset) / SLOT_SIZE) as u64
    }

    pub fn fields(&self, bytes: &[u8]) -> Fields {
        Fields::at(bytes, self.place(), self.kind)
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
    /// Offset of the entry in the file.
    pub fn place(self) -> usize {
        index(self.at)
    }

    /// Offset of the end of its name.
    pub fn end(self) -> usize {
        index(self.name) + usize::from(self.len)
    }

    pub fn name(self, bytes: &[u8]) -> &[u8] {
        slice(bytes, index(self.name), usize::from(self.len)).unwrap_or_default()
    }

    pub fn nid(self, bytes: &[u8]) -> u64 {
        wide(bytes, self.place() + dirent::NID)
    }

    pub fn file_type(self, bytes: &[u8]) -> u8 {
        byte(bytes, self.place() + dirent::FILE_TYPE)
    }
}

/// True for `.` and `..`.
pub fn is_dots(name: &[u8]) -> bool {
    matches!(name, b"." | b"..")
}

const ROOT: u32 = 0;

impl Tree {
    pub fn read(bytes: &[u8], tables: &Tables, chunks: &ChunkPlaces) -> Result<Self, Refusal> {
        let slots = bytes.len().saturating_sub(tables.meta_offset).div_ceil(SLOT_SIZE);
        let tree = Self {
            inodes: Vec::new(),
            rows: Vec::new(),
            slots: vec![0; slots],
            used: vec![false; tables.records.count],
            claimed: 0,
            path_room: PathRoom::default(),
        };
        let mut reading = Reading { bytes, tables, chunks, tree };
        reading.run()?;
        Ok(reading.tree)
    }

    /// The inode with this number.
    pub fn inode(&self, number: u32) -> Option<&Inode> {
        self.inodes.get(index(number))
    }

    /// The number of the inode at a nid.
    pub fn at_nid(&self, nid: u64) -> Option<u32> {
        self.slots.get(index(nid))?.checked_sub(1)
    }

    /// The entries of a directory; empty for every other inode.
    pub fn rows_of(&self, number: u32) -> &[Row] {
        let rows = self.inode(number).and_then(|inode| self.rows.get(Self::range(inode)));
        rows.unwrap_or_default()
    }

    fn range(inode: &Inode) -> Range<usize> {
        index(inode.first_row)..index(inode.end_row)
    }

    /// The numbers of all inodes, in the order of their offsets in the file.
    pub fn by_place(&self) -> impl Iterator<Item = u32> {
        self.slots.iter().filter_map(|&slot| slot.checked_sub(1))
    }

    /// The path under which an inode was found first; empty for the root.
    pub fn path(&self, bytes: &[u8], number: u32) -> Vec<u8> {
        match self.inode(number) {
            Some(inode) if number != ROOT => {
                let row = self.rows.get(index(inode.first_name));
                row.map(|&row| self.path_of_row(bytes, inode.parent, row)).unwrap_or_default()
            }
            _ => Vec::new(),
        }
    }

    /// The path of an entry of a directory.
    fn path_of_row(&self, bytes: &[u8], directory: u32, row: Row) -> Vec<u8> {
        let mut at = directory;
        let above = std::iter::from_fn(|| {
            let inode = self.inode(at).filter(|_| at != ROOT)?;
            at = inode.parent;
            self.rows.get(index(inode.first_name)).map(|row| row.name(bytes))
        });
        self.path_room.join(std::iter::once(row.name(bytes)).chain(above))
    }
}

/// The state of reading a tree.
struct Reading<'a> {
    bytes: &'a [u8],
    tables: &'a Tables,
    chunks: &'a ChunkPlaces,
    tree: Tree,
}

impl Reading<'_> {
    fn run(&mut self) -> Result<(), Refusal> {
        let nid = self.tables.root_nid;
        let root = self.add(nid, ROOT, 0)?;
        let kind = self.tree.inode(root).map_or(Kind::File, |inode| inode.kind);
        if kind != Kind::Directory {
            let field = super_block::ROOT_NID;
            let finding = Finding::of_field(Sentence::ReadRootKind, &super_block::TABLE, field, SUPER_OFFSET);
            return Err(finding.arg(nid).arg(kind.name()).into());
        }
        let mut pending = vec![(root, 0)];
        while let Some((directory, depth)) = pending.pop() {
            self.read_names(directory, depth, &mut pending)?;
        }
        Ok(())
    }

    fn read_names(
        &mut self,
        directory: u32,
        depth: usize,
        pending: &mut Vec<(u32, usize)>,
    ) -> Result<(), Refusal> {
        let bytes = self.bytes;
        let mut names = DistinctNames::default();
        let range = self.tree.inode(directory).map(Tree::range).unwrap_or_default();
        for number in range.clone() {
            let Some(&row) = self.tree.rows.get(number) else { break };
            let name = row.name(bytes);
            if is_dots(name) {
                continue;
            }
            let before = || self.tree.rows.get(range.start..number).unwrap_or_default();
            if !names.add(bytes, name, before) {
                let finding = Finding::new(Sentence::ReadNameTwice).at(row.place() as u64);
                return Err(finding.name(&self.tree.path_of_row(bytes, directory, row)).into());
            }
            let nid = row.nid(bytes);
            let fault = |sentence| Finding::of_field(sentence, &dirent::TABLE, dirent::NID, row.place());
            let known = self.tree.at_nid(nid);
            let child = match known {
                None => self.add(nid, directory, number)?,
                Some(known) => known,
            };
            let Some(inode) = self.tree.inodes.get_mut(index(child)) else { break };
            if inode.kind == Kind::Directory && known.is_some() {
                let finding = fault(Sentence::ReadDirectoryTwice);
                return Err(finding.name(&self.tree.path_of_row(bytes, directory, row)).into());
            }
            inode.names += 1;
            if inode.kind == Kind::Directory {
                if depth == MAX_DEPTH {
                    return Err(fault(Sentence::ReadTooDeep).arg(MAX_DEPTH).into());
                }
                pending.push((child, depth + 1));
            }
        }
        Ok(())
    }

    /// Adds an inode whose first name is the entry `row` of `parent`, and returns its number.
    fn add(&mut self, nid: u64, parent: u32, row: usize) -> Result<u32, Refusal> {
        let (at, fields) = Fields::read(self.bytes, self.tables.meta_offset, nid)?;
        self.claim(fields.body - at, at)?;
        let first_row = self.tree.rows.len();
        match fields.kind {
            Kind::Directory => self.read_rows(&fields, at)?,
            Kind::File => self.read_chunks(&fields, at, parent, row)?,
            Kind::Symlink => {
                if fields.size == 0 || fields.size > BLOCK_SIZE as u64 {
                    let finding = fault(inode_extended::SIZE_FIELD, at, Sentence::ReadTargetSize);
                    return Err(finding.arg(fields.size).into());
                }
                self.claim_data(&fields, at)?;
            }
            Kind::Char | Kind::Block | Kind::Fifo | Kind::Socket => {}
        }
        // The number fits: the file has less than 2^32 bytes, and all these numbers count things in it.
        let number = narrow(self.tree.inodes.len());
        self.tree.inodes.push(Inode {
            at: narrow(at),
            kind: fields.kind,
            parent,
            first_name: narrow(row),
            names: 0,
            first_row: narrow(first_row),
            end_row: narrow(self.tree.rows.len()),
        });
        if let Some(slot) = self.tree.slots.get_mut(index(nid)) {
            *slot = number + 1;
        }
        Ok(number)
    }

    fn read_rows(&mut self, fields: &Fields, at: usize) -> Result<(), Refusal> {
        if fields.size == 0 {
            return Err(fault(inode_extended::SIZE_FIELD, at, Sentence::ReadDirectoryEmpty).into());
        }
        self.claim_data(fields, at)?;
        let rows = &mut self.tree.rows;
        let mut take = |at: usize, name: usize, len: usize| {
            // A name has at most 255 bytes.
            rows.push(Row { at: narrow(at), name: narrow(name), len: u8::try_from(len).unwrap_or(u8::MAX) });
        };
        let (start, len) = fields.blocks();
        for done in (0..len).step_by(BLOCK_SIZE) {
            directory::read_block(self.bytes, start + done, BLOCK_SIZE.min(len - done), &mut take)?;
        }
        if fields.tail() > 0 {
            directory::read_block(self.bytes, fields.body, fields.tail(), &mut take)?;
        }
        Ok(())
    }

    /// Checks that every chunk of a file is in the table, at the place in the entry.
    fn read_chunks(&mut self, fields: &Fields, at: usize, parent: u32, row: usize) -> Result<(), Refusal> {
        if fields.layout != LAYOUT_CHUNKS {
            let finding = fault(inode_extended::FORMAT, at, Sentence::ReadFileLayout);
            return Err(finding.arg(fields.layout).into());
        }
        let first = fields.chunk_entries();
        let size = fields.chunk_count(self.tables.chunk_size).saturating_mul(chunk_index_entry::SIZE);
        if first.saturating_add(size) > self.bytes.len() {
            let finding = fault(inode_extended::SIZE_FIELD, at, Sentence::ReadChunkEntries);
            return Err(finding.arg(fields.size).into());
        }
        self.claim(size, at)?;
        for entry in (first..first + size).step_by(chunk_index_entry::SIZE) {
            let position = self.chunks.of_entry(word(self.bytes, entry));
            let block = u64::from(word(self.bytes, entry + chunk_index_entry::BLOCK));
            let chunk_start = position.map(|position| {
                wide(self.bytes, self.tables.records.place(position) + chunk_info::UNCOMPRESSED_OFFSET)
            });
            match position.and_then(|position| self.tree.used.get_mut(position)) {
                Some(used) if chunk_start == Some(block * BLOCK_SIZE as u64) => *used = true,
                _ => return Err(self.chunk_fault(entry, position.is_some(), parent, row).into()),
            }
        }
        Ok(())
    }

    fn chunk_fault(&self, entry: usize, is_known: bool, parent: u32, row: usize) -> Finding {
        let of = |field, sentence| Finding::of_field(sentence, &chunk_index_entry::TABLE, field, entry);
        let first = word(self.bytes, entry);
        let (device, blobs) = (index(entry_device(first)), self.tables.blobs.count);
        let Some(blob) = device.checked_sub(1).filter(|&blob| blob < blobs) else {
            let finding = of(chunk_index_entry::DEVICE, Sentence::ReadEntryDevice);
            return finding.arg(device).arg(blobs);
        };
        let row = self.tree.rows.get(row).copied();
        // Without a row the inode is a root that is not a directory, and has no name.
        let path = row.map_or(b"/".to_vec(), |row| self.tree.path_of_row(self.bytes, parent, row));
        let with_chunk = |finding: Finding| finding.arg(entry_index(first)).arg(blob).name(&path);
        if is_known {
            let block = word(self.bytes, entry + chunk_index_entry::BLOCK);
            with_chunk(of(chunk_index_entry::BLOCK, Sentence::ReadEntryBlock)).arg(block)
        } else {
            with_chunk(of(chunk_index_entry::INDEX_LOW, Sentence::ReadEntryMissing))
        }
    }

    /// Claims the bytes of a directory's or symlink's data.
    fn claim_data(&mut self, fields: &Fields, at: usize) -> Result<(), Refusal> {
        if !matches!(fields.layout, LAYOUT_PLAIN | LAYOUT_INLINE) {
            let finding = fault(inode_extended::FORMAT, at, Sentence::ReadDataLayout);
            return Err(finding.arg(fields.kind.name()).arg(fields.layout).into());
        }
        let (start, len) = fields.blocks();
        let is_outside = |start: usize, len: usize| {
            len > 0 && start.checked_add(len).is_none_or(|end| end > self.bytes.len())
        };
        if is_outside(start, len) || is_outside(fields.body, fields.tail()) {
            let finding = fault(inode_extended::SIZE_FIELD, at, Sentence::ReadDataEnd);
            return Err(finding.arg(fields.size).into());
        }
        self.claim(index(fields.size), at)
    }

    /// Claims bytes. In a valid image no two structures overlap; without this rule a few kilobytes could describe millions
    /// of names.
    fn claim(&mut self, size: usize, at: usize) -> Result<(), Refusal> {
        self.tree.claimed = self.tree.claimed.saturating_add(size);
        if self.tree.claimed > self.bytes.len() {
            return Err(Finding::new(Sentence::ReadClaims).at(at as u64).into());
        }
        Ok(())
    }
}

fn fault(field: usize, at: usize, sentence: Sentence) -> Finding {
    Finding::of_field(sentence, &inode_extended::TABLE, field, at)
}

fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The names of one directory. While they come in order, none can occur twice.
#[derive(Default)]
struct DistinctNames<'a> {
    last: Option<&'a [u8]>,
    /// All names, once one of them was out of order.
    seen: Option<HashSet<&'a [u8]>>,
}

impl<'a> DistinctNames<'a> {
    /// Adds a name; false if the directory has it already. `before` returns the entries before it.
    fn add<'b>(&mut self, bytes: &'a [u8], name: &'a [u8], before: impl Fn() -> &'b [Row]) -> bool {
        if self.seen.is_none() {
            let is_behind = self.last.is_none_or(|last| last < name);
            self.last = Some(name);
            if is_behind {
                return true;
            }
            self.seen = Some(before().iter().map(|row| row.name(bytes)).collect());
        }
        self.seen.as_mut().is_none_or(|seen| seen.insert(name))
    }
}
