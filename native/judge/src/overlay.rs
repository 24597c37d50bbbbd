//! Layers in order to one tree. Whiteouts hide what lies in lower layers, wherever they stand in their tar, so each layer is
//! gone through twice: first all that it hides, then all that it adds. (OCI image-spec, layer.md, "Representing Changes")

use crate::bytes::holds;
use crate::layer::{Descent, Forest, MAX_DEPTH, Node, Way};

const WHITEOUT: &[u8] = b".wh.";
/// All names that begin like this, but the opaque marker, are of AUFS and vanish.
const RESERVED: &[u8] = b".wh..wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";

impl<'a> Forest<'a, '_> {
    /// The number of the root of the tree that a container sees.
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

    /// Names and what they lead to: a copy, since the forest grows on the way.
    fn children(&self, directory: u32) -> Option<Vec<(&'a [u8], Node)>> {
        Some(self.directory(directory)?.children.iter().map(|(name, node)| (*name, *node)).collect())
    }

    /// Takes away all that whiteouts in `upper` name; it stands for the lower directory at the end of `way`.
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

    /// Puts what is in `upper` into the directory at the end of `way`.
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

    /// What an upper directory meets: a directory of the same name, or where a symlink of that name leads if no entry names the
    /// upper directory itself.
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
                    // A symlink that leads to no directory is replaced, as a file is.
                    Lower::Replaced
                }
            }
        })
    }
}

enum Lower {
    /// The upper directory is merged with the one at the end of this way.
    Merged(Way),
    /// It takes the place of what is there, if anything is.
    Replaced,
}
