//! Packs chunk records and reads them back.

use nydus_layout::wire::{chunk_record, chunk_record_flags};

use super::set;
use crate::digest::{Digest, Fingerprint};
use crate::error::{Error, Result};

/// A chunk record in the form that TypeScript reads.
pub type PackedChunk = [u8; chunk_record::SIZE];

/// The largest blob that readers accept: 2^40 bytes stored, 2^44 of address space.
const MAX_COMPRESSED: u64 = 1 << 40;
const MAX_UNCOMPRESSED: u64 = 1 << 44;

/// Every chunk starts at a multiple of this in the uncompressed address space, except for those of RAFS v5.
pub const ALIGNMENT: u64 = 4096;

/// Chunks that are compressed together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Bytes as stored.
    pub stored: u32,
    /// Bytes of its chunks together.
    pub size: u32,
}

/// Collects the chunks that a layer stores and keeps the cursors of both address spaces.
pub struct ChunkRecords {
    records: Vec<u8>,
    batches: Vec<Batch>,
    /// Offset of the last batch in the blob.
    batch_start: u64,
    alignment: u64,
    compressed_end: u64,
    uncompressed_end: u64,
}

impl Default for ChunkRecords {
    fn default() -> Self {
        Self::new(ALIGNMENT)
    }
}

impl ChunkRecords {
    /// Begins without any chunk. Each will start at a multiple of `alignment` in the uncompressed address space.
    pub const fn new(alignment: u64) -> Self {
        Self {
            records: Vec::new(),
            batches: Vec::new(),
            batch_start: 0,
            alignment,
            compressed_end: 0,
            uncompressed_end: 0,
        }
    }

    /// Adds the next chunk in index order; its `stored` bytes follow the chunk before.
    pub fn push(&mut self, chunk: &Fingerprint, stored: u32, compressed: bool) -> Result<()> {
        let kind = if compressed { chunk_record_flags::COMPRESSED } else { 0 };
        self.add(chunk, stored, chunk_record_flags::HAS_CRC32 | kind)
    }

    /// Adds the first chunk of a batch of these stored and uncompressed bytes.
    pub fn push_first(&mut self, chunk: &Fingerprint, (stored, size): (u32, u32)) -> Result<()> {
        self.batches.push(Batch { stored, size });
        self.batch_start = self.compressed_end;
        self.compressed_end += u64::from(stored);
        self.push_next(chunk)
    }

    /// Adds the next chunk of the last batch.
    pub fn push_next(&mut self, chunk: &Fingerprint) -> Result<()> {
        let end = std::mem::replace(&mut self.compressed_end, self.batch_start);
        let kind = chunk_record_flags::HAS_CRC32 | chunk_record_flags::BATCH;
        let added = self.add(chunk, 0, kind);
        self.compressed_end = end;
        if end > MAX_COMPRESSED { Err(too_large()) } else { added }
    }

    /// Adds the next chunk in index order, which lies in another file: `stored` is where, in bytes of that.
    pub fn push_at(
        &mut self,
        chunk: &Fingerprint,
        stored: std::ops::Range<u64>,
        compressed: bool,
    ) -> Result<()> {
        self.compressed_end = stored.start;
        let size = u32::try_from(stored.end.saturating_sub(stored.start));
        self.push(chunk, size.map_err(|_| Error::internal("a chunk is larger than 4 GiB"))?, compressed)
    }

    /// Adds the next chunk of a scan, which stores nothing and computes no checksum.
    pub fn push_scanned(&mut self, chunk: &Fingerprint) -> Result<()> {
        self.add(chunk, 0, 0)
    }

    fn add(&mut self, chunk: &Fingerprint, stored: u32, flags: u32) -> Result<()> {
        let mut record: PackedChunk = [0; chunk_record::SIZE];
        set(&mut record, chunk_record::DIGEST, chunk.digest);
        set(&mut record, chunk_record::CRC32, chunk.crc32.to_le_bytes());
        set(&mut record, chunk_record::UNCOMPRESSED_SIZE, chunk.len.to_le_bytes());
        set(&mut record, chunk_record::COMPRESSED_SIZE, stored.to_le_bytes());
        set(&mut record, chunk_record::FLAGS, flags.to_le_bytes());
        set(&mut record, chunk_record::COMPRESSED_OFFSET, self.compressed_end.to_le_bytes());
        set(&mut record, chunk_record::UNCOMPRESSED_OFFSET, self.uncompressed_end.to_le_bytes());
        self.records.extend_from_slice(&record);
        self.compressed_end += u64::from(stored);
        self.uncompressed_end += u64::from(chunk.len).next_multiple_of(self.alignment);
        if self.compressed_end > MAX_COMPRESSED || self.uncompressed_end > MAX_UNCOMPRESSED {
            return Err(too_large());
        }
        Ok(())
    }

    /// Bytes of all stored chunks.
    pub const fn compressed_end(&self) -> u64 {
        self.compressed_end
    }

    /// Bytes of the uncompressed address space.
    pub const fn uncompressed_end(&self) -> u64 {
        self.uncompressed_end
    }

    /// Number of chunks.
    pub const fn count(&self) -> usize {
        self.records.len() / chunk_record::SIZE
    }

    /// Takes the packed records and the batches out.
    pub fn take(&mut self) -> (Vec<u8>, Vec<Batch>) {
        (std::mem::take(&mut self.records), std::mem::take(&mut self.batches))
    }
}

fn too_large() -> Error {
    Error::unsupported("layer holds more data than a blob can (2^40 bytes stored, 2^44 unpacked)")
}

/// A chunk record read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkRecord {
    /// BLAKE3 or SHA-256 of the uncompressed bytes.
    pub digest: Digest,
    /// CRC-32C of the uncompressed bytes, if it is known.
    pub crc32: Option<u32>,
    /// Size of the uncompressed bytes; 0 stands for "no such chunk".
    pub uncompressed_size: u32,
    /// Size of the stored bytes.
    pub compressed_size: u32,
    /// False if the chunk is stored as it is.
    pub compressed: bool,
    /// True if the chunk is part of a batch; its stored bytes are those of the batch.
    pub in_batch: bool,
    /// Offset of the stored bytes in the blob.
    pub compressed_offset: u64,
    /// Offset of the chunk in the uncompressed address space.
    pub uncompressed_offset: u64,
}

impl ChunkRecord {
    /// Packs the record.
    pub fn encode(&self) -> PackedChunk {
        let mut record: PackedChunk = [0; chunk_record::SIZE];
        let kind = if self.compressed { chunk_record_flags::COMPRESSED } else { 0 };
        let crc = if self.crc32.is_some() { chunk_record_flags::HAS_CRC32 } else { 0 };
        set(&mut record, chunk_record::DIGEST, self.digest);
        set(&mut record, chunk_record::CRC32, self.crc32.unwrap_or(0).to_le_bytes());
        set(&mut record, chunk_record::UNCOMPRESSED_SIZE, self.uncompressed_size.to_le_bytes());
        set(&mut record, chunk_record::COMPRESSED_SIZE, self.compressed_size.to_le_bytes());
        set(&mut record, chunk_record::FLAGS, (crc | kind).to_le_bytes());
        set(&mut record, chunk_record::COMPRESSED_OFFSET, self.compressed_offset.to_le_bytes());
        set(&mut record, chunk_record::UNCOMPRESSED_OFFSET, self.uncompressed_offset.to_le_bytes());
        record
    }

    /// All records of a packed table; an incomplete record at its end is left out.
    pub fn iter(table: &[u8]) -> impl Iterator<Item = Self> + '_ {
        table.as_chunks().0.iter().map(Self::decode)
    }

    /// All records, and the position of the batch of each that is in one. The chunks of a batch have one offset, which no other
    /// batch has.
    pub fn with_batches(table: &[u8]) -> impl Iterator<Item = (Self, Option<usize>)> + '_ {
        let mut last: Option<(u64, usize)> = None;
        Self::iter(table).map(move |chunk| {
            if !chunk.in_batch {
                return (chunk, None);
            }
            let position = match last {
                Some((start, position)) if start == chunk.compressed_offset => position,
                Some((_, position)) => position + 1,
                None => 0,
            };
            last = Some((chunk.compressed_offset, position));
            (chunk, Some(position))
        })
    }

    /// The offset, in the uncompressed address space, that a packed record gives its chunk.
    pub fn uncompressed_offset_of(record: &PackedChunk) -> u64 {
        u64::from_le_bytes(get(record, chunk_record::UNCOMPRESSED_OFFSET))
    }

    /// Reads one record.
    pub fn decode(record: &PackedChunk) -> Self {
        let word = |at: usize| u32::from_le_bytes(get(record, at));
        let long = |at: usize| u64::from_le_bytes(get(record, at));
        let flags = word(chunk_record::FLAGS);
        Self {
            digest: get(record, chunk_record::DIGEST),
            crc32: (flags & chunk_record_flags::HAS_CRC32 != 0).then(|| word(chunk_record::CRC32)),
            uncompressed_size: word(chunk_record::UNCOMPRESSED_SIZE),
            compressed_size: word(chunk_record::COMPRESSED_SIZE),
            compressed: flags & chunk_record_flags::COMPRESSED != 0,
            in_batch: flags & chunk_record_flags::BATCH != 0,
            compressed_offset: long(chunk_record::COMPRESSED_OFFSET),
            uncompressed_offset: long(chunk_record::UNCOMPRESSED_OFFSET),
        }
    }
}

/// Reads the bytes of a field at its offset; zeros outside of the record, where no table has a field.
#[inline]
fn get<const N: usize>(record: &PackedChunk, at: usize) -> [u8; N] {
    record.get(at..).and_then(<[u8]>::first_chunk).copied().unwrap_or([0; N])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_without_alignment_lie_back_to_back() {
        let mut records = ChunkRecords::new(1);
        records.push(&Fingerprint { digest: [1; 32], crc32: 7, len: 20 }, 20, false).unwrap();
        records.push(&Fingerprint { digest: [2; 32], crc32: 8, len: 5000 }, 100, true).unwrap();
        assert_eq!((records.compressed_end(), records.uncompressed_end()), (120, 5020));
        let table = records.take().0;
        let starts = ChunkRecord::iter(&table).map(|chunk| chunk.uncompressed_offset);
        assert_eq!(starts.collect::<Vec<_>>(), [0, 20]);
    }

    #[test]
    fn chunk_records_come_back_and_addresses_are_those_of_the_worked_example() {
        let hosts = Fingerprint { digest: [1; 32], crc32: 7, len: 20 };
        let app = Fingerprint { digest: [2; 32], crc32: 8, len: 5000 };
        let mut records = ChunkRecords::default();
        records.push(&hosts, 20, false).unwrap();
        records.push(&app, 5000, false).unwrap();
        records.push(&app, 100, true).unwrap();
        assert_eq!((records.compressed_end(), records.uncompressed_end(), records.count()), (5120, 20480, 3));
        let back: Vec<_> = ChunkRecord::iter(&records.take().0).collect();
        assert_eq!(back[0].uncompressed_offset, 0);
        assert_eq!((back[1].compressed_offset, back[1].uncompressed_offset), (20, 4096));
        let last = ChunkRecord {
            digest: [2; 32],
            crc32: Some(8),
            uncompressed_size: 5000,
            compressed_size: 100,
            compressed: true,
            in_batch: false,
            compressed_offset: 5020,
            uncompressed_offset: 12288,
        };
        assert_eq!(back[2], last);
    }
}
