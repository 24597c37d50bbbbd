//! The metadata of an image: trees of layers, laid over each other, and the bootstraps written from them. Nothing of it crosses to
//! TypeScript but finished bytes.
//!
//! `model` holds the trees and `overlay` merges them; `image` makes the two bootstraps, the one inside a layer's blob and the one of
//! the image. How a bootstrap is written is a row of `VERSIONS`: a folder with a function from `Bootstrap` to bytes.

mod blob_table;
mod bootstrap;
mod image;
mod model;
mod overlay;
mod v6;

use bootstrap::{Bootstrap, Moved};
pub use image::{SealedChunks, SealedLayer, merged_bootstrap, seal};
pub use model::LayerTree;

use crate::error::Result;

/// A version of the format.
#[derive(Debug)]
pub struct Version {
    /// Its number, as images are labelled with it.
    pub number: u32,
    /// Writes a bootstrap.
    pub write: fn(&Bootstrap<'_>) -> Result<Written>,
}

/// The bytes of a bootstrap, and what a merge has to know of a layer whose own bootstrap it is.
pub type Written = (Vec<u8>, Moved);

/// Every version that is written, the default first.
pub static VERSIONS: [&Version; 1] = [&v6::VERSION];
