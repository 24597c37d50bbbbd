//! Compares a bootstrap with the tree of its source: names, fields, links, contents by digest.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::bytes::{holds, slice, word};
use crate::kind::Kind;
use crate::layer::{Directory, Forest, Node};
use crate::layout::{chunk_index_entry, chunk_info};
use crate::source::{EntryKind, ScannedLayer, Stretches, Xattr};
use crate::v6::Image;
use crate::v6::inode::Fields;
use crate::v6::tree::{Row, is_dots};
use crate::v6::xattrs;

/// The mode of directories without an entry (Nydus builder/src/tarball.rs makes the same).
const IMPLIED_MODE: u16 = 0o755;

/// `Some` if the bootstrap shows the tree of the layers. It may break rules, as long as it can be read.
pub fn is_same(image: &Image<'_>, layers: &[ScannedLayer<'_>]) -> Option<()> {
    let mut forest = Forest::new(layers);
    let root = forest.overlay()?;
    let mut comparison =
        Comparison { image, forest: &forest, number_of: HashMap::new(), entry_of: HashMap::new() };
    let top = forest.directory(root)?;
    comparison.is_directory(top, 0)?;
    let mut waiting = vec![(top, 0)];
    while let Some((expected, number)) = waiting.pop() {
        comparison.names(expected, number, &mut waiting)?;
    }
    Some(())
}

struct Comparison<'a, 'b> {
    image: &'b Image<'b>,
    forest: &'b Forest<'a, 'b>,
    /// The image's inode of each entry compared so far; `entry_of` holds the reverse.
    number_of: HashMap<u32, u32>,
    entry_of: HashMap<u32, u32>,
}

impl<'a, 'b> Comparison<'a, 'b> {
    /// Compares the names of a directory; the directories in it are compared later.
    fn names(
        &mut self,
        expected: &'b Directory<'a>,
        number: u32,
        waiting: &mut Vec<(&'b Directory<'a>, u32)>,
    ) -> Option<()> {
        let mut children = expected.children.iter();
        for row in self.rows_in_order(number).iter() {
            let name = row.name(self.image.bytes);
            if is_dots(name) {
                continue;
            }
            let (wanted, node) = children.next()?;
            holds(name == *wanted)?;
            let below = self.image.tree.at_nid(row.nid(self.image.bytes))?;
            match *node {
                Node::Directory(child) => {
                    let child = self.forest.directory(child)?;
                    self.is_directory(child, below)?;
                    waiting.push((child, below));
                }
                Node::Leaf(entry) => {
                    self.is_inode(entry, below)?;
                    self.are_links(entry, below)?;
                }
            }
        }
        holds(children.next().is_none())
    }

    /// The rows of a directory sorted by name. Entries out of order break a rule, but show the same tree.
    fn rows_in_order(&self, number: u32) -> Cow<'b, [Row]> {
        let bytes = self.image.bytes;
        let rows = self.image.tree.rows_of(number);
        if rows.is_sorted_by_key(|row| row.name(bytes)) {
            return Cow::Borrowed(rows);
        }
        let mut sorted = rows.to_vec();
        sorted.sort_by_key(|row| row.name(bytes));
        Cow::Owned(sorted)
    }

    /// Compares hard links: the same names are linked in both trees if each inode of one side always meets the same inode of
    /// the other.
    fn are_links(&mut self, entry: u32, number: u32) -> Option<()> {
        let is_linked = *self.forest.linked.get(usize::try_from(entry).ok()?)?;
        if !is_linked && self.image.tree.inode(number)?.names == 1 {
            return Some(());
        }
        holds(*self.number_of.entry(entry).or_insert(number) == number)?;
        holds(*self.entry_of.entry(number).or_insert(entry) == entry)
    }

    fn is_directory(&self, expected: &Directory<'a>, number: u32) -> Option<()> {
        if let Some(entry) = expected.inode {
            return self.is_inode(entry, number);
        }
        let fields = self.image.tree.inode(number)?.fields(self.image.bytes);
        holds(fields.kind == Kind::Directory && fields.permissions == IMPLIED_MODE)?;
        holds((fields.uid, fields.gid, fields.mtime, fields.mtime_nsec) == (0, 0, 0, 0))?;
        holds(fields.xattrs == fields.body)
    }

    fn is_inode(&self, entry: u32, number: u32) -> Option<()> {
        let entry = self.forest.entry(entry)?;
        let expected = entry.fields(self.forest.layers)?;
        let fields = self.image.tree.inode(number)?.fields(self.image.bytes);
        holds(expected.kind()? == EntryKind::Inode(fields.kind))?;
        holds(expected.mode()? == fields.permissions)?;
        holds(expected.owner()? == (fields.uid, fields.gid))?;
        holds(expected.mtime()? == (fields.mtime, fields.mtime_nsec))?;
        holds(expected.xattrs()?.0 == self.xattrs(&fields)?)?;
        match fields.kind {
            Kind::File => {
                holds(expected.size()? == fields.size)?;
                self.are_chunks(entry.chunks(self.forest.layers)?, &fields)
            }
            Kind::Symlink => {
                let (blocks, inline) = fields.target(self.image.bytes);
                let target = expected.target()?;
                holds(target.strip_prefix(blocks)? == inline)
            }
            Kind::Char | Kind::Block => holds(expected.device()? == fields.device()),
            Kind::Directory | Kind::Fifo | Kind::Socket => Some(()),
        }
    }

    /// The xattrs of an inode, sorted by name.
    fn xattrs(&self, fields: &Fields) -> Option<Vec<Xattr<'b>>> {
        if fields.xattrs == fields.body {
            return Some(Vec::new());
        }
        let stored = xattrs::read(self.image.bytes, fields.xattrs, fields.body).ok()?;
        let mut all: Vec<_> = stored.into_iter().map(|xattr| (xattr.name, xattr.value)).collect();
        all.sort_unstable();
        Some(all)
    }

    fn are_chunks(&self, mut expected: Stretches<'_>, fields: &Fields) -> Option<()> {
        let Image { bytes, tables, chunks, .. } = self.image;
        holds(fields.chunk_count(tables.chunk_size) == expected.left)?;
        let mut at = fields.chunk_entries();
        while expected.left > 0 {
            let stretch = expected.step()?;
            let (digest, size) = stretch.chunk(self.forest.layers)?;
            // Equal entries name one chunk, so only the first of them leads to a comparison.
            let mut known = None;
            for _ in 0..stretch.count {
                let entry = word(bytes, at);
                at += chunk_index_entry::SIZE;
                if known == Some(entry) {
                    continue;
                }
                let place = tables.records.place(chunks.of_entry(entry)?);
                holds(word(bytes, place + chunk_info::UNCOMPRESSED_SIZE) == size)?;
                holds(slice(bytes, place + chunk_info::DIGEST, digest.len())? == digest)?;
                known = Some(entry);
            }
        }
        Some(())
    }
}
