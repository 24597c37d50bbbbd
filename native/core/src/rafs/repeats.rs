//! Counts the bytes that an image stores more than once because its layers do not refer to each other's chunks, and those that
//! it does not store because a dictionary has them.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::blob_table::Blob;
use super::dictionary::{ChunkDictionary, is_of_dictionary, position_in_dictionary};
use crate::dict::Place;
use crate::table::ChunkRecord;

/// A blob of a dictionary that files refer to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UsedBlob {
    /// Its position in the dictionary.
    pub position: u32,
    /// Chunks that the layers would have stored without it, each once a layer.
    pub chunks: u64,
    /// The stored bytes of these chunks.
    pub saved_bytes: u64,
}

/// What each blob of a dictionary has saved layers whose files refer to these places, by its position. With `once` a chunk counts once
/// for all of them.
pub fn saved_by(
    dictionary: &ChunkDictionary,
    layers: impl Iterator<Item = impl Iterator<Item = Place>>,
    once: bool,
) -> HashMap<u32, UsedBlob> {
    let mut saved = HashMap::new();
    let mut seen = HashSet::new();
    for places in layers {
        if !once {
            seen.clear();
        }
        for place in places {
            if !is_of_dictionary(place.layer) || !seen.insert(place) {
                continue;
            }
            let position = position_in_dictionary(place.layer);
            let chunk = dictionary.blob(place.layer).and_then(|blob| blob.chunk(place.index));
            let used = saved.entry(position).or_insert(UsedBlob { position, ..UsedBlob::default() });
            used.chunks += 1;
            used.saved_bytes += chunk.map_or(0, |chunk| u64::from(chunk.compressed_size));
        }
    }
    saved
}

/// The stored bytes of chunks that a lower blob stores, too: `Dedup::Image` would not have stored them again. A chunk in a batch
/// counts with its share of the batch, as if all of its bytes shrank alike.
///
/// Two layers with the same files have one blob, which targets store once, so it counts once. The table takes about 9 to 18
/// bytes for each different chunk; the chunks themselves stay where they are.
pub fn repeated_bytes(blobs: &[&Blob]) -> u64 {
    let mut ids = HashSet::new();
    let blobs: Vec<_> = blobs.iter().filter(|blob| ids.insert(blob.record.id)).collect();
    if blobs.len() < 2 {
        return 0;
    }
    let hasher = RandomState::new();
    let key = |chunk: ChunkRecord| (chunk.digest, chunk.uncompressed_size);
    let key_at = |&(blob, index): &(u32, u32)| blobs.get(blob as usize)?.chunk(index).map(key);
    // The first place of each chunk: the position of the blob, and the index in it.
    let mut first: HashTable<(u32, u32)> = HashTable::new();
    let mut repeated = 0;
    for (blob, position) in blobs.iter().zip(0..) {
        // The repeated bytes in each batch.
        let mut in_batches = vec![0; blob.batches.len()];
        for ((chunk, batch), index) in ChunkRecord::with_batches(&blob.chunks).zip(0..) {
            let chunk_key = key(chunk);
            let is_same = |place: &(u32, u32)| key_at(place) == Some(chunk_key);
            match first.entry(hasher.hash_one(chunk_key), is_same, |place| {
                hasher.hash_one(key_at(place).unwrap_or_default())
            }) {
                Entry::Occupied(_) => match batch.and_then(|batch| in_batches.get_mut(batch)) {
                    Some(bytes) => *bytes += u64::from(chunk.uncompressed_size),
                    None => repeated += u64::from(chunk.compressed_size),
                },
                Entry::Vacant(free) => {
                    free.insert((position, index));
                }
            }
        }
        for (&bytes, batch) in in_batches.iter().zip(blob.batches.iter()) {
            repeated += u64::from(batch.stored) * bytes / u64::from(batch.size).max(1);
        }
    }
    repeated
}
