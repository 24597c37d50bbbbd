//! Reads the section `blob.meta`, in which a blob describes its chunks, and the section with their digests.

use super::Section;
use crate::bytes::{slice, word};
use crate::finding::{Finding, Refusal};
use crate::layout::rules::Sentence;
use crate::layout::{META_MAGIC, blob_features, blob_meta_header as field, chunk_meta};
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

    /// Refuses records that are of version 2, encrypted, or followed by contexts.
    pub fn demand_version(&self) -> Result<(), Refusal> {
        const LATER: u32 = blob_features::CHUNK_INFO_V2
            | blob_features::BATCH
            | blob_features::ZRAN
            | blob_features::ENCRYPTED;
        let features = self.word(field::FEATURES);
        if features & LATER == 0 {
            return Ok(());
        }
        self.0.refuse(field::FEATURES, Sentence::SectionLaterVersion, |finding| finding.arg(features))
    }

    /// The records, one for each entry that the header counts.
    fn records(&self, content: &'a [u8]) -> Result<&'a [u8], Refusal> {
        let entries = self.word(field::ENTRIES);
        if (content.len() as u64) == u64::from(entries) * chunk_meta::SIZE as u64 {
            return Ok(content);
        }
        self.0.refuse(field::ENTRIES, Sentence::SectionHeaderEntries, |finding| {
            finding.arg(entries).arg(chunk_meta::SIZE).arg(content.len())
        })
    }
}

/// The chunks of a blob as the blob describes them.
pub struct ChunkTable<'a> {
    pub header: ChunkHeader<'a>,
    records: &'a [u8],
    /// A digest of 32 bytes for each chunk, if the blob has them.
    pub digests: Option<&'a [u8]>,
}

/// Bytes of a digest.
pub const DIGEST_SIZE: usize = 32;

impl<'a> ChunkTable<'a> {
    /// Puts the content of the section `blob.meta` beside its header. The digests are read later.
    pub fn read(header: ChunkHeader<'a>, content: &'a [u8]) -> Result<Self, Refusal> {
        Ok(Self { header, records: header.records(content)?, digests: None })
    }

    /// The number of chunks.
    pub fn len(&self) -> usize {
        self.records.len() / chunk_meta::SIZE
    }

    pub fn extents(&self) -> impl DoubleEndedIterator<Item = Extent> {
        self.records.chunks_exact(chunk_meta::SIZE).map(Extent::read)
    }

    pub fn extent(&self, index: u32) -> Option<Extent> {
        let at = crate::bytes::index(index).checked_mul(chunk_meta::SIZE)?;
        slice(self.records, at, chunk_meta::SIZE).map(Extent::read)
    }

    pub fn digest(&self, index: u32) -> Option<&'a [u8]> {
        slice(self.digests?, crate::bytes::index(index).checked_mul(DIGEST_SIZE)?, DIGEST_SIZE)
    }
}
