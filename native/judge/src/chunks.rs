//! The chunk table of a bootstrap: records sorted by digest, found by blob and index.

use std::collections::HashMap;

use crate::Facts;
use crate::bytes::{array, holds, slice, u32_at, u64_at};
use crate::layout::{BLOCK_SIZE, chunk_flags, chunk_info};

/// Where the records are, and what holds of them.
#[derive(Debug)]
pub struct ChunkTable {
    /// Of the first record.
    pub offset: usize,
    /// Records.
    pub count: usize,
    /// By blob; none for blobs whose records need a closer look.
    pub limits: Vec<Option<RecordLimits>>,
}

/// What holds of all records of a blob that is neither encrypted nor of a reference type; bytes.
#[derive(Debug)]
pub struct RecordLimits {
    /// Its compressor is one.
    pub compresses: bool,
    /// Of the blob.
    pub uncompressed_size: u64,
    /// Where its chunk data ends.
    pub data_end: u64,
}

/// A record's place in the file, by what a chunk index entry says: blob, index.
pub struct ChunkPlaces(HashMap<(u32, u32), u32>);

impl ChunkPlaces {
    /// None when a record occurs twice.
    pub fn read(bytes: &[u8], table: &ChunkTable) -> Option<Self> {
        let mut places = HashMap::with_capacity(table.count);
        for at in records(table) {
            let key = (u32_at(bytes, at + chunk_info::BLOB_INDEX)?, u32_at(bytes, at + chunk_info::INDEX)?);
            holds(places.insert(key, u32::try_from(at).ok()?).is_none())?;
        }
        Some(Self(places))
    }

    /// Of the first word of a chunk index entry: bits 0 to 15 and 24 to 31 are the index of the chunk, those between the
    /// device, counted from 1.
    pub fn of_entry(&self, entry: u32) -> Option<usize> {
        let blob = ((entry >> 16) & 0xFF).checked_sub(1)?;
        let index = (entry & 0xFFFF) | ((entry >> 24) << 16);
        usize::try_from(*self.0.get(&(blob, index))?).ok()
    }
}

/// Places of all records, in their order.
fn records(table: &ChunkTable) -> impl Iterator<Item = usize> {
    (0..table.count).map(|position| table.offset + position * chunk_info::SIZE)
}

/// The position in the table of a record at a place.
pub fn position(table: &ChunkTable, place: usize) -> usize {
    place.saturating_sub(table.offset) / chunk_info::SIZE
}

/// Every record is right by itself, in order, and used by a file.
pub fn are_sound(bytes: &[u8], facts: &Facts, used: &[bool]) -> Option<()> {
    let table = &facts.chunks;
    holds(used.len() == table.count && used.iter().all(|&used| used))?;
    let mut last = None;
    for at in records(table) {
        let digest = slice(bytes, at + chunk_info::DIGEST, 32)?;
        let blob = u32_at(bytes, at + chunk_info::BLOB_INDEX)?;
        let key = Some((digest, blob, u32_at(bytes, at + chunk_info::INDEX)?));
        holds(last < key)?;
        last = key;
        is_record_sound(
            bytes,
            at,
            table.limits.get(usize::try_from(blob).ok()?)?.as_ref()?,
            facts.chunk_size,
        )?;
    }
    Some(())
}

fn is_record_sound(bytes: &[u8], at: usize, limits: &RecordLimits, chunk_size: u64) -> Option<()> {
    const KNOWN: u32 = chunk_flags::COMPRESSED | chunk_flags::HAS_CRC32;
    let flags = u32_at(bytes, at + chunk_info::FLAGS)?;
    let size = u64::from(u32_at(bytes, at + chunk_info::UNCOMPRESSED_SIZE)?);
    let stored = u64::from(u32_at(bytes, at + chunk_info::COMPRESSED_SIZE)?);
    let start = u64_at(bytes, at + chunk_info::UNCOMPRESSED_OFFSET)?;
    let from = u64_at(bytes, at + chunk_info::COMPRESSED_OFFSET)?;
    let compressed = flags & chunk_flags::COMPRESSED != 0;
    let checked = flags & chunk_flags::HAS_CRC32 != 0;
    holds(flags & !KNOWN == 0)?;
    holds(checked || array::<4>(bytes, at + chunk_info::CRC32)? == [0; 4])?;
    holds(size > 0 && size <= chunk_size)?;
    holds(start % BLOCK_SIZE as u64 == 0 && start + size <= limits.uncompressed_size)?;
    holds(u64_at(bytes, at + chunk_info::FILE_OFFSET)? % chunk_size == 0)?;
    holds(if compressed { limits.compresses && stored > 0 && stored < size } else { stored == size })?;
    holds(from + stored <= limits.data_end)
}
