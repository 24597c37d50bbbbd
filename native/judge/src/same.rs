//! Whether a bootstrap shows the tree of its source: names, fields, links, contents by digest.

use std::collections::HashMap;

use crate::Facts;
use crate::bytes::{holds, slice, u32_at};
use crate::inode::{Fields, Kind, xattrs};
use crate::layer::{Directory, Forest, Node};
use crate::layout::{chunk_index_entry, chunk_info};
use crate::source::{EntryKind, ScannedLayer};
use crate::tree::{Tree, is_dots};

/// Of directories that no entry names (Nydus builder/src/tarball.rs makes the same).
const IMPLIED_MODE: u16 = 0o755;

/// `Some` when it does.
pub fn is_same(bytes: &[u8], facts: &Facts, tree: &Tree, layers: &[ScannedLayer<'_>]) -> Option<()> {
    let mut forest = Forest::new(layers);
    let root = forest.overlay()?;
    let mut comparison = Comparison {
        bytes,
        facts,
        tree,
        forest: &forest,
        number_of: HashMap::new(),
        entry_of: HashMap::new(),
    };
    let top = forest.directory(root)?;
    comparison.is_directory(top, 0)?;
    let mut waiting = vec![(top, 0)];
    while let Some((expected, number)) = waiting.pop() {
        comparison.names(expected, number, &mut waiting)?;
    }
    Some(())
}

struct Comparison<'a, 'b> {
    bytes: &'b [u8],
    facts: &'b Facts,
    tree: &'b Tree,
    forest: &'b Forest<'a, 'b>,
    /// The inodes of names that may be links of each other, either way.
    number_of: HashMap<u32, u32>,
    entry_of: HashMap<u32, u32>,
}

impl<'a, 'b> Comparison<'a, 'b> {
    /// Of a directory; those of directories in it wait for their turn.
    fn names(
        &mut self,
        expected: &'b Directory<'a>,
        number: u32,
        waiting: &mut Vec<(&'b Directory<'a>, u32)>,
    ) -> Option<()> {
        let mut children = expected.children.iter();
        for row in self.tree.rows.get(self.tree.rows_of(number)?)? {
            let name = row.name(self.bytes);
            if is_dots(name) {
                continue;
            }
            let (wanted, node) = children.next()?;
            holds(name == *wanted)?;
            let below = self.tree.at_nid(row.nid(self.bytes)?)?;
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

    /// Two partitions of the same names are the same when inodes of either side stand for each other.
    fn are_links(&mut self, entry: u32, number: u32) -> Option<()> {
        let is_linked = *self.forest.linked.get(usize::try_from(entry).ok()?)?;
        if !is_linked && self.tree.inode(number)?.names == 1 {
            return Some(());
        }
        holds(*self.number_of.entry(entry).or_insert(number) == number)?;
        holds(*self.entry_of.entry(number).or_insert(entry) == entry)
    }

    fn is_directory(&self, expected: &Directory<'a>, number: u32) -> Option<()> {
        if let Some(entry) = expected.inode {
            return self.is_inode(entry, number);
        }
        let fields = self.tree.inode(number)?.fields(self.bytes)?;
        holds(fields.kind == Kind::Directory && fields.permissions == IMPLIED_MODE)?;
        holds((fields.uid, fields.gid, fields.mtime, fields.mtime_nsec) == (0, 0, 0, 0))?;
        holds(fields.xattrs == fields.body)
    }

    fn is_inode(&self, entry: u32, number: u32) -> Option<()> {
        let entry = self.forest.entry(entry)?;
        let told = entry.told(self.forest.layers)?;
        let fields = self.tree.inode(number)?.fields(self.bytes)?;
        holds(told.kind()? == EntryKind::Inode(fields.kind))?;
        holds(told.mode()? == fields.permissions)?;
        holds(told.owner()? == (fields.uid, fields.gid))?;
        holds(told.mtime()? == (fields.mtime, fields.mtime_nsec))?;
        holds(told.xattrs()?.0 == xattrs(self.bytes, fields.xattrs, fields.body)?)?;
        match fields.kind {
            Kind::File => {
                holds(told.size()? == fields.size)?;
                self.are_chunks(&entry.chunks(self.forest.layers)?, &fields)
            }
            Kind::Symlink => holds(told.target()? == fields.target(self.bytes)?),
            Kind::Char | Kind::Block => holds(told.device()? == fields.device()),
            Kind::Directory | Kind::Fifo | Kind::Socket => Some(()),
        }
    }

    fn are_chunks(&self, expected: &[(&[u8], u32)], fields: &Fields) -> Option<()> {
        holds(fields.chunk_count(self.facts.chunk_size)? == expected.len())?;
        let entries = (fields.chunk_entries()..).step_by(chunk_index_entry::SIZE);
        for (&(digest, size), at) in expected.iter().zip(entries) {
            let place = self.tree.chunks.of_entry(u32_at(self.bytes, at)?)?;
            holds(u32_at(self.bytes, place + chunk_info::UNCOMPRESSED_SIZE)? == size)?;
            holds(slice(self.bytes, place + chunk_info::DIGEST, digest.len())? == digest)?;
        }
        Some(())
    }
}
