//! Reads a blob: its chunk table, and what bootstraps say of its chunks. The caller has found the sections and decompressed
//! them; places are offsets in the blob.

mod chunk_table;
mod packed;
mod used;

use crate::bytes::slice;
use crate::layout::section;

pub use chunk_table::{ChunkHeader, ChunkTable, Extent};
pub use packed::VerifiableChunks;
pub use used::{BlobRecord, Chunk, UsedBlob};

/// A blob without its chunk data.
pub struct Blob<'a> {
    /// The hexadecimal digest of the blob.
    pub id: &'a str,
    /// Bytes of the whole blob.
    pub size: u64,
    /// Bytes of chunk data, with which the blob starts.
    pub data_size: u64,
    /// All bytes behind the data.
    pub tail: &'a [u8],
    /// The sections in the order in which the caller found them; none if the blob is chunk data and nothing else.
    pub sections: Vec<Section<'a>>,
    /// The copy of the chunk table beside the image's bootstrap.
    pub copy: Option<&'a [u8]>,
}

/// A section of a blob, by the numbers in the table of contents.
pub struct Section<'a> {
    /// The name in the table of contents.
    pub name: &'a str,
    /// Bytes from the start of the blob.
    pub offset: u64,
    /// Bytes as stored.
    pub compressed_size: u64,
    /// Bytes after decompression; of chunk data, those of the uncompressed address space.
    pub uncompressed_size: u64,
    /// The decompressed bytes; `None` if they cannot be decompressed or lack their digest, which the caller reports. Chunk
    /// data has none either.
    pub content: Option<&'a [u8]>,
}

impl<'a> Blob<'a> {
    /// Finds a section by its name.
    pub(crate) fn section(&self, name: &[u8]) -> Option<&Section<'a>> {
        self.sections.iter().find(|section| section.is(name))
    }

    /// Offset of the bootstrap in the blob, if the blob has one.
    pub(crate) fn bootstrap_offset(&self) -> Option<u64> {
        self.section(section::BOOTSTRAP).map(|section| section.offset)
    }

    /// The stored bytes of a section.
    pub(crate) fn stored(&self, section: &Section<'_>) -> Option<&'a [u8]> {
        let start = usize::try_from(section.offset.checked_sub(self.data_size)?).ok()?;
        slice(self.tail, start, usize::try_from(section.compressed_size).ok()?)
    }
}

impl Section<'_> {
    /// True if the section has this name.
    pub(crate) fn is(&self, name: &[u8]) -> bool {
        self.name.as_bytes() == name
    }

    /// Offset of the end of the stored bytes.
    pub(crate) fn end(&self) -> u64 {
        self.offset.saturating_add(self.compressed_size)
    }
}
