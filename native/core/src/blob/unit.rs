//! A unit is about a mebibyte of new chunks that travel together from the chunker through a worker to the blob, so that
//! small chunks do not each pass the queues and locks. `Unit::finish` alone decides how its chunks become stored bytes.

use crate::codec::{Compression, Contexts};
use crate::digest::Fingerprint;
use crate::error::{Error, Result};
use crate::pool::Buffers;

/// The number of bytes that a unit should have before it is sent to a worker.
pub const UNIT: usize = 1 << 20;

/// The number of buffers for compressed units that are kept for their next use.
const STORED_BUFFERS: usize = 4;

/// A chunk in a unit's buffer.
#[derive(Clone, Copy, Debug)]
pub struct Piece {
    /// Offset of its first byte in the buffer.
    pub start: usize,
    /// The chunk's digests and length.
    pub print: Fingerprint,
    /// The number of times that it follows itself in its file, if it is undecided.
    pub count: u32,
    /// The compressed bytes of the layer that were read before.
    pub earned: u64,
}

/// Chunks on their way to a worker.
#[derive(Default)]
pub struct Unit {
    /// Uncompressed bytes. Between the pieces may lie bytes of chunks that proved to be duplicates.
    pub bytes: Vec<u8>,
    /// Chunks in order.
    pub pieces: Vec<Piece>,
    /// The number of pieces, from the first, that are known to be new.
    pub decided: usize,
}

/// A chunk in its stored form.
#[derive(Clone, Copy, Debug)]
pub struct Stored {
    /// The chunk's digests and length.
    pub print: Fingerprint,
    /// The number of stored bytes.
    pub size: u32,
    /// True if the stored bytes are compressed.
    pub compressed: bool,
    /// The compressed bytes of the layer that were read before the chunk.
    pub earned: u64,
}

/// Chunks on their way from a worker to the blob.
pub struct Finished {
    /// The stored bytes are the first `used` of these.
    bytes: Vec<u8>,
    used: usize,
    /// True if the buffer is the unit's own.
    is_unit: bool,
    /// Chunks in order.
    pub chunks: Vec<Stored>,
}

impl Finished {
    /// The bytes to append to the blob.
    pub fn stored_bytes(&self) -> &[u8] {
        self.bytes.get(..self.used).unwrap_or_default()
    }
}

/// Buffers that chunker, workers and blob pass round and use again.
pub struct UnitBuffers {
    units: Buffers,
    stored: Buffers,
}

impl UnitBuffers {
    /// Makes buffers for units of `unit` bytes, of which `count` may be in flight.
    pub fn new(unit: usize, count: usize, compression: Compression) -> Self {
        Self {
            units: Buffers::new(unit, count),
            stored: Buffers::new(compression.bound(unit), STORED_BUFFERS),
        }
    }

    /// Returns an empty unit.
    pub fn open(&self) -> Unit {
        Unit { bytes: self.units.take_empty(), ..Unit::default() }
    }

    /// Takes back the buffer of a unit that is not sent to a worker.
    pub fn discard(&self, unit: Unit) {
        self.units.give(unit.bytes);
    }

    /// Takes back the buffer of a unit that the blob contains.
    pub fn release(&self, unit: Finished) {
        if unit.is_unit { self.units.give(unit.bytes) } else { self.stored.give(unit.bytes) }
    }
}

impl Unit {
    /// Makes the stored form of the chunks.
    pub fn finish(
        self,
        compression: Compression,
        contexts: &mut Contexts,
        buffers: &UnitBuffers,
    ) -> Result<Finished> {
        if compression.is_raw() {
            return self.pack_raw();
        }
        let mut to = buffers.stored.take();
        let slack = |piece: &Piece| compression.bound(piece.print.len as usize) - piece.print.len as usize;
        let room = self.bytes.len() + self.pieces.iter().map(slack).max().unwrap_or(0);
        if to.len() < room {
            to.resize(room, 0);
        }
        let mut used = 0;
        let mut chunks = Vec::with_capacity(self.pieces.len());
        for &Piece { start, print, earned, .. } in &self.pieces {
            let from = self.bytes.get(start..start + print.len as usize).ok_or_else(out_of_unit)?;
            let rest = to.get_mut(used..).ok_or_else(out_of_unit)?;
            let compressed = contexts.compress(compression, rest, from)?;
            let size = compressed.unwrap_or_else(|| {
                // A buffer with room for the compressor's worst case has room for the chunk itself.
                if let Some(raw) = rest.get_mut(..from.len()) {
                    raw.copy_from_slice(from);
                }
                from.len()
            });
            used += size;
            let size = u32::try_from(size).map_err(|_| out_of_unit())?;
            chunks.push(Stored { print, size, compressed: compressed.is_some(), earned });
        }
        buffers.discard(self);
        Ok(Finished { bytes: to, used, is_unit: false, chunks })
    }

    /// Makes the unit's own buffer the result: pieces move together over the bytes of duplicates.
    fn pack_raw(self) -> Result<Finished> {
        let Self { mut bytes, pieces, .. } = self;
        let mut used = 0;
        let mut chunks = Vec::with_capacity(pieces.len());
        for Piece { start, print, earned, .. } in pieces {
            let end = start + print.len as usize;
            if end > bytes.len() || start < used {
                return Err(out_of_unit());
            }
            if start > used {
                bytes.copy_within(start..end, used);
            }
            used += print.len as usize;
            chunks.push(Stored { print, size: print.len, compressed: false, earned });
        }
        Ok(Finished { bytes, used, is_unit: true, chunks })
    }
}

fn out_of_unit() -> Error {
    Error::internal("chunk lies outside of its unit")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digester;

    /// Two chunks with a duplicate's bytes between them.
    fn unit() -> Unit {
        let (first, gap, second) = ([7u8; 3000], [1u8; 100], *b"tiny");
        let bytes = [&first[..], &gap, &second].concat();
        let pieces = vec![
            Piece { start: 0, print: Fingerprint::of(&first, Digester::Blake3), count: 1, earned: 0 },
            Piece { start: 3100, print: Fingerprint::of(&second, Digester::Blake3), count: 1, earned: 0 },
        ];
        Unit { bytes, pieces, decided: 2 }
    }

    fn finished(compression: Compression) -> (Finished, UnitBuffers) {
        let buffers = UnitBuffers::new(4096, 1, compression);
        (unit().finish(compression, &mut Contexts::default(), &buffers).unwrap(), buffers)
    }

    #[test]
    fn raw_chunks_lie_back_to_back() {
        let (done, buffers) = finished(Compression::none());
        assert_eq!(done.stored_bytes(), [&[7u8; 3000][..], b"tiny"].concat());
        assert!(done.chunks.iter().all(|chunk| !chunk.compressed && chunk.size == chunk.print.len));
        buffers.release(done);
        assert_eq!(buffers.units.take().len(), 3104, "the unit's own buffer comes back");
    }

    #[test]
    fn each_chunk_is_compressed_alone_and_only_if_it_shrinks() {
        let (done, buffers) = finished(Compression::default());
        assert_eq!(buffers.units.take().len(), 3104, "the unit's buffer is free again");
        let [first, second] = done.chunks[..] else { panic!("two chunks went in") };
        assert!(first.compressed && first.size < 3000);
        assert!(!second.compressed && second.size == 4);
        assert!(done.stored_bytes().ends_with(b"tiny"));
        assert_eq!(done.used, first.size as usize + 4);
    }
}
