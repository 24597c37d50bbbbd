//! `Format` is one value that travels from the caller to all code that writes an image.

use std::sync::Arc;

use nydus_layout::blob_features;

use crate::blob::BlobKind;
use crate::codec::{CODECS, Compression, MAX_CHUNK};
use crate::digest::Digester;
use crate::error::{Error, Result};
use crate::prefetch::PrefetchList;
use crate::rafs::{VERSIONS, Version};
use crate::readers::{READERS, Reader};
use crate::table::ALIGNMENT;
pub use crate::zran::{DEFAULT_SPAN, Referring};

/// The smallest chunk of the format.
const MIN_CHUNK: usize = 4096;

/// Bytes below which a batch stays, and below which a file is in one, if the caller does not choose: larger files compress well
/// alone, and would only make a client fetch more.
pub const AUTO_BATCH: u32 = 1 << 20;
/// See `AUTO_BATCH`.
pub const AUTO_FILE: u32 = 64 << 10;

/// Which files are compressed together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Batching {
    /// Bytes below which a batch stays; 0 without batches.
    pub size: u32,
    /// Bytes below which a file of one chunk is in a batch.
    pub below: u32,
    /// True if a file that is alone in its batch is stored on its own.
    pub is_auto: bool,
}

/// The form of an image's blobs and bootstraps.
#[derive(Clone, Debug)]
pub struct Format {
    /// The version, which writes bootstraps.
    pub(crate) version: &'static Version,
    /// The kind of blobs, which decides their sections.
    pub(crate) kind: &'static BlobKind,
    /// Bytes of every chunk of a file but its last; a power of two, 4 KiB … 16 MiB.
    pub chunk_size: u32,
    /// How new chunks are stored.
    pub compression: Compression,
    /// The algorithm that digests chunks and inodes.
    pub digester: Digester,
    /// True if chunks start at multiples of 4 KiB in the uncompressed address space although the version does not ask for it.
    pub align_chunks: bool,
    /// The oldest readers of the image.
    pub(crate) reader: &'static Reader,
    /// Which files are compressed together.
    pub(crate) batching: Batching,
    /// What clients load directly after mounting the image.
    pub prefetch: Arc<PrefetchList>,
    /// If set, chunks stay in their layers where that is possible, and blobs refer to them.
    pub referring: Option<Referring>,
}

impl Default for Format {
    fn default() -> Self {
        let [version, ..] = VERSIONS;
        let [reader, ..] = &READERS;
        Self {
            version,
            kind: version.kind,
            chunk_size: 1 << 20,
            compression: Compression::default(),
            digester: Digester::default(),
            align_chunks: false,
            reader,
            batching: Batching::default(),
            prefetch: Arc::default(),
            referring: None,
        }
    }
}

impl Format {
    /// A format of this version; `InvalidArgument` for a version that is not written.
    pub fn of_version(number: u32) -> Result<Self> {
        let unknown = || Error::invalid_argument(format!("RAFS v{number} is not written"));
        let version = VERSIONS.into_iter().find(|version| version.number == number).ok_or_else(unknown)?;
        Ok(Self { version, kind: version.kind, ..Self::default() })
    }

    /// Writes for this reader and all newer ones.
    pub fn set_reader(&mut self, name: &str) -> Result<()> {
        self.reader = Reader::named(name)?;
        Ok(())
    }

    /// The name of the oldest reader.
    pub const fn reader(&self) -> &'static str {
        self.reader.name
    }

    /// Compresses files of less than half of `size` together, below `size` in all; 0 compresses each chunk on its own. Only
    /// once chunk size and reader are set.
    pub fn set_batch_size(&mut self, size: u32) -> Result<()> {
        if size == 0 {
            return Ok(());
        }
        let bytes = size as usize;
        if !bytes.is_power_of_two() || !(MIN_CHUNK..=MAX_CHUNK).contains(&bytes) || size > self.chunk_size {
            return Err(Error::unsupported(format!(
                "batch size {size} is not a power of two from 4 KiB to the chunk size, which is {}",
                self.chunk_size
            )));
        }
        // A record of such a blob has no room for a chunk of 16 MiB that does not shrink.
        if self.chunk_size as usize == MAX_CHUNK {
            return Err(Error::unsupported("batches do not go together with chunks of 16 MiB"));
        }
        let Some(kind) = self.version.batched else {
            return Err(Error::unsupported(format!("RAFS v{} has no batches", self.version.number)));
        };
        if !self.reader.batches {
            return Err(Error::unsupported(format!("{} reads no batches", self.reader.name)));
        }
        self.batching = Batching { size, below: size / 2, is_auto: false };
        self.kind = kind;
        Ok(())
    }

    /// Compresses small files together where that makes a difference. Only once the chunk size is set.
    pub fn set_auto_batches(&mut self) -> Result<()> {
        let size = self.chunk_size.min(AUTO_BATCH);
        self.set_batch_size(size)?;
        self.batching = Batching { size, below: AUTO_FILE.min(size / 2), is_auto: true };
        Ok(())
    }

    /// The format of a blob with so many batches: one that was left to choose and has none is as without batches, so that every
    /// client reads it.
    pub(crate) fn of_blob(&self, batches: usize) -> Self {
        let kind = if self.batching.is_auto && batches == 0 { self.version.kind } else { self.kind };
        Self { kind, ..self.clone() }
    }

    /// The bytes below which a batch stays; 0 without batches.
    pub const fn batch_size(&self) -> u32 {
        self.batching.size
    }

    /// The numbers of the versions that can be written, the default first.
    pub fn versions() -> impl Iterator<Item = u32> {
        VERSIONS.into_iter().map(|version| version.number)
    }

    /// Chunks start at multiples of this in the uncompressed address space.
    pub const fn alignment(&self) -> u64 {
        let aligned = self.kind.features & blob_features::ALIGNED != 0;
        if aligned || self.align_chunks { ALIGNMENT } else { 1 }
    }

    /// The bit of the compressor in the super block.
    pub(crate) fn compressor_flag(&self) -> u32 {
        let number = self.kind.compressor.unwrap_or(self.compression.codec.number);
        CODECS.into_iter().find(|codec| codec.number == number).map_or(0, |codec| codec.super_flag)
    }

    /// The number of the version.
    pub const fn version(&self) -> u32 {
        self.version.number
    }
}

/// Checks a chunk size: `Unsupported` if no reader takes it.
pub fn check_chunk_size(size: u32) -> Result<()> {
    let bytes = size as usize;
    if bytes.is_power_of_two() && (MIN_CHUNK..=MAX_CHUNK).contains(&bytes) {
        return Ok(());
    }
    Err(Error::unsupported(format!("chunk size {size} is not a power of two from 4 KiB to 16 MiB")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_aligned_in_v6_and_only_on_demand_in_v5() {
        let of =
            |number, align_chunks| Format { align_chunks, ..Format::of_version(number).unwrap() }.alignment();
        assert_eq!([of(6, false), of(6, true), of(5, false), of(5, true)], [4096, 4096, 1, 4096]);
        assert_eq!(Format::of_version(7).unwrap_err().code(), "INVALID_ARGUMENT");
    }
}
