//! A unit: about a mebibyte of new chunks that travel together from the chunker through a worker to the blob. Each chunk
//! is compressed on its own; the unit only spares queues and locks on small ones.

use crate::compress::{Compression, Compressor};
use crate::digest::Fingerprint;
use crate::error::{Error, Result};
use crate::pool::Worker;

/// Bytes that a unit should have before it is worth a trip.
pub const UNIT: usize = 1 << 20;

/// A chunk in a unit's buffer.
#[derive(Clone, Copy, Debug)]
pub struct Piece {
    /// Its first byte in the buffer.
    pub start: usize,
    /// What it is.
    pub print: Fingerprint,
}

/// Chunks on their way to a worker.
#[derive(Default)]
pub struct Unit {
    /// Uncompressed bytes; between pieces may lie bytes of chunks that turned out to be duplicates.
    pub bytes: Vec<u8>,
    /// Chunks in order.
    pub pieces: Vec<Piece>,
    /// How many of the pieces are known to be new.
    pub decided: usize,
}

/// A chunk as it is stored.
#[derive(Clone, Copy, Debug)]
pub struct Stored {
    /// What it is.
    pub print: Fingerprint,
    /// Stored bytes.
    pub size: u32,
    /// Whether they are the compressor's.
    pub compressed: bool,
}

/// Chunks on their way from a worker to the blob.
pub struct Finished {
    /// The stored bytes are the first `used` of these.
    pub bytes: Vec<u8>,
    /// See `bytes`.
    pub used: usize,
    /// Chunks in order.
    pub chunks: Vec<Stored>,
}

impl Finished {
    /// The bytes to append to the blob.
    pub fn stored_bytes(&self) -> &[u8] {
        self.bytes.get(..self.used).unwrap_or_default()
    }
}

/// Makes the stored form of a unit's chunks in `to`, a buffer of any content. The first return value is for the blob,
/// the second a buffer that is free again.
pub fn finish(
    unit: Unit,
    mut to: Vec<u8>,
    compression: Compression,
    worker: &mut Worker,
) -> Result<(Finished, Vec<u8>)> {
    let Compression::Zstd { level } = compression else {
        return pack_raw(unit, to);
    };
    let Unit { bytes, pieces, .. } = unit;
    let slack =
        pieces.iter().map(|piece| piece.print.len as usize).map(|len| Compressor::bound(len) - len).max();
    let room = bytes.len() + slack.unwrap_or(0);
    if to.len() < room {
        to.resize(room, 0);
    }
    let compressor = worker.compressor()?;
    let mut used = 0;
    let mut chunks = Vec::with_capacity(pieces.len());
    for piece in pieces {
        let from = bytes.get(piece.start..piece.start + piece.print.len as usize).ok_or_else(out_of_unit)?;
        let rest = to.get_mut(used..).ok_or_else(out_of_unit)?;
        let compressed = compressor.compress(rest, from, level)?;
        let size = compressed.unwrap_or_else(|| {
            // Room for the compressor's worst case is room for the chunk itself.
            if let Some(raw) = rest.get_mut(..from.len()) {
                raw.copy_from_slice(from);
            }
            from.len()
        });
        used += size;
        let size = u32::try_from(size).map_err(|_| out_of_unit())?;
        chunks.push(Stored { print: piece.print, size, compressed: compressed.is_some() });
    }
    Ok((Finished { bytes: to, used, chunks }, bytes))
}

/// The unit's own buffer becomes the result: pieces move together over what duplicates left.
fn pack_raw(unit: Unit, spare: Vec<u8>) -> Result<(Finished, Vec<u8>)> {
    let Unit { mut bytes, pieces, .. } = unit;
    let mut used = 0;
    let mut chunks = Vec::with_capacity(pieces.len());
    for Piece { start, print } in pieces {
        let end = start + print.len as usize;
        if end > bytes.len() || start < used {
            return Err(out_of_unit());
        }
        if start > used {
            bytes.copy_within(start..end, used);
        }
        used += print.len as usize;
        chunks.push(Stored { print, size: print.len, compressed: false });
    }
    Ok((Finished { bytes, used, chunks }, spare))
}

fn out_of_unit() -> Error {
    Error::internal("chunk lies outside of its unit")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two chunks with a duplicate's bytes between them.
    fn unit() -> Unit {
        let (first, gap, second) = ([7u8; 3000], [1u8; 100], *b"tiny");
        let bytes = [&first[..], &gap, &second].concat();
        let pieces = vec![
            Piece { start: 0, print: Fingerprint::of(&first) },
            Piece { start: 3100, print: Fingerprint::of(&second) },
        ];
        Unit { bytes, pieces, decided: 2 }
    }

    #[test]
    fn raw_chunks_lie_back_to_back() {
        let (done, _) = finish(unit(), Vec::new(), Compression::None, &mut Worker::default()).unwrap();
        assert_eq!(done.stored_bytes(), [&[7u8; 3000][..], b"tiny"].concat());
        assert!(done.chunks.iter().all(|chunk| !chunk.compressed && chunk.size == chunk.print.len));
    }

    #[test]
    fn each_chunk_is_compressed_alone_and_only_if_it_shrinks() {
        let zstd = Compression::Zstd { level: 3 };
        let (done, free) = finish(unit(), vec![9; 10], zstd, &mut Worker::default()).unwrap();
        assert_eq!(free.len(), 3104);
        let [first, second] = done.chunks[..] else { panic!("two chunks went in") };
        assert!(first.compressed && first.size < 3000);
        assert!(!second.compressed && second.size == 4);
        assert!(done.stored_bytes().ends_with(b"tiny"));
        assert_eq!(done.used, first.size as usize + 4);
    }
}
