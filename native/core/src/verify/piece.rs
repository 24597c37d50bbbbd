//! Checks the stored bytes of one chunk against its record in the table.

use super::Shared;
use crate::codec::{Contexts, MAX_CHUNK};
use crate::error::{Error, Result};
use crate::table::ChunkRecord;

/// The reason why no blob can hold such a chunk, if there is one.
pub fn impossible(record: &ChunkRecord) -> Option<String> {
    let (stored, own) = (record.compressed_size, record.uncompressed_size);
    let size = decoded_size(record);
    if record.in_batch && (own == 0 || u64::from(offset_in_batch(record)) + u64::from(own) > u64::from(size))
    {
        return Some(format!("has {own} bytes in a batch of {size}"));
    }
    if size == 0 || size as usize > MAX_CHUNK {
        return Some(format!("has {size} bytes; chunks have 1 to {MAX_CHUNK}"));
    }
    if stored == 0 || stored > size {
        return Some(format!("is stored in {stored} bytes for {size} uncompressed ones"));
    }
    if !record.compressed && stored != size {
        return Some(format!("is not compressed, yet stored in {stored} bytes instead of {size}"));
    }
    if record.compressed_offset.checked_add(u64::from(stored)).is_none() {
        return Some(format!("starts at {}, where no blob has bytes", record.compressed_offset));
    }
    None
}

/// Bytes that the stored bytes of a chunk decompress to: those of its batch, if it is in one. The records of a verifier say so in
/// place of the offset in the address space.
pub fn decoded_size(record: &ChunkRecord) -> u32 {
    if record.in_batch {
        u32::try_from(record.uncompressed_offset >> 32).unwrap_or(u32::MAX)
    } else {
        record.uncompressed_size
    }
}

/// Where a chunk begins in its batch.
pub fn offset_in_batch(record: &ChunkRecord) -> u32 {
    u32::try_from(record.uncompressed_offset & u64::from(u32::MAX)).unwrap_or(u32::MAX)
}

/// Checks the chunks of a cut; faults go to `shared`.
pub fn check_pieces(
    shared: &Shared,
    bytes: &[u8],
    pieces: &[(usize, u32)],
    contexts: &mut Contexts,
) -> Result<()> {
    let mut room = shared.buffers.take();
    // The batch whose bytes are in `room`.
    let mut batch = None;
    for &(start, index) in pieces {
        let record = shared.record(index)?;
        let stored = bytes.get(start..start + record.compressed_size as usize);
        let stored = stored.ok_or_else(|| Error::internal("chunk lies outside of its cut"))?;
        let is_known = record.in_batch && batch == Some(start);
        let message = check_piece(record, stored, shared, (&mut room, is_known), contexts)?;
        // A batch that could not be decompressed is tried again for the message.
        batch = (record.in_batch && message.is_none()).then_some(start);
        if let Some(message) = message {
            shared.fault(index, message);
        }
    }
    shared.buffers.give(room);
    Ok(())
}

/// The difference between a chunk and its record, if there is one; an error only when the chunk could not be checked.
fn check_piece(
    record: &ChunkRecord,
    stored: &[u8],
    shared: &Shared,
    (room, is_known): (&mut Vec<u8>, bool),
    contexts: &mut Contexts,
) -> Result<Option<String>> {
    let size = decoded_size(record) as usize;
    let plain = if record.compressed {
        if shared.codec.decoder.is_none() {
            return Ok(Some("is compressed, in a blob whose chunks are not".to_owned()));
        }
        if room.len() < size {
            room.resize(size, 0);
        }
        let (to, _) = room.split_at_mut(size);
        if !is_known {
            match contexts.decompress(shared.codec, to, stored) {
                Ok(()) => {}
                Err(fault @ Error::Format { .. }) => return Ok(Some(fault.to_string())),
                Err(error) => return Err(error),
            }
        }
        to
    } else {
        stored
    };
    let plain = if record.in_batch {
        let start = offset_in_batch(record) as usize;
        let own = plain.get(start..start + record.uncompressed_size as usize);
        own.ok_or_else(|| Error::internal("chunk lies outside of its batch"))?
    } else {
        plain
    };
    Ok(shared.difference(record, plain))
}
