//! Finds where chunks begin and end in a tar, so that the inflater can stop there.

use std::mem::take;

use crate::archive::{Archive, Entry, EntryKind, EntrySink};
use crate::error::Result;

/// What lies at the current place of the tar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Edge {
    /// A chunk ends here.
    pub is_end: bool,
    /// A chunk begins here.
    pub is_start: bool,
}

impl Edge {
    /// True if the place matters.
    pub const fn is_any(self) -> bool {
        self.is_end || self.is_start
    }
}

/// Follows a tar from edge to edge.
pub struct Ends {
    archive: Archive,
    chunks: Chunks,
}

impl Ends {
    /// Begins before a tar whose files are cut into chunks of this size.
    pub fn new(chunk_size: u32) -> Self {
        let chunks = Chunks { chunk_size: u64::from(chunk_size), ..Chunks::default() };
        Self { archive: Archive::new(), chunks }
    }

    /// The number of bytes, at least one, that may be pushed at once, since no edge lies among them.
    pub fn within(&self) -> usize {
        let to_edge = if self.chunks.left == 0 { u64::MAX } else { self.chunks.len() - self.chunks.filled };
        usize::try_from(self.archive.unit_left().min(to_edge).max(1)).unwrap_or(usize::MAX)
    }

    /// Takes the next bytes and says what lies behind them.
    pub fn push(&mut self, bytes: &[u8]) -> Edge {
        // The reader of the tar meets the same fault, and reports it.
        let _ = self.archive.push(bytes, &mut self.chunks);
        take(&mut self.chunks.edge)
    }

    /// True if a file has holes: its chunks do not lie in the tar as a whole.
    pub const fn has_holes(&self) -> bool {
        self.chunks.has_holes
    }
}

#[derive(Default)]
struct Chunks {
    chunk_size: u64,
    /// Bytes of the current file that are not part of a complete chunk yet.
    left: u64,
    /// The number of them that have been seen.
    filled: u64,
    has_holes: bool,
    edge: Edge,
}

impl Chunks {
    fn len(&self) -> u64 {
        self.left.min(self.chunk_size)
    }
}

impl EntrySink for Chunks {
    fn entry(&mut self, entry: Entry) -> Result<()> {
        if entry.kind == EntryKind::File && entry.size > 0 {
            (self.left, self.filled) = (entry.size, 0);
            self.edge.is_start = true;
        }
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) -> Result<()> {
        self.filled += bytes.len() as u64;
        if self.left > 0 && self.filled >= self.len() {
            self.left -= self.len();
            self.filled = 0;
            self.edge.is_end = true;
            self.edge.is_start |= self.left > 0;
        }
        Ok(())
    }

    fn zeros(&mut self, _: u64) -> Result<()> {
        self.has_holes = true;
        Ok(())
    }

    fn end_file(&mut self) -> Result<()> {
        (self.left, self.filled) = (0, 0);
        Ok(())
    }

    fn warn(&mut self, _: &'static str, _: String) {}
}
