//! Checks the stored bytes of one chunk against its record in the table.

use super::Shared;
use crate::codec::{Contexts, MAX_CHUNK};
use crate::error::{Error, Result};
use crate::table::ChunkRecord;

/// The reason why no blob can hold such a chunk, if there is one.
pub fn impossible(record: &ChunkRecord) -> Option<String> {
    let (stored, size) = (record.compressed_size, record.uncompressed_size);
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

/// Checks the chunks of a cut; faults go to `shared`.
pub fn check_pieces(
    shared: &Shared,
    bytes: &[u8],
    pieces: &[(usize, u32)],
    contexts: &mut Contexts,
) -> Result<()> {
    let mut room = shared.buffers.take();
    for &(start, index) in pieces {
        let record = shared.record(index)?;
        let stored = bytes.get(start..start + record.compressed_size as usize);
        let stored = stored.ok_or_else(|| Error::internal("chunk lies outside of its cut"))?;
        if let Some(message) = check_piece(record, stored, shared, &mut room, contexts)? {
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
    room: &mut Vec<u8>,
    contexts: &mut Contexts,
) -> Result<Option<String>> {
    let size = record.uncompressed_size as usize;
    let plain = if record.compressed {
        if shared.codec.decoder.is_none() {
            return Ok(Some("is compressed, in a blob whose chunks are not".to_owned()));
        }
        if room.len() < size {
            room.resize(size, 0);
        }
        let (to, _) = room.split_at_mut(size);
        match contexts.decompress(shared.codec, to, stored) {
            Ok(()) => {}
            Err(fault @ Error::Format { .. }) => return Ok(Some(fault.to_string())),
            Err(error) => return Err(error),
        }
        to
    } else {
        stored
    };
    if shared.digester.digest(plain) != record.digest {
        return Ok(Some("content does not have the chunk's digest".to_owned()));
    }
    let wrong = record.crc32.filter(|&crc32| crc32c::crc32c(plain) != crc32);
    Ok(wrong.map(|crc32| format!("content does not have the chunk's checksum 0x{crc32:08x}")))
}
