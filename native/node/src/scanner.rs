//! `ImageScanner` and `LayerScanner` read layers without converting them, and return tables of their contents.

use std::path::Path;

use napi::bindgen_prelude::{Buffer, BufferSlice, Env, Object};
use napi_derive::napi;
use nydus_core::pipeline::{self, ScannedLayer};

use crate::budget::RunBudget;
use crate::options::ScannerOptions;
use crate::outcome::{Outcome, promise};
use crate::packer::NativeLayerSummary;

/// The packed contents of a layer. The layouts are in src/rafs-builder/layout/wire.ts.
#[napi(object)]
pub struct ScannedTables {
    /// Entries in tar order.
    pub entries: Buffer,
    /// References to chunks, file after file.
    pub references: Buffer,
    /// New chunks, by index.
    pub chunks: Buffer,
}

/// The result of scanning a layer.
#[napi(object)]
pub struct NativeScannedLayer {
    /// The source that was read, and how much of it is new.
    pub summary: NativeLayerSummary,
    /// The contents of the layer.
    pub tables: ScannedTables,
}

impl From<ScannedLayer> for NativeScannedLayer {
    fn from(scanned: ScannedLayer) -> Self {
        let ScannedLayer { summary, entries, references, chunks } = scanned;
        let tables =
            ScannedTables { entries: entries.into(), references: references.into(), chunks: chunks.into() };
        Self { summary: summary.into(), tables }
    }
}

/// The scan of one image.
#[napi(js_name = "NativeImageScanner")]
pub struct ImageScanner(pipeline::ImageScanner);

/// Makes a scanner. It is a function instead of a constructor, so that a refusal is an outcome.
#[napi(catch_unwind, ts_return_type = "Outcome<NativeImageScanner>")]
#[allow(clippy::needless_pass_by_value)] // Arguments from JavaScript are owned.
pub fn open_image_scanner(options: ScannerOptions, budget: &RunBudget) -> Outcome<ImageScanner> {
    Outcome(
        options.scanning(budget).and_then(|options| pipeline::ImageScanner::new(&options)).map(ImageScanner),
    )
}

#[napi]
impl ImageScanner {
    /// Opens the next layer, lowest first. If chunks are stored, they go to `path`.
    #[napi(catch_unwind, ts_return_type = "Outcome<NativeLayerScanner>")]
    #[allow(clippy::needless_pass_by_value)] // Arguments from JavaScript are owned.
    pub fn open_layer(&self, layer: u32, path: String) -> Outcome<LayerScanner> {
        Outcome(self.0.open_layer(layer, Path::new(&path)).map(LayerScanner))
    }

    /// Aborts all layers.
    #[napi(catch_unwind)]
    pub fn dispose(&self) {
        self.0.dispose();
    }
}

/// A layer in a scan.
#[napi(js_name = "NativeLayerScanner")]
pub struct LayerScanner(pipeline::LayerScanner);

#[napi]
impl LayerScanner {
    /// Takes a copy of the bytes without waiting. Returns true if there is room for more; if not, `room` settles when there is.
    #[napi(catch_unwind, ts_return_type = "Outcome<boolean>")]
    #[allow(clippy::needless_pass_by_value)] // Arguments from JavaScript are owned.
    pub fn write(&self, bytes: BufferSlice<'_>) -> Outcome<bool> {
        Outcome(self.0.write(&bytes))
    }

    /// Settles when there is room.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<undefined>>")]
    pub fn room<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let (reply, promise) = promise::<()>(env)?;
        self.0.on_room(reply);
        Ok(promise)
    }

    /// Ends the input; settles when the layer has been read.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<NativeScannedLayer>>")]
    pub fn finish<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let (reply, promise) = promise::<NativeScannedLayer>(env)?;
        self.0.finish(Box::new(move |result| reply(result.map(Into::into))));
        Ok(promise)
    }

    /// Ends the layer's threads and removes its file.
    #[napi(catch_unwind)]
    pub fn abort(&self) {
        self.0.abort();
    }
}
