//! A blob and its chunks as a bootstrap describes them. Chunk records are the same in both versions of RAFS.

use super::Extent;
use super::chunk_table::DIGEST_SIZE;
use crate::bytes::{slice, wide, word};
use crate::layout::{blob_entry, blob_features, chunk_flags, chunk_info};
use crate::{v5, v6};

/// The numbers of a blob in a bootstrap.
#[derive(Debug, Clone, Copy)]
pub struct BlobRecord {
    pub chunk_count: u32,
    /// `blob_features`; 0 in a v5 bootstrap, which has others.
    pub features: u32,
    pub compressed_size: u64,
    pub uncompressed_size: u64,
    /// Place, sizes and compressor of the chunk table; zeros in a v5 bootstrap, whose blobs have none.
    pub meta_offset: u64,
    pub meta_compressed_size: u64,
    pub meta_uncompressed_size: u64,
    pub meta_compressor: u32,
    /// Bytes of the table of contents with its header; 0 if the bootstrap does not know them.
    pub toc_size: u32,
    /// SHA-256 of these bytes.
    pub toc_digest: [u8; DIGEST_SIZE],
    /// The algorithms of chunks, by their numbers.
    pub compressor: u32,
    pub digester: u32,
}

impl BlobRecord {
    /// Bytes of the layer that holds the chunks, if the blob does not.
    pub fn layer_size(&self) -> Option<u64> {
        (self.features & blob_features::SEPARATE != 0).then_some(self.compressed_size)
    }

    pub fn of_v6(blob: v6::tables::Blob<'_>) -> Self {
        Self {
            chunk_count: blob.word(blob_entry::CHUNK_COUNT),
            features: blob.word(blob_entry::FEATURES),
            compressed_size: blob.wide(blob_entry::COMPRESSED_SIZE),
            uncompressed_size: blob.wide(blob_entry::UNCOMPRESSED_SIZE),
            meta_offset: blob.wide(blob_entry::META_OFFSET),
            meta_compressed_size: blob.wide(blob_entry::META_COMPRESSED_SIZE),
            meta_uncompressed_size: blob.wide(blob_entry::META_UNCOMPRESSED_SIZE),
            meta_compressor: blob.word(blob_entry::META_COMPRESSOR),
            toc_size: blob.word(blob_entry::TOC_SIZE),
            toc_digest: blob.digest(blob_entry::TOC_DIGEST),
            compressor: blob.word(blob_entry::COMPRESSOR),
            digester: blob.word(blob_entry::DIGESTER),
        }
    }

    pub fn of_v5(tables: &v5::Tables<'_>, blob: &v5::BlobEntry<'_>) -> Self {
        use crate::layout::v5::extended_blob as field;
        Self {
            chunk_count: blob.extended.u32(field::CHUNK_COUNT),
            features: 0,
            compressed_size: blob.extended.u64(field::COMPRESSED_SIZE),
            uncompressed_size: blob.extended.u64(field::UNCOMPRESSED_SIZE),
            meta_offset: 0,
            meta_compressed_size: 0,
            meta_uncompressed_size: 0,
            meta_compressor: 0,
            toc_size: 0,
            toc_digest: [0; DIGEST_SIZE],
            compressor: tables.codecs.compressor,
            digester: tables.codecs.digester.number(),
        }
    }
}

/// A blob that a bootstrap lists, and the chunks that the bootstrap's files use.
pub struct UsedBlob<'a> {
    pub record: BlobRecord,
    /// The bytes of the bootstrap.
    bytes: &'a [u8],
    /// Index of each chunk, and offset of its record in the bootstrap.
    places: Vec<(u32, usize)>,
}

impl<'a> UsedBlob<'a> {
    pub fn new(bytes: &'a [u8], record: BlobRecord, places: Vec<(u32, usize)>) -> Self {
        Self { record, bytes, places }
    }

    /// The chunks with their indexes. Those of a v6 bootstrap are in the order of indexes.
    pub fn chunks(&self) -> impl Iterator<Item = (u32, Chunk<'a>)> {
        self.places.iter().map(|&(index, at)| (index, Chunk { bytes: self.bytes, at }))
    }
}

/// A chunk's record in a bootstrap.
#[derive(Clone, Copy)]
pub struct Chunk<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Chunk<'a> {
    pub fn digest(&self) -> &'a [u8] {
        slice(self.bytes, self.at + chunk_info::DIGEST, DIGEST_SIZE).unwrap_or_default()
    }

    pub fn is_compressed(&self) -> bool {
        self.flags() & chunk_flags::COMPRESSED != 0
    }

    /// The checksum of the uncompressed bytes, if the record has one.
    pub fn crc32(&self) -> Option<u32> {
        let has_crc32 = self.flags() & chunk_flags::HAS_CRC32 != 0;
        has_crc32.then(|| word(self.bytes, self.at + chunk_info::CRC32))
    }

    pub fn extent(&self) -> Extent {
        Extent {
            compressed_offset: wide(self.bytes, self.at + chunk_info::COMPRESSED_OFFSET),
            compressed_size: word(self.bytes, self.at + chunk_info::COMPRESSED_SIZE),
            uncompressed_offset: wide(self.bytes, self.at + chunk_info::UNCOMPRESSED_OFFSET),
            uncompressed_size: word(self.bytes, self.at + chunk_info::UNCOMPRESSED_SIZE),
        }
    }

    fn flags(&self) -> u32 {
        word(self.bytes, self.at + chunk_info::FLAGS)
    }
}
