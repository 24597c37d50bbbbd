//! A unit is about a mebibyte of new chunks that travel together from the chunker through a worker to the blob, so that
//! small chunks do not each pass the queues and locks. `Unit::finish` alone decides how its chunks become stored bytes;
//! `batches` has decided which of them are compressed together.

use crate::codec::{Compression, Contexts};
use crate::digest::Fingerprint;
use crate::error::{Error, Result};
use crate::pool::Buffers;

/// The number of bytes that a unit should have before it is sent to a worker.
pub const UNIT: usize = 1 << 20;

/// The number of buffers for compressed units that are kept for their next use.
const STORED_BUFFERS: usize = 4;

/// The number of no batch.
pub const ALONE: u32 = 0;

/// A chunk in a unit's buffer.
#[derive(Clone, Copy, Debug)]
pub struct Piece {
    /// Offset of its first byte in the buffer.
    pub start: usize,
    /// The chunk's digests and length.
    pub print: Fingerprint,
    /// The number of times that it follows itself in its file, if it is undecided.
    pub count: u32,
    /// True if its file has no other chunk.
    pub is_file: bool,
    /// The number of its batch in the unit, whose chunks follow one another; `ALONE` if it is in none.
    pub batch: u32,
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
    /// True if the budget of units does not know it.
    pub is_extra: bool,
}

/// How a chunk lies in the blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In so many bytes of its own, compressed or not.
    Own(u32, bool),
    /// As the first of a batch that is stored in so many bytes and has so many.
    First(u32, u32),
    /// After another one in the same batch.
    Next,
}

/// A chunk in its stored form.
#[derive(Clone, Copy, Debug)]
pub struct Stored {
    /// The chunk's digests and length.
    pub print: Fingerprint,
    /// Where its bytes are.
    pub place: Place,
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
    /// True if the budget of units does not know it.
    pub is_extra: bool,
    /// Chunks in order.
    pub chunks: Vec<Stored>,
}

impl Stored {
    /// The bytes that the blob grows by with this chunk.
    pub const fn size(&self) -> u32 {
        match self.place {
            Place::Own(size, _) | Place::First(size, _) => size,
            Place::Next => 0,
        }
    }
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
        let slack = |len: usize| compression.bound(len) - len;
        let longest = self.lengths().max().unwrap_or(0);
        let room = self.bytes.len() + slack(longest);
        if to.len() < room {
            to.resize(room, 0);
        }
        let mut used = 0;
        let mut chunks = Vec::with_capacity(self.pieces.len());
        // The chunks of a batch, side by side.
        let mut joined = Vec::new();
        for batch in self.batches() {
            let from = if let [piece] = batch {
                self.bytes_of(piece)?
            } else {
                joined.clear();
                for piece in batch {
                    joined.extend_from_slice(self.bytes_of(piece)?);
                }
                &joined
            };
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
            push(&mut chunks, batch, size, from.len(), compressed.is_some())?;
        }
        let is_extra = self.is_extra;
        buffers.discard(self);
        Ok(Finished { bytes: to, used, is_unit: false, is_extra, chunks })
    }

    /// Makes the unit's own buffer the result: pieces move together over the bytes of duplicates.
    fn pack_raw(self) -> Result<Finished> {
        let mut chunks = Vec::with_capacity(self.pieces.len());
        for batch in self.batches() {
            let size = batch.iter().map(|piece| piece.print.len as usize).sum();
            push(&mut chunks, batch, size, size, false)?;
        }
        let Self { mut bytes, pieces, is_extra, .. } = self;
        let mut used = 0;
        for Piece { start, print, .. } in pieces {
            let end = start + print.len as usize;
            if end > bytes.len() || start < used {
                return Err(out_of_unit());
            }
            if start > used {
                bytes.copy_within(start..end, used);
            }
            used += print.len as usize;
        }
        Ok(Finished { bytes, used, is_unit: true, is_extra, chunks })
    }

    fn bytes_of(&self, piece: &Piece) -> Result<&[u8]> {
        let end = piece.start + piece.print.len as usize;
        self.bytes.get(piece.start..end).ok_or_else(out_of_unit)
    }

    /// The pieces that are compressed together: those of a batch, or one that is in none.
    fn batches(&self) -> impl Iterator<Item = &[Piece]> {
        self.pieces.chunk_by(|one, next| one.batch != ALONE && one.batch == next.batch)
    }

    fn lengths(&self) -> impl Iterator<Item = usize> {
        self.batches().map(|batch| batch.iter().map(|piece| piece.print.len as usize).sum())
    }
}

/// Adds the chunks of a batch of `len` bytes that is stored in `size`, or one chunk that is in none.
fn push(chunks: &mut Vec<Stored>, batch: &[Piece], size: usize, len: usize, compressed: bool) -> Result<()> {
    let size = u32::try_from(size).map_err(|_| out_of_unit())?;
    let len = u32::try_from(len).map_err(|_| out_of_unit())?;
    for (number, &Piece { print, earned, batch, .. }) in batch.iter().enumerate() {
        let place = match (batch, number) {
            (ALONE, _) => Place::Own(size, compressed),
            (_, 0) => Place::First(size, len),
            _ => Place::Next,
        };
        chunks.push(Stored { print, place, earned });
    }
    Ok(())
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
            Piece {
                start: 0,
                print: Fingerprint::of(&first, Digester::Blake3),
                count: 1,
                is_file: true,
                batch: ALONE,
                earned: 0,
            },
            Piece {
                start: 3100,
                print: Fingerprint::of(&second, Digester::Blake3),
                count: 1,
                is_file: true,
                batch: ALONE,
                earned: 0,
            },
        ];
        Unit { bytes, pieces, decided: 2, is_extra: false }
    }

    fn finished(compression: Compression) -> (Finished, UnitBuffers) {
        let buffers = UnitBuffers::new(4096, 1, compression);
        (unit().finish(compression, &mut Contexts::default(), &buffers).unwrap(), buffers)
    }

    #[test]
    fn raw_chunks_lie_back_to_back() {
        let (done, buffers) = finished(Compression::none());
        assert_eq!(done.stored_bytes(), [&[7u8; 3000][..], b"tiny"].concat());
        assert!(done.chunks.iter().all(|chunk| chunk.place == Place::Own(chunk.print.len, false)));
        buffers.release(done);
        assert_eq!(buffers.units.take().len(), 3104, "the unit's own buffer comes back");
    }

    #[test]
    fn each_chunk_is_compressed_alone_and_only_if_it_shrinks() {
        let (done, buffers) = finished(Compression::default());
        assert_eq!(buffers.units.take().len(), 3104, "the unit's buffer is free again");
        let [first, second] = done.chunks[..] else { panic!("two chunks went in") };
        assert!(matches!(first.place, Place::Own(..3000, true)));
        assert_eq!(second.place, Place::Own(4, false));
        assert!(done.stored_bytes().ends_with(b"tiny"));
        assert_eq!(done.used, first.size() as usize + 4);
    }

    #[test]
    fn the_chunks_of_a_batch_are_compressed_together() {
        let buffers = UnitBuffers::new(4096, 1, Compression::default());
        let batched = |compression| {
            let mut unit = unit();
            unit.pieces.iter_mut().for_each(|piece| piece.batch = 1);
            unit.finish(compression, &mut Contexts::default(), &buffers).unwrap()
        };
        let joined = [&[7u8; 3000][..], b"tiny"].concat();
        let done = batched(Compression::default());
        let [first, second] = done.chunks[..] else { panic!("two chunks went in") };
        assert_eq!((first.place, second.place), (Place::First(first.size(), 3004), Place::Next));
        assert_eq!(done.used, first.size() as usize);
        let mut plain = vec![0; 3004];
        let codec = Compression::default().codec;
        Contexts::default().decompress(codec, &mut plain, done.stored_bytes()).unwrap();
        assert_eq!(plain, joined);
        let raw = batched(Compression::none());
        assert_eq!(raw.stored_bytes(), joined);
        assert_eq!(raw.chunks[0].place, Place::First(3004, 3004));
    }
}
