//! What becomes of a layer's entries: a table for those who only look, a tree for those who convert.

use crate::archive::Entry;
use crate::dict::Place;
use crate::error::Result;
use crate::rafs::LayerTree;
use crate::table::{EntryLimits, EntryTable};

/// Entries and references of a layer so far.
pub struct Contents {
    limits: EntryLimits,
    kept: Kept,
}

enum Kept {
    Table(EntryTable),
    Tree(Box<LayerTree>),
}

impl Contents {
    /// Packed, to be handed out.
    pub fn table() -> Self {
        Self { limits: EntryLimits::default(), kept: Kept::Table(EntryTable::default()) }
    }

    /// Applied one after the other to a tree; no entry is kept.
    pub fn tree() -> Result<Self> {
        Ok(Self { limits: EntryLimits::default(), kept: Kept::Tree(Box::new(LayerTree::new()?)) })
    }

    /// The next entry; the references of a file follow by `push_reference`, file after file.
    pub fn push(&mut self, entry: &Entry, chunk_size: u32) -> Result<()> {
        let promised = self.limits.admit(entry, chunk_size)?;
        match &mut self.kept {
            Kept::Table(table) => table.push(entry, promised),
            Kept::Tree(tree) => tree.apply(entry, promised.first),
        }
        Ok(())
    }

    /// The next reference, in file order.
    pub fn push_reference(&mut self, place: Place) {
        match &mut self.kept {
            Kept::Table(table) => table.push_reference(place),
            Kept::Tree(tree) => tree.push_reference(place),
        }
    }

    /// Entries so far.
    pub const fn count(&self) -> u32 {
        self.limits.count()
    }

    /// The table, or the tree.
    pub fn into_parts(self) -> (Option<EntryTable>, Option<Box<LayerTree>>) {
        match self.kept {
            Kept::Table(table) => (Some(table), None),
            Kept::Tree(mut tree) => {
                tree.complete();
                (None, Some(tree))
            }
        }
    }
}
