//! A tree holds names in directories as numbers: an arena of nodes, which are found by directory and name, and listed in the
//! order in which they were added. A node's name and inode lie in stores; the tree of one layer has one store, a merged tree
//! many.

use std::hash::{BuildHasher as _, RandomState};

use hashbrown::HashTable;

use super::store::{Inode, NONE, Store, number_of};
use crate::error::Result;

/// The number of the root directory.
pub const ROOT: u32 = 0;

/// The place of a name or an inode in one of the stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At {
    /// The number of the store.
    pub store: u16,
    /// The number of the inode, or the offset of the name, in the store.
    pub number: u32,
}

/// A name in a directory.
#[derive(Clone, Copy, Debug)]
pub struct Node {
    name: u32,
    inode: u32,
    /// The name after this one in its directory; after the last comes the first.
    next: u32,
    /// Its number as a directory; `NONE` if it is none.
    pub dir: u32,
    /// The directory that it lies in.
    pub parent: u32,
    name_store: u16,
    inode_store: u16,
}

impl Node {
    /// The place of its name.
    pub const fn name(&self) -> At {
        At { store: self.name_store, number: self.name }
    }

    /// The place of its inode.
    pub const fn inode(&self) -> At {
        At { store: self.inode_store, number: self.inode }
    }

    /// False for a name that was removed.
    pub const fn is_there(&self) -> bool {
        self.inode != NONE
    }
}

/// Replaces a node that does not exist; only a bug asks for one.
const NO_NODE: Node =
    Node { name: NONE, inode: NONE, next: NONE, dir: NONE, parent: NONE, name_store: 0, inode_store: 0 };

/// A directory: its names, and the way back to the root.
#[derive(Clone, Copy, Debug)]
pub struct Dir {
    /// The name that was added last; `NONE` when there is none.
    last: u32,
    /// The node of the directory's own name.
    pub node: u32,
    /// The parent directory; the root is its own parent.
    pub parent: u32,
    /// Number of directories above it; 0 for the root.
    pub depth: u32,
}

const NO_DIR: Dir = Dir { last: NONE, node: NONE, parent: ROOT, depth: 0 };

/// Nodes and directories, and the index that finds them.
pub struct Tree {
    nodes: Vec<Node>,
    dirs: Vec<Dir>,
    /// The numbers of nodes, by the hash of directory and name.
    index: HashTable<u32>,
    hasher: RandomState,
    /// The names that targets of symlinks have led through so far.
    pub link_steps: u64,
}

impl Tree {
    /// Makes a tree with an empty root, which has no name.
    pub fn new(root: At) -> Self {
        let node = Node { inode: root.number, inode_store: root.store, dir: ROOT, ..NO_NODE };
        let dir = Dir { node: 0, ..NO_DIR };
        Self {
            nodes: vec![node],
            dirs: vec![dir],
            index: HashTable::new(),
            hasher: RandomState::new(),
            link_steps: 0,
        }
    }

    /// The number of names that were ever added.
    pub const fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The node with this number.
    pub fn node(&self, number: u32) -> &Node {
        self.nodes.get(number as usize).unwrap_or(&NO_NODE)
    }

    /// The directory with this number.
    pub fn dir(&self, number: u32) -> &Dir {
        self.dirs.get(number as usize).unwrap_or(&NO_DIR)
    }

    /// A node's name; the root's is empty.
    pub fn name<'a>(&self, stores: &'a [Store], number: u32) -> &'a [u8] {
        let at = self.node(number).name();
        if at.number == NONE {
            &[]
        } else {
            stores.get(usize::from(at.store)).map_or(&[], |store| store.name(at.number))
        }
    }

    /// Finds the node with this name in a directory.
    pub fn find(&self, stores: &[Store], dir: u32, name: &[u8]) -> Option<u32> {
        let found = self.index.find(self.hash(dir, name), |&number| {
            let node = self.node(number);
            node.parent == dir && self.name(stores, number) == name
        });
        found.copied()
    }

    /// Adds a name that the directory does not have, after all others.
    pub fn add(&mut self, stores: &[Store], dir: u32, name: At, inode: At) -> Result<u32> {
        let number = number_of(self.nodes.len())?;
        let last = self.dir(dir).last;
        // The list is a ring: the last one's next is the first.
        let next = if last == NONE { number } else { self.node(last).next };
        if let Some(last) = self.nodes.get_mut(last as usize) {
            last.next = number;
        }
        if let Some(dir) = self.dirs.get_mut(dir as usize) {
            dir.last = number;
        }
        let (name_store, inode_store) = (name.store, inode.store);
        self.nodes.push(Node {
            name: name.number,
            inode: inode.number,
            next,
            dir: NONE,
            parent: dir,
            name_store,
            inode_store,
        });
        let hash = self.hash(dir, self.name(stores, number));
        let (nodes, hasher) = (&self.nodes, &self.hasher);
        self.index.insert_unique(hash, number, |&other| {
            let node = nodes.get(other as usize).unwrap_or(&NO_NODE);
            let name =
                stores.get(usize::from(node.name_store)).map_or(&[][..], |store| store.name(node.name));
            hasher.hash_one((node.parent, name))
        });
        Ok(number)
    }

    /// Makes a name lead to another inode, which is not a directory yet.
    pub fn replace(&mut self, number: u32, inode: At) {
        if let Some(node) = self.nodes.get_mut(number as usize) {
            (node.inode, node.inode_store, node.dir) = (inode.number, inode.store, NONE);
        }
    }

    /// Gives a directory another inode.
    pub fn set_inode(&mut self, number: u32, inode: At) {
        if let Some(node) = self.nodes.get_mut(number as usize) {
            (node.inode, node.inode_store) = (inode.number, inode.store);
        }
    }

    /// Makes a node an empty directory.
    pub fn make_dir(&mut self, number: u32) -> Result<u32> {
        let made = number_of(self.dirs.len())?;
        let parent = self.node(number).parent;
        self.dirs.push(Dir { last: NONE, node: number, parent, depth: self.dir(parent).depth + 1 });
        if let Some(node) = self.nodes.get_mut(number as usize) {
            node.dir = made;
        }
        Ok(made)
    }

    /// Removes a name from its directory.
    pub fn remove(&mut self, stores: &[Store], dir: u32, name: &[u8]) {
        if let Some(number) = self.find(stores, dir, name) {
            self.forget(self.hash(dir, name), number);
        }
    }

    /// Removes all names from a directory.
    pub fn clear(&mut self, stores: &[Store], dir: u32) {
        let mut cursor = self.first(dir);
        while let Some(number) = cursor {
            cursor = self.after(dir, number);
            if self.node(number).is_there() {
                self.forget(self.hash(dir, self.name(stores, number)), number);
            }
        }
        if let Some(dir) = self.dirs.get_mut(dir as usize) {
            dir.last = NONE;
        }
    }

    /// True if no name was ever added to the directory, or all were removed at once.
    pub fn is_empty(&self, dir: u32) -> bool {
        self.dir(dir).last == NONE
    }

    /// The names of a directory in the order in which they were added.
    pub fn children(&self, dir: u32) -> impl Iterator<Item = u32> + '_ {
        std::iter::successors(self.first(dir), move |&number| self.after(dir, number))
            .filter(|&number| self.node(number).is_there())
    }

    /// Frees the index, which only finding, adding and removing names needs.
    pub fn freeze(&mut self) {
        self.index = HashTable::new();
        self.nodes.shrink_to_fit();
    }

    /// Removes a node from the index. Its place in the list of names stays, but leads nowhere.
    fn forget(&mut self, hash: u64, number: u32) {
        if let Ok(known) = self.index.find_entry(hash, |&other| other == number) {
            known.remove();
        }
        self.replace(number, At { store: 0, number: NONE });
    }

    fn first(&self, dir: u32) -> Option<u32> {
        let last = self.dir(dir).last;
        (last != NONE).then(|| self.node(last).next)
    }

    fn after(&self, dir: u32, number: u32) -> Option<u32> {
        (self.dir(dir).last != number).then(|| self.node(number).next)
    }

    fn hash(&self, dir: u32, name: &[u8]) -> u64 {
        self.hasher.hash_one((dir, name))
    }
}

/// The inode at a place in the stores.
pub fn inode_at(stores: &[Store], at: At) -> &Inode {
    static NO_INODE: Inode = Inode::implied_directory();
    stores.get(usize::from(at.store)).map_or(&NO_INODE, |store| store.inode(at.number))
}
