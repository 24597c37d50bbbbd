//! The options of callers are declared once: the types that TypeScript sees are generated from these structs.

use napi_derive::napi;
use nydus_core::budget;
use nydus_core::codec::Compression;
use nydus_core::format::Format;
use nydus_core::pipeline::{Dedup, PackOptions, ScanOptions};
use nydus_core::{Error, Result};

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
    /// With `layer` every blob stands alone, as in the reference; with `image` files may refer to chunks of lower layers.
    #[napi(ts_type = "'image' | 'layer'")]
    pub dedup: String,
}

/// The most that one image may take. Each has a default that real images stay far below.
#[napi(object)]
#[derive(Clone, Copy, Default)]
#[allow(clippy::struct_field_names)] // The names are those of the flags.
pub struct Limits {
    /// Entries of all layers, of each layer as often as the image lists it.
    pub max_entries: Option<i64>,
    /// Bytes of metadata, beyond those that the compressed layers account for.
    pub max_metadata: Option<i64>,
    /// Bytes of chunk data in files, beyond those that the compressed layers account for.
    pub max_disk: Option<i64>,
    /// Uncompressed bytes for each compressed byte, from 1 GiB on.
    pub max_expansion: Option<i64>,
}

impl Limits {
    /// The limits, with defaults filled in.
    pub fn filled(given: Option<Self>) -> budget::Limits {
        let given = given.unwrap_or_default();
        let mut limits = budget::Limits::default();
        let set = |limit: &mut u64, value: Option<i64>| {
            if let Some(value) = value.and_then(|value| u64::try_from(value).ok()) {
                *limit = value;
            }
        };
        set(&mut limits.entries, given.max_entries);
        set(&mut limits.metadata, given.max_metadata);
        set(&mut limits.disk, given.max_disk);
        set(&mut limits.expansion, given.max_expansion);
        limits
    }
}

/// The options of a scan.
#[napi(object)]
pub struct ScannerOptions {
    /// Bytes of a chunk; a power of two, 4 KiB … 16 MiB.
    pub chunk_size: u32,
    /// The chunks that count as known, as for a conversion.
    #[napi(ts_type = "'image' | 'layer'")]
    pub dedup: String,
    /// The number of threads that store chunks, if chunks are stored.
    pub threads: u32,
    /// True if new chunks are stored, uncompressed, at the layers' paths.
    pub keep: Option<bool>,
    /// If set, only the entry whose header lies at this offset of the uncompressed tar is recorded and stored.
    pub only: Option<i64>,
    /// The most that the image may take.
    pub limits: Option<Limits>,
}

impl Default for FormatOptions {
    fn default() -> Self {
        let format = Format::default();
        Self {
            fs_version: format.version(),
            compressor: format.compression.codec.name.to_owned(),
            compression_level: format.compression.level,
            chunk_size: format.chunk_size,
            dedup: dedup_name(PackOptions::default().dedup).to_owned(),
        }
    }
}

impl FormatOptions {
    /// Makes the options of a conversion with this number of threads.
    pub fn packing(&self, threads: u32, layers: Option<u32>, limits: Option<Limits>) -> Result<PackOptions> {
        let mut packing = PackOptions::default();
        packing.format = Format::of_version(self.fs_version)?;
        packing.format.chunk_size = self.chunk_size;
        packing.format.compression = Compression::new(&self.compressor, self.compression_level)?;
        packing.dedup = dedup(&self.dedup)?;
        packing.layers = layers;
        packing.threads = count(threads);
        packing.limits = Limits::filled(limits);
        Ok(packing)
    }
}

impl ScannerOptions {
    /// Makes the options of a scan.
    pub fn scanning(&self) -> Result<ScanOptions> {
        let mut scanning = ScanOptions::default();
        scanning.chunk_size = self.chunk_size;
        scanning.dedup = dedup(&self.dedup)?;
        scanning.keep = (self.keep == Some(true)).then(Compression::none);
        scanning.threads = count(self.threads);
        scanning.only = self.only.and_then(|offset| u64::try_from(offset).ok());
        scanning.limits = Limits::filled(self.limits);
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
