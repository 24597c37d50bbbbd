//! The options of callers are declared once: the types that TypeScript sees are generated from these structs.

use std::sync::Arc;

use napi::bindgen_prelude::Either;
use napi_derive::napi;
use nydus_core::codec::Compression;
use nydus_core::digest::Digester;
use nydus_core::format::{DEFAULT_SPAN, Format, Referring};
use nydus_core::pipeline::{Dedup, Flatten, PackOptions, ScanOptions};
use nydus_core::prefetch::{Pattern, PatternKind, PrefetchList};
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
    /// Files of less than half of this are compressed together; 0 compresses each chunk on its own. With `auto`, files below
    /// 64 KiB that follow one another are, and blobs without such files are as ever.
    #[napi(ts_type = "number | 'auto'")]
    pub batch_size: Either<u32, String>,
    /// Name of the algorithm that digests chunks and, in RAFS v5, inodes.
    #[napi(ts_type = "'blake3' | 'sha256'")]
    pub digester: String,
    /// True if chunks of RAFS v5 start at multiples of 4 KiB in the uncompressed address space, as those of RAFS v6 always do.
    pub align_chunks: bool,
    /// The oldest reader that takes the image. Before nydusd 2.3.2 chunks have no checksums, and before 2.3.0 there are no batches.
    #[napi(ts_type = "OldestReader")]
    pub compat: String,
    /// With `layer` every blob stands alone, as in the reference; with `image` files may refer to chunks of lower layers.
    #[napi(ts_type = "'image' | 'layer'")]
    pub dedup: String,
    /// `none` stores all of every layer; `layers` only what a container sees, in a blob for each layer; `one` that in one blob.
    #[napi(ts_type = "'none' | 'layers' | 'one'")]
    pub flatten: String,
    /// What clients load directly after mounting the image, in this order; the whole image if absent.
    #[napi(ts_type = "readonly PrefetchPattern[]")]
    pub prefetch: Option<Vec<PrefetchPattern>>,
    /// With `zran` or `upstream` chunks stay in the original layers where that is possible, and blobs hold only where they are;
    /// with `upstream` as the reference builder does it, byte for byte.
    #[napi(ts_type = "'off' | 'zran' | 'upstream'")]
    pub oci_ref: String,
    /// The most uncompressed bytes that reading a chunk in a gzip layer takes, unless a block or a chunk takes more.
    pub zran_span: u32,
}

/// A line of a prefetch list.
#[napi(object)]
pub struct PrefetchPattern {
    /// The path from the root, with a leading slash; one character for each byte.
    pub path: String,
    /// `exact` is the name itself, as upstream takes it; `path` follows links, and a directory stands for everything in it;
    /// `file` is no directory; `glob` may match many names.
    #[napi(ts_type = "'exact' | 'path' | 'file' | 'glob'")]
    pub kind: String,
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
            batch_size: Either::A(format.batch_size()),
            digester: format.digester.name().to_owned(),
            align_chunks: format.align_chunks,
            compat: format.reader().to_owned(),
            dedup: dedup_name(PackOptions::default().dedup).to_owned(),
            flatten: "none".to_owned(),
            prefetch: None,
            oci_ref: "off".to_owned(),
            zran_span: DEFAULT_SPAN,
        }
    }
}

impl FormatOptions {
    /// Makes the options of a conversion with this number of threads.
    pub fn packing(self, threads: u32, layers: Option<u32>, budget: &RunBudget) -> Result<PackOptions> {
        let mut packing = PackOptions::default();
        packing.format = Format::of_version(self.fs_version)?;
        packing.format.chunk_size = self.chunk_size;
        packing.format.compression = Compression::new(&self.compressor, self.compression_level)?;
        packing.format.digester = Digester::named(&self.digester)?;
        packing.format.align_chunks = self.align_chunks;
        packing.format.set_reader(&self.compat)?;
        match self.batch_size {
            Either::A(size) => packing.format.set_batch_size(size)?,
            Either::B(text) if text == "auto" => packing.format.set_auto_batches()?,
            Either::B(text) => {
                return Err(Error::invalid_argument(format!("{text:?} is no batch size")));
            }
        }
        if let Some(patterns) = self.prefetch {
            packing.format.prefetch = Arc::new(PrefetchList::new(patterns_of(patterns)?)?);
        }
        packing.format.referring = referring(&self.oci_ref, self.zran_span)?;
        packing.dedup = dedup(&self.dedup)?;
        packing.flatten = match self.flatten.as_str() {
            "none" => None,
            "layers" => Some(Flatten::Layers),
            "one" => Some(Flatten::One),
            other => return Err(Error::invalid_argument(format!("{other:?} is no way to flatten an image"))),
        };
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

/// Converts the patterns of a prefetch list.
pub fn patterns_of(patterns: Vec<PrefetchPattern>) -> Result<Vec<Pattern>> {
    let wide = || Error::invalid_argument("a prefetch pattern has characters that are no bytes");
    let pattern = |PrefetchPattern { path, kind }: PrefetchPattern| {
        let path = path.chars().map(|character| u8::try_from(character).map_err(|_| wide()));
        Ok(Pattern { path: path.collect::<Result<_>>()?, kind: PatternKind::named(&kind)? })
    };
    patterns.into_iter().map(pattern).collect()
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

fn referring(name: &str, span: u32) -> Result<Option<Referring>> {
    match name {
        "off" => Ok(None),
        "zran" => Ok(Some(Referring { span, is_compatible: false })),
        "upstream" => Ok(Some(Referring { span, is_compatible: true })),
        other => Err(Error::invalid_argument(format!("{other:?} is not a way to refer to layers"))),
    }
}

/// Converts a number of threads.
pub fn count(threads: u32) -> usize {
    usize::try_from(threads).unwrap_or(1)
}
