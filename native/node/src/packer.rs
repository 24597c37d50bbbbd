//! `ImagePacker` and `LayerPacker`: a conversion, its layers, and what they answer.

use std::path::Path;

use napi::bindgen_prelude::{Buffer, Env, Object};
use napi_derive::napi;
use nydus_core::Grown;
use nydus_core::digest::hex;
use nydus_core::pipeline::{self, LayerSummary};

use crate::options::FormatOptions;
use crate::outcome::{Outcome, promise};

/// Something that was dropped or mended on the way.
#[napi(object)]
pub struct LayerWarning {
    /// Stable name.
    pub code: String,
    /// The sentence.
    pub message: String,
}

/// A layer that has been read to its end. Sizes in bytes, below 2^53.
#[napi(object)]
pub struct NativeLayerSummary {
    /// Digest of the bytes as written in.
    pub source_digest: String,
    /// Bytes as written in.
    pub source_size: i64,
    /// Digest of the uncompressed tar.
    pub diff_id: String,
    /// Size of the uncompressed tar.
    pub tar_size: i64,
    /// Number of entries.
    pub entry_count: u32,
    /// Size of the chunk data in the file.
    pub data_size: i64,
    /// Size of the uncompressed address space.
    pub uncompressed_size: i64,
    /// Chunks that files refer to.
    pub chunk_count: i64,
    /// Chunks that are new.
    pub new_chunk_count: u32,
    /// Uncompressed bytes that are not stored again.
    pub duplicate_bytes: i64,
    /// What was dropped or mended.
    pub warnings: Vec<LayerWarning>,
}

impl From<LayerSummary> for NativeLayerSummary {
    fn from(summary: LayerSummary) -> Self {
        let LayerSummary { source, counts, warnings, .. } = summary;
        Self {
            source_digest: sha256_name(&source.digest),
            source_size: number(source.size),
            diff_id: sha256_name(&source.diff_id),
            tar_size: number(source.tar_size),
            entry_count: summary.entry_count,
            data_size: number(summary.data_size),
            uncompressed_size: number(summary.uncompressed_size),
            chunk_count: number(counts.chunks),
            new_chunk_count: counts.new_chunks,
            duplicate_bytes: number(counts.duplicate_bytes),
            warnings: warnings
                .into_iter()
                .map(|warning| LayerWarning { code: warning.code.to_owned(), message: warning.message })
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
pub struct NativeStage {
    /// What the threads do.
    pub name: String,
    /// How many there have been.
    pub threads: u32,
    /// From start to end, or to now.
    pub alive: f64,
    /// On a core; 0 where the system does not say.
    pub busy: f64,
    /// Ready, but all cores were taken; 0 where the system does not say.
    pub ready: f64,
    /// Waiting for input.
    pub starved: f64,
    /// Waiting for room.
    pub blocked: f64,
}

/// A digest as OCI writes it.
pub fn sha256_name(digest: &[u8; 32]) -> String {
    format!("sha256:{}", hex(digest))
}

/// Bytes counted while they passed: no run sees 2^63 of them.
pub fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The conversion of one image.
#[napi(js_name = "NativeImagePacker")]
pub struct ImagePacker(pipeline::ImagePacker);

/// A function instead of a constructor, so that a refusal is an outcome. `layers` is how many will be opened, where that is known.
#[napi(catch_unwind, ts_return_type = "Outcome<NativeImagePacker>")]
#[allow(clippy::needless_pass_by_value)] // Arguments from JavaScript are owned.
pub fn open_image_packer(format: FormatOptions, threads: u32, layers: Option<u32>) -> Outcome<ImagePacker> {
    Outcome(
        format
            .packing(threads, layers)
            .and_then(|options| pipeline::ImagePacker::new(&options))
            .map(ImagePacker),
    )
}

#[napi]
impl ImagePacker {
    /// Opens the next layer, lowest first.
    #[napi(catch_unwind, ts_return_type = "Outcome<NativeLayerPacker>")]
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
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<Buffer>>")]
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

/// A layer that is converted.
#[napi(js_name = "NativeLayerPacker")]
pub struct LayerPacker(pipeline::LayerPacker);

#[napi]
impl LayerPacker {
    /// Takes bytes without waiting; true when there is room for more, else `room` says when there is.
    #[napi(catch_unwind, ts_return_type = "Outcome<boolean>")]
    pub fn write(&self, bytes: Buffer) -> Outcome<bool> {
        Outcome(self.0.write(Box::new(bytes)))
    }

    /// Settles when there is room.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<undefined>>")]
    pub fn room<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let (reply, promise) = promise::<()>(env)?;
        self.0.on_room(reply);
        Ok(promise)
    }

    /// The layer has ended.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<NativeLayerSummary>>")]
    pub fn finish<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let (reply, promise) = promise::<NativeLayerSummary>(env)?;
        self.0.finish(Box::new(move |result| reply(result.map(Into::into))));
        Ok(promise)
    }

    /// Settles when more than `size` bytes are in the blob file, or all of them.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<NativeGrowth>>")]
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
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<NativeSealedBlob>>")]
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
