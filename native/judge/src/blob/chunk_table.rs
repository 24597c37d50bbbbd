//! Reads the section `blob.meta`, in which a blob describes its chunks, and the section with their digests.

use super::Section;
use crate::bytes::{slice, wide, word};
use crate::finding::{Finding, Refusal};
use crate::layout::rules::Sentence;
use crate::layout::{META_MAGIC, batch_context, blob_features, blob_meta_header as field};
use crate::layout::{chunk_meta, chunk_meta_v2, chunk_meta_v2_flags as flags, zran_context};
use crate::view::View;

/// Place and size of a chunk in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    pub compressed_offset: u64,
    pub compressed_size: u32,
    pub uncompressed_offset: u64,
    pub uncompressed_size: u32,
}

impl Extent {
    /// Reads a record of `blob.meta`.
    fn read(record: &[u8]) -> Self {
        let field = |at| word(record, at);
        let (low, high) = (field(chunk_meta::UNCOMPRESSED_LOW), field(chunk_meta::UNCOMPRESSED_HIGH));
        let stored = field(chunk_meta::COMPRESSED_HIGH);
        Self {
            compressed_offset: (u64::from(stored & 0xFF) << 32)
                | u64::from(field(chunk_meta::COMPRESSED_LOW)),
            compressed_size: ((stored >> 12) | ((stored & 0xF00) << 12)) + 1,
            uncompressed_offset: (u64::from(high & 0xFFF) << 32) | u64::from(low & 0xFFFF_F000),
            uncompressed_size: ((high >> 12) | ((low & 0xF00) << 12)) + 1,
        }
    }

    /// Reads a record of version 2.
    fn read_v2(record: &[u8]) -> Self {
        let field = |at| word(record, at);
        let stored = field(chunk_meta_v2::COMPRESSED_HIGH);
        Self {
            compressed_offset: (u64::from(stored & 0xFF) << 32)
                | u64::from(field(chunk_meta_v2::COMPRESSED_LOW)),
            compressed_size: stored >> 8,
            uncompressed_offset: u64::from(field(chunk_meta_v2::UNCOMPRESSED_BLOCK)) << 12,
            uncompressed_size: (field(chunk_meta_v2::UNCOMPRESSED_SIZE_AND_FLAGS) & 0xFF_FFFF) + 1,
        }
    }

    /// The end of the stored bytes in the blob.
    pub fn end(&self) -> u64 {
        self.compressed_offset.saturating_add(self.compressed_size.into())
    }

    /// The end of the chunk in the uncompressed address space of the blob.
    pub fn uncompressed_end(&self) -> u64 {
        self.uncompressed_offset.saturating_add(self.uncompressed_size.into())
    }
}

/// The header of the chunk records.
#[derive(Clone, Copy)]
pub struct ChunkHeader<'a>(View<'a>);

impl<'a> ChunkHeader<'a> {
    /// Reads the content of the section `blob.meta.header`.
    pub fn read(section: &Section<'_>, content: &'a [u8]) -> Result<Self, Refusal> {
        // Offsets of findings are those in the blob.
        let base = usize::try_from(section.offset).unwrap_or_default();
        if content.len() != field::SIZE {
            let finding = Finding::new(Sentence::SectionHeaderSize).arg(content.len()).arg(field::SIZE);
            return Err(finding.at(section.offset).into());
        }
        let view = View::of_section(content, &field::TABLE, base)?;
        for magic in [field::MAGIC, field::MAGIC2] {
            if view.u32(magic) != META_MAGIC {
                return view.refuse(magic, Sentence::SectionHeaderMagic, |finding| finding);
            }
        }
        Ok(Self(view))
    }

    pub fn word(&self, field: usize) -> u32 {
        self.0.u32(field)
    }

    pub fn wide(&self, field: usize) -> u64 {
        self.0.u64(field)
    }

    /// Refuses records that are encrypted, and batches or inflate contexts without records of version 2 or beside each other.
    pub fn demand_version(&self) -> Result<(), Refusal> {
        const CONTEXTS: u32 = blob_features::ZRAN | blob_features::BATCH;
        let features = self.word(field::FEATURES);
        let is_known = match features & CONTEXTS {
            0 => true,
            CONTEXTS => false,
            _ => self.has(blob_features::CHUNK_INFO_V2),
        };
        if is_known && !self.has(blob_features::ENCRYPTED) {
            return Ok(());
        }
        self.0.refuse(field::FEATURES, Sentence::SectionLaterVersion, |finding| finding.arg(features))
    }

    fn has(&self, feature: u32) -> bool {
        self.word(field::FEATURES) & feature != 0
    }

    fn has_batches(&self) -> bool {
        self.has(blob_features::BATCH) && self.has(blob_features::CHUNK_INFO_V2)
    }

    fn has_contexts(&self) -> bool {
        self.has(blob_features::ZRAN) && self.has(blob_features::CHUNK_INFO_V2)
    }

    /// Bytes of a record.
    fn record_size(&self) -> usize {
        if self.has(blob_features::CHUNK_INFO_V2) { chunk_meta_v2::SIZE } else { chunk_meta::SIZE }
    }

    /// The records, one for each entry that the header counts, and what follows them: the contexts of batches, one for each that
    /// it counts, or inflate contexts and their dictionaries.
    fn parts(&self, content: &'a [u8]) -> Result<(&'a [u8], &'a [u8]), Refusal> {
        if self.has_contexts() {
            return self.parts_with_dictionaries(content);
        }
        let (entries, size) = (self.word(field::ENTRIES), self.record_size());
        let end = u64::from(entries) * size as u64;
        let count = self.word(field::TABLE_COUNT);
        let batches = if self.has_batches() { u64::from(count) * batch_context::SIZE as u64 } else { 0 };
        let split = usize::try_from(end).ok().and_then(|end| content.split_at_checked(end));
        let Some((records, contexts)) = split.filter(|(_, contexts)| contexts.len() as u64 == batches) else {
            return self.0.refuse(field::ENTRIES, Sentence::SectionHeaderEntries, |finding| {
                finding.arg(entries).arg(size).arg(content.len())
            });
        };
        if self.has_batches()
            && (self.wide(field::TABLE_OFFSET), self.wide(field::TABLE_SIZE)) != (end, batches)
        {
            return self.0.refuse(field::TABLE_OFFSET, Sentence::SectionBatchTable, |finding| {
                finding.arg(count).arg(batches).arg(end)
            });
        }
        Ok((records, contexts))
    }

    fn parts_with_dictionaries(&self, content: &'a [u8]) -> Result<(&'a [u8], &'a [u8]), Refusal> {
        let (entries, size) = (self.word(field::ENTRIES), self.record_size());
        let end = u64::from(entries) * size as u64;
        let Some((records, rest)) = usize::try_from(end).ok().and_then(|end| content.split_at_checked(end))
        else {
            return self.0.refuse(field::ENTRIES, Sentence::SectionHeaderEntries, |finding| {
                finding.arg(entries).arg(size).arg(content.len())
            });
        };
        let count = self.word(field::TABLE_COUNT);
        let place = (self.wide(field::TABLE_OFFSET), self.wide(field::TABLE_SIZE));
        let least = u64::from(count) * zran_context::SIZE as u64;
        if place != (end, rest.len() as u64) || least > rest.len() as u64 {
            return self.0.refuse(field::TABLE_OFFSET, Sentence::SectionContextTable, |finding| {
                finding.arg(count).arg(rest.len()).arg(end)
            });
        }
        Ok((records, rest))
    }
}

/// A place where readers begin to inflate a layer. Offsets and sizes are in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Context {
    pub start: u64,
    pub in_size: u32,
    pub out_size: u32,
    pub dictionary_offset: u64,
    pub dictionary_size: u32,
    /// False if reserved bytes are not zero.
    pub is_clean: bool,
}

impl Context {
    /// The end of the compressed bytes in the layer.
    pub fn end(&self) -> u64 {
        self.start.saturating_add(self.in_size.into())
    }
}

/// The place of a chunk in a batch, or in what a context makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InBatch {
    /// The number of the batch or context.
    pub number: u32,
    /// Offset in what that decompresses to.
    pub offset: u32,
}

/// Sizes of a batch in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    pub stored: u32,
    pub size: u32,
    /// False if reserved bytes are not zero.
    pub is_clean: bool,
}

/// The chunks of a blob as the blob describes them.
pub struct ChunkTable<'a> {
    pub header: ChunkHeader<'a>,
    records: &'a [u8],
    contexts: &'a [u8],
    /// A digest of 32 bytes for each chunk, if the blob has them.
    pub digests: Option<&'a [u8]>,
}

/// Bytes of a digest.
pub const DIGEST_SIZE: usize = 32;

impl<'a> ChunkTable<'a> {
    /// Puts the content of the section `blob.meta` beside its header. The digests are read later.
    pub fn read(header: ChunkHeader<'a>, content: &'a [u8]) -> Result<Self, Refusal> {
        let (records, contexts) = header.parts(content)?;
        Ok(Self { header, records, contexts, digests: None })
    }

    /// The number of chunks.
    pub fn len(&self) -> usize {
        self.records.len() / self.header.record_size()
    }

    /// Place and size of every chunk; one that is in a batch begins where the batch does, and has no stored bytes of its own.
    pub fn extents(&self) -> impl DoubleEndedIterator<Item = Extent> {
        self.records.chunks_exact(self.header.record_size()).map(self.reader())
    }

    pub fn extent(&self, index: u32) -> Option<Extent> {
        self.record(index).map(self.reader())
    }

    fn reader(&self) -> fn(&[u8]) -> Extent {
        if self.header.has(blob_features::CHUNK_INFO_V2) { Extent::read_v2 } else { Extent::read }
    }

    fn record(&self, index: u32) -> Option<&'a [u8]> {
        let size = self.header.record_size();
        slice(self.records, crate::bytes::index(index).checked_mul(size)?, size)
    }

    /// The flags of a record of version 2.
    pub fn flags(&self, index: u32) -> Option<u32> {
        let record = self.record(index).filter(|_| self.header.has(blob_features::CHUNK_INFO_V2))?;
        Some(word(record, chunk_meta_v2::UNCOMPRESSED_SIZE_AND_FLAGS) >> 24)
    }

    /// The last word of a record of version 2: a checksum and 0, or the place in a batch.
    pub fn data(&self, index: u32) -> Option<(u32, u32)> {
        let record = self.record(index).filter(|_| self.header.has(blob_features::CHUNK_INFO_V2))?;
        Some((word(record, chunk_meta_v2::DATA_LOW), word(record, chunk_meta_v2::DATA_HIGH)))
    }

    /// The place of a chunk in its batch, if it is in one.
    pub fn in_batch(&self, index: u32) -> Option<InBatch> {
        let is_member = self.header.has_batches() && self.flags(index)? & flags::BATCH != 0;
        let (offset, number) = self.data(index).filter(|_| is_member)?;
        Some(InBatch { number, offset })
    }

    /// The place of a chunk in what a context makes, in a blob that refers to a gzip layer. Readers go by the blob's feature.
    pub fn in_context(&self, index: u32) -> Option<InBatch> {
        let (offset, number) = self.data(index).filter(|_| self.header.has_contexts())?;
        Some(InBatch { number, offset })
    }

    /// The number of inflate contexts.
    pub fn context_count(&self) -> u32 {
        if self.header.has_contexts() { self.header.word(field::TABLE_COUNT) } else { 0 }
    }

    /// The inflate context with this number.
    pub fn context(&self, number: u32) -> Option<Context> {
        if number >= self.context_count() {
            return None;
        }
        let at = crate::bytes::index(number).checked_mul(zran_context::SIZE)?;
        let context = slice(self.contexts, at, zran_context::SIZE)?;
        Some(Context {
            start: wide(context, zran_context::IN_OFFSET),
            in_size: word(context, zran_context::IN_SIZE),
            out_size: word(context, zran_context::OUT_SIZE),
            dictionary_offset: wide(context, zran_context::DICTIONARY_OFFSET),
            dictionary_size: word(context, zran_context::DICTIONARY_SIZE),
            is_clean: context.get(38..).is_some_and(crate::bytes::is_zero),
        })
    }

    /// Bytes of all dictionaries.
    pub fn dictionaries(&self) -> u64 {
        let contexts = u64::from(self.context_count()) * zran_context::SIZE as u64;
        (self.contexts.len() as u64).saturating_sub(contexts)
    }

    /// Inflate contexts and dictionaries as they are stored.
    pub fn contexts(&self) -> &'a [u8] {
        if self.header.has_contexts() { self.contexts } else { &[] }
    }

    /// The number of batches.
    pub fn batches(&self) -> u32 {
        if !self.header.has_batches() {
            return 0;
        }
        u32::try_from(self.contexts.len() / batch_context::SIZE).unwrap_or(u32::MAX)
    }

    /// The batch with this number.
    pub fn batch(&self, number: u32) -> Option<Batch> {
        let at = crate::bytes::index(number).checked_mul(batch_context::SIZE)?;
        let context = slice(self.contexts, at, batch_context::SIZE)?;
        Some(Batch {
            stored: word(context, batch_context::COMPRESSED_SIZE),
            size: word(context, batch_context::UNCOMPRESSED_SIZE),
            is_clean: context.get(8..).is_some_and(crate::bytes::is_zero),
        })
    }

    pub fn digest(&self, index: u32) -> Option<&'a [u8]> {
        slice(self.digests?, crate::bytes::index(index).checked_mul(DIGEST_SIZE)?, DIGEST_SIZE)
    }
}
