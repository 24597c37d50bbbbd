//! Writes the two bootstraps: the one inside a layer's blob, and the one of the whole image.

use std::sync::Arc;

use super::blob_table::{Blob, BlobTable};
use super::model::{LayerTree, Walk};
use super::overlay::Overlay;
use super::recall::entered_directories;
use super::{Bootstrap, Moved};
use crate::blob::{BlobFile, BlobRecord, SectionWriter, Spool, StoredChunks};
use crate::digest::hex;
use crate::error::{Error, Result};
use crate::format::Format;

/// The chunk size in the bootstrap of an image without any chunk, whatever the caller has chosen (Nydus
/// builder/src/merge.rs).
const CHUNKLESS_CHUNK_SIZE: u32 = 0x10_0000;

/// A layer whose blob is complete, for upper layers and the merged bootstrap.
pub struct SealedLayer {
    /// The number that references call it by.
    pub number: u32,
    /// `None` if the layer stores no chunk.
    blob: Option<Blob>,
    tree: LayerTree,
    moved: Moved,
    /// Content of the blob's `.blob.meta` file; empty when the layer stores no chunk.
    pub blob_meta: Vec<u8>,
    /// See `recall::entered_directories`; empty for a layer that was read back.
    pub entered: String,
    /// True if the layer was read back from its blob, which does not tell the order of its entries.
    is_recalled: bool,
}

impl SealedLayer {
    /// A layer that was read back from its blob.
    pub const fn recalled(
        number: u32,
        blob: Option<Blob>,
        tree: LayerTree,
        moved: Moved,
        blob_meta: Vec<u8>,
    ) -> Self {
        Self { number, blob, tree, moved, blob_meta, entered: String::new(), is_recalled: true }
    }

    /// The number of names in the layer.
    pub fn names(&self) -> u64 {
        self.tree.inodes() as u64
    }

    /// The chunks that upper layers may refer to.
    pub fn blob(&self) -> Option<SealedChunks> {
        self.blob.clone().map(SealedChunks)
    }
}

/// The chunks of a sealed layer.
#[derive(Clone)]
pub struct SealedChunks(Blob);

/// Appends the sections to the blob of layer `number`; `lower` are the blobs of the other layers that its tree refers to, by
/// number. The blobs of its bootstrap stand in the order in which packing first used them, its own among those of lower
/// layers, which take the place of the reference's chunk dictionary (Nydus builder/src/core/node.rs).
pub fn seal(
    file: (&mut BlobFile, &Spool),
    number: u32,
    tree: LayerTree,
    chunks: &StoredChunks,
    lower: &[(u32, Option<SealedChunks>)],
    format: &Format,
) -> Result<SealedLayer> {
    let (file, spool) = file;
    let mut sections = SectionWriter::new(file, spool, format);
    let (record, blob_meta) = sections.chunks(chunks)?.unzip();
    let mut table = BlobTable::default();
    for &layer in &tree.order {
        if layer == number {
            let own = record.clone().map(|record: BlobRecord| (record, Arc::clone(&chunks.records)));
            if let Some((record, chunks)) = own {
                table.add(layer, Blob { record, chunks });
            }
        } else if let Some((_, Some(SealedChunks(blob)))) = lower.iter().find(|(other, _)| *other == layer) {
            table.add(layer, blob.clone());
        }
    }
    let walk = Walk::new(&tree.tree, tree.stores());
    let (bootstrap, moved) = (format.version.write)(&Bootstrap {
        tree: &tree.tree,
        stores: tree.stores(),
        walk: &walk,
        table: &table,
        format,
        moved: &[],
        force_xattr_flag: false,
    })?;
    let entered = entered_directories(&walk, &tree.tree, tree.stores());
    drop(walk);
    sections.finish(bootstrap)?;
    // The blob has a name only now, because all its chunk data is written.
    let id = hex(&file.digest_with(&[]));
    let id = id.as_bytes().try_into().map_err(|_| Error::internal("a digest is not 64 digits"))?;
    let blob = record.map(|record| Blob { record: record.foreign(id), chunks: Arc::clone(&chunks.records) });
    Ok(SealedLayer {
        number,
        blob,
        tree,
        moved,
        blob_meta: blob_meta.unwrap_or_default(),
        entered,
        is_recalled: false,
    })
}

/// Returns the bytes that the blobs of these layers store although a lower one stores them, too.
pub fn repeated_bytes(layers: &[SealedLayer]) -> u64 {
    let blobs: Vec<_> = layers.iter().filter_map(|layer| layer.blob.as_ref()).collect();
    super::repeats::repeated_bytes(&blobs)
}

/// Writes the bootstrap of the image; `places` are the numbers of its layers, lowest first, and one may occur several times.
/// Frees each layer's tree when it has been merged with those below.
pub fn merged_bootstrap(layers: Vec<SealedLayer>, places: &[u32], format: &Format) -> Result<Vec<u8>> {
    let mut numbers = Vec::with_capacity(layers.len());
    let (mut blobs, mut moved, mut recalled) = (Vec::new(), Vec::new(), Vec::new());
    let (mut trees, mut stores) = (Vec::new(), Vec::new());
    for layer in layers {
        let (tree, store) = layer.tree.into_parts();
        numbers.push(layer.number);
        blobs.push(layer.blob);
        moved.push(layer.moved);
        recalled.push(layer.is_recalled);
        trees.push(Some(tree));
        stores.push(store.unwrap_or_default());
    }
    let mut overlay = Overlay::new(stores)?;
    for (position, &number) in places.iter().enumerate() {
        let missing = || Error::internal(format!("layer {number} is not there to be merged"));
        let store = numbers.iter().position(|&other| other == number).ok_or_else(missing)?;
        let is_recalled = recalled.get(store).copied().unwrap_or(false);
        let tree = trees.get_mut(store).ok_or_else(missing)?;
        overlay.add(
            tree.as_ref().ok_or_else(missing)?,
            (u16::try_from(store).unwrap_or(u16::MAX), number),
            is_recalled,
        )?;
        if !places.get(position + 1..).unwrap_or_default().contains(&number) {
            *tree = None;
        }
    }
    let Overlay { mut tree, stores, .. } = overlay;
    tree.freeze();
    let walk = Walk::new(&tree, &stores);
    let has_chunks = blobs.iter().any(Option::is_some);
    let chunk_size = if has_chunks { format.chunk_size } else { CHUNKLESS_CHUNK_SIZE };
    let format = &Format { chunk_size, ..format.clone() };
    let table = BlobTable::of_merged(&walk, &tree, &stores, chunk_size, |number| {
        let position = numbers.iter().position(|&other| other == number)?;
        blobs.get(position)?.clone()
    })?;
    let (bootstrap, _) = (format.version.write)(&Bootstrap {
        tree: &tree,
        stores: &stores,
        walk: &walk,
        table: &table,
        format,
        moved: &moved,
        force_xattr_flag: true,
    })?;
    Ok(bootstrap)
}
