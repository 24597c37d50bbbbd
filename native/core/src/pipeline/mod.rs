//! Threads, bounded queues, cancellation. A layer in flight is two threads of its own and jobs in the image's pool:
//!
//! ```text
//! write ─► input queue ─► [inflate: source digest] ─► blocks ─► [read: diffID, tar, fingerprints, decisions] ─► units
//!   units ─► [pool: compression, each chunk alone] ─► the worker with the next unit in order appends it to the blob
//! ```
//!
//! Everything between two threads is bounded in bytes. The output depends on the input and the options only: chunks are
//! numbered where decisions are taken, in tar order and layer order, and units reach the blob in that order.
//!
//! A failure anywhere, a panic too, ends in `Layer::fail`: it notes the first error, wakes every thread that waits, gives the turn to
//! the next layer, removes the file and answers the owner. Aborting is failing with `Aborted`.
//!
//! `convert` and `scan` are the two things that can be done with layers. Both are built from the same parts: `image` (what layers of an
//! image share), `layer` (one layer in flight), `stages` (its threads) and `output` (its blob file).

mod convert;
mod image;
mod layer;
mod output;
mod scan;
mod sealing;
mod stages;
#[cfg(test)]
mod tests;

pub use convert::{ImagePacker, LayerPacker, PackOptions, SealedBlob};
pub use image::Dedup;
pub use scan::{ImageScanner, LayerScanner, ScanOptions, ScannedLayer};
pub use stages::{LayerSummary, Source};
