//! Packs the chunks that can be verified into the records that the verifier takes (`nydus_layout::wire`).

use std::collections::HashMap;

use super::chunk_table::DIGEST_SIZE;
use super::{Chunk, ChunkTable, Extent, UsedBlob};
use crate::bytes::word;
use crate::layout::wire::{chunk_record, chunk_record_flags};

/// The chunks of a blob that can be verified.
#[derive(Debug, Default)]
pub struct VerifiableChunks {
    /// Packed records, in the order of the chunks' indexes.
    pub records: Vec<u8>,
    /// The index of each chunk; `None` if the records are those of all chunks.
    pub indexes: Option<Vec<u32>>,
    /// Inflate contexts, then their dictionaries, of a blob that refers to a gzip layer.
    pub contexts: Vec<u8>,
    /// The number of these contexts.
    pub context_count: u32,
}

impl VerifiableChunks {
    /// Takes extents from the blob's own table, and everything else from the first bootstrap that knows a chunk.
    pub fn of_table(table: &ChunkTable<'_>, bootstraps: &[&UsedBlob<'_>]) -> Self {
        let packed = if table.digests.is_some() {
            Self::all(table, bootstraps)
        } else {
            Self::known(table, bootstraps)
        };
        Self { contexts: table.contexts().to_vec(), context_count: table.context_count(), ..packed }
    }

    /// Packs all chunks. If no bootstrap mentions a chunk, it counts as compressed if its sizes differ.
    fn all(table: &ChunkTable<'_>, bootstraps: &[&UsedBlob<'_>]) -> Self {
        let mut records = vec![0; table.len() * chunk_record::SIZE];
        let mut known = vec![false; table.len()];
        let slots = records.chunks_exact_mut(chunk_record::SIZE);
        for ((index, extent), slot) in (0..).zip(table.extents()).zip(slots) {
            let is_compressed = extent.compressed_size != extent.uncompressed_size;
            write(slot, table.digest(index).unwrap_or_default(), &extent, is_compressed, None);
            write_batch(slot, table, index);
        }
        for (index, chunk) in bootstraps.iter().flat_map(|bootstrap| bootstrap.chunks()) {
            let index = crate::bytes::index(index);
            let Some(known) = known.get_mut(index).filter(|known| !**known) else { continue };
            *known = true;
            if let Some(slot) = records.get_mut(index * chunk_record::SIZE..) {
                write_flags(slot, chunk.is_compressed(), chunk.crc32());
                write_batch(slot, table, u32::try_from(index).unwrap_or(u32::MAX));
            }
        }
        Self { records, ..Self::default() }
    }

    /// Packs the chunks that a bootstrap mentions: only bootstraps have digests.
    fn known(table: &ChunkTable<'_>, bootstraps: &[&UsedBlob<'_>]) -> Self {
        let mut chunks = HashMap::new();
        for (index, chunk) in bootstraps.iter().flat_map(|bootstrap| bootstrap.chunks()) {
            if let Some(extent) = table.extent(index) {
                chunks.entry(index).or_insert((chunk, extent));
            }
        }
        let mut packed = Self::of_chunks(chunks);
        let slots = packed.records.chunks_exact_mut(chunk_record::SIZE);
        for (slot, &index) in slots.zip(packed.indexes.iter().flatten()) {
            write_batch(slot, table, index);
        }
        packed
    }

    /// Packs chunks by index.
    pub fn of_chunks(chunks: HashMap<u32, (Chunk<'_>, Extent)>) -> Self {
        let mut chunks: Vec<_> = chunks.into_iter().collect();
        chunks.sort_unstable_by_key(|&(index, _)| index);
        let mut records = vec![0; chunks.len() * chunk_record::SIZE];
        for ((_, (chunk, extent)), slot) in chunks.iter().zip(records.chunks_exact_mut(chunk_record::SIZE)) {
            write(slot, chunk.digest(), extent, chunk.is_compressed(), chunk.crc32());
        }
        let indexes = Some(chunks.into_iter().map(|(index, _)| index).collect());
        Self { records, indexes, ..Self::default() }
    }
}

fn write(slot: &mut [u8], digest: &[u8], extent: &Extent, is_compressed: bool, crc32: Option<u32>) {
    put(slot, chunk_record::DIGEST, digest.first_chunk::<DIGEST_SIZE>().unwrap_or(&[0; DIGEST_SIZE]));
    put(slot, chunk_record::UNCOMPRESSED_SIZE, &extent.uncompressed_size.to_le_bytes());
    put(slot, chunk_record::COMPRESSED_SIZE, &extent.compressed_size.to_le_bytes());
    put(slot, chunk_record::COMPRESSED_OFFSET, &extent.compressed_offset.to_le_bytes());
    put(slot, chunk_record::UNCOMPRESSED_OFFSET, &extent.uncompressed_offset.to_le_bytes());
    write_flags(slot, is_compressed, crc32);
}

/// Writes the facts that only bootstraps have.
fn write_flags(slot: &mut [u8], is_compressed: bool, crc32: Option<u32>) {
    let compressed = if is_compressed { chunk_record_flags::COMPRESSED } else { 0 };
    let has_crc32 = if crc32.is_some() { chunk_record_flags::HAS_CRC32 } else { 0 };
    put(slot, chunk_record::CRC32, &crc32.unwrap_or_default().to_le_bytes());
    put(slot, chunk_record::FLAGS, &(compressed | has_crc32).to_le_bytes());
}

/// Gives a chunk of a batch the bytes of the batch, and its place in them: in a verifier's record, the offset in the address
/// space holds the size of the batch and the offset in it. Beside inflate contexts it holds the number of the context and the
/// offset in what that makes.
fn write_batch(slot: &mut [u8], table: &ChunkTable<'_>, index: u32) {
    if let Some(place) = table.in_context(index) {
        let inside = u64::from(place.number) << 32 | u64::from(place.offset);
        put(slot, chunk_record::UNCOMPRESSED_OFFSET, &inside.to_le_bytes());
        return;
    }
    let Some(place) = table.in_batch(index) else { return };
    // A batch that is not there has no bytes, which is a fault of the chunk.
    let (stored, size) = table.batch(place.number).map_or((0, 0), |batch| (batch.stored, batch.size));
    put(slot, chunk_record::COMPRESSED_SIZE, &stored.to_le_bytes());
    let inside = u64::from(size) << 32 | u64::from(place.offset);
    put(slot, chunk_record::UNCOMPRESSED_OFFSET, &inside.to_le_bytes());
    let compressed = if stored == size { 0 } else { chunk_record_flags::COMPRESSED };
    let known = word(slot, chunk_record::FLAGS) & chunk_record_flags::HAS_CRC32;
    put(slot, chunk_record::FLAGS, &(chunk_record_flags::BATCH | compressed | known).to_le_bytes());
}

fn put<const N: usize>(slot: &mut [u8], field: usize, bytes: &[u8; N]) {
    if let Some(to) = slot.get_mut(field..).and_then(<[u8]>::first_chunk_mut) {
        *to = *bytes;
    }
}
