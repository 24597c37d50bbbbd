//! A part of a tar: what the caller wrote of it, and the stored chunks of the files between.

use crate::codec::{Codec, Contexts};
use crate::digest::Digester;
use crate::error::{Error, Result};
use crate::table::ChunkRecord;
use crate::verify::{decoded_size, impossible, offset_in_batch};

/// A part of a tar, all of whose chunks lie in one blob.
#[derive(Clone, Debug)]
pub struct Unit {
    /// The blob's name, for messages.
    pub blob: String,
    /// The codec of compressed chunks; one without a decoder if no chunk is compressed.
    pub codec: &'static Codec,
    /// The kind of digests in the records.
    pub digester: Digester,
    /// Headers and paddings, one after the other.
    pub literals: Vec<u8>,
    /// Bytes of the literals, and the number of chunks that follow them; again and again.
    pub steps: Vec<(u32, u32)>,
    /// The chunks, in the order of the tar. A chunk in a batch says where, as it does for a verifier.
    pub chunks: Vec<ChunkRecord>,
    /// Chunks of which the tar has only a part: the chunk's position, and where the part begins and ends in it.
    pub cuts: Vec<(u32, u32, u32)>,
    /// Ranges of the blob, each with its offset.
    pub ranges: Vec<(u64, Vec<u8>)>,
}

impl Unit {
    /// Bytes of the part.
    pub fn size(&self) -> usize {
        self.chunks.iter().fold(self.literals.len(), |sum, chunk| {
            sum.saturating_add(usize::try_from(chunk.uncompressed_size).unwrap_or(usize::MAX))
        })
    }

    /// Decodes and verifies the chunks. `Format` for a chunk that is not what its record says.
    pub fn decode(&self, contexts: &mut Contexts) -> Result<Vec<u8>> {
        let mut tar = Vec::with_capacity(self.size());
        let mut chunks = self.chunks.iter().zip(0u32..);
        let mut cuts = self.cuts.iter().peekable();
        let mut literals = &self.literals[..];
        let mut decoder = Decoder { unit: self, contexts, room: Vec::new(), batch: None, last: None };
        for &(bytes, count) in &self.steps {
            let own = literals.split_at_checked(bytes as usize);
            let (now, later) = own.ok_or_else(|| Error::internal("a unit has too few literals"))?;
            tar.extend_from_slice(now);
            literals = later;
            for _ in 0..count {
                let (chunk, position) =
                    chunks.next().ok_or_else(|| Error::internal("a unit has too few chunks"))?;
                let start = tar.len();
                decoder.append(chunk, &mut tar)?;
                if let Some(&(_, from, to)) = cuts.next_if(|cut| cut.0 == position) {
                    let (from, to) = (from as usize, to as usize);
                    if from > to || to > tar.len() - start {
                        return Err(Error::internal("a chunk is cut outside of it"));
                    }
                    tar.truncate(start + to);
                    tar.drain(start..start + from);
                    decoder.last = None;
                }
            }
        }
        Ok(tar)
    }
}

struct Decoder<'a> {
    unit: &'a Unit,
    contexts: &'a mut Contexts,
    /// The last decoded bytes.
    room: Vec<u8>,
    /// The offset of the batch whose bytes are in `room`.
    batch: Option<u64>,
    /// The last chunk, and where it begins in the tar: a hole is one chunk over and over.
    last: Option<(&'a ChunkRecord, usize)>,
}

impl<'a> Decoder<'a> {
    fn append(&mut self, record: &'a ChunkRecord, tar: &mut Vec<u8>) -> Result<()> {
        let start = tar.len();
        let size = record.uncompressed_size as usize;
        if let Some((last, at)) = self.last
            && last == record
        {
            tar.extend_from_within(at..at + size);
            return Ok(());
        }
        let wrong = |what: &str| {
            let Unit { blob, .. } = self.unit;
            Error::format(format!("blob {blob}: the chunk at {}: {what}", record.compressed_offset))
        };
        if let Some(why) = impossible(record) {
            return Err(wrong(&why));
        }
        let stored = self.stored(record).ok_or_else(|| wrong("it was not read"))?;
        let whole = if record.compressed {
            if self.batch != Some(record.compressed_offset) {
                self.batch = None;
                self.room.resize(decoded_size(record) as usize, 0);
                if self.unit.codec.decoder.is_none() {
                    return Err(wrong("it is compressed, in a blob whose chunks are not"));
                }
                let decoded = self.contexts.decompress(self.unit.codec, &mut self.room, stored);
                decoded.map_err(|error| wrong(&error.to_string()))?;
                self.batch = record.in_batch.then_some(record.compressed_offset);
            }
            &self.room
        } else {
            stored
        };
        let at = if record.in_batch { offset_in_batch(record) as usize } else { 0 };
        let plain = whole.get(at..at + size).ok_or_else(|| wrong("it lies outside of its batch"))?;
        if self.unit.digester.digest(plain) != record.digest {
            return Err(wrong("content does not have the chunk's digest"));
        }
        tar.extend_from_slice(plain);
        self.last = Some((record, start));
        Ok(())
    }

    /// The bytes of the blob at a chunk's place.
    fn stored(&self, record: &ChunkRecord) -> Option<&'a [u8]> {
        let ranges = &self.unit.ranges;
        let behind = ranges.partition_point(|(start, _)| *start <= record.compressed_offset);
        let (start, bytes) = ranges.get(behind.checked_sub(1)?)?;
        let at = usize::try_from(record.compressed_offset - start).ok()?;
        bytes.get(at..)?.get(..record.compressed_size as usize)
    }
}
