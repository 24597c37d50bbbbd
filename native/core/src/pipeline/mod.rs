//! Threads, bounded queues, cancellation. A layer in flight is two threads of its own and jobs in the image's pool:
//!
//! ```text
//! write ─► input queue ─► [inflate: source digest] ─► blocks ─► [pack: diffID, tar, fingerprints, decisions] ─► units
//!   units ─► [pool: compression, each chunk alone] ─► whoever finishes the next unit in order appends it to the blob
//! ```
//!
//! Everything between two threads is bounded in bytes. The output depends on the input and the options only: chunks are
//! numbered where decisions are taken, in tar order and layer order, and units reach the blob in that order.
//!
//! Whatever goes wrong anywhere, a panic too, ends in `Layer::fail`: it notes the first error, wakes everyone who waits,
//! gives the turn to the next layer, removes the file and answers whoever asked. Aborting is failing with `Aborted`.

mod layer;
mod sealing;
mod stages;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::{Arc, Mutex, Weak};

pub use layer::{LayerPacker, PackedLayer, ScannedTables, SealedBlob};

use crate::compress::{Compression, MAX_CHUNK, zstd_levels};
use crate::decide::{Decider, Ticket};
use crate::dict::{Dictionary, Turns};
use crate::ending::Reply;
use crate::error::{Error, Result};
use crate::meter::{Meter, StageTimes};
use crate::pool::{Pool, guarded, spawn};
use crate::rafs::{ChunkSettings, merged_bootstrap};
use crate::sync::lock;
use crate::unit::UNIT;
use layer::{Layer, LayerBuffers};
use sealing::Sealing;

/// Which chunks count as known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dedup {
    /// Those of lower layers and earlier ones of the same layer.
    Image,
    /// Earlier ones of the same layer: every layer stands alone, as the reference has it.
    Layer,
}

/// How an image is packed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PackOptions {
    /// Bytes; a power of two, 4 KiB … 16 MiB.
    pub chunk_size: u32,
    /// How new chunks are stored.
    pub compression: Compression,
    /// zstd level of the bootstraps inside of blobs, which are compressed even where chunks are not.
    pub level: i32,
    /// Which chunks count as known.
    pub dedup: Dedup,
    /// Layers that will be opened, where that is known: behind the last one the dictionary goes.
    pub layers: Option<u32>,
    /// Workers that compress; the output does not depend on it.
    pub threads: usize,
    /// Entries and references are handed out, and no blob can be completed: for those who only look.
    pub tables: bool,
    /// The same, and nothing is compressed or stored.
    pub scan: bool,
}

impl Default for PackOptions {
    fn default() -> Self {
        Self {
            chunk_size: 1 << 20,
            compression: Compression::Zstd { level: 3 },
            level: 3,
            layers: None,
            dedup: Dedup::Image,
            threads: 2,
            tables: false,
            scan: false,
        }
    }
}

impl PackOptions {
    /// The most that a unit of chunks can have, and what each is counted as.
    fn unit_bytes(&self) -> usize {
        UNIT.max(self.chunk_size as usize)
    }

    fn check(&self) -> Result<()> {
        let size = self.chunk_size as usize;
        if !size.is_power_of_two() || !(4096..=MAX_CHUNK).contains(&size) {
            return Err(Error::unsupported(format!(
                "chunk size {size} is not a power of two from 4 KiB to 16 MiB"
            )));
        }
        let chunks = if let Compression::Zstd { level } = self.compression { Some(level) } else { None };
        for level in chunks.into_iter().chain([self.level]) {
            if !zstd_levels().contains(&level) {
                return Err(Error::unsupported(format!("zstd has no level {level}")));
            }
        }
        Ok(())
    }

    const fn hands_out(&self) -> bool {
        self.scan || self.tables
    }

    const fn settings(&self) -> ChunkSettings {
        ChunkSettings { chunk_size: self.chunk_size, compression: self.compression, level: self.level }
    }
}

/// The packing of one image: one dictionary, one pool of workers.
pub struct ImagePacker {
    options: PackOptions,
    dictionary: Mutex<SharedDictionary>,
    sealing: Arc<Sealing>,
    turns: Arc<Turns>,
    pool: Arc<Pool>,
    meter: Arc<Meter>,
    buffers: Arc<LayerBuffers>,
    layers: Mutex<Option<Vec<Weak<Layer>>>>,
}

impl ImagePacker {
    /// Starts the workers.
    pub fn new(options: PackOptions) -> Result<Self> {
        options.check()?;
        let meter = Arc::new(Meter::default());
        let pool = Arc::new(Pool::new(options.threads, &meter)?);
        let buffers = Arc::new(LayerBuffers::new(options.unit_bytes()));
        let dictionary = SharedDictionary { chunks: Some(Arc::default()), layers: options.layers };
        Ok(Self {
            options,
            dictionary: Mutex::new(dictionary),
            sealing: Arc::default(),
            turns: Arc::default(),
            pool,
            meter,
            buffers,
            layers: Mutex::new(Some(Vec::new())),
        })
    }

    /// Opens the next layer, lowest first; references will call it `number`. The blob file is created here, so that a
    /// folder that cannot be written shows early; in a scan there is none.
    ///
    /// Layers that are open at the same time must be fed at the same time: a later one waits for the decisions of an
    /// earlier one when it has used up its budget.
    pub fn open_layer(&self, number: u32, path: &Path) -> Result<LayerPacker> {
        let mut layers = lock(&self.layers);
        let Some(layers) = layers.as_mut() else {
            return Err(Error::internal("layer opened after the image packer was disposed of"));
        };
        let (ticket, dictionary) = match self.options.dedup {
            Dedup::Image => (Ticket::take(&self.turns), lock(&self.dictionary).next()?),
            Dedup::Layer => (Ticket::always(), Arc::default()),
        };
        let path = (!self.options.scan).then_some(path);
        let layer =
            Layer::new(&self.options, path, ticket, Arc::clone(&self.pool), Arc::clone(&self.buffers))?;
        if !self.options.hands_out() {
            layer.join(&self.sealing, number);
        }
        layers.retain(|layer| layer.strong_count() > 0);
        layers.push(Arc::downgrade(&layer));
        LayerPacker::start(layer, Decider::new(dictionary, number), &self.meter)
    }

    /// The bootstrap of the image, whose layers, lowest first, are those with these numbers; one may occur several times.
    /// Calls back when all of them are sealed and it is written, or when one of them has ended early. They are used up.
    pub fn bootstrap(&self, places: Vec<u32>, reply: Reply<Vec<u8>>) {
        let (sealing, meter) = (Arc::clone(&self.sealing), Arc::clone(&self.meter));
        let settings = self.options.settings();
        let slot = Arc::new(Mutex::new(Some(reply)));
        let answer = Arc::clone(&slot);
        let spawned = spawn("nydus-merge", move || {
            let _counted = meter.enter("metadata");
            let result = guarded(|| {
                let mut numbers = places.clone();
                numbers.sort_unstable();
                numbers.dedup();
                merged_bootstrap(sealing.take(&numbers)?, &places, settings)
            });
            if let Some(reply) = lock(&answer).take() {
                reply(result);
            }
        });
        if let Err(error) = spawned
            && let Some(reply) = lock(&slot).take()
        {
            reply(Err(error));
        }
    }

    /// What the threads of all layers have done so far.
    pub fn stages(&self) -> Vec<(&'static str, StageTimes)> {
        self.meter.stages()
    }

    /// Aborts the layers that are not sealed; no more can be opened.
    pub fn dispose(&self) {
        let layers = lock(&self.layers).take();
        for layer in layers.into_iter().flatten().filter_map(|layer| layer.upgrade()) {
            layer.fail(Error::Aborted);
        }
        self.sealing.abort();
    }
}

/// The dictionary until the last layer has it.
struct SharedDictionary {
    chunks: Option<Arc<Dictionary>>,
    /// Layers that will still be opened.
    layers: Option<u32>,
}

impl SharedDictionary {
    fn next(&mut self) -> Result<Arc<Dictionary>> {
        self.layers = self.layers.map(|layers| layers.saturating_sub(1));
        let chunks = if self.layers == Some(0) { self.chunks.take() } else { self.chunks.clone() };
        chunks.ok_or_else(|| Error::internal("more layers are opened than were announced"))
    }
}

impl Drop for ImagePacker {
    fn drop(&mut self) {
        // Layers may outlive the packer that opened them: they hold the pool themselves.
        lock(&self.layers).take();
    }
}
