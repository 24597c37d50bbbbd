//! Reads a layer back from the end of its blob, so that a layer which was converted before takes part in a merge without
//! being converted again. The end holds the layer's own bootstrap and, in RAFS v6, the table of contents and the chunk records.
//!
//! `tail` finds the sections and verifies them, the reader of each version fills a `Draft` from the bootstrap, and `marks` holds
//! what a bootstrap does not say. Nothing here trusts a number: the bytes come from a registry.

mod batches;
mod draft;
mod input;
mod marks;
mod others;
mod tail;

use std::sync::Arc;

pub use draft::{Draft, Positions};
pub use input::Input;
pub use marks::{entered_directories, mark_implied};
pub use others::OtherBlobs;

use super::blob_table::Blob;
use super::image::SealedLayer;
use super::model::Walk;
use crate::blob::BlobRecord;
use crate::budget::Account;
use crate::digest::digest_of_hex;
use crate::error::{Error, Result};
use crate::format::Format;

/// The end of a blob, from the end of its chunk data on.
#[derive(Clone, Debug)]
pub struct BlobTail {
    /// The digest of the whole blob in hex.
    pub id: [u8; 64],
    /// Bytes of the blob.
    pub size: u64,
    /// The bytes of its end.
    pub bytes: Vec<u8>,
    /// See `entered_directories`.
    pub entered: String,
    /// The layer that it was made of, if its chunks may lie there.
    pub layer: Option<SourceLayer>,
}

/// The layer that a blob was made of.
#[derive(Clone, Debug)]
pub struct SourceLayer {
    /// Its digest in hex.
    pub id: [u8; 64],
    /// Its size in bytes.
    pub size: u64,
    /// True if a blob that holds its chunks itself is of no use.
    pub is_strict: bool,
}

/// A layer that was read back, and counts of what it holds.
pub struct Recalled {
    /// The layer, as packing it would have left it.
    pub layer: SealedLayer,
    /// Chunks that its files refer to.
    pub references: u64,
    /// Chunks that its blob stores.
    pub chunks: u32,
    /// The number of batches in its blob.
    pub batches: u32,
    /// Packed records of the chunks that its blob stores; zeros for a chunk that no file refers to.
    pub records: Arc<Vec<u8>>,
}

/// Reads layer `number` back. `Format` for an end that this version of the program would not have written with these options, or
/// that names a blob which is not among the others.
pub fn recall(
    number: u32,
    tail: &BlobTail,
    format: &Format,
    account: Arc<Account>,
    others: &OtherBlobs<'_>,
) -> Result<Recalled> {
    let sections = tail::sections(&tail.bytes, tail.size, format)?;
    let chunk_bytes = format.version.chunk_bytes;
    let mut draft = Draft::new(number, format, tail.layer.clone(), Arc::clone(&account))?;
    (format.version.read)(&sections.bootstrap, &mut draft, others)?;
    let record = draft.described.first().map(|own| own.record.clone());
    let references = draft.references();
    let chunks = draft.chunk_count();
    let order = draft.order();
    let Draft { tree, mut stores, chunk_positions, mut records, kind, .. } = draft;
    let walk = Walk::new(&tree, &stores);
    mark_implied(&walk, &tree, &mut stores, &tail.entered)?;
    let moved = chunk_positions.moved(&walk, &tree, &stores, format.chunk_size);
    drop(walk);
    let has_meta = record.is_some() && format.kind.has_meta;
    if record.is_some() != (chunks > 0) || has_meta == sections.blob_meta.is_empty() {
        return Err(damaged("chunks without their blob"));
    }
    let features = record.as_ref().map_or(0, |record| record.features);
    let found = batches::batches(&sections.blob_meta, features, &mut records)?;
    let batches = u32::try_from(found.len()).unwrap_or(u32::MAX);
    let records = Arc::new(records);
    let digest = digest_of_hex(&tail.id).ok_or_else(|| damaged("it has no digest"))?;
    let is_compatible = kind.refers() && format.referring.is_some_and(|rule| rule.is_compatible);
    let toc_digest = sections.toc_digest.filter(|_| is_compatible);
    let blob = record.map(|record| Blob {
        record: BlobRecord { toc_digest, ..record.foreign(&digest, tail.size) },
        chunks: Arc::clone(&records),
        batches: Arc::new(found),
        sparse: None,
    });
    let tree = super::model::LayerTree::recalled(tree, stores, order, account, chunk_bytes);
    let layer = SealedLayer::recalled(number, blob, tree, moved, sections.blob_meta, kind);
    Ok(Recalled { layer, references, chunks, batches, records })
}

/// The error about an end that does not make sense.
pub fn damaged(what: &str) -> Error {
    Error::format(format!("the end of the blob cannot be read: {what}"))
}
