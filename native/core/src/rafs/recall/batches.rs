//! The chunks that are compressed together: a bootstrap does not tell them from others, but the blob's own records do.

use nydus_layout::wire::{chunk_record, chunk_record_flags};
use nydus_layout::{batch_context, blob_features, blob_meta_header, chunk_meta_v2, chunk_meta_v2_flags};

use super::damaged;
use super::input::Input;
use crate::error::Result;
use crate::table::Batch;

const OFFSET_BITS: u32 = 40;
const FLAG_BITS: u32 = 56;

/// Marks the chunks of batches in `records`, and returns the batches. `meta` is the content of the `.blob.meta` file of a blob
/// with these features.
pub fn batches(meta: &[u8], features: u32, records: &mut [u8]) -> Result<Vec<Batch>> {
    if features & blob_features::BATCH == 0 {
        return Ok(Vec::new());
    }
    let input = Input(meta);
    for (number, record) in (0u64..).zip(records.as_chunks_mut::<{ chunk_record::SIZE }>().0) {
        let base = number * chunk_meta_v2::SIZE as u64;
        let place = input.u64(base + chunk_meta_v2::UNCOMPRESSED_BLOCK as u64)?;
        if place >> FLAG_BITS & u64::from(chunk_meta_v2_flags::BATCH) == 0 {
            continue;
        }
        let start = input.u64(base + chunk_meta_v2::COMPRESSED_LOW as u64)? & ((1 << OFFSET_BITS) - 1);
        // A chunk that no file refers to keeps its empty record.
        if record.iter().any(|&byte| byte != 0) {
            put(record, chunk_record::COMPRESSED_OFFSET, &start.to_le_bytes());
            let flags = chunk_record_flags::HAS_CRC32 | chunk_record_flags::BATCH;
            put(record, chunk_record::FLAGS, &flags.to_le_bytes());
        }
    }
    let header = meta.len().checked_sub(blob_meta_header::SIZE).ok_or_else(short)? as u64;
    let start = input.u64(header + blob_meta_header::TABLE_OFFSET as u64)?;
    let count = input.u32(header + blob_meta_header::TABLE_COUNT as u64)?;
    let bytes = input.slice(start, u64::from(count) * batch_context::SIZE as u64)?;
    let read = |context| {
        let context = Input(context);
        Ok(Batch {
            stored: context.u32(batch_context::COMPRESSED_SIZE as u64)?,
            size: context.u32(batch_context::UNCOMPRESSED_SIZE as u64)?,
        })
    };
    bytes.chunks_exact(batch_context::SIZE).map(read).collect()
}

fn put(record: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(field) = record.get_mut(at..).and_then(|rest| rest.get_mut(..bytes.len())) {
        field.copy_from_slice(bytes);
    }
}

fn short() -> crate::Error {
    damaged("its chunk records are incomplete")
}
