//! `ImageScanner` and `LayerScanner`: layers that are only read, and the tables of what they hold.

use std::path::Path;

use napi::bindgen_prelude::{Buffer, Env, Object};
use napi_derive::napi;
use nydus_core::pipeline::{self, ScannedLayer};

use crate::options::ScannerOptions;
use crate::outcome::{Outcome, promise};
use crate::packer::NativeLayerSummary;

/// What a layer holds, packed. The layouts are in src/rafs-builder/layout/wire.ts.
#[napi(object)]
pub struct ScannedTables {
    /// Entries, in tar order.
    pub entries: Buffer,
    /// References, file after file.
    pub references: Buffer,
    /// Chunks that are new, by index.
    pub chunks: Buffer,
}

/// A layer that has been scanned.
#[napi(object)]
pub struct NativeScannedLayer {
    /// What was read, and how much of it is new.
    pub summary: NativeLayerSummary,
    /// What the layer holds.
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

/// A function instead of a constructor, so that a refusal is an outcome.
#[napi(catch_unwind, ts_return_type = "Outcome<NativeImageScanner>")]
#[allow(clippy::needless_pass_by_value)] // Arguments from JavaScript are owned.
pub fn open_image_scanner(options: ScannerOptions) -> Outcome<ImageScanner> {
    Outcome(options.scanning().and_then(|options| pipeline::ImageScanner::new(&options)).map(ImageScanner))
}

#[napi]
impl ImageScanner {
    /// Opens the next layer, lowest first. Chunks that are kept go to `path`.
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

/// A layer that is scanned.
#[napi(js_name = "NativeLayerScanner")]
pub struct LayerScanner(pipeline::LayerScanner);

#[napi]
impl LayerScanner {
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
