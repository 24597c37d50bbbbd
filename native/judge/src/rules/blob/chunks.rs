//! Compares the chunks of a blob's own table with those in a bootstrap.

use super::{Description, compare};
use crate::blob::{Chunk, ChunkTable, Extent};
use crate::finding::Finding;
use crate::layout::rules::Sentence;
use crate::layout::{BLOCK_SIZE, blob_meta_header as header};

/// Compares the blob's record in a bootstrap, then each chunk.
pub fn judge(table: &ChunkTable<'_>, description: Description<'_>, findings: &mut Vec<Finding>) {
    let record = description.blob.record;
    let about = || Finding::new(Sentence::SectionRecordDiffers).arg(description.bootstrap);
    compare(
        findings,
        about,
        &[
            ("number of chunks", table.header.word(header::ENTRIES).into(), record.chunk_count.into()),
            ("offset of the chunk table", table.header.wide(header::OFFSET), record.meta_offset),
            (
                "compressed size of the chunk table",
                table.header.wide(header::COMPRESSED_SIZE),
                record.meta_compressed_size,
            ),
            (
                "uncompressed size of the chunk table",
                table.header.wide(header::UNCOMPRESSED_SIZE),
                record.meta_uncompressed_size,
            ),
            (
                "compressor of the chunk table",
                table.header.word(header::COMPRESSOR).into(),
                record.meta_compressor.into(),
            ),
            ("uncompressed size", address_space(table), record.uncompressed_size),
        ],
    );
    for (index, chunk) in description.blob.chunks() {
        findings.extend(difference(table, index, chunk, description.bootstrap));
    }
}

/// The end of the uncompressed address space; every chunk starts in a block of its own.
pub fn address_space(table: &ChunkTable<'_>) -> u64 {
    table.extents().next_back().map_or(0, |last| next_block(&last))
}

/// The block behind a chunk in the uncompressed address space.
pub fn next_block(extent: &Extent) -> u64 {
    extent.uncompressed_end().next_multiple_of(BLOCK_SIZE as u64)
}

fn difference(table: &ChunkTable<'_>, index: u32, chunk: Chunk<'_>, bootstrap: &str) -> Option<Finding> {
    let about = |sentence| Finding::new(sentence).arg(index).arg(bootstrap);
    let Some(mut stored) = table.extent(index) else {
        return Some(about(Sentence::SectionChunkMissing));
    };
    // Bootstraps do not say where a batch is.
    if table.in_batch(index).is_some() {
        stored.compressed_offset = 0;
    }
    let described = chunk.extent();
    if described != stored {
        let (field, described, stored) = different_number(&described, &stored)?;
        return Some(about(Sentence::SectionChunkDiffers).arg(field).arg(described).arg(stored));
    }
    let has_digest = table.digest(index).is_none_or(|digest| digest == chunk.digest());
    (!has_digest).then(|| about(Sentence::SectionChunkDigest))
}

/// The first number in which two extents differ.
pub fn different_number(a: &Extent, b: &Extent) -> Option<(&'static str, u64, u64)> {
    [
        ("compressedOffset", a.compressed_offset, b.compressed_offset),
        ("compressedSize", a.compressed_size.into(), b.compressed_size.into()),
        ("uncompressedOffset", a.uncompressed_offset, b.uncompressed_offset),
        ("uncompressedSize", a.uncompressed_size.into(), b.uncompressed_size.into()),
    ]
    .into_iter()
    .find(|(_, a, b)| a != b)
}
