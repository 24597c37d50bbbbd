//! Checks the rules over the chunk table: every record is correct on its own, in order, and used by a file.

use crate::bytes::{index, slice, wide, word};
use crate::finding::Finding;
use crate::layout::rules::Sentence;
use crate::layout::{BLOCK_SIZE, blob_entry, blob_features, chunk_flags, chunk_info, compressor, tar_header};
use crate::v6::Image;
use crate::v6::tables::{Blob, WITH_CONTEXTS};

pub fn judge(image: &Image<'_>, findings: &mut Vec<Finding>) {
    let Image { bytes, tables, tree, .. } = image;
    let limits: Vec<_> = tables.blobs.places().map(|at| Limits::of(Blob::new(bytes, at))).collect();
    let mut last = None;
    for (at, &is_used) in tables.records.places().zip(&tree.used) {
        let record = Record { bytes, at };
        let key = Some(record.key());
        let limits = limits.get(index(record.word(chunk_info::BLOB_INDEX)));
        let fault = limits.and_then(|limits| record.fault(limits, tables.chunk_size));
        if last >= key {
            findings.push(record.finding(Sentence::ChunkOrder));
        }
        findings.extend(fault);
        if !is_used {
            findings.push(record.finding(Sentence::ChunkUnused));
        }
        last = key;
    }
}

/// The limits that hold for all records of a blob.
struct Limits {
    /// True if its compressor compresses.
    compresses: bool,
    is_encrypted: bool,
    /// True if only blob.meta tells how its chunks are stored.
    has_contexts: bool,
    /// Bytes of its uncompressed address space.
    uncompressed_size: u64,
    /// The end of its chunk data; negative when there is no room for any.
    data_end: i64,
}

impl Limits {
    fn of(blob: Blob<'_>) -> Self {
        Self {
            compresses: blob.word(blob_entry::COMPRESSOR) != compressor::NONE,
            is_encrypted: blob.has(blob_features::ENCRYPTED),
            has_contexts: blob.has(WITH_CONTEXTS),
            uncompressed_size: blob.wide(blob_entry::UNCOMPRESSED_SIZE),
            data_end: data_end(blob),
        }
    }
}

/// The chunk data ends at the tar header before the chunk records, if there is one.
fn data_end(blob: Blob<'_>) -> i64 {
    if blob.has(blob_features::SEPARATE) {
        return signed(blob.wide(blob_entry::COMPRESSED_SIZE));
    }
    let header = if blob.has(blob_features::HAS_TAR_HEADER) { tar_header::SIZE } else { 0 };
    signed(blob.wide(blob_entry::META_OFFSET)) - signed(header as u64)
}

/// Numbers of the format are below 2^53.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[derive(Clone, Copy)]
struct Record<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Record<'a> {
    fn word(&self, field: usize) -> u32 {
        word(self.bytes, self.at + field)
    }

    fn wide(&self, field: usize) -> u64 {
        wide(self.bytes, self.at + field)
    }

    /// The key by which the table is sorted.
    fn key(&self) -> (&'a [u8], u32, u32) {
        let digest = slice(self.bytes, self.at + chunk_info::DIGEST, DIGEST_SIZE).unwrap_or_default();
        (digest, self.word(chunk_info::BLOB_INDEX), self.word(chunk_info::INDEX))
    }

    /// Makes a finding with the arguments that every sentence about a record begins with.
    fn finding(&self, sentence: Sentence) -> Finding {
        let finding = Finding::new(sentence).at(self.at as u64);
        finding.arg(self.word(chunk_info::INDEX)).arg(self.word(chunk_info::BLOB_INDEX))
    }

    /// The first rule that the record breaks.
    fn fault(&self, limits: &Limits, chunk_size: u64) -> Option<Finding> {
        let flags = self.word(chunk_info::FLAGS);
        let has = |flag: u32| flags & flag != 0;
        let size = u64::from(self.word(chunk_info::UNCOMPRESSED_SIZE));
        let stored = u64::from(self.word(chunk_info::COMPRESSED_SIZE));
        let start = self.wide(chunk_info::UNCOMPRESSED_OFFSET);
        let file_offset = self.wide(chunk_info::FILE_OFFSET);
        let is_compressed = has(chunk_flags::COMPRESSED);
        let finding = |sentence| Some(self.finding(sentence));
        if flags & !chunk_flags::KNOWN != 0 || has(chunk_flags::HOLE) {
            return Some(self.finding(Sentence::ChunkFlags).arg(flags));
        }
        if has(chunk_flags::ENCRYPTED) != limits.is_encrypted {
            return finding(Sentence::ChunkEncrypted);
        }
        if size == 0 || size > chunk_size {
            return Some(self.finding(Sentence::ChunkSize).arg(size));
        }
        if !start.is_multiple_of(BLOCK_SIZE as u64) {
            return Some(self.finding(Sentence::ChunkUnaligned).arg(start));
        }
        if start + size > limits.uncompressed_size {
            return finding(Sentence::ChunkUncompressedEnd);
        }
        if !file_offset.is_multiple_of(chunk_size) {
            return Some(self.finding(Sentence::ChunkFileOffset).arg(file_offset));
        }
        if self.word(chunk_info::CRC32) != 0 && !has(chunk_flags::HAS_CRC32) {
            return finding(Sentence::ChunkCrc);
        }
        if is_compressed && !limits.compresses {
            return finding(Sentence::ChunkCompressor);
        }
        if limits.has_contexts {
            return None;
        }
        if stored == 0 {
            return finding(Sentence::ChunkNothingStored);
        }
        if if is_compressed { stored >= size } else { stored != size } {
            let way = if is_compressed { "compressed" } else { "raw" };
            return Some(self.finding(Sentence::ChunkStoredSize).arg(stored).arg(size).arg(way));
        }
        if signed(self.wide(chunk_info::COMPRESSED_OFFSET) + stored) > limits.data_end {
            return finding(Sentence::ChunkEnd);
        }
        None
    }
}

const DIGEST_SIZE: usize = 32;
