//! The section `blob.meta`: records of the chunks, then a header of 4096 bytes. nydusd's cache file `<blob id>.blob.meta` is the
//! same with the records uncompressed and padded to 4096. It is built first, and the section is written from it.

use nydus_layout::{BLOCK_SIZE, META_MAGIC, blob_meta_header};

use crate::bytes::Bytes;
use crate::error::Result;

/// The file's content, growing: records that a version of them writes, then the header.
pub struct ChunkMeta {
    /// Room for records, padding and header.
    pub file: Bytes,
    /// Number of records.
    count: usize,
    /// Bytes of the file that the section stores in front of the header.
    size: usize,
}

/// What the header says besides the records.
pub struct MetaHeader {
    /// `blob_features`.
    pub features: u32,
    /// Number of the codec of the records.
    pub compressor: u32,
    /// Offset of the records in the blob.
    pub offset: u64,
    /// Bytes of the records as stored.
    pub compressed_size: u64,
}

impl ChunkMeta {
    /// Room for `count` records that take `size` bytes.
    pub fn new(count: usize, size: usize) -> Self {
        let file = Bytes::new(size.next_multiple_of(BLOCK_SIZE) + blob_meta_header::SIZE);
        Self { file, count, size }
    }

    /// The records.
    pub fn records(&self) -> &[u8] {
        self.file.get(..self.size)
    }

    /// Writes the header; answers the whole file.
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
        file.u32(base + blob_meta_header::MAGIC2, META_MAGIC);
        self.file.finish()
    }
}
