//! The kinds of blobs have a row each, which holds the features of a blob and the sections between its chunk data and its
//! bootstrap.

use nydus_layout::blob_features;

use super::meta_v1;
use super::sections::{MetaSection, SectionWriter, StoredChunks};
use crate::error::Result;

/// A kind of blob.
#[derive(Debug)]
pub struct BlobKind {
    /// `blob_features` of a blob with its own bootstrap inside.
    pub features: u32,
    /// Appends the sections that only a blob with chunks has. Returns the description of the section of chunk records.
    pub sections: fn(&mut SectionWriter<'_>, &StoredChunks) -> Result<MetaSection>,
}

/// A blob that holds its chunks itself, each compressed on its own.
pub static NATIVE: BlobKind = BlobKind {
    features: blob_features::ALIGNED
        | blob_features::INLINED_FS_META
        | blob_features::INLINED_CHUNK_DIGEST
        | blob_features::HAS_TAR_HEADER
        | blob_features::HAS_TOC
        | blob_features::CAP_TAR_TOC,
    sections: |writer, chunks| {
        writer.data(chunks)?;
        let meta = writer.meta(meta_v1::records(chunks))?;
        writer.digests(chunks)?;
        Ok(meta)
    },
};
