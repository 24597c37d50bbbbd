//! `Contents` receives a layer's entries: a scan packs them in a table, a conversion applies them to a tree.

use crate::archive::Entry;
use crate::dict::Place;
use crate::rafs::LayerTree;
use crate::table::{EntryTable, Promised};

/// The entries and references of a layer while it is read.
pub trait Contents {
    /// Takes the next entry, which is within the limits. The references of its file follow by `push_reference`.
    fn push(&mut self, entry: &Entry, promised: Promised);
    /// Takes the next reference, in file order.
    fn push_reference(&mut self, place: Place);
}

impl Contents for EntryTable {
    fn push(&mut self, entry: &Entry, promised: Promised) {
        Self::push(self, entry, promised);
    }

    fn push_reference(&mut self, place: Place) {
        Self::push_reference(self, place);
    }
}

impl Contents for LayerTree {
    fn push(&mut self, entry: &Entry, promised: Promised) {
        self.apply(entry, promised.first);
    }

    fn push_reference(&mut self, place: Place) {
        Self::push_reference(self, place);
    }
}
