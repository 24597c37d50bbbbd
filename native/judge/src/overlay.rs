//! Merges layers in order into one tree. Whiteouts hide names of lower layers, wherever they stand in their tar, so each
//! layer is walked twice: first for everything that it hides, then for everything that it adds. (OCI image-spec, layer.md,
//! "Representing Changes")

use crate::bytes::holds;
use crate::layer::{Descent, Forest, MAX_DEPTH, Node, Way};

const WHITEOUT: &[u8] = b".wh.";
/// Names with this prefix belong to AUFS and vanish; only the opaque marker has a meaning.
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
            self.add(&vec![top], upper)?;
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
        for (name, _) in &children {
            let Some(hidden) = name.strip_prefix(WHITEOUT) else { continue };
            let lower = &mut self.directory_mut(lower)?.children;
            if *name == OPAQUE {
                lower.clear();
            } else if !name.starts_with(RESERVED) {
                lower.remove(hidden);
            }
        }
        for (name, node) in children {
            let Node::Directory(child) = node else { continue };
            if name.starts_with(WHITEOUT) {
                continue;
            }
            if let Lower::Merged(below) = self.lower_directory(way, name, child, false)? {
                self.hide(&below, child)?;
            }
        }
        Some(())
    }

    /// Adds the names in `upper` to the directory at the end of `way`.
    fn add(&mut self, way: &Way, upper: u32) -> Option<()> {
        let lower = *way.last()?;
        for (name, node) in self.children(upper)? {
            if name.starts_with(WHITEOUT) {
                continue;
            }
            let Node::Directory(child) = node else {
                self.directory_mut(lower)?.children.insert(name, node);
                continue;
            };
            let inode = self.directory(child)?.inode;
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
            self.add(&below, child)?;
        }
        Some(())
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
