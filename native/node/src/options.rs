//! The options of callers are declared once: the types that TypeScript sees are generated from these structs.

use std::sync::Arc;

use napi_derive::napi;
use nydus_core::codec::Compression;
use nydus_core::digest::Digester;
use nydus_core::format::Format;
use nydus_core::pipeline::{Dedup, PackOptions, ScanOptions};
use nydus_core::{Error, Result};

use crate::budget::RunBudget;

/// The options of a conversion.
#[napi(object)]
pub struct FormatOptions {
    /// RAFS version.
    #[napi(ts_type = "FsVersion")]
    pub fs_version: u32,
    /// Name of the codec that chunks are stored with.
    #[napi(ts_type = "WrittenCompressor")]
    pub compressor: String,
    /// Level of the codec, if it has levels, and of bootstraps inside blobs.
    pub compression_level: i32,
    /// Bytes of a chunk; a power of two, 4 KiB … 16 MiB.
    pub chunk_size: u32,
    /// Name of the algorithm that digests chunks and, in RAFS v5, inodes.
    #[napi(ts_type = "'blake3' | 'sha256'")]
    pub digester: String,
    /// True if chunks of RAFS v5 start at multiples of 4 KiB in the uncompressed address space, as those of RAFS v6 always do.
    pub align_chunks: bool,
    /// With `layer` every blob stands alone, as in the reference; with `image` files may refer to chunks of lower layers.
    #[napi(ts_type = "'image' | 'layer'")]
    pub dedup: String,
}

/// The options of a scan.
#[napi(object)]
pub struct ScannerOptions {
    /// Bytes of a chunk; a power of two, 4 KiB … 16 MiB.
    pub chunk_size: u32,
    /// Name of the algorithm that digests chunks.
    #[napi(ts_type = "'blake3' | 'sha256'")]
    pub digester: Option<String>,
    /// The chunks that count as known, as for a conversion.
    #[napi(ts_type = "'image' | 'layer'")]
    pub dedup: String,
    /// The number of threads that store chunks, if chunks are stored.
    pub threads: u32,
    /// True if new chunks are stored, uncompressed, at the layers' paths.
    pub keep: Option<bool>,
    /// If set, only the entry whose header lies at this offset of the uncompressed tar is recorded and stored.
    pub only: Option<i64>,
}

impl Default for FormatOptions {
    fn default() -> Self {
        let format = Format::default();
        Self {
            fs_version: format.version(),
            compressor: format.compression.codec.name.to_owned(),
            compression_level: format.compression.level,
            chunk_size: format.chunk_size,
            digester: format.digester.name().to_owned(),
            align_chunks: format.align_chunks,
            dedup: dedup_name(PackOptions::default().dedup).to_owned(),
        }
    }
}

impl FormatOptions {
    /// Makes the options of a conversion with this number of threads.
    pub fn packing(&self, threads: u32, layers: Option<u32>, budget: &RunBudget) -> Result<PackOptions> {
        let mut packing = PackOptions::default();
        packing.format = Format::of_version(self.fs_version)?;
        packing.format.chunk_size = self.chunk_size;
        packing.format.compression = Compression::new(&self.compressor, self.compression_level)?;
        packing.format.digester = Digester::named(&self.digester)?;
        packing.format.align_chunks = self.align_chunks;
        packing.dedup = dedup(&self.dedup)?;
        packing.layers = layers;
        packing.threads = count(threads);
        packing.budget = Arc::clone(&budget.0);
        Ok(packing)
    }
}

impl ScannerOptions {
    /// Makes the options of a scan.
    pub fn scanning(&self, budget: &RunBudget) -> Result<ScanOptions> {
        let mut scanning = ScanOptions::default();
        scanning.chunk_size = self.chunk_size;
        if let Some(name) = &self.digester {
            scanning.digester = Digester::named(name)?;
        }
        scanning.dedup = dedup(&self.dedup)?;
        scanning.keep = (self.keep == Some(true)).then(Compression::none);
        scanning.threads = count(self.threads);
        scanning.only = self.only.and_then(|offset| u64::try_from(offset).ok());
        scanning.budget = Arc::clone(&budget.0);
        Ok(scanning)
    }
}

const fn dedup_name(dedup: Dedup) -> &'static str {
    match dedup {
        Dedup::Image => "image",
        Dedup::Layer => "layer",
    }
}

fn dedup(name: &str) -> Result<Dedup> {
    match name {
        "image" => Ok(Dedup::Image),
        "layer" => Ok(Dedup::Layer),
        other => Err(Error::invalid_argument(format!("{other:?} is not a scope of deduplication"))),
    }
}

/// Converts a number of threads.
pub fn count(threads: u32) -> usize {
    usize::try_from(threads).unwrap_or(1)
}
