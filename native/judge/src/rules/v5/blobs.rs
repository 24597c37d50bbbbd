//! Checks the rules over the blob tables, and over all chunks of a blob that files refer to.

use crate::finding::Finding;
use crate::layout::rules::Sentence;
use crate::layout::v5::{blob_prefix, extended_blob};
use crate::layout::{BLOCK_SIZE, OWN_BLOB_ID, blob_features, tar_header};
use crate::v5::{BlobEntry, FirstRecord, Image, Record};

pub fn judge(image: &Image<'_>) -> Vec<Finding> {
    let blobs = image.tables.blobs.iter().zip(&image.chunks);
    blobs
        .enumerate()
        .flat_map(|(position, (blob, chunks))| judge_blob(image, position, blob, chunks))
        .collect()
}

fn judge_blob(
    image: &Image<'_>,
    position: usize,
    blob: &BlobEntry<'_>,
    chunks: &[FirstRecord],
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let at = blob.extended.place() as u64;
    let report = |sentence| Finding::new(sentence).arg(position).at(at);
    let features = blob.extended.u32(extended_blob::FEATURES);
    if features & !blob_features::KNOWN != 0 {
        findings.push(report(Sentence::BlobFeatures).arg(features & !blob_features::KNOWN));
    }
    if (features & blob_features::INLINED_FS_META != 0) != (blob.id == OWN_BLOB_ID.as_slice()) {
        findings.push(report(Sentence::BlobInlined));
    }
    let readahead = u64::from(blob.prefix.u32(blob_prefix::READAHEAD_OFFSET))
        + u64::from(blob.prefix.u32(blob_prefix::READAHEAD_SIZE));
    if readahead > blob.extended.u64(extended_blob::COMPRESSED_SIZE) {
        findings.push(report(Sentence::V5Readahead).at(blob.prefix.place() as u64));
    }
    let spaces = spaces(image, chunks);
    if let Some((chunk, other)) = first_shared(&spaces) {
        findings.push(report(Sentence::V5SharedSpace).arg(chunk).arg(other));
    }
    judge_reach(blob, &spaces, |sentence, end, limit| {
        findings.push(report(sentence).arg(end).arg(limit));
    });
    findings
}

/// Compares the ends of a blob's chunks with the ends of the blob.
fn judge_reach(blob: &BlobEntry<'_>, spaces: &[Space], mut report: impl FnMut(Sentence, i64, i64)) {
    let stored = spaces.iter().map(|space| space.stored_end).max().unwrap_or(0);
    let end = spaces.iter().map(|space| space.end).max().unwrap_or(0);
    let (stored, end) = (stored.cast_signed(), end.cast_signed());
    let data = data_end(blob);
    let size = blob.extended.u64(extended_blob::UNCOMPRESSED_SIZE).cast_signed();
    if stored > data {
        report(Sentence::V5ChunksEnd, stored, data);
    }
    if end > size {
        report(Sentence::V5ChunksUncompressedEnd, end, size);
    }
    // The last chunk ends the address space; only if it is known can both ends be computed from the bootstrap alone.
    let count = spaces.iter().map(|space| space.index + 1).max().unwrap_or(0);
    if count != blob.extended.u32(extended_blob::CHUNK_COUNT) {
        return;
    }
    let aligned = end.cast_unsigned().next_multiple_of(BLOCK_SIZE as u64).cast_signed();
    if size != end && size != aligned {
        report(Sentence::V5LastChunkUncompressed, end, size);
    }
    if stored < data {
        report(Sentence::V5LastChunk, stored, data);
    }
}

/// The end of the chunk data: in v5 no chunk records follow it. It is negative for a blob that is shorter than its tar
/// header.
fn data_end(blob: &BlobEntry<'_>) -> i64 {
    let features = blob.extended.u32(extended_blob::FEATURES);
    let header = if features & blob_features::HAS_TAR_HEADER == 0 {
        0
    } else {
        (tar_header::SIZE as u64).cast_signed()
    };
    blob.extended.u64(extended_blob::COMPRESSED_SIZE).cast_signed() - header
}

/// A chunk's bytes in the uncompressed address space of its blob, and the end of its stored bytes.
struct Space {
    index: u32,
    start: u64,
    end: u64,
    stored_end: u64,
}

fn spaces(image: &Image<'_>, chunks: &[FirstRecord]) -> Vec<Space> {
    let records =
        chunks.iter().filter_map(|chunk| Some((chunk.index, Record::read(image.bytes, chunk.place).ok()?)));
    let mut spaces: Vec<_> = records
        .map(|(index, record)| Space {
            index,
            start: record.start(),
            end: record.end(),
            stored_end: record.stored_end(),
        })
        .collect();
    spaces.sort_by_key(|space| space.start);
    spaces
}

/// Finds the first two chunks that overlap.
fn first_shared(in_order: &[Space]) -> Option<(u32, u32)> {
    let mut pairs = in_order.iter().zip(in_order.iter().skip(1));
    pairs.find(|(before, space)| space.start < before.end).map(|(before, space)| (before.index, space.index))
}
