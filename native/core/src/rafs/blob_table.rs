//! The blob table of a bootstrap lists its blobs in order. In a tree a blob is known by the number of its source layer; in a
//! bootstrap it is known by its place in the blob table.

use std::sync::Arc;

use nydus_layout::wire::chunk_record;

use super::dictionary::{is_of_dictionary, position_in_dictionary};
use super::model::{Kind, Store, Tree, Walk};
use crate::blob::BlobRecord;
use crate::dict::Place;
use crate::error::{Error, Result};
use crate::table::{Batch, ChunkRecord, PackedChunk};

/// A blob and the chunks that files may refer to.
#[derive(Clone)]
pub struct Blob {
    /// The blob's description in blob table and device table.
    pub record: BlobRecord,
    /// Packed chunk records, by index; of a dictionary's blob those of the known chunks.
    pub chunks: Arc<Vec<u8>>,
    /// The batches of these chunks.
    pub batches: Arc<Vec<Batch>>,
    /// The indexes of the known chunks, if not all are.
    pub sparse: Option<Arc<Sparse>>,
}

/// The chunks that are known of a dictionary's blob. References count them in this order.
pub struct Sparse {
    /// The index of each in its blob, ascending.
    pub indexes: Vec<u32>,
    /// The number of chunks that the blob stores.
    pub chunk_count: u32,
}

impl Blob {
    /// The number of chunks that files may refer to.
    pub fn slots(&self) -> usize {
        self.chunks.len() / chunk_record::SIZE
    }

    /// The number of chunks that it stores.
    pub fn chunk_count(&self) -> usize {
        self.sparse.as_ref().map_or_else(|| self.slots(), |sparse| sparse.chunk_count as usize)
    }

    /// The index in the blob of the chunk that references call `slot`.
    pub fn stored_index(&self, slot: u32) -> Option<u32> {
        match &self.sparse {
            Some(sparse) => sparse.indexes.get(slot as usize).copied(),
            None => Some(slot),
        }
    }

    /// Describes chunks that only another description of the same blob has: that of an image knows those that its files refer to.
    fn complete_with(&mut self, other: &Self) {
        if Arc::ptr_eq(&self.chunks, &other.chunks) || self.chunks.len() != other.chunks.len() {
            return;
        }
        let slots = Arc::make_mut(&mut self.chunks).chunks_exact_mut(chunk_record::SIZE);
        for (slot, known) in slots.zip(other.chunks.chunks_exact(chunk_record::SIZE)) {
            if slot.iter().all(|&byte| byte == 0) {
                slot.copy_from_slice(known);
            }
        }
    }

    /// The chunk with this index.
    pub fn chunk(&self, index: u32) -> Option<ChunkRecord> {
        self.packed(index).map(ChunkRecord::decode)
    }

    /// The offset of the chunk with this index in the uncompressed address space.
    pub fn uncompressed_offset(&self, index: u32) -> Option<u64> {
        self.packed(index).map(ChunkRecord::uncompressed_offset_of)
    }

    /// The digest of the chunk with this index.
    pub fn digest(&self, index: u32) -> Option<&[u8]> {
        self.packed(index)?.get(..32)
    }

    fn packed(&self, index: u32) -> Option<&PackedChunk> {
        self.chunks.as_chunks().0.get(index as usize)
    }
}

/// The blob table of a bootstrap, and the position of each layer's blob in it.
#[derive(Default)]
pub struct BlobTable {
    /// The blobs in table order.
    pub blobs: Vec<Blob>,
    /// The position of each layer's blob, by the layer's number.
    positions: Vec<Option<u32>>,
    /// The position of each of the dictionary's blobs, by its position in the dictionary.
    of_dictionary: Vec<Option<u32>>,
}

impl BlobTable {
    /// The position of a layer's blob in the table.
    pub fn position(&self, layer: u32) -> Option<u32> {
        let (positions, number) = if is_of_dictionary(layer) {
            (&self.of_dictionary, position_in_dictionary(layer))
        } else {
            (&self.positions, layer)
        };
        positions.get(number as usize).copied().flatten()
    }

    /// The blob of a layer.
    pub fn blob(&self, layer: u32) -> Option<&Blob> {
        self.blobs.get(self.position(layer)? as usize)
    }

    /// Adds the blob of a layer after the others.
    pub fn add(&mut self, layer: u32, blob: Blob) {
        let position = u32::try_from(self.blobs.len()).unwrap_or(u32::MAX);
        self.set(layer, position);
        self.blobs.push(blob);
    }

    /// The positions, in the dictionary, of its blobs in the table, in the order of the table.
    pub fn dictionary_blobs(&self) -> Vec<u32> {
        let placed = (0u32..).zip(&self.of_dictionary);
        let mut used: Vec<_> = placed.filter_map(|(number, at)| at.map(|at| (at, number))).collect();
        used.sort_unstable();
        used.into_iter().map(|(_, number)| number).collect()
    }

    fn set(&mut self, layer: u32, position: u32) {
        let (positions, number) = if is_of_dictionary(layer) {
            (&mut self.of_dictionary, position_in_dictionary(layer))
        } else {
            (&mut self.positions, layer)
        };
        let number = number as usize;
        if number >= positions.len() {
            positions.resize(number + 1, None);
        }
        if let Some(slot) = positions.get_mut(number) {
            *slot = Some(position);
        }
    }

    /// Numbers blobs by first reference in walk order and leaves out those that no file refers to (Nydus
    /// builder/src/merge.rs), behind those that are kept. Equal ids become one blob. `of_layer` returns the blob of a layer.
    pub fn of_merged(
        walk: &Walk,
        tree: &Tree,
        stores: &[Store],
        chunk_size: u32,
        kept: &[(u32, Blob)],
        of_layer: impl Fn(u32) -> Option<Blob>,
    ) -> Result<Self> {
        let mut table = Self::default();
        for (number, blob) in kept {
            table.add(*number, blob.clone());
        }
        for (store, inode) in walk.inodes(tree, stores) {
            if inode.kind != Kind::File {
                continue;
            }
            let store = stores.get(usize::from(store));
            for stretch in store.map(|store| store.chunks(inode, chunk_size)).into_iter().flatten() {
                for &Place { layer, .. } in stretch.places() {
                    if table.position(layer).is_some() {
                        continue;
                    }
                    let blob = of_layer(layer).ok_or_else(|| {
                        Error::internal(format!("a file refers to blob {layer}, which does not exist"))
                    })?;
                    // A layer and a dictionary count the chunks of one blob differently.
                    let is_same = |known: &Blob| {
                        known.record.id == blob.record.id && known.sparse.is_none() == blob.sparse.is_none()
                    };
                    match table.blobs.iter().position(is_same) {
                        Some(known) => {
                            if let Some(known) = table.blobs.get_mut(known) {
                                known.complete_with(&blob);
                            }
                            table.set(layer, u32::try_from(known).unwrap_or(u32::MAX));
                        }
                        None => table.add(layer, blob),
                    }
                }
            }
        }
        Ok(table)
    }
}
