//! The rows of a tree that a prefetch list names, and what they mean on the image.

use std::collections::HashSet;
use std::ops::Range;

use super::blob_table::BlobTable;
use super::model::{Kind, Mark, Store, Tree, Walk, inode_at};
use crate::error::Result;
use crate::prefetch::{Listing, Node, PrefetchList, Resolved, resolve};
use crate::table::ChunkRecord;

/// What a list means on an image. Bytes of chunks are stored bytes, and each chunk counts once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prefetched {
    /// The entries of the prefetch table.
    pub entries: u32,
    /// The positions of patterns that lead nowhere.
    pub missing: Vec<u32>,
    /// The number of patterns that an earlier one covers.
    pub covered: u32,
    /// The number of patterns that lead only to what has no content.
    pub empty: u32,
    /// The files that are loaded, and of all files.
    pub files: Part,
    /// Bytes of these files.
    pub bytes: Part,
    /// Chunks of these files.
    pub chunks: Part,
    /// Bytes of these chunks in the blobs.
    pub stored: Part,
}

/// A part of a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// What the list names.
    pub listed: u64,
    /// What the image has.
    pub all: u64,
}

impl Part {
    const fn add(&mut self, amount: u64, is_listed: bool) {
        self.all += amount;
        if is_listed {
            self.listed += amount;
        }
    }
}

/// A walked tree whose names can be looked up.
struct WalkedTree<'a> {
    walk: &'a Walk,
    tree: &'a Tree,
    stores: &'a [Store],
    parents: Vec<u32>,
    /// The children of each row; empty but for directories.
    children: Vec<Range<u32>>,
}

impl<'a> WalkedTree<'a> {
    fn new(walk: &'a Walk, tree: &'a Tree, stores: &'a [Store]) -> Self {
        let mut parents = vec![0; walk.rows.len()];
        let mut children = vec![0..0; walk.rows.len()];
        for span in &walk.spans {
            let rows = span.first..span.first + span.count;
            if let Some(parents) = parents.get_mut(rows.start as usize..rows.end as usize) {
                parents.fill(span.row);
            }
            if let Some(slot) = children.get_mut(span.row as usize) {
                *slot = rows;
            }
        }
        Self { walk, tree, stores, parents, children }
    }
}

impl Listing for WalkedTree<'_> {
    fn parent(&self, row: u32) -> u32 {
        self.parents.get(row as usize).copied().unwrap_or(0)
    }

    fn children(&self, row: u32) -> Range<u32> {
        self.children.get(row as usize).cloned().unwrap_or(0..0)
    }

    fn name(&self, row: u32) -> &[u8] {
        self.tree.name(self.stores, self.walk.node(row))
    }

    fn node(&self, row: u32) -> Node<'_> {
        let at = self.tree.node(self.walk.node(row)).inode();
        let inode = inode_at(self.stores, at);
        match inode.kind {
            Kind::Directory => Node::Directory,
            Kind::File => Node::File(inode.size),
            Kind::Symlink => {
                let store = self.stores.get(usize::from(at.store));
                Node::Symlink(store.map_or(&[], |store| store.target(inode)))
            }
            Kind::Char | Kind::Block | Kind::Fifo => Node::Special,
        }
    }
}

/// Looks a list up in a tree.
pub fn prefetched_rows(list: &PrefetchList, walk: &Walk, tree: &Tree, stores: &[Store]) -> Result<Resolved> {
    if list.is_whole() {
        return Ok(Resolved { rows: vec![0], ..Resolved::default() });
    }
    resolve(list.patterns(), &WalkedTree::new(walk, tree, stores))
}

/// Counts what a list means on an image.
pub fn summary(
    resolved: &Resolved,
    walk: &Walk,
    (tree, stores): (&Tree, &[Store]),
    table: &BlobTable,
    chunk_size: u32,
) -> Prefetched {
    let mut counted = Prefetched {
        entries: u32::try_from(resolved.rows.len()).unwrap_or(u32::MAX),
        missing: resolved.missing.clone(),
        covered: resolved.covered,
        empty: resolved.empty,
        ..Prefetched::default()
    };
    let listed = listed_rows(&resolved.rows, walk);
    // Chunks by blob: 1 for those of any file, 2 for those of a listed one.
    let mut used: Vec<Vec<u8>> = table.blobs.iter().map(|blob| vec![0; blob.chunk_count()]).collect();
    let mut linked: [HashSet<(u16, u32)>; 2] = Default::default();
    for (&node, &is_listed) in walk.rows.iter().zip(&listed) {
        let at = tree.node(node).inode();
        let inode = inode_at(stores, at);
        if inode.kind != Kind::File {
            continue;
        }
        // A file with several names counts once: as listed if one of its names is.
        let key = (at.store, at.number);
        let [any, named] = &mut linked;
        let is_new = inode.mark != Mark::Linked || any.insert(key);
        let is_named = is_listed && (inode.mark != Mark::Linked || named.insert(key));
        if is_new {
            counted.files.add(1, false);
            counted.bytes.add(inode.size, false);
        }
        if is_named {
            counted.files.listed += 1;
            counted.bytes.listed += inode.size;
        }
        if !(is_new || is_named) {
            continue;
        }
        let store = stores.get(usize::from(at.store));
        for stretch in store.map(|store| store.chunks(inode, chunk_size)).into_iter().flatten() {
            for place in stretch.places() {
                let column = table.position(place.layer).and_then(|blob| used.get_mut(blob as usize));
                if let Some(mark) = column.and_then(|column| column.get_mut(place.index as usize)) {
                    *mark = (*mark).max(if is_listed { 2 } else { 1 });
                }
            }
        }
    }
    for (blob, marks) in table.blobs.iter().zip(&used) {
        // The highest mark of each batch's chunks: a batch is fetched whole.
        let mut batches = vec![0; blob.batches.len()];
        for ((chunk, batch), &mark) in ChunkRecord::with_batches(&blob.chunks).zip(marks) {
            if mark > 0 {
                counted.chunks.add(1, mark == 2);
            }
            if let Some(highest) = batch.and_then(|batch| batches.get_mut(batch)) {
                *highest = mark.max(*highest);
            } else if mark > 0 {
                counted.stored.add(u64::from(chunk.compressed_size), mark == 2);
            }
        }
        for (batch, mark) in blob.batches.iter().zip(batches).filter(|&(_, mark)| mark > 0) {
            counted.stored.add(u64::from(batch.stored), mark == 2);
        }
    }
    counted
}

/// For each row whether the list names it or a directory above it.
fn listed_rows(rows: &[u32], walk: &Walk) -> Vec<bool> {
    let mut listed = vec![false; walk.rows.len()];
    for &row in rows {
        if let Some(slot) = listed.get_mut(row as usize) {
            *slot = true;
        }
    }
    // A directory comes before what is in it.
    for span in &walk.spans {
        if listed.get(span.row as usize) == Some(&true) {
            let rows = span.first as usize..(span.first + span.count) as usize;
            listed.get_mut(rows).unwrap_or_default().fill(true);
        }
    }
    listed
}
