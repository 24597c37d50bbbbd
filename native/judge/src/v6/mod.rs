//! A v6 bootstrap as it is read: its tables, then its tree. Nothing is trusted: bounds come before access and counts before
//! memory, and what no reader could follow ends the reading with one finding.

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
    /// The file.
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
