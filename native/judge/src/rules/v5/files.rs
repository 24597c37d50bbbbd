//! Checks the rules over the chunk records of a file.

use crate::finding::Finding;
use crate::layout::chunk_flags;
use crate::layout::rules::Sentence;
use crate::layout::v5::inode as field;
use crate::v5::{Image, Inode, Record};

pub fn judge(image: &Image<'_>, position: u32, inode: &Inode<'_>, findings: &mut Vec<Finding>) {
    let chunk_size = image.tables.chunk_size;
    let size = inode.view.u64(field::SIZE_FIELD);
    for (chunk, place) in (0..).zip(inode.records()) {
        // The tree was read with its records, so none is refused here.
        let Ok(record) = Record::read(image.bytes, place) else { continue };
        let start = chunk * chunk_size;
        let report = |sentence| Finding::new(sentence).of(image.path(position)).at(place as u64);
        let expected = chunk_size.min(size.saturating_sub(start));
        if record.size() != expected {
            findings.push(report(Sentence::ChunkLength).arg(chunk).differs(expected, record.size()));
        }
        let say = |sentence| report(sentence).arg(chunk);
        findings.extend(record_fault(&record, start, image.tables.codecs.compresses(), say));
        let first = image.first_record(record.blob(), record.index());
        if first.is_some_and(|first| !first.is_same(&record)) {
            findings.push(report(Sentence::V5ChunkTwice).arg(record.index()).arg(record.blob()));
        }
    }
}

/// The first rule that a record breaks on its own.
fn record_fault(
    record: &Record<'_>,
    start: u64,
    compresses: bool,
    report: impl Fn(Sentence) -> Finding,
) -> Option<Finding> {
    const KNOWN: u32 = chunk_flags::COMPRESSED | chunk_flags::HAS_CRC32;
    let flags = record.flags();
    let (stored, size) = (record.stored_size(), record.size());
    let is_compressed = flags & chunk_flags::COMPRESSED != 0;
    if flags & !KNOWN != 0 {
        return Some(report(Sentence::V5ChunkFlags).arg(flags));
    }
    if record.file_offset() != start {
        return Some(report(Sentence::V5ChunkFileOffset).arg(record.file_offset()).arg(start));
    }
    if is_compressed && !compresses {
        return Some(report(Sentence::V5ChunkCompressor));
    }
    if stored == 0 {
        return Some(report(Sentence::V5ChunkNothingStored));
    }
    if if is_compressed { stored >= size } else { stored != size } {
        let way = if is_compressed { "compressed" } else { "raw" };
        return Some(report(Sentence::V5ChunkStoredSize).arg(stored).arg(size).arg(way));
    }
    if record.crc32() != 0 && flags & chunk_flags::HAS_CRC32 == 0 {
        return Some(report(Sentence::V5ChunkCrc));
    }
    None
}
