//! Checks the batches of a blob, and the records of version 2 that lead to them.

use crate::blob::{Blob, ChunkTable};
use crate::finding::Finding;
use crate::layout::chunk_meta_v2_flags as flags;
use crate::layout::rules::Sentence;
use crate::layout::section;

/// The most bytes that a reader decompresses at once.
const MAX_BATCH: u32 = 16 << 20;

/// A batch, as far as the records so far say.
struct Open {
    number: u32,
    /// Offset in the blob.
    start: u64,
    /// Bytes of its chunks.
    filled: u64,
}

pub fn judge(blob: &Blob<'_>, table: &ChunkTable<'_>, findings: &mut Vec<Finding>) {
    let count = table.batches();
    for number in 0..count {
        let Some(batch) = table.batch(number) else { continue };
        if batch.stored == 0 || batch.stored > batch.size || batch.size > MAX_BATCH {
            let finding = Finding::new(Sentence::SectionBatchSize).arg(number);
            findings.push(finding.arg(batch.stored).arg(batch.size));
        }
        if !batch.is_clean {
            findings.push(Finding::new(Sentence::SectionReserved).arg(format_args!("context {number}")));
        }
    }
    let mut open: Option<Open> = None;
    // The number of batches that other chunks have ended.
    let mut closed = 0;
    for (index, extent) in (0u32..).zip(table.extents()) {
        judge_record(table, index, findings);
        let place = table.in_batch(index);
        // The bytes of a batch end where those of the next chunk begin.
        if let Some(before) =
            open.as_ref().filter(|before| place.is_none_or(|place| place.number != before.number))
        {
            end(table, before, extent.compressed_offset, findings);
        }
        let Some(place) = place else {
            closed = closed.max(open.as_ref().map_or(0, |open| open.number.saturating_add(1)));
            close(table, open.take().as_ref(), findings);
            continue;
        };
        let differs = |field: &'static str, expected: u64, found: u64| {
            let finding = Finding::new(Sentence::SectionBatchChunk).arg(index).arg(field);
            finding.differs(expected, found)
        };
        let is_next = open.as_ref().is_none_or(|open| open.number != place.number);
        if is_next {
            let expected = open.as_ref().map_or(closed, |open| open.number.saturating_add(1));
            close(table, open.as_ref(), findings);
            if place.number != expected || place.number >= count {
                findings.push(differs("batch", expected.into(), place.number.into()));
            }
            open = Some(Open { number: place.number, start: extent.compressed_offset, filled: 0 });
        }
        let Some(open) = &mut open else { continue };
        if u64::from(place.offset) != open.filled {
            findings.push(differs("offset in its batch", open.filled, place.offset.into()));
        }
        if extent.compressed_offset != open.start {
            findings.push(differs("offset of its batch", open.start, extent.compressed_offset));
        }
        if extent.compressed_size != 0 {
            findings.push(differs("compressed size", 0, extent.compressed_size.into()));
        }
        let end =
            table.batch(place.number).map_or(0, |batch| extent.compressed_offset + u64::from(batch.stored));
        if end > blob.data_size {
            let finding = Finding::new(Sentence::SectionChunkEnd).arg(index);
            findings.push(finding.differs(format_args!("at most {}", blob.data_size), end));
        }
        open.filled += u64::from(extent.uncompressed_size);
    }
    let last = open.as_ref().map_or(closed, |open| open.number.saturating_add(1));
    if let (Some(open), Some(data)) = (&open, blob.section(section::DATA)) {
        end(table, open, data.compressed_size, findings);
    }
    close(table, open.as_ref(), findings);
    if last < count {
        findings.push(Finding::new(Sentence::SectionBatchEmpty).arg(last));
    }
}

fn end(table: &ChunkTable<'_>, Open { number, start, .. }: &Open, next: u64, findings: &mut Vec<Finding>) {
    let end = table.batch(*number).map(|batch| start + u64::from(batch.stored));
    if let Some(end) = end.filter(|&end| end != next) {
        findings.push(Finding::new(Sentence::SectionBatchEnd).arg(number).differs(next, end));
    }
}

/// The chunks of a batch fill it.
fn close(table: &ChunkTable<'_>, open: Option<&Open>, findings: &mut Vec<Finding>) {
    let Some(&Open { number, filled, .. }) = open else { return };
    if let Some(batch) = table.batch(number)
        && u64::from(batch.size) != filled
    {
        findings.push(Finding::new(Sentence::SectionBatchFilled).arg(number).differs(filled, batch.size));
    }
}

/// Readers refuse unknown combinations of flags, and checksums of 0.
fn judge_record(table: &ChunkTable<'_>, index: u32, findings: &mut Vec<Finding>) {
    let (Some(found), Some((low, high)), Some(extent)) =
        (table.flags(index), table.data(index), table.extent(index))
    else {
        return;
    };
    let expected = if table.in_context(index).is_some() {
        flags::ZRAN | flags::COMPRESSED
    } else if found & flags::BATCH != 0 {
        flags::BATCH | flags::COMPRESSED
    } else {
        let is_compressed = extent.compressed_size != extent.uncompressed_size;
        let has_crc32 = low != 0;
        (if is_compressed { flags::COMPRESSED } else { 0 }) | (if has_crc32 { flags::HAS_CRC32 } else { 0 })
    };
    if found != expected {
        let finding = Finding::new(Sentence::SectionChunkFlags).arg(index);
        findings.push(finding.differs(format_args!("0x{expected:02x}"), format_args!("0x{found:02x}")));
    } else if found & (flags::BATCH | flags::ZRAN) == 0 && high != 0 {
        findings.push(Finding::new(Sentence::SectionReserved).arg(format_args!("chunk {index}")));
    }
}
