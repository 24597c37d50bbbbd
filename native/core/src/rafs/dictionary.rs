//! A chunk dictionary holds the chunks of another image's blobs, which files may refer to instead of storing them again.
//!
//! A dictionary knows only some chunks of each blob. They are packed without gaps, so a place counts the known chunks, and the
//! blob keeps the index that each has where it is stored.

use std::sync::Arc;

use nydus_layout::blob_features;
use nydus_layout::wire::{chunk_record, dictionary_chunk};

use super::blob_table::{Blob, Sparse};
use super::image::SealedChunks;
use crate::blob::BlobRecord;
use crate::codec::Codec;
use crate::dict::{Known, Place};
use crate::digest::{Digester, Fingerprint};
use crate::error::{Error, Result};
use crate::table::{ChunkRecord, MAX_CHUNKS};

/// This bit marks the numbers of a dictionary's blobs, so that no layer has the same number.
const MARK: u32 = 1 << 31;

/// True if `number` is that of a blob in a dictionary, and not of a layer.
pub const fn is_of_dictionary(number: u32) -> bool {
    number & MARK != 0
}

/// The position of a blob in its dictionary.
pub const fn position_in_dictionary(number: u32) -> u32 {
    number & !MARK
}

/// A blob of a dictionary, as the dictionary's blob table describes it. Sizes and offsets are in bytes.
#[derive(Clone, Debug)]
pub struct DictionaryBlob {
    /// SHA-256 of the RAFS blob in hex.
    pub id: String,
    /// Chunks stored in the blob.
    pub chunk_count: u32,
    /// Size of its chunks.
    pub chunk_size: u32,
    /// Name of the codec that compresses its chunks.
    pub compressor: String,
    /// Name of the algorithm that digests its chunks.
    pub digester: String,
    /// `blob_features`.
    pub features: u32,
    /// Offset of the bootstrap section in the RAFS blob.
    pub compressed_size: u64,
    /// Size of the uncompressed address space.
    pub uncompressed_size: u64,
    /// Name of the codec that compresses the chunk records.
    pub meta_compressor: String,
    /// Offset of the chunk records in the RAFS blob.
    pub meta_offset: u64,
    /// Size of the stored chunk records.
    pub meta_compressed_size: u64,
    /// Size of the chunk records when decoded.
    pub meta_uncompressed_size: u64,
}

/// The chunks that a conversion may refer to in blobs of another image.
pub struct ChunkDictionary {
    blobs: Vec<Blob>,
    chunks: Arc<Known>,
}

impl ChunkDictionary {
    /// Makes a dictionary. `entries` are packed records of chunks, each followed by the position of its blob and its index there;
    /// of equal chunks the first one is referred to.
    pub fn new(blobs: &[DictionaryBlob], entries: &[u8]) -> Result<Self> {
        let (entries, rest) = entries.as_chunks::<{ dictionary_chunk::SIZE }>();
        if !rest.is_empty() {
            return Err(Error::internal("a dictionary ends within a chunk"));
        }
        // The blob's position and the chunk's index of each entry, and the number of the entry.
        let mut order = Vec::with_capacity(entries.len());
        for (number, entry) in (0u32..).zip(entries) {
            let blob = word(entry, dictionary_chunk::BLOB);
            let index = word(entry, dictionary_chunk::INDEX);
            let stored = blobs.get(blob as usize).map_or(0, |blob| blob.chunk_count);
            if index >= stored || index >= MAX_CHUNKS {
                return Err(Error::format(format!(
                    "the dictionary refers to chunk {index} of blob {blob}, which has {stored}"
                )));
            }
            order.push((blob, index, number));
        }
        order.sort_unstable();
        order.dedup_by_key(|&mut (blob, index, _)| (blob, index));
        let mut places = vec![None; entries.len()];
        let mut made = Vec::with_capacity(blobs.len());
        for (position, blob) in (0u32..).zip(blobs) {
            let start = order.partition_point(|&(other, ..)| other < position);
            let end = order.partition_point(|&(other, ..)| other <= position);
            let own = order.get(start..end).unwrap_or_default();
            let mut records = Vec::with_capacity(own.len() * chunk_record::SIZE);
            let mut indexes = Vec::with_capacity(own.len());
            for (slot, &(_, index, number)) in (0u32..).zip(own) {
                let record = entries.get(number as usize).and_then(|entry| entry.get(..chunk_record::SIZE));
                records.extend_from_slice(record.unwrap_or_default());
                indexes.push(index);
                if let Some(place) = places.get_mut(number as usize) {
                    *place = Some(Place { layer: MARK | position, index: slot });
                }
            }
            let sparse = Sparse { indexes, chunk_count: blob.chunk_count };
            made.push(Blob {
                record: record_of(blob)?,
                chunks: Arc::new(records),
                batches: Arc::default(),
                sparse: Some(Arc::new(sparse)),
            });
        }
        let mut chunks = Known::default();
        for (entry, place) in entries.iter().zip(places) {
            let record = entry.first_chunk().map(ChunkRecord::decode);
            if let (Some(ChunkRecord { digest, uncompressed_size, .. }), Some(place)) = (record, place) {
                chunks.find_or_insert(&Fingerprint { digest, crc32: 0, len: uncompressed_size }, place)?;
            }
        }
        Ok(Self { blobs: made, chunks: Arc::new(chunks) })
    }

    /// The places of the chunks.
    pub const fn chunks(&self) -> &Arc<Known> {
        &self.chunks
    }

    /// The blob with this id, and the number by which references call it.
    pub fn find(&self, id: &[u8; 64]) -> Option<(u32, SealedChunks)> {
        let position = self.blobs.iter().position(|blob| blob.record.id.as_ref() == Some(id))?;
        let number = MARK | u32::try_from(position).ok()?;
        self.sealed(number).map(|chunks| (number, chunks))
    }

    /// The blob with this number, which carries the mark of a dictionary.
    pub fn sealed(&self, number: u32) -> Option<SealedChunks> {
        self.blob(number).map(SealedChunks)
    }

    /// The blob with this number, which carries the mark of a dictionary.
    pub(super) fn blob(&self, number: u32) -> Option<Blob> {
        self.blobs.get(position_in_dictionary(number) as usize).cloned()
    }
}

fn record_of(blob: &DictionaryBlob) -> Result<BlobRecord> {
    let id = blob.id.as_bytes().try_into().map_err(|_| {
        Error::format(format!("the dictionary names a blob {:?}, which is no SHA-256", blob.id))
    })?;
    let codec = |name: &str| {
        let unknown = || Error::unsupported(format!("the dictionary has chunks of the compressor {name:?}"));
        Codec::named(name).map(|codec| codec.number).ok_or_else(unknown)
    };
    let record = BlobRecord {
        id: None,
        meta: None,
        toc_digest: None,
        chunk_size: blob.chunk_size,
        compressor: codec(&blob.compressor)?,
        digester: Digester::named(&blob.digester)?,
        features: blob.features & !blob_features::INLINED_FS_META,
        compressed_size: blob.compressed_size,
        uncompressed_size: blob.uncompressed_size,
        meta_compressor: codec(&blob.meta_compressor)?,
        meta_offset: blob.meta_offset,
        meta_compressed_size: blob.meta_compressed_size,
        meta_uncompressed_size: blob.meta_uncompressed_size,
    };
    Ok(record.named(id))
}

fn word(entry: &[u8; dictionary_chunk::SIZE], at: usize) -> u32 {
    let bytes = entry.get(at..).and_then(<[u8]>::first_chunk).copied();
    u32::from_le_bytes(bytes.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blob(chunk_count: u32) -> DictionaryBlob {
        DictionaryBlob {
            id: "a".repeat(64),
            chunk_count,
            chunk_size: 4096,
            compressor: "zstd".to_owned(),
            digester: "blake3".to_owned(),
            features: 0,
            compressed_size: 9,
            uncompressed_size: 4096,
            meta_compressor: "none".to_owned(),
            meta_offset: 0,
            meta_compressed_size: 0,
            meta_uncompressed_size: 0,
        }
    }

    fn entry(digest: u8, len: u32, blob: u32, index: u32) -> Vec<u8> {
        let mut bytes = vec![0; dictionary_chunk::SIZE];
        bytes[chunk_record::DIGEST..chunk_record::DIGEST + 32].fill(digest);
        bytes[chunk_record::UNCOMPRESSED_SIZE..][..4].copy_from_slice(&len.to_le_bytes());
        bytes[dictionary_chunk::BLOB..][..4].copy_from_slice(&blob.to_le_bytes());
        bytes[dictionary_chunk::INDEX..][..4].copy_from_slice(&index.to_le_bytes());
        bytes
    }

    #[test]
    fn chunks_of_a_blob_are_packed_and_keep_their_stored_indexes() {
        let entries =
            [entry(1, 7, 1, 900), entry(2, 7, 1, 3), entry(2, 7, 0, 0), entry(1, 7, 1, 900)].concat();
        let dictionary = ChunkDictionary::new(&[blob(1), blob(1000)], &entries).unwrap();
        let find = |digest: u8| {
            let chunk = Fingerprint { digest: [digest; 32], crc32: 0, len: 7 };
            dictionary.chunks().find(&chunk).unwrap()
        };
        for (digest, slot, stored) in [(1, 1, 900), (2, 0, 3)] {
            let place = find(digest);
            assert_eq!((position_in_dictionary(place.layer), place.index), (1, slot));
            let blob = dictionary.blob(place.layer).unwrap();
            assert_eq!((blob.slots(), blob.chunk_count(), blob.stored_index(slot)), (2, 1000, Some(stored)));
        }
        let other = Fingerprint { digest: [1; 32], crc32: 0, len: 8 };
        assert_eq!(dictionary.chunks().find(&other), None);
    }

    #[test]
    fn chunks_that_no_blob_has_are_refused() {
        for entries in [entry(1, 7, 0, 1), entry(1, 7, 2, 0)] {
            let error = ChunkDictionary::new(&[blob(1)], &entries).err().unwrap();
            assert_eq!(error.code(), "FORMAT");
        }
        assert!(ChunkDictionary::new(&[blob(1)], &[0; 5]).is_err());
    }
}
