//! Structures lie side by side: none over another, only zeros between them and in what is reserved.

use std::ops::Range;

use crate::Facts;
use crate::bytes::{holds, is_zero};
use crate::inode::{Fields, Kind};
use crate::layout::{BLOCK_SIZE, chunk_index_entry, dirent};
use crate::tree::{Row, Tree};

/// `Some` when they do. Reserved fields of the tables are not looked at.
pub fn is_covered(bytes: &[u8], facts: &Facts, tree: &Tree) -> Option<()> {
    let mut elsewhere = facts.tables.clone();
    elsewhere.retain(|extent| !extent.is_empty());
    for (number, inode) in (0..).zip(&tree.inodes) {
        let fields = inode.fields(bytes)?;
        let (start, len) = fields.blocks()?;
        match fields.kind {
            Kind::Symlink if len > 0 => elsewhere.push(start..start + len),
            Kind::Directory => add_blocks(&mut elsewhere, rows(tree, number)?, start..start + len),
            _ => {}
        }
    }
    elsewhere.sort_unstable_by_key(|extent| extent.start);
    let mut cover = Cover { bytes, elsewhere: &elsewhere, end: 0 };
    // Inodes go up the file, each with its xattrs and, right behind, its chunk entries or inline data.
    for number in tree.by_place() {
        let inode = tree.inode(number)?;
        let fields = inode.fields(bytes)?;
        let at = inode.place();
        cover.take_before(at)?;
        cover.take(at..fields.body)?;
        if let Some(body) = body(facts, &fields, rows(tree, number)?) {
            cover.take(body)?;
        }
        holds(fields.is_clean(bytes, at))?;
        for row in rows(tree, number)? {
            holds(bytes.get(row.place() + dirent::SIZE - 1) == Some(&0))?;
        }
    }
    cover.take_before(usize::MAX)?;
    let reach = cover.end.max(facts.reach).checked_next_multiple_of(BLOCK_SIZE)?;
    holds(bytes.len() <= reach && is_zero(bytes.get(cover.end..)?))
}

/// Of a directory; none of anything else.
fn rows(tree: &Tree, number: u32) -> Option<&[Row]> {
    tree.rows.get(tree.rows_of(number)?)
}

/// Blocks of a directory, each as far as it is used: its entries, then their names.
fn add_blocks(extents: &mut Vec<Range<usize>>, rows: &[Row], blocks: Range<usize>) {
    let mut rows = rows;
    for start in blocks.clone().step_by(BLOCK_SIZE) {
        let block = start..blocks.end.min(start + BLOCK_SIZE);
        let count = rows.iter().take_while(|row| block.contains(&row.place())).count();
        let (within, after) = rows.split_at(count);
        if let Some(last) = within.last() {
            extents.push(start..last.end());
        }
        rows = after;
    }
}

/// Chunk entries, or inline data as far as it is used.
fn body(facts: &Facts, fields: &Fields, rows: &[Row]) -> Option<Range<usize>> {
    let inline = fields.body..fields.body + fields.tail();
    match fields.kind {
        Kind::File => {
            let start = fields.chunk_entries();
            let size = fields.chunk_count(facts.chunk_size)? * chunk_index_entry::SIZE;
            (size > 0).then(|| start..start + size)
        }
        Kind::Symlink => (!inline.is_empty()).then_some(inline),
        // Entries are in the order of the file, and the inline block is the last one.
        Kind::Directory => {
            rows.last().filter(|row| inline.contains(&row.place())).map(|row| inline.start..row.end())
        }
        _ => None,
    }
}

/// How far the file is covered.
struct Cover<'a> {
    bytes: &'a [u8],
    /// What is not at an inode and not covered yet, by start.
    elsewhere: &'a [Range<usize>],
    /// Where the last structure ends.
    end: usize,
}

impl Cover<'_> {
    fn take(&mut self, extent: Range<usize>) -> Option<()> {
        // None when it begins before the last one ends.
        holds(is_zero(self.bytes.get(self.end..extent.start)?))?;
        self.end = extent.end;
        Some(())
    }

    /// What lies elsewhere, as far as it starts before `place`.
    fn take_before(&mut self, place: usize) -> Option<()> {
        while let Some((next, after)) = self.elsewhere.split_first() {
            if next.start >= place {
                break;
            }
            self.take(next.clone())?;
            self.elsewhere = after;
        }
        Some(())
    }
}
