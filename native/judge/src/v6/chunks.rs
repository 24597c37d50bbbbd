//! Reads the chunk table of a bootstrap: its records are sorted by digest, and found by blob and index.

use super::tables::{Blob, Tables};
use crate::bytes::{index, u64_at, word};
use crate::finding::{Finding, Refusal};
use crate::layout::rules::Sentence;
use crate::layout::{blob_entry, chunk_info};
use crate::view::View;

/// The positions of records in the table, by blob and index.
pub struct ChunkPlaces(Vec<BlobChunks>);

/// The records of one blob.
enum BlobChunks {
    /// Most of the blob's chunks are in the table: one more than the position, by index.
    Most(Vec<u32>),
    /// Few chunks are in the table: index and position, ascending. So the count in a blob entry takes no memory by itself.
    Few(Vec<(u32, u32)>),
}

impl ChunkPlaces {
    /// Reads the positions of all records. The finding is about the first record that no reader can use, or that stands in
    /// the table twice.
    pub fn read(bytes: &[u8], tables: &Tables) -> Result<Self, Refusal> {
        let counts: Vec<u32> =
            tables.blobs.places().map(|at| Blob::new(bytes, at).word(blob_entry::CHUNK_COUNT)).collect();
        let is_usable = |at: usize| {
            let count = counts.get(index(word(bytes, at + chunk_info::BLOB_INDEX)));
            count.is_some_and(|&count| word(bytes, at + chunk_info::INDEX) < count)
                && [chunk_info::COMPRESSED_OFFSET, chunk_info::UNCOMPRESSED_OFFSET, chunk_info::FILE_OFFSET]
                    .iter()
                    .all(|field| u64_at(bytes, at + field).is_some())
        };
        let unusable = tables.records.places().find(|&at| !is_usable(at));
        let usable = unusable.map_or(tables.records.count, |at| position(tables, at));
        let places = Self::of_usable(bytes, tables, &counts, usable)?;
        match unusable {
            None => Ok(places),
            Some(at) => Err(fault(bytes, at, &counts).into()),
        }
    }

    fn of_usable(bytes: &[u8], tables: &Tables, counts: &[u32], usable: usize) -> Result<Self, Refusal> {
        let records = || (0..).zip(tables.records.places().take(usable));
        let blob_of = |at: usize| index(word(bytes, at + chunk_info::BLOB_INDEX));
        let mut present = vec![0_usize; counts.len()];
        for (_, at) in records() {
            if let Some(present) = present.get_mut(blob_of(at)) {
                *present += 1;
            }
        }
        let mut blobs: Vec<BlobChunks> = counts
            .iter()
            .zip(present)
            .map(|(&count, present)| {
                let count = index(count);
                if count <= 2 * present {
                    BlobChunks::Most(vec![0; count])
                } else {
                    BlobChunks::Few(Vec::with_capacity(present))
                }
            })
            .collect();
        let mut repeated: Option<u32> = None;
        for (position, at) in records() {
            let index = word(bytes, at + chunk_info::INDEX);
            match blobs.get_mut(blob_of(at)) {
                Some(BlobChunks::Most(slots)) => match slots.get_mut(crate::bytes::index(index)) {
                    Some(slot) if *slot == 0 => *slot = position + 1,
                    _ => repeated = repeated.or(Some(position)),
                },
                Some(BlobChunks::Few(keys)) => keys.push((index, position)),
                None => {}
            }
        }
        for blob in &mut blobs {
            let BlobChunks::Few(keys) = blob else { continue };
            keys.sort_unstable();
            let twice = keys.windows(2).filter_map(|pair| match pair {
                [a, b] if a.0 == b.0 => Some(b.1),
                _ => None,
            });
            repeated = twice.chain(repeated).min();
        }
        let Some(twice) = repeated else { return Ok(Self(blobs)) };
        let at = tables.records.place(index(twice));
        let finding = Finding::of_field(Sentence::ReadChunkTwice, &chunk_info::TABLE, chunk_info::INDEX, at);
        let chunk = word(bytes, at + chunk_info::INDEX);
        Err(finding.arg(chunk).arg(word(bytes, at + chunk_info::BLOB_INDEX)).into())
    }

    /// The index and the position in the table of each chunk of a blob, in the order of the indexes.
    pub fn of_blob(&self, blob: usize) -> Vec<(u32, usize)> {
        match self.0.get(blob) {
            None => Vec::new(),
            Some(BlobChunks::Most(slots)) => (0..)
                .zip(slots)
                .filter_map(|(chunk, slot)| Some((chunk, index(slot.checked_sub(1)?))))
                .collect(),
            Some(BlobChunks::Few(keys)) => {
                keys.iter().map(|&(chunk, position)| (chunk, index(position))).collect()
            }
        }
    }

    /// The position in the table of the chunk that the first word of a chunk index entry names.
    pub fn of_entry(&self, entry: u32) -> Option<usize> {
        let wanted = entry_index(entry);
        match self.0.get(index(entry_device(entry)).checked_sub(1)?)? {
            BlobChunks::Most(slots) => slots.get(index(wanted))?.checked_sub(1).map(index),
            BlobChunks::Few(keys) => {
                let found = keys.binary_search_by_key(&wanted, |&(index, _)| index).ok()?;
                keys.get(found).map(|&(_, position)| index(position))
            }
        }
    }
}

/// The index of the chunk: bits 0 to 15 and 24 to 31 of the first word of a chunk index entry.
pub fn entry_index(entry: u32) -> u32 {
    (entry & 0xFFFF) | ((entry >> 24) << 16)
}

/// The device, counted from 1: the other bits of that word.
pub fn entry_device(entry: u32) -> u32 {
    (entry >> 16) & 0xFF
}

fn position(tables: &Tables, at: usize) -> usize {
    (at - tables.records.start) / chunk_info::SIZE
}

fn fault(bytes: &[u8], at: usize, counts: &[u32]) -> Finding {
    if let Err(finding) = View::read(bytes, &chunk_info::TABLE, at) {
        return *finding;
    }
    let of = |field, sentence| Finding::of_field(sentence, &chunk_info::TABLE, field, at);
    let blob = word(bytes, at + chunk_info::BLOB_INDEX);
    match counts.get(index(blob)) {
        None => of(chunk_info::BLOB_INDEX, Sentence::ReadChunkBlob).arg(blob).arg(counts.len()),
        Some(count) => {
            let chunk = word(bytes, at + chunk_info::INDEX);
            of(chunk_info::INDEX, Sentence::ReadChunkIndex).arg(chunk).arg(count)
        }
    }
}
