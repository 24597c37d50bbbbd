//! The kinds of blobs have a row each, which holds the features of a blob and the sections that follow its chunk data.

use nydus_layout::{blob_features, compressor};

use super::sections::{MetaSection, SectionWriter, StoredChunks};
use super::{meta_v1, meta_v2};
use crate::codec::Compression;
use crate::error::{Error, Result};

/// A kind of blob.
#[derive(Debug)]
pub struct BlobKind {
    /// `blob_features` of a blob with its own bootstrap inside.
    pub features: u32,
    /// True if a table of contents ends the blob.
    pub has_toc: bool,
    /// True if a blob with chunks has a section of chunk records.
    pub has_meta: bool,
    /// The number of the codec of its chunks, if the caller does not choose it.
    pub compressor: Option<u32>,
    /// Appends the sections that only a blob with chunks has. Returns the description of the section of chunk records.
    pub chunks: fn(&mut SectionWriter<'_>, &StoredChunks) -> Result<MetaSection>,
    /// Appends the layer's own bootstrap and what follows it at the end of the blob.
    pub ending: fn(&mut SectionWriter<'_>, Vec<u8>) -> Result<()>,
}

impl BlobKind {
    /// True if chunks of such a blob lie in the source layer.
    pub const fn refers(&self) -> bool {
        self.features & blob_features::SEPARATE != 0
    }

    /// The kind of blobs with these features whose chunks lie in the source layer.
    pub fn referring(features: u32) -> Option<&'static Self> {
        [&REFERRING_TO_GZIP, &REFERRING_TO_TAR].into_iter().find(|kind| kind.features == features)
    }
}

const NATIVE_FEATURES: u32 = blob_features::ALIGNED
    | blob_features::INLINED_FS_META
    | blob_features::INLINED_CHUNK_DIGEST
    | blob_features::HAS_TAR_HEADER
    | blob_features::HAS_TOC
    | blob_features::CAP_TAR_TOC;

/// A blob that holds its chunks itself, small ones compressed together. It has the features even if no chunk is small.
pub static BATCHED: BlobKind = BlobKind {
    features: NATIVE_FEATURES | blob_features::CHUNK_INFO_V2 | blob_features::BATCH,
    has_toc: true,
    has_meta: true,
    compressor: None,
    chunks: |writer, chunks| {
        writer.data(chunks)?;
        let meta = writer.meta(meta_v2::batched(chunks, writer.reader())?)?;
        writer.digests(chunks)?;
        Ok(meta)
    },
    ending: native_ending,
};

/// A blob that holds its chunks itself, each compressed on its own.
pub static NATIVE: BlobKind = BlobKind {
    features: NATIVE_FEATURES,
    has_toc: true,
    has_meta: true,
    compressor: None,
    chunks: |writer, chunks| {
        writer.data(chunks)?;
        let meta = writer.meta(meta_v1::records(chunks))?;
        writer.digests(chunks)?;
        Ok(meta)
    },
    ending: native_ending,
};

fn native_ending(writer: &mut SectionWriter<'_>, bootstrap: Vec<u8>) -> Result<()> {
    writer.bootstrap(bootstrap)?;
    writer.toc()
}

/// A blob of RAFS v5: its chunks, each compressed on its own, whose records only bootstraps hold.
pub static BARE: BlobKind = BlobKind {
    features: blob_features::INLINED_FS_META | blob_features::HAS_TAR_HEADER | blob_features::CAP_TAR_TOC,
    has_toc: false,
    has_meta: false,
    compressor: None,
    chunks: |writer, chunks| {
        writer.data(chunks)?;
        Ok(MetaSection::default())
    },
    ending: |writer, bootstrap| writer.plain_bootstrap(&bootstrap),
};

/// Features of blobs whose data lies elsewhere.
const REFERRING_FEATURES: u32 = NATIVE_FEATURES | blob_features::CHUNK_INFO_V2 | blob_features::SEPARATE;

/// A blob whose chunks lie in a gzip layer. Readers go by its features, but the reference names gzip as its compressor.
pub static REFERRING_TO_GZIP: BlobKind = BlobKind {
    features: REFERRING_FEATURES | blob_features::ZRAN,
    has_toc: true,
    has_meta: true,
    compressor: Some(compressor::GZIP),
    chunks: |writer, chunks| {
        let table = chunks.contexts.as_ref();
        let table = table.ok_or_else(|| Error::internal("a layer of gzip has no contexts"))?;
        let meta = writer.meta_with(meta_v2::referring(chunks, table)?, records_compression())?;
        writer.digests(chunks)?;
        Ok(meta)
    },
    ending: native_ending,
};

/// A blob whose chunks lie in a plain tar.
pub static REFERRING_TO_TAR: BlobKind = BlobKind {
    features: REFERRING_FEATURES,
    has_toc: true,
    has_meta: true,
    compressor: Some(compressor::GZIP),
    chunks: |writer, chunks| {
        let meta = writer.meta_with(meta_v2::records(chunks, writer.reader())?, records_compression())?;
        writer.digests(chunks)?;
        Ok(meta)
    },
    ending: native_ending,
};

/// Records of such blobs are compressed as the reference does, whatever the user chooses for chunks.
fn records_compression() -> Compression {
    Compression::default()
}
