//! The interface between a chunker and its keeper.

use super::Contents;
use crate::decide::Counts;
use crate::digest::{Digester, Fingerprint};
use crate::error::Result;

/// The place of a complete chunk's bytes.
pub enum Bytes<'a> {
    /// The bytes lie in the parser's piece.
    Slice(&'a [u8]),
    /// The bytes lie at the end of the keeper's own buffer, where the chunk grew.
    Tail,
    /// The chunk is a hole of this many zeros, which are not in memory.
    Zeros(usize),
}

/// A whole chunk of a file.
#[derive(Clone, Copy, Debug)]
pub struct Cut {
    /// Its digests and length.
    pub print: Fingerprint,
    /// The number of times that it follows itself in its file.
    pub count: u32,
    /// True if the file has no other chunk.
    pub is_file: bool,
}

/// Takes whole chunks in file order, and decides about them when the layer has its turn.
pub trait Keeper {
    /// The keeper's result at the end of the layer.
    type Kept;

    /// Computes the fingerprint of a whole chunk.
    fn print(bytes: &[u8], digester: Digester) -> Fingerprint;

    /// Begins a chunk of `len` bytes that arrives in several pieces: makes room for it at the end of the keeper's own
    /// buffer.
    fn begin(&mut self, len: usize, contents: &mut impl Contents) -> Result<()>;

    /// The buffer that the current chunk is appended to.
    fn tail(&mut self) -> Result<&mut Vec<u8>>;

    /// Takes a complete chunk. Its references go to `contents` once the keeper has decided about it.
    fn complete(&mut self, chunk: Cut, bytes: &Bytes<'_>, contents: &mut impl Contents) -> Result<()>;

    /// Ends the layer: takes the last decisions and lets the next layer take its own.
    fn finish(self, contents: &mut impl Contents) -> Result<(Self::Kept, Counts)>;
}
