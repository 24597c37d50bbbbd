//! Checks the rules over inodes, directories and the chunks of files.

use std::collections::HashMap;

use crate::bytes::{index, wide, word};
use crate::finding::Finding;
use crate::kind::Kind;
use crate::layout::rules::Sentence;
use crate::layout::{
    BLOCK_SIZE, CHUNK_FORMAT_INDEXES, LAYOUT_PLAIN, MAX_SYMLINK_LENGTH, SUPER_OFFSET, chunk_index_entry,
    chunk_info, super_block,
};
use crate::v6::Image;
use crate::v6::inode::Fields;
use crate::v6::tables::Tables;
use crate::v6::tree::{Inode, Row, is_dots};
use crate::v6::xattrs;

const MAX_INO: u32 = 0x7FFF_FFFF;
const MAX_NSEC: u32 = 999_999_999;
/// The bits of a chunk format that hold the chunk size as a power of two of blocks.
const UNIT_BITS: u32 = 0x1F;

/// Checks the inodes in the order in which names led to them.
pub fn judge(image: &Image<'_>, findings: &mut Vec<Finding>) {
    let inodes = &image.tree.inodes;
    let names = 1 + inodes.iter().map(|inode| u64::from(inode.names)).sum::<u64>();
    let announced = Tables::names(image.bytes);
    if announced != names {
        let at = (SUPER_OFFSET + super_block::INOS) as u64;
        findings.push(Finding::new(Sentence::Names).at(at).differs(names, announced));
    }
    let mut numbers = InodeNumbers::new(names);
    for (number, inode) in (0..).zip(inodes) {
        let fields = inode.fields(image.bytes);
        let before = numbers.take(fields.ino, number);
        let mut judged = Judged { image, number, inode, fields, findings };
        judged.number(before, announced);
        judged.inode();
        judged.links();
        match inode.kind {
            Kind::Directory => judged.directory(),
            Kind::File => judged.file(),
            Kind::Symlink => judged.symlink(),
            Kind::Char | Kind::Block | Kind::Fifo | Kind::Socket => {}
        }
    }
}

struct Judged<'a, 'b> {
    image: &'a Image<'b>,
    number: u32,
    inode: &'a Inode,
    fields: Fields,
    findings: &'a mut Vec<Finding>,
}

impl<'a> Judged<'a, '_> {
    /// Checks the inode's number. `before` is the inode that had the same number; `names` is the super block's count of
    /// names.
    fn number(&mut self, before: Option<u32>, names: u64) {
        let ino = self.fields.ino;
        if ino == 0 || ino > MAX_INO {
            self.report(Finding::new(Sentence::InodeNumber).arg(ino));
        } else if let Some(other) = before {
            let path = self.image.tree.path(self.image.bytes, other);
            self.report(Finding::new(Sentence::InodeNumberTwice).arg(ino).name(&path));
        }
        if u64::from(ino) > names && ino <= MAX_INO {
            self.report(Finding::new(Sentence::InodeNumberHigh).arg(ino).arg(names));
        }
    }

    fn inode(&mut self) {
        let Fields { kind, size, layout, mtime_nsec, body, xattrs, .. } = self.fields;
        if !matches!(kind, Kind::File | Kind::Directory | Kind::Symlink) {
            if size != 0 {
                self.report(Finding::new(Sentence::InodeSize).arg(size));
            }
            if layout != LAYOUT_PLAIN {
                self.report(Finding::new(Sentence::InodeLayout).arg(kind.name()).arg(layout));
            }
        }
        if mtime_nsec > MAX_NSEC {
            self.report(Finding::new(Sentence::InodeNanoseconds).arg(mtime_nsec));
        }
        let end = body % BLOCK_SIZE + self.fields.tail();
        if end > BLOCK_SIZE {
            self.report(Finding::new(Sentence::InlineEnd).arg(end - BLOCK_SIZE));
        }
        if body == xattrs {
            return;
        }
        for xattr in xattrs::read(self.image.bytes, xattrs, body).unwrap_or_default() {
            if xattr.name.contains(&0) {
                let finding = Finding::new(Sentence::XattrNul).name(&xattr.name).at(xattr.at as u64);
                self.findings.push(finding.of(self.path()));
            }
        }
    }

    fn links(&mut self) {
        let tree = &self.image.tree;
        let expected = if self.inode.kind == Kind::Directory {
            let below = self.rows().iter().filter(|row| {
                let target = tree.at_nid(row.nid(self.image.bytes)).and_then(|number| tree.inode(number));
                target.is_some_and(|inode| inode.kind == Kind::Directory)
                    && !is_dots(row.name(self.image.bytes))
            });
            2 + below.count() as u64
        } else {
            u64::from(self.inode.names)
        };
        let found = u64::from(self.fields.nlink);
        if found != expected {
            self.report(Finding::new(Sentence::Links).differs(expected, found));
        }
    }

    fn directory(&mut self) {
        let Image { bytes, tree, .. } = self.image;
        self.dots(b".", self.number);
        self.dots(b"..", self.inode.parent);
        let mut last: Option<&[u8]> = None;
        for &row in self.rows() {
            let name = row.name(bytes);
            if last.is_some_and(|last| last >= name) {
                self.report_row(row, Finding::new(Sentence::DirentOrder).name(name));
            }
            last = Some(name);
            let target = tree.at_nid(row.nid(bytes)).and_then(|number| tree.inode(number));
            let found = row.file_type(bytes);
            match target.map(|inode| inode.kind.dirent_type()) {
                Some(expected) if expected != found => {
                    let finding = Finding::new(Sentence::DirentType).name(name);
                    self.report_row(row, finding.differs(expected, found));
                }
                _ => {}
            }
        }
    }

    /// Checks that `name` stands in the directory once, and leads to the inode `target`.
    fn dots(&mut self, name: &'static [u8], target: u32) {
        let Image { bytes, tables, tree, .. } = self.image;
        let named = || self.image.tree.rows_of(self.number).iter().filter(|row| row.name(bytes) == name);
        let count = named().count();
        if count != 1 {
            self.report(Finding::new(Sentence::DotsCount).arg(count).name(name));
        }
        let expected = tree.inode(target).map_or(0, |inode| inode.nid(tables.meta_offset));
        let number = self.number;
        for &row in tree.rows_of(number).iter().filter(|row| row.name(bytes) == name) {
            let found = row.nid(bytes);
            if found != expected {
                let finding = Finding::new(Sentence::DotsTarget).name(name);
                self.report_row(row, finding.differs(expected, found));
            }
        }
    }

    /// Checks that every chunk but the last has the full size, and that the chunk format says so or declares one run.
    fn file(&mut self) {
        let chunk_size = self.image.tables.chunk_size;
        let Fields { size, union, .. } = self.fields;
        let count = self.fields.chunk_count(chunk_size);
        let mut left = size;
        for position in 0..count {
            let expected = left.min(chunk_size);
            let found = self
                .record(position)
                .map_or(0, |at| u64::from(word(self.image.bytes, at + chunk_info::UNCOMPRESSED_SIZE)));
            if found != expected {
                let finding = Finding::new(Sentence::ChunkLength).arg(position);
                self.report(finding.differs(expected, found));
            }
            left = left.saturating_sub(chunk_size);
        }
        let unit = (BLOCK_SIZE as u64) << (union & UNIT_BITS);
        let is_indexed = union & !UNIT_BITS == CHUNK_FORMAT_INDEXES;
        let is_run = || unit >= size && size > chunk_size && self.is_one_run(count);
        if !is_indexed || (unit != chunk_size && !is_run()) {
            self.report(Finding::new(Sentence::ChunkFormat).arg(union).arg(chunk_size));
        }
    }

    /// The offset of a chunk's record.
    fn record(&self, position: usize) -> Option<usize> {
        let entry = self.fields.chunk_entries() + position * chunk_index_entry::SIZE;
        let found = self.image.chunks.of_entry(word(self.image.bytes, entry))?;
        Some(self.image.tables.records.place(found))
    }

    /// True if the chunks lie in one blob, one after the other without a gap.
    fn is_one_run(&self, count: usize) -> bool {
        let place_of = |position| {
            let at = self.record(position)?;
            let blob = word(self.image.bytes, at + chunk_info::BLOB_INDEX);
            Some((blob, wide(self.image.bytes, at + chunk_info::UNCOMPRESSED_OFFSET)))
        };
        let Some((blob, start)) = place_of(0) else { return false };
        let chunk_size = self.image.tables.chunk_size;
        (1..count).all(|k| place_of(k) == Some((blob, start + k as u64 * chunk_size)))
    }

    fn symlink(&mut self) {
        let size = self.fields.size;
        if size > MAX_SYMLINK_LENGTH as u64 {
            self.report(Finding::new(Sentence::SymlinkSize).arg(size));
        }
        let (blocks, inline) = self.fields.target(self.image.bytes);
        if blocks.contains(&0) || inline.contains(&0) {
            self.report(Finding::new(Sentence::SymlinkNul));
        }
    }

    fn rows(&self) -> &'a [Row] {
        self.image.tree.rows_of(self.number)
    }

    fn path(&self) -> Vec<u8> {
        self.image.tree.path(self.image.bytes, self.number)
    }

    /// Adds a finding at the inode.
    fn report(&mut self, finding: Finding) {
        let path = self.path();
        self.findings.push(finding.of(path).at(self.inode.place() as u64));
    }

    /// Adds a finding at an entry of this directory.
    fn report_row(&mut self, row: Row, finding: Finding) {
        let path = self.path();
        self.findings.push(finding.of(path).at(row.place() as u64));
    }
}

/// The inode that has each number. A sound image uses no number beyond its count of names.
struct InodeNumbers {
    /// One more than the inode, by inode number; 0 if no inode has it.
    low: Vec<u32>,
    high: HashMap<u32, u32>,
}

impl InodeNumbers {
    fn new(names: u64) -> Self {
        Self { low: vec![0; index(names) + 1], high: HashMap::new() }
    }

    /// Gives the number to an inode and returns the inode that had it before.
    fn take(&mut self, ino: u32, inode: u32) -> Option<u32> {
        match self.low.get_mut(index(ino)) {
            Some(slot) => std::mem::replace(slot, inode + 1).checked_sub(1),
            None => self.high.insert(ino, inode),
        }
    }
}
