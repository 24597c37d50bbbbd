//! The section `blob.meta` holds the records of the chunks, then a header of 4096 bytes. nydusd's cache file `<blob
//! id>.blob.meta` has the same content with the records uncompressed and padded to 4096. The cache file is built first, and
//! the section is written from it.

use nydus_layout::{BLOCK_SIZE, META_MAGIC, blob_meta_header};

use crate::bytes::Bytes;
use crate::error::Result;

/// The content of the file while it is built: records in the form that a kind of blob has, then the header.
pub struct ChunkMeta {
    /// The file's bytes, with room for records, padding and header.
    pub file: Bytes,
    /// The number of records.
    count: usize,
    /// Bytes of the records and of what follows them, which the section stores before the header.
    size: usize,
    /// The contexts behind the records, if the kind of blob has any.
    contexts: Option<Contexts>,
}

/// The contexts behind the records.
#[derive(Clone, Copy)]
pub struct Contexts {
    /// Their number.
    pub count: usize,
    /// Bytes of all.
    pub size: usize,
}

/// The header's fields that do not follow from the records.
pub struct MetaHeader {
    /// `blob_features`.
    pub features: u32,
    /// The number of the codec that compresses the records.
    pub compressor: u32,
    /// Offset of the records in the blob.
    pub offset: u64,
    /// Size of the stored records.
    pub compressed_size: u64,
}

impl ChunkMeta {
    /// Makes room for `count` records that take `size` bytes.
    pub fn new(count: usize, size: usize) -> Self {
        let file = Bytes::new(size.next_multiple_of(BLOCK_SIZE) + blob_meta_header::SIZE);
        Self { file, count, size, contexts: None }
    }

    /// Makes room for `count` records that take `size` bytes, and for contexts behind them.
    pub fn with_contexts(count: usize, size: usize, contexts: Contexts) -> Self {
        Self { contexts: Some(contexts), ..Self::new(count, size + contexts.size) }
    }

    /// The bytes of the records.
    pub fn records(&self) -> &[u8] {
        self.file.get(..self.size)
    }

    /// Writes the header and returns the whole file.
    pub fn finish(mut self, header: &MetaHeader) -> Result<Vec<u8>> {
        let base = self.size.next_multiple_of(BLOCK_SIZE);
        let file = &mut self.file;
        file.u32(base + blob_meta_header::MAGIC, META_MAGIC);
        file.u32(base + blob_meta_header::FEATURES, header.features);
        file.u32(base + blob_meta_header::COMPRESSOR, header.compressor);
        file.u32(base + blob_meta_header::ENTRIES, u32::try_from(self.count).unwrap_or(u32::MAX));
        file.u64(base + blob_meta_header::OFFSET, header.offset);
        file.u64(base + blob_meta_header::COMPRESSED_SIZE, header.compressed_size);
        file.u64(base + blob_meta_header::UNCOMPRESSED_SIZE, self.size as u64);
        if let Some(Contexts { count, size }) = self.contexts {
            file.u64(base + blob_meta_header::TABLE_OFFSET, (self.size - size) as u64);
            file.u64(base + blob_meta_header::TABLE_SIZE, size as u64);
            file.u32(base + blob_meta_header::TABLE_COUNT, u32::try_from(count).unwrap_or(u32::MAX));
        }
        file.u32(base + blob_meta_header::MAGIC2, META_MAGIC);
        self.file.finish()
    }
}
