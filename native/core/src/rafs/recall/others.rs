//! The blobs that a layer's bootstrap names besides its own: those of lower layers and of the chunk dictionary.

use std::sync::Arc;

use super::super::blob_table::Sparse;
use super::super::dictionary::ChunkDictionary;
use super::super::image::SealedChunks;
use super::damaged;
use crate::error::Result;

/// A blob that is not the layer's own.
pub struct Other {
    number: u32,
    slots: u32,
    /// The indexes of the known chunks, if not all are.
    sparse: Option<Arc<Sparse>>,
}

impl Other {
    /// The number by which references call the blob.
    pub const fn number(&self) -> u32 {
        self.number
    }

    /// The number by which references call the chunk with this index in the blob.
    pub fn slot(&self, index: u32) -> Option<u32> {
        let slot = match &self.sparse {
            Some(sparse) => u32::try_from(sparse.indexes.binary_search(&index).ok()?).ok()?,
            None => index,
        };
        (slot < self.slots).then_some(slot)
    }
}

/// The blobs of layers, by the layers' numbers.
type Numbered = Vec<(u32, Option<SealedChunks>)>;

/// Finds blobs by their ids.
pub struct OtherBlobs<'a> {
    dictionary: Option<&'a ChunkDictionary>,
    lower: Box<dyn Fn() -> Result<Numbered> + 'a>,
}

impl<'a> OtherBlobs<'a> {
    /// `lower` waits for the layers below, and is called only if the dictionary does not have a blob.
    pub fn new(dictionary: Option<&'a ChunkDictionary>, lower: impl Fn() -> Result<Numbered> + 'a) -> Self {
        Self { dictionary, lower: Box::new(lower) }
    }

    /// The blobs of these ids; `None` stands for the layer's own, which has no id yet.
    pub fn find(&self, ids: &[Option<[u8; 64]>]) -> Result<Vec<Option<Other>>> {
        let mut lower = None;
        ids.iter()
            .map(|id| {
                let Some(id) = id else { return Ok(None) };
                if let Some((number, chunks)) = self.dictionary.and_then(|dictionary| dictionary.find(id)) {
                    return Ok(Some(other(number, &chunks)));
                }
                if lower.is_none() {
                    lower = Some((self.lower)()?);
                }
                let found = lower.iter().flatten().find_map(|(number, chunks)| {
                    let chunks = chunks.as_ref()?;
                    (chunks.0.record.id.as_ref() == Some(id)).then(|| other(*number, chunks))
                });
                found.map(Some).ok_or_else(|| damaged("it refers to a blob that the image does not have"))
            })
            .collect()
    }
}

fn other(number: u32, SealedChunks(blob): &SealedChunks) -> Other {
    Other { number, slots: u32::try_from(blob.slots()).unwrap_or(u32::MAX), sparse: blob.sparse.clone() }
}
