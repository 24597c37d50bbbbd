//! Compares a bootstrap with the tree of its source: names, fields, links, contents by digest.

use std::collections::HashMap;

use crate::bytes::holds;
use crate::kind::Kind;
use crate::layer::{Directory, Forest, Node};
use crate::shown::{Facts, Shown};
use crate::source::{EntryKind, ScannedLayer};

/// The mode of directories without an entry (Nydus builder/src/tarball.rs makes the same).
const IMPLIED_MODE: u16 = 0o755;

/// `Some` if the bootstrap shows the tree of the layers. It may break rules, as long as it can be read.
pub fn is_same<'s, S: Shown<'s>>(image: &S, layers: &[ScannedLayer<'_>]) -> Option<()> {
    let mut forest = Forest::new(layers);
    let root = forest.overlay()?;
    let mut comparison = Comparison {
        image,
        forest: &forest,
        names: Vec::new(),
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

struct Comparison<'a, 'b, 's, S> {
    image: &'b S,
    forest: &'b Forest<'a, 'b>,
    /// The names of the directory that is compared, in memory that is used again.
    names: Vec<(&'s [u8], u32)>,
    /// The image's file of each entry compared so far; `entry_of` holds the reverse.
    number_of: HashMap<u32, u32>,
    entry_of: HashMap<u32, u32>,
}

impl<'a, 'b, 's, S: Shown<'s>> Comparison<'a, 'b, 's, S> {
    /// Compares the names of a directory; the directories in it are compared later.
    fn names(
        &mut self,
        expected: &'b Directory<'a>,
        number: u32,
        waiting: &mut Vec<(&'b Directory<'a>, u32)>,
    ) -> Option<()> {
        let mut names = std::mem::take(&mut self.names);
        self.image.names(number, &mut names)?;
        // Names out of order break a rule, but show the same tree.
        if !names.is_sorted() {
            names.sort_unstable();
        }
        holds(names.len() == expected.children.len())?;
        for (&(name, below), (wanted, node)) in names.iter().zip(&expected.children) {
            holds(name == *wanted)?;
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
        names.clear();
        self.names = names;
        Some(())
    }

    /// Compares hard links: the same names are linked in both trees if each file of one side always meets the same file of the
    /// other.
    fn are_links(&mut self, entry: u32, number: u32) -> Option<()> {
        let is_linked = *self.forest.linked.get(usize::try_from(entry).ok()?)?;
        let (file, names) = self.image.links(number)?;
        if !is_linked && names == 1 {
            return Some(());
        }
        holds(*self.number_of.entry(entry).or_insert(file) == file)?;
        holds(*self.entry_of.entry(file).or_insert(entry) == entry)
    }

    fn is_directory(&self, expected: &Directory<'a>, number: u32) -> Option<()> {
        if let Some(entry) = expected.inode {
            return self.is_inode(entry, number);
        }
        let found = self.image.facts(&self.image.inode(number)?);
        let Facts { kind, permissions, owner, mtime, has_xattrs, .. } = found;
        holds(kind == Kind::Directory && permissions == IMPLIED_MODE)?;
        holds(owner == (0, 0) && mtime == (0, 0) && !has_xattrs)
    }

    fn is_inode(&self, entry: u32, number: u32) -> Option<()> {
        let entry = self.forest.entry(entry)?;
        let expected = entry.fields(self.forest.layers)?;
        let inode = self.image.inode(number)?;
        let found = self.image.facts(&inode);
        holds(expected.kind()? == EntryKind::Inode(found.kind))?;
        holds(expected.mode()? == found.permissions)?;
        holds(expected.owner()? == found.owner)?;
        holds(expected.mtime()? == found.mtime)?;
        let mut xattrs = if found.has_xattrs { self.image.xattrs(&inode)? } else { Vec::new() };
        xattrs.sort_unstable();
        holds(expected.xattrs()?.0 == xattrs)?;
        match found.kind {
            Kind::File => {
                holds(expected.size()? == found.size)?;
                self.image.has_chunks(&inode, entry.chunks(self.forest.layers)?, self.forest.layers)
            }
            Kind::Symlink => {
                let (first, rest) = self.image.target(&inode);
                let target = expected.target()?;
                holds(target.strip_prefix(first)? == rest)
            }
            Kind::Char | Kind::Block => holds(expected.device()? == found.device),
            Kind::Directory | Kind::Fifo | Kind::Socket => Some(()),
        }
    }
}
