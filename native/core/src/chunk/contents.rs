//! `Contents` receives a layer's entries: a scan packs them in a table, a conversion applies them to a tree.

use crate::archive::Entry;
use crate::dict::Place;
use crate::rafs::LayerTree;
use crate::table::{EntryTable, Promised};

/// Bytes that a reference takes besides, unless it is part of a run.
pub const REFERENCE_BYTES: u64 = 8;

/// The entries and references of a layer while it is read.
pub trait Contents {
    /// Bytes of memory that each chunk of a file takes in the end, even in a hole.
    fn chunk_bytes(&self) -> u64;

    /// Takes the next entry, which is within the limits. The references of its file follow by `push_references`.
    fn push(&mut self, entry: &Entry, promised: Promised);
    /// Takes the next reference, in file order, `count` times.
    fn push_references(&mut self, place: Place, count: u32);
}

impl Contents for EntryTable {
    /// Readers of the table have a list of the chunks of each file.
    fn chunk_bytes(&self) -> u64 {
        16
    }

    fn push(&mut self, entry: &Entry, promised: Promised) {
        Self::push(self, entry, promised);
    }

    fn push_references(&mut self, place: Place, count: u32) {
        Self::push_references(self, place, count);
    }
}

impl Contents for LayerTree {
    fn chunk_bytes(&self) -> u64 {
        self.chunk_bytes
    }

    fn push(&mut self, entry: &Entry, promised: Promised) {
        self.apply(entry, promised.first);
    }

    fn push_references(&mut self, place: Place, count: u32) {
        Self::push_references(self, place, count);
    }
}
