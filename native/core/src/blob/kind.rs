//! The kinds of blobs, a row each: which features a blob has, and in which form `blob.meta` holds its chunks.

use nydus_layout::blob_features;

use super::meta::ChunkMeta;
use super::meta_v1;

/// A row of the table.
#[derive(Debug)]
pub struct BlobKind {
    /// `blob_features` of a blob with its own bootstrap inside.
    pub features: u32,
    /// Makes the records of `blob.meta` from packed chunk records.
    pub meta: fn(&[u8]) -> ChunkMeta,
}

/// A blob that holds its chunks itself, each compressed on its own.
pub static NATIVE: BlobKind = BlobKind {
    features: blob_features::ALIGNED
        | blob_features::INLINED_FS_META
        | blob_features::INLINED_CHUNK_DIGEST
        | blob_features::HAS_TAR_HEADER
        | blob_features::HAS_TOC
        | blob_features::CAP_TAR_TOC,
    meta: meta_v1::records,
};
