//! Reads a v6 bootstrap: its tables, then its tree. Nothing is trusted: bounds are checked before access and counts before
//! memory is taken, and a fault that no reader could pass ends the reading with one finding.

pub mod chunks;
pub mod directory;
pub mod inode;
pub mod tables;
pub mod tree;
pub mod xattrs;

use crate::finding::Refusal;
use chunks::ChunkPlaces;
use tables::Tables;
use tree::Tree;

/// A bootstrap that can be read.
pub struct Image<'a> {
    /// The bytes of the file.
    pub bytes: &'a [u8],
    pub tables: Tables,
    pub chunks: ChunkPlaces,
    pub tree: Tree,
}

impl<'a> Image<'a> {
    pub fn read(bytes: &'a [u8]) -> Result<Self, Refusal> {
        let (tables, chunks) = Tables::read(bytes)?;
        let tree = Tree::read(bytes, &tables, &chunks)?;
        Ok(Self { bytes, tables, chunks, tree })
    }
}
