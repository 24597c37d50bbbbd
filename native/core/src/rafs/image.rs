//! Writes the two bootstraps: the one inside a layer's blob, and the one of the whole image.

use std::collections::HashMap;
use std::sync::Arc;

use super::blob_table::{Blob, BlobTable};
use super::dictionary::{ChunkDictionary, is_of_dictionary};
use super::model::{LayerTree, Store, Tree, Walk};
use super::overlay::Overlay;
use super::prefetch::{Prefetched, prefetched_rows, summary};
use super::recall::entered_directories;
use super::{Bootstrap, Moved};
use crate::blob::{BlobFile, BlobKind, BlobRecord, SectionWriter, Spool, StoredChunks, id as blob_id};
use crate::dict::Place;
use crate::digest::{Digest, Fingerprint};
use crate::error::{Error, Result};
use crate::format::Format;
use crate::table::ChunkRecord;

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
    kind: &'static BlobKind,
    /// The blobs of an image that was read back as the lowest layer, each with its number; `None` for an ordinary layer.
    base: Option<Vec<(u32, Blob)>>,
}

impl SealedLayer {
    /// A layer that was read back from its blob.
    pub const fn recalled(
        number: u32,
        blob: Option<Blob>,
        tree: LayerTree,
        moved: Moved,
        blob_meta: Vec<u8>,
        kind: &'static BlobKind,
    ) -> Self {
        let entered = String::new();
        Self { number, blob, tree, moved, blob_meta, entered, is_recalled: true, kind, base: None }
    }

    /// An image that was read back, with its blobs and their numbers.
    pub const fn base(
        number: u32,
        blobs: Vec<(u32, Blob)>,
        tree: LayerTree,
        moved: Moved,
        kind: &'static BlobKind,
    ) -> Self {
        Self {
            number,
            blob: None,
            tree,
            moved,
            blob_meta: Vec::new(),
            entered: String::new(),
            is_recalled: true,
            kind,
            base: Some(blobs),
        }
    }

    /// True if its chunks stay in the source layer.
    pub const fn refers(&self) -> bool {
        self.kind.refers()
    }

    /// The number of names in the layer.
    pub fn names(&self) -> u64 {
        self.tree.inodes() as u64
    }

    /// The blobs of an image that was read back, with the numbers that references call them by.
    pub fn kept(&self) -> impl Iterator<Item = (u32, SealedChunks)> {
        let blobs = self.base.as_deref().unwrap_or_default();
        blobs.iter().map(|(number, blob)| (*number, SealedChunks(blob.clone())))
    }

    /// The chunks of these blobs that its files refer to, the highest blob first: its files are seen.
    pub fn kept_chunks(&self) -> impl Iterator<Item = (Fingerprint, Place)> {
        let blobs = self.base.as_deref().unwrap_or_default();
        blobs.iter().rev().flat_map(|(number, blob)| {
            let chunks = (0u32..).map_while(|index| Some((index, blob.chunk(index)?)));
            chunks.filter(|(_, chunk)| chunk.uncompressed_size > 0).map(|(index, chunk)| {
                let ChunkRecord { digest, uncompressed_size: len, .. } = chunk;
                (Fingerprint { digest, crc32: 0, len }, Place { layer: *number, index })
            })
        })
    }

    /// The chunks that upper layers may refer to.
    pub fn blob(&self) -> Option<SealedChunks> {
        self.blob.clone().map(SealedChunks)
    }
}

/// The chunks of a sealed layer.
#[derive(Clone)]
pub struct SealedChunks(pub(super) Blob);

/// Appends the sections to the blob of layer `number`; `lower` are the blobs of other layers and of the dictionary that its tree
/// refers to, by number. The blobs of its bootstrap stand in the order in which packing first used them, its own among the
/// others (Nydus builder/src/core/node.rs). `layer` is digest and size of the layer that holds the chunks, if the blob does not.
pub fn seal(
    file: (&mut BlobFile, &Spool),
    number: u32,
    tree: LayerTree,
    chunks: &StoredChunks,
    lower: &[(u32, Option<SealedChunks>)],
    format: &Format,
    layer: Option<(Digest, u64)>,
) -> Result<SealedLayer> {
    let table = |record: Option<BlobRecord>| {
        let mut table = BlobTable::default();
        for &layer in &tree.order {
            if layer == number {
                if let Some(record) = record.clone() {
                    table.add(layer, blob_of(record, chunks));
                }
            } else if let Some((_, Some(SealedChunks(blob)))) =
                lower.iter().find(|(other, _)| *other == layer)
            {
                table.add(layer, blob.clone());
            }
        }
        Ok(table)
    };
    let Closed { blob, moved, blob_meta, entered } =
        close(file, (&tree.tree, tree.stores()), chunks, |_, record| table(record), format, layer)?;
    let (is_recalled, kind) = (false, format.kind);
    Ok(SealedLayer { number, blob, tree, moved, blob_meta, entered, is_recalled, kind, base: None })
}

/// A blob to which its sections have been appended.
pub(super) struct Closed {
    /// `None` if it stores no chunk.
    pub blob: Option<Blob>,
    pub moved: Moved,
    /// Content of its `.blob.meta` file.
    pub blob_meta: Vec<u8>,
    /// See `recall::entered_directories`.
    pub entered: String,
}

/// Appends the sections to a blob: `chunks` is what it stores, and its own bootstrap shows this tree. `table` makes the blob table of
/// the bootstrap, given the blob's own description.
pub(super) fn close(
    (file, spool): (&mut BlobFile, &Spool),
    (tree, stores): (&Tree, &[Store]),
    chunks: &StoredChunks,
    table: impl FnOnce(&Walk, Option<BlobRecord>) -> Result<BlobTable>,
    format: &Format,
    layer: Option<(Digest, u64)>,
) -> Result<Closed> {
    let mut sections = SectionWriter::new(file, spool, format);
    let (mut record, blob_meta) = sections.chunks(chunks)?.unzip();
    if let (Some(record), Some((digest, size))) = (&mut record, layer) {
        (record.id, record.compressed_size) = (Some(blob_id(&digest)), size);
    }
    let walk = Walk::new(tree, stores);
    let table = table(&walk, record.clone())?;
    // The reference writes no list into a blob that refers to its layer.
    let rows = match layer {
        Some(_) => Vec::new(),
        None => prefetched_rows(&format.prefetch, &walk, tree, stores)?.rows,
    };
    let (bootstrap, moved) = (format.version.write)(&Bootstrap {
        tree,
        stores,
        walk: &walk,
        table: &table,
        format,
        prefetched: &rows,
        moved: &[],
        force_xattr_flag: false,
    })?;
    let entered = entered_directories(&walk, tree, stores);
    drop(walk);
    let toc_digest = sections.finish(bootstrap)?;
    // The blob has a name only now, because all its chunk data is written.
    let (digest, size) = (file.digest_with(&[]), file.size());
    let is_compatible = layer.is_some() && format.referring.is_some_and(|rule| rule.is_compatible);
    let blob = record.map(|record| {
        let toc_digest = toc_digest.filter(|_| is_compatible);
        blob_of(BlobRecord { toc_digest, ..record.foreign(&digest, size) }, chunks)
    });
    Ok(Closed { blob, moved, blob_meta: blob_meta.unwrap_or_default(), entered })
}

pub(super) fn blob_of(record: BlobRecord, chunks: &StoredChunks) -> Blob {
    Blob { record, chunks: Arc::clone(&chunks.records), batches: Arc::clone(&chunks.batches), sparse: None }
}

/// Returns the bytes that the blobs of these layers store although a lower one stores them, too.
pub fn repeated_bytes(layers: &[SealedLayer]) -> u64 {
    let blobs: Vec<_> = layers.iter().filter_map(|layer| layer.blob.as_ref()).collect();
    super::repeats::repeated_bytes(&blobs)
}

/// Returns what each blob of the dictionary has saved these layers, by its position.
pub fn saved_by<'a>(
    dictionary: &ChunkDictionary,
    layers: &'a [SealedLayer],
    once: bool,
) -> HashMap<u32, super::UsedBlob> {
    let places =
        |layer: &'a SealedLayer| layer.tree.stores().iter().flat_map(|store| store.references.places());
    super::repeats::saved_by(dictionary, layers.iter().map(places), once)
}

/// The bootstrap of an image, and what was found while it was made.
pub struct Merged {
    /// The bootstrap.
    pub bootstrap: Vec<u8>,
    /// The positions, in the dictionary, of those of its blobs that the bootstrap names, in its order.
    pub dictionary_blobs: Vec<u32>,
    /// What the prefetch list means; `None` if the list is the whole image.
    pub prefetched: Option<Prefetched>,
}

/// Writes the bootstrap of the image; `places` are the numbers of its layers, lowest first, and one may occur several times.
/// Frees each layer's tree when it has been merged with those below.
pub fn merged_bootstrap(
    layers: Vec<SealedLayer>,
    places: &[u32],
    format: &Format,
    dictionary: Option<&ChunkDictionary>,
) -> Result<Merged> {
    let mut numbers = Vec::with_capacity(layers.len());
    let (mut blobs, mut moved, mut recalled) = (Vec::new(), Vec::new(), Vec::new());
    let (mut trees, mut stores) = (Vec::new(), Vec::new());
    let mut has_chunks = false;
    let mut kind = format.kind;
    let mut base: Option<(u32, Vec<(u32, Blob)>)> = None;
    for layer in layers {
        has_chunks |= layer.blob.is_some() || layer.tree.order.iter().copied().any(is_of_dictionary);
        if let Some(blobs) = layer.base {
            has_chunks |= !blobs.is_empty();
            base = Some((layer.number, blobs));
        }
        let (tree, store) = layer.tree.into_parts();
        // The reference's merge takes what the last layer says.
        if places.last() == Some(&layer.number) {
            kind = layer.kind;
        }
        numbers.push(layer.number);
        blobs.push(layer.blob);
        moved.push(layer.moved);
        recalled.push(layer.is_recalled);
        trees.push(Some(tree));
        stores.push(store.unwrap_or_default());
    }
    let (lowest, kept) = base.unzip();
    let (tree, stores) = overlaid(&mut trees, stores, (&numbers, &recalled), (lowest, places), true)?;
    let made =
        Layers { tree: &tree, stores: &stores, moved: &moved, has_chunks, kept: kept.unwrap_or_default() };
    write_merged(&made, &Format { kind, ..format.clone() }, |number| {
        if is_of_dictionary(number) {
            return dictionary?.blob(number);
        }
        let position = numbers.iter().position(|&other| other == number)?;
        blobs.get(position)?.clone()
    })
}

/// Merges the trees of layers, which have these numbers and may be recalled, at their places. `lowest` is the number of an image that
/// is merged already. Returns the tree that a container sees, and the stores that it leads to. With `frees` each layer's tree is freed
/// when it has been merged with those below.
pub(super) fn overlaid(
    trees: &mut [Option<Tree>],
    stores: Vec<Store>,
    (numbers, recalled): (&[u32], &[bool]),
    (lowest, places): (Option<u32>, &[u32]),
    frees: bool,
) -> Result<(Tree, Vec<Store>)> {
    let position_of = |number: u32| {
        let missing = || Error::internal(format!("layer {number} is not there to be merged"));
        numbers.iter().position(|&other| other == number).ok_or_else(missing)
    };
    let (mut overlay, places) = match lowest {
        None => (Overlay::new(stores)?, places),
        Some(lowest) => {
            let store = position_of(lowest)?;
            let tree = trees.get_mut(store).and_then(Option::take);
            let (Some(tree), Some((&first, places)), 0) = (tree, places.split_first(), store) else {
                return Err(Error::internal("an image is not the lowest layer"));
            };
            debug_assert_eq!(first, lowest, "the image is the first place");
            (Overlay::onto(tree, stores)?, places)
        }
    };
    for (position, &number) in places.iter().enumerate() {
        let missing = || Error::internal(format!("layer {number} is not there to be merged"));
        let store = position_of(number)?;
        let is_recalled = recalled.get(store).copied().unwrap_or(false);
        let tree = trees.get_mut(store).ok_or_else(missing)?;
        overlay.add(
            tree.as_ref().ok_or_else(missing)?,
            (u16::try_from(store).unwrap_or(u16::MAX), number),
            is_recalled,
        )?;
        if frees && !places.get(position + 1..).unwrap_or_default().contains(&number) {
            *tree = None;
        }
    }
    let Overlay { mut tree, stores, .. } = overlay;
    tree.freeze();
    Ok((tree, stores))
}

/// The layers of an image, merged.
pub(super) struct Layers<'a> {
    pub tree: &'a Tree,
    pub stores: &'a [Store],
    /// The moved chunks of each store's layer.
    pub moved: &'a [Moved],
    /// False if no file has any content.
    pub has_chunks: bool,
    /// Blobs that stand in front of all others, whether files refer to them or not, each with its number.
    pub kept: Vec<(u32, Blob)>,
}

/// Writes the bootstrap of merged layers; `of_layer` returns the blob of a layer, or of the dictionary.
pub(super) fn write_merged(
    &Layers { tree, stores, moved, has_chunks, ref kept }: &Layers<'_>,
    format: &Format,
    of_layer: impl Fn(u32) -> Option<Blob>,
) -> Result<Merged> {
    let walk = Walk::new(tree, stores);
    let chunk_size = if has_chunks { format.chunk_size } else { CHUNKLESS_CHUNK_SIZE };
    let format = &Format { chunk_size, ..format.clone() };
    let table = BlobTable::of_merged(&walk, tree, stores, chunk_size, kept, of_layer)?;
    let resolved = prefetched_rows(&format.prefetch, &walk, tree, stores)?;
    let (bootstrap, _) = (format.version.write)(&Bootstrap {
        tree,
        stores,
        walk: &walk,
        table: &table,
        format,
        prefetched: &resolved.rows,
        moved,
        force_xattr_flag: true,
    })?;
    let prefetched =
        (!format.prefetch.is_whole()).then(|| summary(&resolved, &walk, (tree, stores), &table, chunk_size));
    Ok(Merged { bootstrap, dictionary_blobs: table.dictionary_blobs(), prefetched })
}
