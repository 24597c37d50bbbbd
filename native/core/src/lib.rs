//! The data plane of nydusify-ts: compressed layers go in; a conversion gives RAFS blobs and the bootstrap of the image, a scan
//! tables of entries and chunks. Nothing here knows of Node.
//!
//! The modules, from the outside in: `pipeline` (threads and how they end), `inflate`, `archive` (tar), `directory`, `chunk`, `decide`
//! and `dict` (which chunks are new), `codec`, `blob` (data and sections), `rafs` (trees and bootstraps), `table` (the
//! packed result of a scan), `zran` (chunks that stay in their layer), `structure` (the rest of a tar beside its files), `deflate` (how a
//! layer was compressed), `overlayfs` (the marks of upper directories). `prefetch` looks up what clients load first. `verify` reads a
//! blob back, and `rebuild` makes tars of blobs. `budget` bounds what an image may take. `format` describes the image that a caller
//! wants, and `readers` what the oldest clients take.

#![forbid(unsafe_code)]

pub mod archive;
mod blob;
pub mod budget;
mod bytes;
mod chunk;
pub mod codec;
mod decide;
mod deflate;
mod dict;
pub mod digest;
pub mod directory;
mod ending;
pub mod error;
pub mod extract;
pub mod format;
pub mod inflate;
pub mod meter;
mod overlayfs;
pub mod pipeline;
pub mod pool;
pub mod prefetch;
mod queue;
mod rafs;
pub mod readers;
pub mod rebuild;
mod structure;
mod sync;
pub mod table;
pub mod verify;
mod whiteout;
mod zran;

pub use blob::Grown;
pub use chunk::Warning;
pub use ending::Reply;
pub use error::{Error, Result};
pub use structure::Frame;
pub use zran::inflate_context;
