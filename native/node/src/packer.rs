//! `ImagePacker` and `LayerPacker`: option structs, conversions, calls.

use std::path::Path;

use napi::bindgen_prelude::{Buffer, Env, Object};
use napi_derive::napi;
use nydus_core::compress::Compression;
use nydus_core::digest::hex;
use nydus_core::pipeline::{self, Dedup, PackOptions};
use nydus_core::{Error, Grown, Result};

use crate::outcome::{Outcome, promise};

/// What `ImagePackerOptions` of src/native/index.ts become.
#[napi(object)]
pub struct NativePackOptions {
    /// Bytes.
    pub chunk_size: u32,
    /// `zstd` or `none`.
    pub compressor: String,
    /// zstd level.
    pub level: i32,
    /// `image` or `layer`.
    pub dedup: String,
    /// Compression threads.
    pub threads: u32,
    /// Hand out what layers hold.
    pub tables: bool,
    /// Store nothing.
    pub scan: bool,
    /// How many will be opened, where that is known.
    pub layers: Option<u32>,
}

impl TryFrom<NativePackOptions> for PackOptions {
    type Error = Error;

    fn try_from(options: NativePackOptions) -> Result<Self> {
        let compression = match options.compressor.as_str() {
            "none" => Compression::None,
            "zstd" => Compression::Zstd { level: options.level },
            other => return Err(Error::unsupported(format!("chunks cannot be compressed with {other}"))),
        };
        let dedup = match options.dedup.as_str() {
            "image" => Dedup::Image,
            "layer" => Dedup::Layer,
            other => return Err(Error::internal(format!("unknown dedup scope {other}"))),
        };
        let mut packing = Self::default();
        packing.chunk_size = options.chunk_size;
        packing.compression = compression;
        packing.level = options.level;
        packing.layers = options.layers;
        packing.dedup = dedup;
        packing.threads = usize::try_from(options.threads).unwrap_or(1);
        packing.tables = options.tables;
        packing.scan = options.scan;
        Ok(packing)
    }
}

/// A warning of the tar parser.
#[napi(object)]
pub struct NativeWarning {
    /// Stable name.
    pub code: String,
    /// The sentence.
    pub message: String,
}

/// What a layer holds, packed; crosses only when it was only read.
#[napi(object)]
#[allow(missing_docs)] // Layouts: `nydus_core::table`.
pub struct NativeTables {
    pub entries: Buffer,
    pub references: Buffer,
    pub chunks: Buffer,
}

/// `pipeline::PackedLayer` as it crosses; sizes were checked to be below 2^53 where they can be large.
#[napi(object)]
#[allow(missing_docs)] // Field for field what `pipeline::PackedLayer` says.
pub struct NativePackedLayer {
    pub source_digest: String,
    pub source_size: i64,
    pub diff_id: String,
    pub tar_size: i64,
    pub entry_count: u32,
    pub tables: Option<NativeTables>,
    pub data_size: i64,
    pub uncompressed_size: i64,
    pub chunk_count: i64,
    pub new_chunk_count: u32,
    pub duplicate_bytes: i64,
    pub warnings: Vec<NativeWarning>,
}

impl From<pipeline::PackedLayer> for NativePackedLayer {
    fn from(packed: pipeline::PackedLayer) -> Self {
        let warnings = packed.warnings.into_iter();
        let tables = packed.scanned.map(|scanned| NativeTables {
            entries: scanned.entries.into(),
            references: scanned.references.into(),
            // Nobody else has the records of a scan.
            chunks: std::sync::Arc::unwrap_or_clone(packed.chunks).into(),
        });
        Self {
            source_digest: sha256_name(&packed.source_digest),
            source_size: number(packed.source_size),
            diff_id: sha256_name(&packed.diff_id),
            tar_size: number(packed.tar_size),
            entry_count: packed.entry_count,
            tables,
            data_size: number(packed.data_size),
            uncompressed_size: number(packed.uncompressed_size),
            chunk_count: number(packed.counts.chunks),
            new_chunk_count: packed.counts.new_chunks,
            duplicate_bytes: number(packed.counts.duplicate_bytes),
            warnings: warnings
                .map(|warning| NativeWarning { code: warning.code.to_owned(), message: warning.message })
                .collect(),
        }
    }
}

/// A complete blob.
#[napi(object)]
pub struct NativeSealedBlob {
    /// `sha256:…`.
    pub digest: String,
    /// Bytes.
    pub size: i64,
    /// Content of its `.blob.meta` file.
    pub blob_meta: Buffer,
}

/// How far a blob file is.
#[napi(object)]
pub struct NativeGrowth {
    /// Bytes that are in the file.
    pub size: i64,
    /// The blob is sealed: no more bytes come.
    pub complete: bool,
}

/// The threads of one kind, added up; seconds.
#[napi(object)]
#[allow(missing_docs)] // Field for field what `meter::StageTimes` says.
pub struct NativeStage {
    pub name: String,
    pub threads: u32,
    pub alive: f64,
    pub busy: f64,
    pub ready: f64,
    pub starved: f64,
    pub blocked: f64,
}

/// A digest as OCI writes it.
pub fn sha256_name(digest: &[u8; 32]) -> String {
    format!("sha256:{}", hex(digest))
}

/// Bytes counted while they passed: no run of ours sees 2^63 of them.
pub fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// See `ImagePacker` in src/native/index.ts.
#[napi]
pub struct ImagePacker(pipeline::ImagePacker);

/// A new packer; not a constructor, so that a refusal is an outcome.
#[napi(catch_unwind)]
pub fn open_image_packer(options: NativePackOptions) -> Outcome<ImagePacker> {
    Outcome(options.try_into().and_then(pipeline::ImagePacker::new).map(ImagePacker))
}

#[napi]
impl ImagePacker {
    /// Opens the next layer, lowest first.
    #[napi(catch_unwind)]
    #[allow(clippy::needless_pass_by_value)] // Arguments from JavaScript are owned.
    pub fn open_layer(&self, layer: u32, blob_path: String) -> Outcome<LayerPacker> {
        Outcome(self.0.open_layer(layer, Path::new(&blob_path)).map(LayerPacker))
    }

    /// What the threads have done so far.
    #[napi(catch_unwind)]
    pub fn stages(&self) -> Vec<NativeStage> {
        let stages = self.0.stages().into_iter();
        stages
            .map(|(name, times)| NativeStage {
                name: name.to_owned(),
                threads: times.threads,
                alive: times.alive,
                busy: times.busy,
                ready: times.ready,
                starved: times.starved,
                blocked: times.blocked,
            })
            .collect()
    }

    /// The merged bootstrap of the layers with these numbers, lowest first.
    #[napi(catch_unwind)]
    pub fn bootstrap<'env>(&self, env: &'env Env, places: Vec<u32>) -> napi::Result<Object<'env>> {
        let (reply, promise) = promise::<Buffer>(env)?;
        self.0.bootstrap(places, Box::new(move |result| reply(result.map(Into::into))));
        Ok(promise)
    }

    /// Aborts the layers that are not sealed.
    #[napi(catch_unwind)]
    pub fn dispose(&self) {
        self.0.dispose();
    }
}

/// See `LayerPacker` in src/native/index.ts.
#[napi]
pub struct LayerPacker(pipeline::LayerPacker);

#[napi]
impl LayerPacker {
    /// Takes bytes without waiting; true when there is room for more, else `room` tells when there is.
    #[napi(catch_unwind)]
    pub fn write(&self, bytes: Buffer) -> Outcome<bool> {
        Outcome(self.0.write(Box::new(bytes)))
    }

    /// Settles when there is room.
    #[napi(catch_unwind)]
    pub fn room<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let (reply, promise) = promise::<()>(env)?;
        self.0.on_room(reply);
        Ok(promise)
    }

    /// The layer has ended.
    #[napi(catch_unwind)]
    pub fn finish<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let (reply, promise) = promise::<NativePackedLayer>(env)?;
        self.0.finish(Box::new(move |result| reply(result.map(Into::into))));
        Ok(promise)
    }

    /// Settles when more than `size` bytes are in the blob file, or all of them.
    #[napi(catch_unwind)]
    pub fn grown<'env>(&self, env: &'env Env, size: i64) -> napi::Result<Object<'env>> {
        let (reply, promise) = promise::<NativeGrowth>(env)?;
        let size = u64::try_from(size).unwrap_or(0);
        self.0.on_growth(
            size,
            Box::new(move |result| {
                reply(result.map(|Grown { size, complete }| NativeGrowth { size: number(size), complete }));
            }),
        );
        Ok(promise)
    }

    /// Completes the blob.
    #[napi(catch_unwind)]
    pub fn seal<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let (reply, promise) = promise::<NativeSealedBlob>(env)?;
        self.0.seal(Box::new(move |result| {
            reply(result.map(|blob| NativeSealedBlob {
                digest: sha256_name(&blob.digest),
                size: number(blob.size),
                blob_meta: blob.blob_meta.into(),
            }));
        }));
        Ok(promise)
    }

    /// Ends the layer's threads and removes its file unless it is sealed.
    #[napi(catch_unwind)]
    pub fn abort(&self) {
        self.0.abort();
    }
}
