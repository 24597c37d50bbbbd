//! Reads the fixed part of a v5 bootstrap: super block, inode table, prefetch table and the two blob tables.

use std::collections::HashSet;

use super::padded;
use crate::bytes::{slice, u32_at};
use crate::codecs::Codecs;
use crate::finding::Finding;
use crate::finding::Refusal;
use crate::layout::rules::Sentence;
use crate::layout::v5::{
    self, ALIGNMENT, INODE_UNIT, SUPER_SIZE, blob_prefix, extended_blob, inode_table_entry, prefetch_entry,
    super_block,
};
use crate::layout::{
    BLOB_FEATURES_REFUSED, MAX_CHUNK_SIZE, MAX_CHUNKS_PER_BLOB, MAX_COMPRESSED_SIZE, MAX_UNCOMPRESSED_SIZE,
    MIN_CHUNK_SIZE, blob_features,
};
use crate::view::View;

const FEATURES_OF_V6: [(u32, &str); 7] = [
    (blob_features::CHUNK_INFO_V2, "CHUNK_INFO_V2"),
    (blob_features::ZRAN, "ZRAN"),
    (blob_features::SEPARATE, "SEPARATE"),
    (blob_features::TARFS, "TARFS"),
    (blob_features::BATCH, "BATCH"),
    (blob_features::ENCRYPTED, "ENCRYPTED"),
    (blob_features::HAS_TOC, "HAS_TOC"),
];

/// One blob in the two blob tables.
#[derive(Debug)]
pub struct BlobEntry<'a> {
    /// Its prefix in the blob table; the id follows.
    pub prefix: View<'a>,
    pub id: &'a [u8],
    pub extended: View<'a>,
}

/// The tables of a bootstrap, which lie inside the file and do not overlap.
#[derive(Debug)]
pub struct Tables<'a> {
    pub super_block: View<'a>,
    pub codecs: Codecs,
    pub chunk_size: u64,
    /// The super block's count of names.
    pub names: u32,
    /// The blobs in the order of the tables.
    pub blobs: Vec<BlobEntry<'a>>,
}

impl<'a> Tables<'a> {
    pub fn read(bytes: &'a [u8]) -> Result<Self, Refusal> {
        let super_block = View::read(bytes, &super_block::TABLE, 0)?;
        check_super_block(bytes, &super_block)?;
        let codecs = Codecs::read(&super_block, super_block::FLAGS)?;
        Ok(Self {
            super_block,
            codecs,
            chunk_size: super_block.u32(super_block::CHUNK_SIZE).into(),
            names: super_block.u32(super_block::INODE_TABLE_ENTRIES),
            blobs: read_blobs(bytes, &super_block)?,
        })
    }

    /// The offset of the inode with this number; the first is 1.
    pub fn place(&self, bytes: &[u8], number: u32) -> Result<usize, Refusal> {
        let table = usize_of(self.super_block.u64(super_block::INODE_TABLE_OFFSET));
        let entry = table + (number as usize).saturating_sub(1) * inode_table_entry::SIZE;
        let entry = View::read(bytes, &inode_table_entry::TABLE, entry)?;
        let place = entry.u32(inode_table_entry::OFFSET) as usize * INODE_UNIT;
        if place < SUPER_SIZE || place + v5::inode::SIZE > bytes.len() {
            return entry.refuse(inode_table_entry::OFFSET, Sentence::V5Place, |finding| {
                finding.arg(number).arg(place)
            });
        }
        Ok(place)
    }

    /// The offset and the inode number of each entry of the prefetch table.
    pub fn prefetch(&self, bytes: &'a [u8]) -> impl Iterator<Item = (usize, u32)> {
        let start = usize_of(self.super_block.u64(super_block::PREFETCH_TABLE_OFFSET));
        let count = self.super_block.u32(super_block::PREFETCH_TABLE_ENTRIES) as usize;
        (0..count)
            .map(move |position| start + position * prefetch_entry::SIZE)
            .filter_map(|at| Some((at, u32_at(bytes, at + prefetch_entry::INO)?)))
    }
}

/// Converts an offset. One beyond memory becomes an offset beyond every file.
fn usize_of(place: u64) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
}

fn check_super_block(bytes: &[u8], sb: &View<'_>) -> Result<(), Refusal> {
    for (field, wanted) in [
        (super_block::MAGIC, v5::SUPER_MAGIC as usize),
        (super_block::VERSION, v5::VERSION as usize),
        (super_block::SIZE_FIELD, SUPER_SIZE),
    ] {
        let found = sb.u32(field);
        if found as usize != wanted {
            return sb.refuse(field, Sentence::ReadNot, |finding| finding.arg(found).arg(wanted));
        }
    }
    if !bytes.len().is_multiple_of(ALIGNMENT) {
        return Err(Box::new(Finding::new(Sentence::V5Size).arg(ALIGNMENT).arg(bytes.len()).at(0)));
    }
    let chunk_size = sb.u32(super_block::CHUNK_SIZE);
    if !chunk_size.is_power_of_two() || !(MIN_CHUNK_SIZE..=MAX_CHUNK_SIZE).contains(&chunk_size) {
        return sb.refuse(super_block::CHUNK_SIZE, Sentence::ReadChunkSize, |it| it.arg(chunk_size));
    }
    let inodes = sb.u64(super_block::INODES);
    let names = sb.u32(super_block::INODE_TABLE_ENTRIES);
    if inodes == 0 {
        return sb.refuse(super_block::INODES, Sentence::ReadNoInodes, |finding| finding);
    }
    if inodes > names.into() {
        return sb.refuse(super_block::INODES, Sentence::V5Inodes, |it| it.arg(inodes).arg(names));
    }
    check_tables(bytes, sb)
}

struct Extent {
    field: usize,
    name: &'static str,
    start: u64,
    size: u64,
}

fn check_tables(bytes: &[u8], sb: &View<'_>) -> Result<(), Refusal> {
    let table = |field: usize, name: &'static str, count: usize, record: usize| Extent {
        field,
        name,
        start: sb.u64(field),
        size: u64::from(sb.u32(count)) * record as u64,
    };
    let tables = [
        table(
            super_block::INODE_TABLE_OFFSET,
            "inode table",
            super_block::INODE_TABLE_ENTRIES,
            inode_table_entry::SIZE,
        ),
        table(
            super_block::PREFETCH_TABLE_OFFSET,
            "prefetch table",
            super_block::PREFETCH_TABLE_ENTRIES,
            prefetch_entry::SIZE,
        ),
        table(super_block::BLOB_TABLE_OFFSET, "blob table", super_block::BLOB_TABLE_SIZE, 1),
        table(
            super_block::EXTENDED_OFFSET,
            "extended blob table",
            super_block::EXTENDED_ENTRIES,
            extended_blob::SIZE,
        ),
    ];
    for (position, Extent { field, name, start, size }) in tables.iter().enumerate() {
        let (field, start, size) = (*field, *start, *size);
        if size == 0 {
            continue;
        }
        if start % ALIGNMENT as u64 != 0 || start < SUPER_SIZE as u64 {
            return sb.refuse(field, Sentence::ReadTableStart, |finding| finding.arg(start));
        }
        if start + padded(size) > bytes.len() as u64 {
            return sb.refuse(field, Sentence::ReadTableEnd, |finding| {
                finding.arg(size).arg(start).arg(bytes.len())
            });
        }
        for other in tables.iter().take(position) {
            if other.size > 0 && start < other.start + other.size && other.start < start + size {
                return sb
                    .refuse(field, Sentence::ReadTableOverlap, |finding| finding.arg(name).arg(other.name));
            }
        }
    }
    Ok(())
}

/// Reads entries that follow each other; each is a prefix and an id that ends with a NUL or with the table.
fn read_blobs<'a>(bytes: &'a [u8], sb: &View<'a>) -> Result<Vec<BlobEntry<'a>>, Refusal> {
    let size = sb.u32(super_block::BLOB_TABLE_SIZE);
    let count = sb.u32(super_block::EXTENDED_ENTRIES);
    if size > 0 && count == 0 {
        return Err(Box::new(Finding::new(Sentence::V5NoExtendedTable)));
    }
    let wrong_size =
        || sb.refuse(super_block::BLOB_TABLE_SIZE, Sentence::V5BlobTable, |it| it.arg(size).arg(count));
    let start = usize_of(sb.u64(super_block::BLOB_TABLE_OFFSET));
    let extended_start = usize_of(sb.u64(super_block::EXTENDED_OFFSET));
    let end = start.saturating_add(size as usize);
    let mut blobs = Vec::new();
    let mut ids = HashSet::new();
    let mut at = start;
    for position in 0..count as usize {
        if at.saturating_add(blob_prefix::SIZE) >= end {
            return wrong_size();
        }
        let prefix = View::read(bytes, &blob_prefix::TABLE, at)?;
        let first = at + blob_prefix::SIZE;
        let rest = slice(bytes, first, end - first).unwrap_or_default();
        let length = rest.iter().position(|&byte| byte == 0).unwrap_or(rest.len());
        let id = rest.get(..length).unwrap_or_default();
        if !ids.insert(id) {
            return prefix.refuse(blob_prefix::READAHEAD_SIZE, Sentence::V5IdTwice, |it| it.name(id));
        }
        if id.is_empty() || !id.iter().all(u8::is_ascii_graphic) {
            return prefix.refuse(blob_prefix::READAHEAD_SIZE, Sentence::V5IdText, |finding| finding);
        }
        let extended =
            View::read(bytes, &extended_blob::TABLE, extended_start + position * extended_blob::SIZE)?;
        check_extended(&extended)?;
        blobs.push(BlobEntry { prefix, id, extended });
        at = first + length + 1;
    }
    // No NUL follows the last id, except for padding.
    if size > 0 && padded((at - 1 - start) as u64) != size.into() {
        return wrong_size();
    }
    Ok(blobs)
}

fn check_extended(entry: &View<'_>) -> Result<(), Refusal> {
    let chunks = entry.u32(extended_blob::CHUNK_COUNT);
    if chunks > MAX_CHUNKS_PER_BLOB + 1 {
        let field = extended_blob::CHUNK_COUNT;
        return entry.refuse(field, Sentence::ReadBlobChunkCount, |finding| finding.arg(chunks));
    }
    let features = entry.u32(extended_blob::FEATURES);
    if features & BLOB_FEATURES_REFUSED != 0 {
        let field = extended_blob::FEATURES;
        return entry.refuse(field, Sentence::ReadBlobRefused, |finding| finding.arg(features));
    }
    if let Some((_, name)) = FEATURES_OF_V6.iter().find(|(flag, _)| features & flag != 0) {
        return entry.refuse(extended_blob::FEATURES, Sentence::V5BlobFeature, |it| it.arg(name));
    }
    for (field, most) in [
        (extended_blob::UNCOMPRESSED_SIZE, MAX_UNCOMPRESSED_SIZE),
        (extended_blob::COMPRESSED_SIZE, MAX_COMPRESSED_SIZE),
    ] {
        let size = entry.u64(field);
        if size > most {
            return entry.refuse(field, Sentence::ReadBlobBytes, |finding| finding.arg(size));
        }
    }
    Ok(())
}
