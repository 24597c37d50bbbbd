//! The pipeline runs layers on threads with bounded queues between them. A layer in flight is two threads of its own and
//! jobs in the image's pool:
//!
//! ```text
//! write ─► input queue ─► [inflate: source digest] ─► blocks ─► [read: diffID, tar, fingerprints, decisions] ─► units
//!   units ─► [pool: compression, each chunk alone] ─► the worker with the next unit in order appends it to the blob
//! ```
//!
//! Everything between two threads is bounded in bytes. The output depends only on the input and the options: chunks are
//! numbered when decisions are taken, in tar order and layer order, and units reach the blob in that order.
//!
//! Every failure, also a panic, ends in `Layer::fail`: it records the first error, wakes every waiting thread, gives the
//! turn to the next layer, removes the file and answers the owner. Aborting is failing with `Aborted`.
//!
//! `convert` and `scan` are the two roles of a layer. Both are built from the same parts: `image` (state that the layers of
//! an image share), `layer` (one layer in flight), `stages` (its threads) and `output` (its blob file).

mod convert;
mod flatten;
mod image;
mod layer;
mod only;
mod output;
mod scan;
mod sealing;
mod stages;
#[cfg(test)]
mod tests;
mod tracked;

pub use crate::rafs::{
    BaseImage, BlobTail, ChunkDictionary, DictionaryBlob, Files, Home, LeftOut, Part, Prefetched,
    SourceLayer, UsedBlob,
};
pub use convert::{ImagePacker, LayerPacker, MergedImage, PackOptions, RecalledLayer, SealedBlob};
pub use flatten::{FlatImage, Flatten};
pub use image::Dedup;
pub use scan::{ImageScanner, LayerScanner, ScanOptions, ScannedLayer};
pub use stages::{LayerSummary, Source};
