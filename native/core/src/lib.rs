//! The data plane of nydusify-ts: compressed layers go in, RAFS blobs and the bootstrap of the image come out; or, for those
//! who only look, tables of entries and chunks. Nothing here knows of Node.
//!
//! From the outside in: `pipeline` (threads and their ends), `inflate`, `archive` (tar), `chunk`, `decide` and `dict` (what
//! is new), `unit` and `compress`, `blob`, `rafs` (trees and bootstraps), `table` (what crosses the border for those who look).
//! `verify` goes the other way.

#![forbid(unsafe_code)]

pub mod archive;
mod blob;
mod chunk;
pub mod compress;
mod decide;
mod dict;
pub mod digest;
mod ending;
pub mod error;
mod growth;
pub mod gzip;
pub mod inflate;
mod lz4;
pub mod meter;
pub mod pipeline;
pub mod pool;
mod queue;
mod rafs;
mod slots;
mod sync;
pub mod table;
mod unit;
pub mod verify;

pub use chunk::Warning;
pub use ending::Reply;
pub use error::{Error, Result};
pub use growth::Grown;
pub use queue::Input;
