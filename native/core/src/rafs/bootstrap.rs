//! A `Bootstrap` holds everything that a bootstrap is written from, in any version of the format.

use std::collections::HashMap;

use super::blob_table::BlobTable;
use super::model::{At, Inode, Store, Tree, Walk, inode_at};
use crate::dict::Place;
use crate::format::Format;

/// Index, within its file, of a repeated chunk's last occurrence in walk order. A merge inherits it from what each layer's own
/// bootstrap says. (Nydus builder/src/merge.rs loads chunks from the layer's chunk table.)
pub type Moved = HashMap<Place, u32>;

/// A tree, its blobs, and the values of the super block.
pub struct Bootstrap<'a> {
    /// Names and directories.
    pub tree: &'a Tree,
    /// The inodes and bytes that the tree refers to.
    pub stores: &'a [Store],
    /// The tree's names in the order of the format.
    pub walk: &'a Walk,
    /// The blobs, all of which are written.
    pub table: &'a BlobTable,
    /// The format that the super block describes.
    pub format: &'a Format,
    /// The rows that clients load first, in order; a directory stands for everything in it.
    pub prefetched: &'a [u32],
    /// The moved chunks of each store's layer; empty in a layer's own bootstrap, from which they are taken.
    pub moved: &'a [Moved],
    /// The reference's merge always sets `HAS_XATTR`; a layer's own bootstrap sets it only if an inode has xattrs.
    pub force_xattr_flag: bool,
}

impl<'a> Bootstrap<'a> {
    /// The inode of a row, and its place in a store.
    pub fn inode(&self, row: u32) -> (At, &'a Inode) {
        let at = self.tree.node(self.walk.node(row)).inode();
        (at, inode_at(self.stores, at))
    }

    /// The store that an inode lies in.
    pub fn store(&self, at: At) -> Option<&'a Store> {
        self.stores.get(usize::from(at.store))
    }

    /// The name of a row.
    pub fn name(&self, row: u32) -> &'a [u8] {
        self.tree.name(self.stores, self.walk.node(row))
    }
}
