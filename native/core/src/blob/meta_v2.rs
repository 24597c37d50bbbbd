//! Chunk records of version 2 take 24 bytes each: three 64-bit words of offsets, sizes, flags, and of a checksum or a place in
//! a batch. The contexts of the batches follow them.

use nydus_layout::{batch_context, chunk_meta_v2, chunk_meta_v2_flags as flags};

use super::meta::{ChunkMeta, Contexts};
use super::sections::StoredChunks;
use crate::readers::Reader;
use crate::table::ChunkRecord;

/// Makes the records of a blob's chunks, and the contexts of its batches.
pub fn records(chunks: &StoredChunks, reader: &Reader) -> ChunkMeta {
    let (records, batches) = (&chunks.records, &chunks.batches);
    let count = ChunkRecord::iter(records).count();
    let contexts = Contexts { count: batches.len(), size: batches.len() * batch_context::SIZE };
    let mut meta = ChunkMeta::with_contexts(count, count * chunk_meta_v2::SIZE, contexts);
    let out = &mut meta.file;
    // The batch of the last chunk that is in one, and its bytes so far.
    let mut open = (0, 0);
    for (number, (chunk, batch)) in ChunkRecord::with_batches(records).enumerate() {
        let (kind, data) = if let Some(batch) = batch {
            let filled = if open.0 == batch { open.1 } else { 0 };
            open = (batch, filled + u64::from(chunk.uncompressed_size));
            (flags::COMPRESSED | flags::BATCH, (batch as u64) << 32 | filled)
        } else {
            // Readers refuse a checksum of 0.
            let crc32 = chunk.crc32.filter(|&crc32| crc32 != 0 && reader.checksums);
            let compressed = if chunk.compressed { flags::COMPRESSED } else { 0 };
            let known = if crc32.is_some() { flags::HAS_CRC32 } else { 0 };
            (compressed | known, u64::from(crc32.unwrap_or(0)))
        };
        let size = u64::from(chunk.uncompressed_size) - 1;
        let base = number * chunk_meta_v2::SIZE;
        let place = chunk.uncompressed_offset >> 12 | size << 32 | u64::from(kind) << 56;
        out.u64(base + chunk_meta_v2::UNCOMPRESSED_BLOCK, place);
        let kept = chunk.compressed_offset | u64::from(chunk.compressed_size) << 40;
        out.u64(base + chunk_meta_v2::COMPRESSED_LOW, kept);
        out.u64(base + chunk_meta_v2::DATA_LOW, data);
    }
    for (number, batch) in batches.iter().enumerate() {
        let base = count * chunk_meta_v2::SIZE + number * batch_context::SIZE;
        out.u32(base + batch_context::COMPRESSED_SIZE, batch.stored);
        out.u32(base + batch_context::UNCOMPRESSED_SIZE, batch.size);
    }
    meta
}
