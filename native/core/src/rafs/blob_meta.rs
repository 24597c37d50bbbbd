//! The section `blob.meta`: a record a chunk, then a header of 4096 bytes. nydusd's cache file `<blob id>.blob.meta` is the
//! same with the records uncompressed and padded to 4096; it is built first, and the section is written from it.

use super::bytes::Bytes;
use super::layout::{BLOCK_SIZE, META_MAGIC, blob_meta_header, chunk_meta};
use crate::error::Result;
use crate::table::ChunkRecord;

/// What the header says beside the records.
pub struct MetaHeader {
    /// `blob_features`.
    pub features: u32,
    /// Number of the codec of the records.
    pub compressor: u32,
    /// Where the records are in the blob.
    pub offset: u64,
    /// As stored.
    pub compressed_size: u64,
}

/// The file's content without its header, and how many bytes of it are records.
pub fn records(chunks: &[u8]) -> (Bytes, usize) {
    let size = ChunkRecord::iter(chunks).count() * chunk_meta::SIZE;
    let mut out = Bytes::new(size.next_multiple_of(BLOCK_SIZE) + blob_meta_header::SIZE);
    for (number, chunk) in ChunkRecord::iter(chunks).enumerate() {
        let (size, stored) = (u64::from(chunk.uncompressed_size) - 1, u64::from(chunk.compressed_size) - 1);
        // The offset is a multiple of 4096, so the bits below are free; sizes are split at 20 bits.
        let place = chunk.uncompressed_offset | (size >> 20) << 8 | (size & 0xF_FFFF) << 44;
        let kept = chunk.compressed_offset | (stored >> 20) << 40 | (stored & 0xF_FFFF) << 44;
        let base = number * chunk_meta::SIZE;
        out.u64(base + chunk_meta::UNCOMPRESSED_LOW, place);
        out.u64(base + chunk_meta::COMPRESSED_LOW, kept);
    }
    (out, size)
}

/// Writes the header at the end of the file.
pub fn finish(mut file: Bytes, records: usize, header: &MetaHeader) -> Result<Vec<u8>> {
    let base = records.next_multiple_of(BLOCK_SIZE);
    file.u32(base + blob_meta_header::MAGIC, META_MAGIC);
    file.u32(base + blob_meta_header::FEATURES, header.features);
    file.u32(base + blob_meta_header::COMPRESSOR, header.compressor);
    file.u32(base + blob_meta_header::ENTRIES, u32::try_from(records / chunk_meta::SIZE).unwrap_or(u32::MAX));
    file.u64(base + blob_meta_header::OFFSET, header.offset);
    file.u64(base + blob_meta_header::COMPRESSED_SIZE, header.compressed_size);
    file.u64(base + blob_meta_header::UNCOMPRESSED_SIZE, records as u64);
    file.u32(base + blob_meta_header::MAGIC2, META_MAGIC);
    file.finish()
}
