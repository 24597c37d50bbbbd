//! The kinds of blobs have a row each, which holds the features of a blob and the sections that follow its chunk data.

use nydus_layout::blob_features;

use super::meta_v1;
use super::sections::{MetaSection, SectionWriter, StoredChunks};
use crate::error::Result;

/// A kind of blob.
#[derive(Debug)]
pub struct BlobKind {
    /// `blob_features` of a blob with its own bootstrap inside.
    pub features: u32,
    /// True if a table of contents ends the blob.
    pub has_toc: bool,
    /// True if a blob with chunks has a section of chunk records.
    pub has_meta: bool,
    /// Appends the sections that only a blob with chunks has. Returns the description of the section of chunk records.
    pub chunks: fn(&mut SectionWriter<'_>, &StoredChunks) -> Result<MetaSection>,
    /// Appends the layer's own bootstrap and what follows it at the end of the blob.
    pub ending: fn(&mut SectionWriter<'_>, Vec<u8>) -> Result<()>,
}

/// A blob that holds its chunks itself, each compressed on its own.
pub static NATIVE: BlobKind = BlobKind {
    features: blob_features::ALIGNED
        | blob_features::INLINED_FS_META
        | blob_features::INLINED_CHUNK_DIGEST
        | blob_features::HAS_TAR_HEADER
        | blob_features::HAS_TOC
        | blob_features::CAP_TAR_TOC,
    has_toc: true,
    has_meta: true,
    chunks: |writer, chunks| {
        writer.data(chunks)?;
        let meta = writer.meta(meta_v1::records(chunks))?;
        writer.digests(chunks)?;
        Ok(meta)
    },
    ending: |writer, bootstrap| {
        writer.bootstrap(bootstrap)?;
        writer.toc()
    },
};

/// A blob of RAFS v5: its chunks, each compressed on its own, whose records only bootstraps hold.
pub static BARE: BlobKind = BlobKind {
    features: blob_features::INLINED_FS_META | blob_features::HAS_TAR_HEADER | blob_features::CAP_TAR_TOC,
    has_toc: false,
    has_meta: false,
    chunks: |writer, chunks| {
        writer.data(chunks)?;
        Ok(MetaSection::default())
    },
    ending: |writer, bootstrap| writer.plain_bootstrap(&bootstrap),
};
