//! What a chunker and its keeper say to each other.

use super::Contents;
use crate::decide::Counts;
use crate::digest::Fingerprint;
use crate::error::Result;

/// Where the bytes of a complete chunk are.
pub enum Bytes<'a> {
    /// In the parser's piece.
    Slice(&'a [u8]),
    /// At the end of the keeper's own buffer, where the chunk grew.
    Tail,
    /// Nowhere: this many zeros.
    Zeros(usize),
}

/// Takes whole chunks in file order, and decides about them when it is the layer's turn.
pub trait Keeper {
    /// What the keeper has at the end of the layer.
    type Kept;

    /// Fingerprints a whole chunk.
    fn print(bytes: &[u8]) -> Fingerprint;

    /// A chunk of `len` bytes comes in several pieces: makes room for it at the end of the keeper's own buffer.
    fn begin(&mut self, len: usize, contents: &mut impl Contents) -> Result<()>;

    /// The buffer at whose end the chunk grows that was begun.
    fn tail(&mut self) -> Result<&mut Vec<u8>>;

    /// A chunk is complete. Its references go to `contents` once it is decided.
    fn complete(&mut self, print: Fingerprint, bytes: &Bytes<'_>, contents: &mut impl Contents)
    -> Result<()>;

    /// The layer has ended: takes the last decisions and lets the next layer take its own.
    fn finish(self, contents: &mut impl Contents) -> Result<(Self::Kept, Counts)>;
}
