//! Says what a flattened image does not have of a layer.

use super::model::{Kind, Store, Tree, Walk, display_name, path_of};
use crate::whiteout::is_whiteout;

/// The most directories that are named.
const MOST_DIRECTORIES: usize = 20;

/// Files of a layer that no container sees.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Files that upper layers hide. One with several names counts once.
    pub hidden: Files,
    /// Files that a later entry of the same layer replaces.
    pub overwritten: Files,
    /// Where the hidden files lie, those with most bytes first. A directory of whose files none stays stands for all below it.
    pub directories: Vec<(String, Files)>,
    /// The number of directories that are not named.
    pub more_directories: u64,
    /// Bytes of chunk data that the blobs do not hold for it.
    pub stored_bytes: u64,
}

/// Some files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Files {
    /// Their number.
    pub files: u64,
    /// Their bytes, unpacked.
    pub bytes: u64,
}

impl Files {
    const fn add(&mut self, other: Self) {
        self.files += other.files;
        self.bytes += other.bytes;
    }
}

/// What is known of a directory of the layer.
#[derive(Clone, Copy, Default)]
struct Directory {
    /// Hidden files directly in it.
    own: Files,
    /// Hidden files below it.
    all: Files,
    /// True if something below it stays.
    stays: bool,
    /// The position of the directory that it lies in; the root's is its own.
    parent: usize,
}

/// Compares the tree of a layer, which has this store alone, with the inodes that stay.
pub fn left_out(tree: &Tree, store: &Store, alive: &[bool]) -> LeftOut {
    let stores = std::slice::from_ref(store);
    let walk = Walk::new(tree, stores);
    let is_alive = |number: u32| alive.get(number as usize).copied().unwrap_or(false);
    let mut seen = vec![false; store.len()];
    let mut directories = vec![Directory::default(); walk.spans.len()];
    let mut of_row = vec![0; walk.rows.len()];
    let mut made = LeftOut::default();
    for (position, span) in walk.spans.iter().enumerate() {
        if let Some(slot) = of_row.get_mut(span.row as usize) {
            *slot = position;
        }
        let mut own = Directory {
            parent: of_row.get(span.parent as usize).copied().unwrap_or(0),
            ..Directory::default()
        };
        for row in span.first..span.first + span.count {
            let number = tree.node(walk.node(row)).inode().number;
            let inode = store.inode(number);
            if inode.kind == Kind::Directory {
                continue;
            }
            let was_seen = seen.get_mut(number as usize).is_some_and(|seen| std::mem::replace(seen, true));
            if is_alive(number) {
                own.stays = true;
            } else if inode.kind == Kind::File && !was_seen && !is_whiteout(tree.name(stores, walk.node(row)))
            {
                own.own.add(Files { files: 1, bytes: inode.size });
            }
        }
        own.all = own.own;
        made.hidden.add(own.own);
        if let Some(slot) = directories.get_mut(position) {
            *slot = own;
        }
    }
    // Directories come after those that they lie in.
    for position in (1..directories.len()).rev() {
        let Some(&Directory { all, stays, parent, .. }) = directories.get(position) else { continue };
        if let Some(parent) = directories.get_mut(parent) {
            parent.all.add(all);
            parent.stays |= stays;
        }
    }
    for (position, (directory, span)) in directories.iter().zip(&walk.spans).enumerate() {
        let above = directories.get(directory.parent).filter(|_| position > 0);
        if above.is_some_and(|above| !above.stays) {
            continue;
        }
        let files = if directory.stays { directory.own } else { directory.all };
        if files.files > 0 {
            let path = path_of(tree, stores, walk.node(span.row));
            made.directories.push((format!("/{}", display_name(&path)), files));
        }
    }
    made.directories.sort_by(|(one, a), (two, b)| b.bytes.cmp(&a.bytes).then_with(|| one.cmp(two)));
    made.more_directories = made.directories.len().saturating_sub(MOST_DIRECTORIES) as u64;
    made.directories.truncate(MOST_DIRECTORIES);
    for (number, seen) in (0u32..).zip(seen) {
        let inode = store.inode(number);
        if inode.kind == Kind::File && inode.size > 0 && !seen {
            made.overwritten.add(Files { files: 1, bytes: inode.size });
        }
    }
    made
}
