//! Flattens an image: of each layer stays what a container sees. Chunks that no file names are left out of the blobs, and names that
//! upper layers hide out of the blobs' own bootstraps, so that the layers put on one another still give the same tree.
//!
//! Which chunks stay is read off the merged tree alone. So hard links, symlinks on the way and entries that their own layer overwrites
//! need no rules here.

use std::collections::{HashMap, HashSet};

use super::Moved;
use super::blob_table::{Blob, BlobTable};
use super::dictionary::{ChunkDictionary, is_of_dictionary};
use super::image::{Closed, Layers, Merged, blob_of, close, overlaid, write_merged};
use super::left_out::{LeftOut, left_out};
use super::model::{At, Kind, LayerTree, NONE, ROOT, Store, Tree, Walk};
use super::repeats::{UsedBlob, repeated_bytes, saved_by};
use crate::blob::{BlobFile, LEFT_OUT, Spool, StoredChunks};
use crate::dict::Place;
use crate::error::{Error, Result};
use crate::format::Format;

/// The layers of an image, merged, and what stays of each.
pub struct Flattening {
    tree: Tree,
    stores: Vec<Store>,
    /// The number of each store's layer.
    numbers: Vec<u32>,
    /// The trees of the layers as they were.
    trees: Vec<Option<Tree>>,
    /// The inodes of each store that the merged tree leads to.
    alive: Vec<Vec<bool>>,
    /// The chunks of each layer that files of the merged tree refer to.
    used: Vec<Vec<bool>>,
    /// The chunks of the dictionary that files of each layer refer to.
    borrowed: Vec<HashSet<Place>>,
    has_chunks: bool,
    moved: Vec<Moved>,
    blobs: Vec<Option<Blob>>,
}

impl Flattening {
    /// Merges layers, each with its number, its tree and the number of chunks that it stores, at their places.
    pub fn new(layers: Vec<(u32, LayerTree, usize)>, places: &[u32], chunk_size: u32) -> Result<Self> {
        let (mut numbers, mut trees, mut stores, mut used) = (vec![], vec![], vec![], vec![]);
        for (number, tree, chunks) in layers {
            let (tree, store) = tree.into_parts();
            numbers.push(number);
            trees.push(Some(tree));
            stores.push(store.unwrap_or_default());
            used.push(vec![false; chunks]);
        }
        let recalled = vec![false; numbers.len()];
        let (tree, stores) = overlaid(&mut trees, stores, (&numbers, &recalled), (None, places), false)?;
        let alive = stores.iter().map(|store| vec![false; store.len()]).collect();
        let borrowed = vec![HashSet::new(); stores.len()];
        let (moved, blobs) = (vec![Moved::new(); stores.len()], vec![None; numbers.len()]);
        let mut made =
            Self { tree, stores, numbers, trees, alive, used, borrowed, has_chunks: false, moved, blobs };
        made.mark(chunk_size)?;
        Ok(made)
    }

    /// Marks the inodes and chunks that the merged tree leads to.
    fn mark(&mut self, chunk_size: u32) -> Result<()> {
        let Self { tree, stores, numbers, alive, used, borrowed, has_chunks, .. } = self;
        let positions: HashMap<u32, usize> = numbers.iter().copied().zip(0..).collect();
        for &node in &Walk::new(tree, stores).rows {
            let At { store: position, number } = tree.node(node).inode();
            let position = usize::from(position);
            // A file with several names is looked at once.
            let seen = alive.get_mut(position).and_then(|alive| alive.get_mut(number as usize));
            let (Some(store), Some(seen)) = (stores.get(position), seen.filter(|seen| !**seen)) else {
                continue;
            };
            *seen = true;
            let inode = store.inode(number);
            if inode.kind != Kind::File {
                continue;
            }
            for stretch in store.chunks(inode, chunk_size) {
                for &place in stretch.places() {
                    *has_chunks = true;
                    if is_of_dictionary(place.layer) {
                        if let Some(borrowed) = borrowed.get_mut(position) {
                            borrowed.insert(place);
                        }
                        continue;
                    }
                    let used = positions.get(&place.layer).and_then(|&layer| used.get_mut(layer));
                    let chunk = used.and_then(|used| used.get_mut(place.index as usize));
                    let lost = || Error::internal("a file refers to a chunk that no layer has");
                    *chunk.ok_or_else(lost)? = true;
                }
            }
        }
        Ok(())
    }

    /// True if a file refers to this chunk of the layer at a position.
    pub fn is_used(&self, position: usize, index: u32) -> bool {
        self.used.get(position).and_then(|used| used.get(index as usize)).copied().unwrap_or(false)
    }

    /// True if files refer to all chunks of the layer at a position.
    pub fn is_whole(&self, position: usize) -> bool {
        self.used.get(position).is_none_or(|used| used.iter().all(|&used| used))
    }

    /// What the merged tree does not show of each layer. Frees the layers' trees.
    pub fn left_out(&mut self) -> Vec<LeftOut> {
        let Self { stores, trees, alive, .. } = self;
        std::mem::take(trees)
            .into_iter()
            .zip(stores)
            .zip(alive)
            .map(|((tree, store), alive)| {
                tree.map_or_else(LeftOut::default, |tree| left_out(&tree, store, alive))
            })
            .collect()
    }

    /// Gives the chunks of all layers the numbers in `to`, which has a row for each layer: the layer of the blob and the new number of
    /// each chunk.
    pub fn renumber(&mut self, to: &[(u32, Vec<u32>)]) {
        let rows: HashMap<u32, &(u32, Vec<u32>)> = self.numbers.iter().copied().zip(to).collect();
        let moved = |place: Place| {
            let Some((layer, numbers)) = rows.get(&place.layer) else { return place };
            let index = numbers.get(place.index as usize).copied().unwrap_or(LEFT_OUT);
            Place { layer: *layer, index }
        };
        self.stores.iter_mut().for_each(|store| store.references.map(moved));
    }

    /// The trees of the layers, lowest first, each with the names that the merged tree has of it, and the directories that these lie
    /// in.
    pub fn own_trees(&self) -> Result<Vec<Tree>> {
        let Self { tree, stores, numbers, .. } = self;
        let root = tree.node(ROOT).inode();
        let mut parts: Vec<Part> = numbers.iter().map(|_| Part::new(root)).collect();
        let mut implied = Vec::new();
        for &node in Walk::new(tree, stores).rows.iter().skip(1) {
            let at = *tree.node(node);
            let Some(part) = parts.get_mut(usize::from(at.inode().store)) else {
                // The last store holds directories that no layer has an entry for.
                implied.push(at.dir);
                continue;
            };
            if at.dir == NONE {
                let parent = part.directory(tree, stores, at.parent)?;
                part.tree.add(stores, parent, at.name(), at.inode())?;
            } else {
                part.directory(tree, stores, at.dir)?;
            }
        }
        // The target of a symlink leads through some of them to a name elsewhere: the top layer has those that no other needs.
        for dir in implied {
            if parts.iter().any(|part| part.directories.contains_key(&dir)) {
                continue;
            }
            if let Some(top) = parts.last_mut() {
                top.directory(tree, stores, dir)?;
            }
        }
        Ok(parts
            .into_iter()
            .map(|mut part| {
                part.tree.freeze();
                part.tree
            })
            .collect())
    }

    /// Appends the sections to the blob of the layer at a position, whose own bootstrap shows `tree`, or the whole image without one.
    /// Blobs of lower layers must have been closed before. Returns the content of its `.blob.meta` file.
    pub fn close(
        &mut self,
        position: usize,
        tree: Option<&Tree>,
        file: (&mut BlobFile, &Spool),
        chunks: &StoredChunks,
        format: &Format,
        dictionary: Option<&ChunkDictionary>,
    ) -> Result<Vec<u8>> {
        let number = self.numbers.get(position).copied().unwrap_or(NONE);
        let tree = tree.unwrap_or(&self.tree);
        let Closed { blob, moved, blob_meta, .. } = close(
            file,
            (tree, &self.stores),
            chunks,
            |walk, record| {
                let own = record.map(|record| blob_of(record, chunks));
                let of_layer =
                    |layer| if layer == number { own.clone() } else { self.blob(layer, dictionary) };
                let chunk_size = format.chunk_size;
                let mut table = BlobTable::of_merged(walk, tree, &self.stores, chunk_size, &[], of_layer)?;
                // With `Dedup::Image` it may be that only upper layers still refer to the blob's chunks.
                if let Some(own) = own.filter(|_| table.position(number).is_none()) {
                    table.add(number, own);
                }
                Ok(table)
            },
            format,
            None,
        )?;
        if let Some(slot) = self.blobs.get_mut(position) {
            *slot = blob;
        }
        if let Some(slot) = self.moved.get_mut(position) {
            *slot = moved;
        }
        Ok(blob_meta)
    }

    fn blob(&self, number: u32, dictionary: Option<&ChunkDictionary>) -> Option<Blob> {
        if is_of_dictionary(number) {
            return dictionary?.blob(number);
        }
        let position = self.numbers.iter().position(|&other| other == number)?;
        self.blobs.get(position)?.clone()
    }

    /// Writes the bootstrap of the image. All blobs must have been closed.
    pub fn merged(&self, format: &Format, dictionary: Option<&ChunkDictionary>) -> Result<Merged> {
        let Self { tree, stores, moved, has_chunks, .. } = self;
        let layers = Layers { tree, stores, moved, has_chunks: *has_chunks, kept: Vec::new() };
        write_merged(&layers, format, |number| self.blob(number, dictionary))
    }

    /// Stored bytes of chunks that a lower blob stores, too.
    pub fn repeated_bytes(&self) -> u64 {
        repeated_bytes(&self.blobs.iter().flatten().collect::<Vec<_>>())
    }

    /// What each blob of the dictionary has saved, by its position. With `once` a chunk counts once for all layers.
    pub fn saved_by(&self, dictionary: &ChunkDictionary, once: bool) -> HashMap<u32, UsedBlob> {
        saved_by(dictionary, self.borrowed.iter().map(|places| places.iter().copied()), once)
    }
}

/// The tree of one layer while it is made of the merged tree.
struct Part {
    tree: Tree,
    /// Its directories, by those of the merged tree.
    directories: HashMap<u32, u32>,
}

impl Part {
    fn new(root: At) -> Self {
        Self { tree: Tree::new(root), directories: HashMap::from([(ROOT, ROOT)]) }
    }

    /// The directory that stands for one of the merged tree. It is made with the attributes that the merged tree has, and so are those
    /// that it lies in.
    fn directory(&mut self, merged: &Tree, stores: &[Store], dir: u32) -> Result<u32> {
        let mut missing = Vec::new();
        let mut at = dir;
        let mut known = loop {
            if let Some(&known) = self.directories.get(&at) {
                break known;
            }
            missing.push(at);
            at = merged.dir(at).parent;
        };
        for dir in missing.into_iter().rev() {
            let node = merged.node(merged.dir(dir).node);
            let made = self.tree.add(stores, known, node.name(), node.inode())?;
            known = self.tree.make_dir(made)?;
            self.directories.insert(dir, known);
        }
        Ok(known)
    }
}
