//! Reads a v6 bootstrap: its tables, then its tree. Nothing is trusted: bounds are checked before access and counts before
//! memory is taken, and a fault that no reader could pass ends the reading with one finding.

pub mod chunks;
pub mod directory;
pub mod inode;
mod shown;
pub mod tables;
pub mod tree;
pub mod xattrs;

use crate::finding::Refusal;
use chunks::ChunkPlaces;
use tables::Tables;
use tree::Tree;

/// The reader's results for a bootstrap. They borrow nothing, so it can outlive the call that read the file.
pub struct Contents {
    pub tables: Tables,
    pub chunks: ChunkPlaces,
    pub tree: Tree,
}

/// A bootstrap that can be read: its bytes and what was found in them.
#[derive(Clone, Copy)]
pub struct Image<'a> {
    /// The bytes of the file.
    pub bytes: &'a [u8],
    pub tables: &'a Tables,
    pub chunks: &'a ChunkPlaces,
    pub tree: &'a Tree,
}

impl Contents {
    pub fn read(bytes: &[u8]) -> Result<Self, Refusal> {
        let (tables, chunks) = Tables::read(bytes)?;
        let tree = Tree::read(bytes, &tables, &chunks)?;
        Ok(Self { tables, chunks, tree })
    }

    /// Puts the contents beside the bytes that they were read from.
    pub fn image<'a>(&'a self, bytes: &'a [u8]) -> Image<'a> {
        Image { bytes, tables: &self.tables, chunks: &self.chunks, tree: &self.tree }
    }
}
