//! The metadata of an image: trees of layers, laid over each other, and the bootstraps and blob tails written from them.
//! Nothing of it crosses to TypeScript but finished bytes.
//!
//! `store` and `tree` hold what there is, `layer_tree` and `overlay` make it, `walk` puts it in order; `plan` decides where
//! everything goes, `write` writes a bootstrap and `tail` what follows the chunks in a blob. `layout` is generated from the
//! tables in src/rafs-builder.

mod blob_meta;
mod blob_table;
mod bytes;
mod descend;
mod directory;
mod image;
mod layer_tree;
mod names;
mod overlay;
mod placement;
mod plan;
mod store;
mod tail;
mod tar_header;
mod tree;
mod used_chunks;
mod walk;
mod write;
mod xattrs;

use nydus_layout as layout;

pub use image::{ChunkSettings, SealedChunks, SealedLayer, merged_bootstrap, seal};
pub use layer_tree::LayerTree;
pub use tail::StoredChunks;
