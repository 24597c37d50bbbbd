//! What follows the chunk data in a RAFS blob: chunk records, digests, the layer's own bootstrap, and a table of contents,
//! each with a tar header behind it. A layer that stores no chunk has the last two alone.

use std::sync::Arc;

use super::blob_meta::{self, MetaHeader};
use super::blob_table::{BlobRecord, own_id};
use super::bytes::put as put_at;
use super::layout::wire::chunk_record;
use super::layout::{blob_features, blob_meta_header, compressor, section, toc_entry, toc_flags};
use super::tar_header::tar_header;
use crate::blob::{Blob, Spool};
use crate::compress::{Compression, Compressor};
use crate::digest::{Digest, Sha256Stream, sha256};
use crate::error::Result;

/// Features of a blob with its bootstrap inside, digests and table of contents.
const OWN_FEATURES: u32 = blob_features::ALIGNED
    | blob_features::INLINED_FS_META
    | blob_features::INLINED_CHUNK_DIGEST
    | blob_features::HAS_TAR_HEADER
    | blob_features::HAS_TOC
    | blob_features::CAP_TAR_TOC;

/// Digests are written in pieces of this many chunks.
const CHUNKS_AT_ONCE: usize = 2048;

/// How chunks were stored, and what with the sections is compressed.
#[derive(Clone, Copy)]
pub struct TailOptions {
    /// Bytes.
    pub chunk_size: u32,
    /// Of the chunks and of their records.
    pub compression: Compression,
    /// zstd level of the bootstrap, which is compressed always.
    pub level: i32,
}

/// The chunks that a layer stores.
pub struct StoredChunks {
    /// Packed records.
    pub records: Arc<Vec<u8>>,
    /// Bytes of chunk data in the blob.
    pub data_size: u64,
    /// Of the uncompressed address space.
    pub uncompressed_size: u64,
}

/// Appends sections to a blob, each with its header, and remembers them for the table of contents.
pub struct TailWriter<'a> {
    blob: &'a mut Blob,
    spool: &'a Spool,
    options: TailOptions,
    compressor: Compressor,
    toc: Vec<u8>,
}

impl<'a> TailWriter<'a> {
    /// For a blob that holds its chunk data and nothing else.
    pub fn new(blob: &'a mut Blob, spool: &'a Spool, options: TailOptions) -> Result<Self> {
        Ok(Self { blob, spool, options, compressor: Compressor::new()?, toc: Vec::new() })
    }

    /// Sections that a blob has only when it has chunks; ends where the bootstrap will start. Answers what tables say of the
    /// blob, and the content of its `.blob.meta` file.
    pub fn chunks(&mut self, chunks: &StoredChunks) -> Result<Option<(BlobRecord, Vec<u8>)>> {
        if chunks.records.is_empty() {
            return Ok(None);
        }
        let data_header = tar_header(section::DATA, chunks.data_size);
        let digest = self.blob.digest_with(&data_header);
        let sizes = [0, chunks.data_size, chunks.uncompressed_size];
        self.enter(section::DATA, false, &digest, sizes);
        self.append(&data_header)?;

        let (file, size) = blob_meta::records(&chunks.records);
        let meta_offset = self.blob.size();
        let records = file.get(..size);
        let level = match self.options.compression {
            Compression::None => None,
            Compression::Zstd { level } => Some(level),
        };
        let stored = match level {
            Some(level) => self.compress(records, level)?,
            None => None,
        };
        let meta_compressor = if stored.is_some() { compressor::ZSTD } else { compressor::NONE };
        let stored_size = stored.as_ref().map_or(size, Vec::len) as u64;
        self.enter(
            section::META,
            stored.is_some(),
            &sha256(records),
            [meta_offset, stored_size, size as u64],
        );
        self.append(stored.as_deref().unwrap_or(records))?;
        drop(stored);
        let blob_meta = blob_meta::finish(
            file,
            size,
            &MetaHeader {
                features: OWN_FEATURES,
                compressor: meta_compressor,
                offset: meta_offset,
                compressed_size: stored_size,
            },
        )?;
        let head =
            blob_meta.get(blob_meta.len().saturating_sub(blob_meta_header::SIZE)..).unwrap_or_default();
        let head_size = head.len() as u64;
        self.enter(section::META_HEADER, false, &sha256(head), [self.blob.size(), head_size, head_size]);
        self.append(head)?;
        self.append(&tar_header(section::META, stored_size + head_size))?;

        self.digests(&chunks.records)?;
        let record = BlobRecord {
            id: own_id(),
            chunk_size: self.options.chunk_size,
            compressor: if level.is_some() { compressor::ZSTD } else { compressor::NONE },
            features: OWN_FEATURES,
            compressed_size: self.blob.size(),
            uncompressed_size: chunks.uncompressed_size,
            meta_compressor,
            meta_offset,
            meta_compressed_size: stored_size,
            meta_uncompressed_size: size as u64,
        };
        Ok(Some((record, blob_meta)))
    }

    /// The layer's own bootstrap and the table of contents: then the blob is complete.
    pub fn finish(mut self, bootstrap: Vec<u8>) -> Result<()> {
        let stored = self.compress(&bootstrap, self.options.level)?;
        let offset = self.blob.size();
        let size = bootstrap.len() as u64;
        let digest = sha256(&bootstrap);
        let content = if let Some(stored) = stored {
            drop(bootstrap);
            self.enter(section::BOOTSTRAP, true, &digest, [offset, stored.len() as u64, size]);
            stored
        } else {
            self.enter(section::BOOTSTRAP, false, &digest, [offset, size, size]);
            bootstrap
        };
        self.append(&content)?;
        self.append(&tar_header(section::BOOTSTRAP, content.len() as u64))?;
        let toc = std::mem::take(&mut self.toc);
        self.append(&toc)?;
        self.append(&tar_header(section::TOC, toc.len() as u64))
    }

    fn digests(&mut self, records: &[u8]) -> Result<()> {
        let offset = self.blob.size();
        let mut hash = Sha256Stream::default();
        let mut piece = Vec::with_capacity(CHUNKS_AT_ONCE * 32);
        for chunks in records.chunks(CHUNKS_AT_ONCE * chunk_record::SIZE) {
            piece.clear();
            for record in chunks.as_chunks::<{ chunk_record::SIZE }>().0 {
                piece.extend_from_slice(record.split_at(32).0);
            }
            hash.update(&piece);
            self.append(&piece)?;
        }
        self.enter(section::DIGESTS, false, &hash.digest(), [offset, hash.size(), hash.size()]);
        self.append(&tar_header(section::DIGESTS, hash.size()))
    }

    /// One frame, or nothing when that is not smaller.
    fn compress(&mut self, bytes: &[u8], level: i32) -> Result<Option<Vec<u8>>> {
        let mut to = vec![0; Compressor::bound(bytes.len())];
        let size = self.compressor.compress(&mut to, bytes, level)?;
        Ok(size.map(|size| {
            to.truncate(size);
            to.shrink_to_fit();
            to
        }))
    }

    /// An entry of the table of contents: offset, stored size and uncompressed size.
    fn enter(&mut self, name: &[u8], compressed: bool, digest: &Digest, sizes: [u64; 3]) {
        let base = self.toc.len();
        self.toc.resize(base + toc_entry::SIZE, 0);
        let flags = if compressed { toc_flags::ZSTD } else { toc_flags::NONE };
        let mut put = |at: usize, bytes: &[u8]| put_at(&mut self.toc, base + at, bytes);
        put(toc_entry::FLAGS, &flags.to_le_bytes());
        put(toc_entry::NAME, name);
        put(toc_entry::DIGEST, digest);
        let [offset, stored, size] = sizes;
        put(toc_entry::OFFSET, &offset.to_le_bytes());
        put(toc_entry::COMPRESSED_SIZE, &stored.to_le_bytes());
        put(toc_entry::UNCOMPRESSED_SIZE, &size.to_le_bytes());
    }

    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.blob.append_tail(self.spool, bytes)
    }
}
