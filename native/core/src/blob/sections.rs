//! The sections after the chunk data of a RAFS blob are chunk records, digests, the layer's own bootstrap, and a table of
//! contents, each followed by a tar header. A layer that stores no chunk has only the last two.

use std::sync::Arc;

use nydus_layout::wire::chunk_record;
use nydus_layout::{blob_features, blob_meta_header, compressor, section};

use super::meta::{ChunkMeta, MetaHeader};
use super::spool::{BlobFile, Spool};
use super::tar_header::tar_header;
use super::toc::{Entry, Toc};
use crate::chunk::Referred;
use crate::codec::{Compression, Contexts};
use crate::digest::{Digest, Digester, Sha256Stream, hex, sha256};
use crate::error::Result;
use crate::format::Format;
use crate::readers::Reader;
use crate::table::{Batch, ChunkRecords};
use crate::zran::Table;

/// The number of chunks whose digests are written at once.
const CHUNKS_AT_ONCE: usize = 2048;

/// The chunks that a layer stores.
pub struct StoredChunks {
    /// Packed records.
    pub records: Arc<Vec<u8>>,
    /// Bytes of each batch, stored and uncompressed.
    pub batches: Arc<Vec<Batch>>,
    /// Bytes of chunk data in the blob.
    pub data_size: u64,
    /// Bytes of the uncompressed address space.
    pub uncompressed_size: u64,
    /// The contexts that lead to the chunks, if they lie in a gzip layer.
    pub contexts: Option<Table>,
}

impl From<Referred> for StoredChunks {
    fn from(Referred { records, contexts }: Referred) -> Self {
        Self { data_size: 0, contexts, ..records.into() }
    }
}

impl From<ChunkRecords> for StoredChunks {
    fn from(mut records: ChunkRecords) -> Self {
        let (data_size, uncompressed_size) = (records.compressed_end(), records.uncompressed_end());
        let (records, batches) = records.take();
        Self {
            records: Arc::new(records),
            batches: Arc::new(batches),
            data_size,
            uncompressed_size,
            contexts: None,
        }
    }
}

/// The description of a data blob in blob table and device table. Sizes and offsets are in bytes.
#[derive(Clone, Debug)]
pub struct BlobRecord {
    /// SHA-256, in hex, of the file that holds the chunks: the RAFS blob or the layer that it refers to. `None` in a blob's own
    /// bootstrap if that is the blob itself, whose digest is not known yet.
    pub id: Option<[u8; 64]>,
    /// SHA-256 and size of the RAFS blob that refers to another file, once it is complete.
    pub meta: Option<(Digest, u64)>,
    /// SHA-256 of the entries of the blob's table of contents, where the reference notes it; it has no reader.
    pub toc_digest: Option<Digest>,
    /// Size of its chunks.
    pub chunk_size: u32,
    /// The number of the codec that compresses its chunks.
    pub compressor: u32,
    /// The algorithm that digests its chunks.
    pub digester: Digester,
    /// `blob_features`.
    pub features: u32,
    /// Offset of the bootstrap section in the RAFS blob, or the size of the layer that it refers to.
    pub compressed_size: u64,
    /// Size of the uncompressed address space, a multiple of 4096.
    pub uncompressed_size: u64,
    /// The number of the codec that compresses the chunk records.
    pub meta_compressor: u32,
    /// Offset of the chunk records in the RAFS blob.
    pub meta_offset: u64,
    /// Size of the stored chunk records.
    pub meta_compressed_size: u64,
    /// Size of the chunk records when decoded.
    pub meta_uncompressed_size: u64,
}

impl BlobRecord {
    /// The record for bootstraps that are not part of the blob, which has this digest and size.
    pub fn foreign(&self, digest: &Digest, size: u64) -> Self {
        if self.features & blob_features::SEPARATE == 0 {
            return self.named(id(digest));
        }
        let features = self.features & !blob_features::INLINED_FS_META;
        Self { meta: Some((*digest, size)), features, ..self.clone() }
    }

    /// The record for bootstraps that are not part of the blob that holds the chunks, which has this id.
    pub fn named(&self, id: [u8; 64]) -> Self {
        let features = self.features & !blob_features::INLINED_FS_META;
        Self { id: Some(id), features, ..self.clone() }
    }
}

/// The id of a file with this digest.
pub fn id(digest: &Digest) -> [u8; 64] {
    hex(digest).as_bytes().try_into().unwrap_or([b'x'; 64])
}

/// The description of the section of chunk records. Sizes and offsets are in bytes.
#[derive(Default)]
pub struct MetaSection {
    /// The number of the codec that compresses the records.
    compressor: u32,
    /// Offset of the records.
    offset: u64,
    /// Size of the stored records.
    stored: u64,
    /// Size of the records when decoded.
    size: u64,
    /// Content of the `.blob.meta` file.
    file: Vec<u8>,
}

/// Appends sections to a blob and adds each to the table of contents.
pub struct SectionWriter<'a> {
    blob: &'a mut BlobFile,
    spool: &'a Spool,
    format: &'a Format,
    contexts: Contexts,
    toc: Toc,
    toc_digest: Option<Digest>,
}

impl<'a> SectionWriter<'a> {
    /// Begins with a blob that holds its chunk data and nothing else.
    pub fn new(blob: &'a mut BlobFile, spool: &'a Spool, format: &'a Format) -> Self {
        Self { blob, spool, format, contexts: Contexts::default(), toc: Toc::default(), toc_digest: None }
    }

    /// Appends the sections that only a blob with chunks has; the bootstrap follows. Returns the blob's description for
    /// tables, and the content of its `.blob.meta` file.
    pub fn chunks(&mut self, chunks: &StoredChunks) -> Result<Option<(BlobRecord, Vec<u8>)>> {
        if chunks.records.is_empty() {
            return Ok(None);
        }
        let Format { kind, compression, digester, chunk_size, .. } = self.format;
        let meta = (kind.chunks)(self, chunks)?;
        let record = BlobRecord {
            id: None,
            meta: None,
            toc_digest: None,
            chunk_size: *chunk_size,
            compressor: kind.compressor.unwrap_or(compression.codec.number),
            digester: *digester,
            features: kind.features,
            compressed_size: self.blob.size(),
            uncompressed_size: chunks.uncompressed_size,
            meta_compressor: meta.compressor,
            meta_offset: meta.offset,
            meta_compressed_size: meta.stored,
            meta_uncompressed_size: meta.size,
        };
        Ok(Some((record, meta.file)))
    }

    /// The oldest reader of the blob.
    pub const fn reader(&self) -> &'static Reader {
        self.format.reader
    }

    /// Makes a section of the chunk data, which is in the blob already. Its digest covers the header behind it, too.
    pub fn data(&mut self, chunks: &StoredChunks) -> Result<()> {
        let name = section::DATA;
        let header = tar_header(name, chunks.data_size);
        let digest = self.blob.digest_with(&header);
        let (stored, size) = (chunks.data_size, chunks.uncompressed_size);
        self.toc.enter(&Entry { name, codec: None, digest, offset: 0, stored, size });
        self.append(&header)
    }

    /// Appends chunk records and their header.
    pub fn meta(&mut self, meta: ChunkMeta) -> Result<MetaSection> {
        self.meta_with(meta, self.format.compression)
    }

    /// Appends chunk records that are compressed in this way, and their header.
    pub fn meta_with(&mut self, meta: ChunkMeta, compression: Compression) -> Result<MetaSection> {
        let kind = self.format.kind;
        let records = meta.records();
        let (offset, size) = (self.blob.size(), records.len() as u64);
        let compressed = self.contexts.compressed(compression, records)?;
        let codec = compressed.as_ref().map(|_| compression.codec);
        let compressor = codec.map_or(compressor::NONE, |codec| codec.number);
        let content = compressed.as_deref().unwrap_or(records);
        let stored = content.len() as u64;
        self.toc.enter(&Entry { name: section::META, codec, digest: sha256(records), offset, stored, size });
        self.append(content)?;
        drop(compressed);
        let file = meta.finish(&MetaHeader {
            features: kind.features,
            compressor,
            offset,
            compressed_size: stored,
        })?;
        let head = file.get(file.len().saturating_sub(blob_meta_header::SIZE)..).unwrap_or_default();
        self.append_raw(section::META_HEADER, head)?;
        self.append(&tar_header(section::META, stored + head.len() as u64))?;
        Ok(MetaSection { compressor, offset, stored, size, file })
    }

    /// Appends the digests of all chunks.
    pub fn digests(&mut self, chunks: &StoredChunks) -> Result<()> {
        let offset = self.blob.size();
        let mut hash = Sha256Stream::default();
        let mut piece = Vec::with_capacity(CHUNKS_AT_ONCE * 32);
        for records in chunks.records.chunks(CHUNKS_AT_ONCE * chunk_record::SIZE) {
            piece.clear();
            for record in records.as_chunks::<{ chunk_record::SIZE }>().0 {
                piece.extend_from_slice(record.split_at(32).0);
            }
            hash.update(&piece);
            self.append(&piece)?;
        }
        let (name, size) = (section::DIGESTS, hash.size());
        self.toc.enter(&Entry { name, codec: None, digest: hash.digest(), offset, stored: size, size });
        self.append(&tar_header(name, size))
    }

    /// Appends the layer's own bootstrap and what follows it, which completes the blob. Returns SHA-256 of the entries of the
    /// table of contents, if there is one.
    pub fn finish(mut self, bootstrap: Vec<u8>) -> Result<Option<Digest>> {
        (self.format.kind.ending)(&mut self, bootstrap)?;
        Ok(self.toc_digest)
    }

    /// Appends the layer's own bootstrap, compressed if that makes it smaller.
    pub fn bootstrap(&mut self, bootstrap: Vec<u8>) -> Result<()> {
        let compression = self.format.compression.of_bootstraps();
        let compressed = self.contexts.compressed(compression, &bootstrap)?;
        let (offset, size, digest) = (self.blob.size(), bootstrap.len() as u64, sha256(&bootstrap));
        let codec = compressed.as_ref().map(|_| compression.codec);
        // Only one of the two is kept, since both may be large.
        let content = compressed.unwrap_or(bootstrap);
        let stored = content.len() as u64;
        self.toc.enter(&Entry { name: section::BOOTSTRAP, codec, digest, offset, stored, size });
        self.append(&content)?;
        self.append(&tar_header(section::BOOTSTRAP, stored))
    }

    /// Appends the layer's own bootstrap as it is, in a blob without a table of contents.
    pub fn plain_bootstrap(&mut self, bootstrap: &[u8]) -> Result<()> {
        self.append(bootstrap)?;
        self.append(&tar_header(section::BOOTSTRAP, bootstrap.len() as u64))
    }

    /// Appends the table of contents, which names the sections so far.
    pub fn toc(&mut self) -> Result<()> {
        let toc = std::mem::take(&mut self.toc).into_bytes();
        self.toc_digest = Some(sha256(&toc));
        self.append(&toc)?;
        self.append(&tar_header(section::TOC, toc.len() as u64))
    }

    /// Appends a section that is never compressed.
    fn append_raw(&mut self, name: &[u8], content: &[u8]) -> Result<()> {
        let (offset, size) = (self.blob.size(), content.len() as u64);
        self.toc.enter(&Entry { name, codec: None, digest: sha256(content), offset, stored: size, size });
        self.append(content)
    }

    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.blob.append_bytes(self.spool, bytes)
    }
}
