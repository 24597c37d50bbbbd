//! The metadata of an image: the trees of layers are merged into one, and bootstraps are written from them. Only finished
//! bytes cross to TypeScript.
//!
//! `model` holds the trees and `overlay` merges them; `image` makes the two bootstraps, the one inside a layer's blob and
//! the one of the image. A row of `VERSIONS` holds the writer of a bootstrap: each is a folder with a function from
//! `Bootstrap` to bytes.

mod base;
mod blob_table;
mod bootstrap;
mod dictionary;
mod fields;
mod flatten;
mod image;
mod left_out;
mod model;
mod overlay;
mod prefetch;
mod recall;
mod repeats;
mod v5;
mod v6;

pub use base::{BaseImage, Home, base};
use bootstrap::{Bootstrap, Moved};
pub use dictionary::{ChunkDictionary, DictionaryBlob, is_of_dictionary};
pub use flatten::Flattening;
pub use image::{Merged, SealedChunks, SealedLayer, merged_bootstrap, repeated_bytes, saved_by, seal};
pub use left_out::{Files, LeftOut};
pub use model::{LayerTree, Tree};
pub use prefetch::{Part, Prefetched};
use recall::Draft;
pub use recall::{BlobTail, OtherBlobs, Recalled, SourceLayer, recall};
pub use repeats::UsedBlob;

use crate::blob::BlobKind;
use crate::error::Result;

/// A version of the format.
#[derive(Debug)]
pub struct Version {
    /// The number that images are labelled with.
    pub number: u32,
    /// The blobs that its bootstraps refer to.
    pub kind: &'static BlobKind,
    /// The blobs whose small chunks are compressed together, if the version has such.
    pub batched: Option<&'static BlobKind>,
    /// Bytes that each chunk of a file takes in the layer's bootstrap and in the image's together.
    pub chunk_bytes: u64,
    /// Writes a bootstrap.
    pub write: fn(&Bootstrap<'_>) -> Result<Written>,
    /// Reads a bootstrap back, of one layer or of an image.
    pub read: fn(&[u8], &mut Draft, &OtherBlobs<'_>) -> Result<()>,
}

/// The bytes of a bootstrap, and the moved chunks that a merge needs to know of a layer's own bootstrap.
pub type Written = (Vec<u8>, Moved);

/// The versions that can be written, the default first.
pub static VERSIONS: [&Version; 2] = [&v6::VERSION, &v5::VERSION];
