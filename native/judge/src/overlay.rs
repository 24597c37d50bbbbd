//! Merges layers in order into one tree. Whiteouts hide names of lower layers, wherever they stand in their tar, so each
//! layer is walked twice: first for everything that it hides, then for everything that it adds. (OCI image-spec, layer.md,
//! "Representing Changes")
//!
//! A whiteout makes neither a name nor the directories on its path. Files below a name that is a whiteout make a directory of
//! that name, as container runtimes do.

use std::collections::HashMap;

use crate::bytes::holds;
use crate::layer::{Descent, Forest, MAX_DEPTH, Node, Way};

/// Only the name of an entry makes it a whiteout.
pub const WHITEOUT: &[u8] = b".wh.";
/// Names with this prefix belong to AUFS; only the opaque marker has a meaning. At the root of a layer they vanish with all that
/// is in them.
const RESERVED: &[u8] = b".wh..wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";

impl<'a> Forest<'a, '_> {
    /// Merges the layers and returns the number of the root of the tree that a container sees.
    pub fn overlay(&mut self) -> Option<u32> {
        let top = self.add_directory(None)?;
        for number in 0..u32::try_from(self.layers.len()).ok()? {
            let upper = self.add_layer(number)?;
            self.hide(&vec![top], upper)?;
            if let Some(inode) = self.directory(upper)?.inode {
                self.directory_mut(top)?.inode = Some(inode);
            }
            self.add(&vec![top], upper, &mut HashMap::new())?;
        }
        Some(top)
    }

    /// The names of a directory and their nodes. They are copied, because the forest grows meanwhile.
    fn children(&self, directory: u32) -> Option<Vec<(&'a [u8], Node)>> {
        Some(self.directory(directory)?.children.iter().map(|(name, node)| (*name, *node)).collect())
    }

    /// Removes every name that whiteouts in the upper directory `upper` hide from the lower directory at the end of `way`.
    fn hide(&mut self, way: &Way, upper: u32) -> Option<()> {
        let lower = *way.last()?;
        if self.directory(lower)?.children.is_empty() {
            return Some(());
        }
        let children = self.children(upper)?;
        for (name, node) in &children {
            let Some(hidden) = name.strip_prefix(WHITEOUT) else { continue };
            if matches!(node, Node::Directory(number) if !self.directory(*number)?.hides) {
                continue;
            }
            let lower = &mut self.directory_mut(lower)?.children;
            if *name == OPAQUE {
                lower.clear();
            } else if !name.starts_with(RESERVED) {
                lower.remove(hidden);
            }
        }
        for (name, node) in children {
            let Node::Directory(child) = node else { continue };
            if let Lower::Merged(below) = self.lower_directory(way, name, child, false)? {
                self.hide(&below, child)?;
            }
        }
        Some(())
    }

    /// Adds the names in `upper` to the directory at the end of `way`.
    fn add(&mut self, way: &Way, upper: u32, known: &mut HashMap<u32, bool>) -> Option<()> {
        let lower = *way.last()?;
        for (name, node) in self.children(upper)? {
            if way.len() == 1 && name.starts_with(RESERVED) {
                continue;
            }
            let Node::Directory(child) = node else {
                if !name.starts_with(WHITEOUT) {
                    self.directory_mut(lower)?.children.insert(name, node);
                }
                continue;
            };
            let inode = self.directory(child)?.inode;
            if inode.is_none() && !self.leads_to_names(child, known)? {
                continue;
            }
            let below = if let Lower::Merged(below) = self.lower_directory(way, name, child, true)? {
                below
            } else {
                holds(way.len() <= MAX_DEPTH)?;
                let fresh = self.add_directory(inode)?;
                self.directory_mut(lower)?.children.insert(name, Node::Directory(fresh));
                [&way[..], &[fresh]].concat()
            };
            if inode.is_some() {
                self.directory_mut(*below.last()?)?.inode = inode;
            }
            self.add(&below, child, known)?;
        }
        Some(())
    }

    /// True if an upper directory leads to a name other than a whiteout. `known` has the answers so far.
    fn leads_to_names(&self, upper: u32, known: &mut HashMap<u32, bool>) -> Option<bool> {
        if let Some(&answer) = known.get(&upper) {
            return Some(answer);
        }
        let mut answer = false;
        for (name, node) in &self.directory(upper)?.children {
            answer = match *node {
                Node::Leaf(_) => !name.starts_with(WHITEOUT),
                Node::Directory(child) => {
                    self.directory(child)?.inode.is_some() || self.leads_to_names(child, known)?
                }
            };
            if answer {
                break;
            }
        }
        known.insert(upper, answer);
        Some(answer)
    }

    /// The lower directory that an upper one is merged with: the directory of the same name, or the one that a symlink of
    /// that name leads to if the upper directory has no entry.
    fn lower_directory(&mut self, way: &Way, name: &'a [u8], upper: u32, make: bool) -> Option<Lower> {
        Some(match self.directory(*way.last()?)?.children.get(name).copied() {
            None => Lower::Replaced,
            Some(Node::Directory(below)) => Lower::Merged([&way[..], &[below]].concat()),
            Some(Node::Leaf(entry)) => {
                if self.symlink(entry).is_none() || self.directory(upper)?.inode.is_some() {
                    Lower::Replaced
                } else if let Descent::Found(below) = self.descend(way.clone(), &[name], make)? {
                    Lower::Merged(below)
                } else {
                    // A symlink that does not lead to a directory is replaced, as a file is.
                    Lower::Replaced
                }
            }
        })
    }
}

enum Lower {
    /// The upper directory is merged with the one at the end of this way.
    Merged(Way),
    /// The upper directory replaces the lower name, if there is one.
    Replaced,
}
