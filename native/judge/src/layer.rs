//! Builds the tree of one layer from its entries in their order: the last entry of a path wins, a directory keeps the
//! children it has, and a hard link adds a name to the inode that its target names at that moment. Parents without an entry
//! become implied directories; parents that are symlinks are followed inside the root.

use std::collections::{BTreeMap, HashMap};

use crate::bytes::holds;
use crate::kind::Kind;
use crate::overlay::WHITEOUT;
use crate::source::{Entry, EntryKind, ScannedLayer};

/// The deepest directory; no path that Linux accepts is deeper.
pub const MAX_DEPTH: usize = 2048;
/// The most symlinks on one path, which is the kernel's limit (MAXSYMLINKS).
const MAX_LINKS: usize = 40;
const MAX_NAME: usize = 255;
/// Directories that may be made beyond four for each entry: a path of a few bytes can imply a thousand.
const MAX_IMPLIED: usize = 1 << 19;
/// The names through which targets of symlinks may lead in all layers.
const MAX_LINK_STEPS: usize = 1 << 24;

/// The entry of the inode that a name leads to; `None` for a directory without an entry.
pub type InodeOf = Option<u32>;

/// The node that a name leads to.
#[derive(Debug, Clone, Copy)]
pub enum Node {
    /// A directory, with its number in `Forest::directories`.
    Directory(u32),
    /// Another inode, with the number of its entry in `Forest::entries`.
    Leaf(u32),
}

#[derive(Debug, Default)]
pub struct Directory<'a> {
    pub inode: InodeOf,
    /// True for a directory whose name an entry has made a whiteout.
    pub hides: bool,
    pub children: BTreeMap<&'a [u8], Node>,
}

/// The trees of all layers, and the tree that they make together.
pub struct Forest<'a, 'b> {
    pub layers: &'b [ScannedLayer<'a>],
    /// The entries of all layers.
    pub entries: Vec<Entry>,
    /// True for each entry that a hard link refers to, by the entry's number.
    pub linked: Vec<bool>,
    pub directories: Vec<Directory<'a>>,
    /// The names through which targets of symlinks have led.
    pub link_steps: usize,
}

/// The directories from the root to a directory.
pub type Way = Vec<u32>;

pub enum Descent {
    Found(Way),
    /// A directory is missing and is not to be made.
    Missing,
    /// The way does not lead to a directory.
    Blocked,
}

impl<'a, 'b> Forest<'a, 'b> {
    pub fn new(layers: &'b [ScannedLayer<'a>]) -> Self {
        Self { layers, entries: Vec::new(), linked: Vec::new(), directories: Vec::new(), link_steps: 0 }
    }

    pub fn directory(&self, number: u32) -> Option<&Directory<'a>> {
        self.directories.get(usize::try_from(number).ok()?)
    }

    pub fn directory_mut(&mut self, number: u32) -> Option<&mut Directory<'a>> {
        self.directories.get_mut(usize::try_from(number).ok()?)
    }

    /// `None` when the layers imply more directories than is worth a comparison.
    pub fn add_directory(&mut self, inode: InodeOf) -> Option<u32> {
        holds(self.directories.len() < self.entries.len().saturating_mul(4).saturating_add(MAX_IMPLIED))?;
        let number = u32::try_from(self.directories.len()).ok()?;
        self.directories.push(Directory { inode, hides: false, children: BTreeMap::new() });
        Some(number)
    }

    pub fn entry(&self, number: u32) -> Option<Entry> {
        self.entries.get(usize::try_from(number).ok()?).copied()
    }

    /// The target of an entry that is a symlink.
    pub fn symlink(&self, entry: u32) -> Option<&'a [u8]> {
        let fields = self.entry(entry)?.fields(self.layers)?;
        if fields.kind()? == EntryKind::Inode(Kind::Symlink) { fields.target() } else { None }
    }

    /// Walks from the end of `way` along `names`. Missing directories are made if `make` is true. `..` occurs in targets of
    /// symlinks and never leads above the root. `None` means that the
    /// layers take more work than a comparison is worth.
    pub fn descend(&mut self, mut way: Way, names: &[&'a [u8]], make: bool) -> Option<Descent> {
        let mut links = 0;
        // The next name is the last element, so that a symlink's target can be put before the rest.
        let mut ahead: Vec<&'a [u8]> = names.iter().rev().copied().collect();
        while let Some(name) = ahead.pop() {
            match name {
                b"" | b"." => continue,
                b".." => {
                    if way.len() > 1 {
                        way.pop();
                    }
                    continue;
                }
                _ => {}
            }
            let here = *way.last()?;
            let child = match self.directory(here)?.children.get(name) {
                Some(&child) => child,
                None if !make => return Some(Descent::Missing),
                None if name.len() > MAX_NAME => return Some(Descent::Blocked),
                None => {
                    let implied = Node::Directory(self.add_directory(None)?);
                    self.directory_mut(here)?.children.insert(name, implied);
                    implied
                }
            };
            match child {
                Node::Directory(_) if way.len() > MAX_DEPTH => return Some(Descent::Blocked),
                Node::Directory(number) => way.push(number),
                Node::Leaf(entry) => match self.symlink(entry) {
                    Some(target) if links < MAX_LINKS => {
                        links += 1;
                        if target.first() == Some(&b'/') {
                            way.truncate(1);
                        }
                        let before = ahead.len();
                        ahead.extend(target.rsplit(|&byte| byte == b'/'));
                        self.link_steps = self.link_steps.saturating_add(ahead.len().saturating_sub(before));
                        holds(self.link_steps < MAX_LINK_STEPS)?;
                    }
                    // Files below a whiteout lie in a directory of its name.
                    None if make && name.starts_with(WHITEOUT) => {
                        let number = self.add_directory(None)?;
                        self.directory_mut(number)?.hides = true;
                        self.directory_mut(here)?.children.insert(name, Node::Directory(number));
                        way.push(number);
                    }
                    _ => return Some(Descent::Blocked),
                },
            }
        }
        Some(Descent::Found(way))
    }

    /// Adds the tree of a layer and returns the number of its root; `None` for a tree that no file system could hold.
    pub fn add_layer(&mut self, number: u32) -> Option<u32> {
        let root = self.add_directory(None)?;
        let first = u32::try_from(self.entries.len()).ok()?;
        let entries = Entry::all(number, self.layers.get(usize::try_from(number).ok()?)?)?;
        self.linked.resize(self.linked.len() + entries.len(), false);
        self.entries.extend_from_slice(&entries);
        // The ways that paths of directories lead to; each is resolved once.
        let mut known = HashMap::new();
        for (at, entry) in (first..).zip(entries) {
            if self.add_entry(root, at, entry, &mut known)? {
                known.clear();
            }
        }
        Some(root)
    }

    /// Adds an entry. Returns true if it removed a name that may have been on the way to directories found before.
    fn add_entry(
        &mut self,
        root: u32,
        number: u32,
        entry: Entry,
        known: &mut HashMap<&'a [u8], u32>,
    ) -> Option<bool> {
        let fields = entry.fields(self.layers)?;
        let path = fields.path()?;
        let kind = fields.kind()?;
        if path.is_empty() {
            holds(kind == EntryKind::Inode(Kind::Directory))?;
            self.directory_mut(root)?.inode = Some(number);
            return Some(false);
        }
        let (above, name) = split(path);
        let parent = if let Some(&parent) = known.get(above) {
            parent
        } else {
            let Descent::Found(way) = self.descend(vec![root], &components(above), true)? else {
                return None;
            };
            let parent = *way.last()?;
            known.insert(above, parent);
            parent
        };
        let present = self.directory(parent)?.children.get(name).copied();
        if let Some(Node::Directory(there)) = present
            && name.starts_with(WHITEOUT)
        {
            self.directory_mut(there)?.hides = true;
            return Some(false);
        }
        let node = match kind {
            EntryKind::Inode(Kind::Directory) => {
                if let Some(Node::Directory(there)) = present {
                    self.directory_mut(there)?.inode = Some(number);
                    return Some(false);
                }
                Node::Directory(self.add_directory(Some(number))?)
            }
            EntryKind::Inode(_) => Node::Leaf(number),
            EntryKind::Hardlink => Node::Leaf(self.linked_entry(root, fields.target()?, (parent, name))?),
        };
        self.directory_mut(parent)?.children.insert(name, node);
        Some(match present {
            None => false,
            Some(Node::Directory(_)) => true,
            Some(Node::Leaf(entry)) => self.symlink(entry).is_some(),
        })
    }

    /// Finds the inode that a hard link at `link` adds a name to.
    fn linked_entry(&mut self, root: u32, target: &'a [u8], link: (u32, &[u8])) -> Option<u32> {
        let (above, name) = split(target);
        let Descent::Found(way) = self.descend(vec![root], &components(above), false)? else { return None };
        let directory = *way.last()?;
        holds((directory, name) != link)?;
        holds(!name.starts_with(WHITEOUT))?;
        let Node::Leaf(entry) = *self.directory(directory)?.children.get(name)? else { return None };
        *self.linked.get_mut(usize::try_from(entry).ok()?)? = true;
        Some(entry)
    }
}

/// Splits a path at its last slash.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|&byte| byte == b'/') {
        Some(cut) => {
            let (above, name) = path.split_at(cut);
            (above, name.get(1..).unwrap_or_default())
        }
        None => (&[], path),
    }
}

/// Splits a path into its components; empty ones are left out.
fn components(path: &[u8]) -> Vec<&[u8]> {
    path.split(|&byte| byte == b'/').collect()
}
