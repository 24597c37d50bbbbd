//! Chunk records of version 2 take 24 bytes each: three 64-bit words of offsets, sizes, flags, and of a checksum or of a place
//! in something that is decompressed as a whole. The table of such things follows the records: batches, or the contexts of a
//! gzip layer with their dictionaries.

use nydus_layout::{batch_context, chunk_meta_v2, chunk_meta_v2_flags as flags};

use super::meta::{ChunkMeta, Contexts};
use super::sections::StoredChunks;
use crate::error::{Error, Result};
use crate::readers::Reader;
use crate::table::{Batch, ChunkRecord};
use crate::zran::Table;

/// Makes the records of chunks that are stored on their own.
pub fn records(chunks: &StoredChunks, reader: &Reader) -> Result<ChunkMeta> {
    write(chunks, None, |_, chunk, _| Ok(alone(chunk, reader)))
}

/// Makes the records of chunks of which some are in batches, and the contexts of these.
pub fn batched(chunks: &StoredChunks, reader: &Reader) -> Result<ChunkMeta> {
    let contexts = batch_contexts(&chunks.batches);
    // The batch of the last chunk that is in one, and its bytes so far.
    let mut open = (0, 0);
    write(chunks, Some((chunks.batches.len(), &contexts)), |_, chunk, batch| {
        let Some(batch) = batch else { return Ok(alone(chunk, reader)) };
        let filled = if open.0 == batch { open.1 } else { 0 };
        open = (batch, filled + u64::from(chunk.uncompressed_size));
        Ok((flags::COMPRESSED | flags::BATCH, (batch as u64) << 32 | filled))
    })
}

/// Makes the records of chunks that lie in a gzip layer, and the contexts that lead to them.
pub fn referring(chunks: &StoredChunks, table: &Table) -> Result<ChunkMeta> {
    write(chunks, Some((table.count as usize, &table.bytes)), |number, _, _| {
        let place = table.chunks.get(number).copied();
        let (context, offset) = place.ok_or_else(|| Error::internal("a chunk lies in no context"))?;
        Ok((flags::COMPRESSED | flags::ZRAN, u64::from(context) << 32 | u64::from(offset)))
    })
}

/// Flags and data of a chunk that is stored on its own.
fn alone(chunk: &ChunkRecord, reader: &Reader) -> (u32, u64) {
    // Readers refuse a checksum of 0.
    let crc32 = chunk.crc32.filter(|&crc32| crc32 != 0 && reader.checksums);
    let compressed = if chunk.compressed { flags::COMPRESSED } else { 0 };
    let known = if crc32.is_some() { flags::HAS_CRC32 } else { 0 };
    (compressed | known, u64::from(crc32.unwrap_or(0)))
}

fn batch_contexts(batches: &[Batch]) -> Vec<u8> {
    let mut out = Vec::with_capacity(batches.len() * batch_context::SIZE);
    for batch in batches {
        let mut record = [0; batch_context::SIZE];
        crate::bytes::put(&mut record, batch_context::COMPRESSED_SIZE, &batch.stored.to_le_bytes());
        crate::bytes::put(&mut record, batch_context::UNCOMPRESSED_SIZE, &batch.size.to_le_bytes());
        out.extend_from_slice(&record);
    }
    out
}

/// `contexts` are the number of contexts and their table; `of` returns flags and data of a record, given its number and
/// the position of its batch.
fn write(
    chunks: &StoredChunks,
    contexts: Option<(usize, &[u8])>,
    mut of: impl FnMut(usize, &ChunkRecord, Option<usize>) -> Result<(u32, u64)>,
) -> Result<ChunkMeta> {
    let count = ChunkRecord::iter(&chunks.records).count();
    let size = count * chunk_meta_v2::SIZE;
    let mut meta = match contexts {
        Some((number, table)) => {
            ChunkMeta::with_contexts(count, size, Contexts { count: number, size: table.len() })
        }
        None => ChunkMeta::new(count, size),
    };
    let out = &mut meta.file;
    for (number, (chunk, batch)) in ChunkRecord::with_batches(&chunks.records).enumerate() {
        let (kind, data) = of(number, &chunk, batch)?;
        let size = u64::from(chunk.uncompressed_size) - 1;
        let base = number * chunk_meta_v2::SIZE;
        let place = chunk.uncompressed_offset >> 12 | size << 32 | u64::from(kind) << 56;
        out.u64(base + chunk_meta_v2::UNCOMPRESSED_BLOCK, place);
        let kept = chunk.compressed_offset | u64::from(chunk.compressed_size) << 40;
        out.u64(base + chunk_meta_v2::COMPRESSED_LOW, kept);
        out.u64(base + chunk_meta_v2::DATA_LOW, data);
    }
    if let Some((_, table)) = contexts {
        out.put(size, table);
    }
    Ok(meta)
}
