//! A chunk dictionary crosses as the blobs of its bootstrap and one buffer of chunks.

use napi::bindgen_prelude::Buffer;
use napi_derive::napi;
use nydus_core::Result;
use nydus_core::pipeline::{ChunkDictionary, DictionaryBlob};

/// A blob of a dictionary, as the dictionary's blob table describes it. Sizes and offsets are in bytes, below 2^53.
#[napi(object)]
pub struct NativeDictionaryBlob {
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
    /// `BlobFeatures`.
    pub features: u32,
    /// Offset of the bootstrap section in the RAFS blob.
    pub compressed_size: i64,
    /// Size of the uncompressed address space.
    pub uncompressed_size: i64,
    /// Name of the codec that compresses the chunk records.
    pub meta_compressor: String,
    /// Offset of the chunk records in the RAFS blob.
    pub meta_offset: i64,
    /// Size of the stored chunk records.
    pub meta_compressed_size: i64,
    /// Size of the chunk records when decoded.
    pub meta_uncompressed_size: i64,
}

/// The chunks of another image that files may refer to.
#[napi(object, object_to_js = false, js_name = "NativeDictionary")]
pub struct Dictionary {
    /// The blobs that hold them.
    pub blobs: Vec<NativeDictionaryBlob>,
    /// `DictionaryChunk` records; of equal chunks the first one is referred to.
    pub chunks: Buffer,
}

impl Dictionary {
    /// Makes the dictionary of a conversion.
    pub fn into_core(self) -> Result<ChunkDictionary> {
        let size = |value: i64| u64::try_from(value).unwrap_or(0);
        let blobs: Vec<_> = self
            .blobs
            .into_iter()
            .map(|blob| DictionaryBlob {
                id: blob.id,
                chunk_count: blob.chunk_count,
                chunk_size: blob.chunk_size,
                compressor: blob.compressor,
                digester: blob.digester,
                features: blob.features,
                compressed_size: size(blob.compressed_size),
                uncompressed_size: size(blob.uncompressed_size),
                meta_compressor: blob.meta_compressor,
                meta_offset: size(blob.meta_offset),
                meta_compressed_size: size(blob.meta_compressed_size),
                meta_uncompressed_size: size(blob.meta_uncompressed_size),
            })
            .collect();
        ChunkDictionary::new(&blobs, &self.chunks)
    }
}
