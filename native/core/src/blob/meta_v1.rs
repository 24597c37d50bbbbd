//! Chunk records of version 1 take 16 bytes each: two 64-bit words of offsets and sizes.

use nydus_layout::chunk_meta;

use super::meta::ChunkMeta;
use super::sections::StoredChunks;
use crate::table::ChunkRecord;

/// Makes the records of a blob's chunks.
pub fn records(chunks: &StoredChunks) -> ChunkMeta {
    let chunks = &chunks.records;
    let count = ChunkRecord::iter(chunks).count();
    let mut meta = ChunkMeta::new(count, count * chunk_meta::SIZE);
    let out = &mut meta.file;
    for (number, chunk) in ChunkRecord::iter(chunks).enumerate() {
        let (size, stored) = (u64::from(chunk.uncompressed_size) - 1, u64::from(chunk.compressed_size) - 1);
        // The offset is a multiple of 4096, so the bits below are free; sizes are split at 20 bits.
        let place = chunk.uncompressed_offset | (size >> 20) << 8 | (size & 0xF_FFFF) << 44;
        let kept = chunk.compressed_offset | (stored >> 20) << 40 | (stored & 0xF_FFFF) << 44;
        let base = number * chunk_meta::SIZE;
        out.u64(base + chunk_meta::UNCOMPRESSED_LOW, place);
        out.u64(base + chunk_meta::COMPRESSED_LOW, kept);
    }
    meta
}
