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
mod stages;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::{Arc, Mutex, Weak};

pub use layer::{LayerPacker, PackedLayer, SealedBlob};

use crate::compress::{Compression, MAX_CHUNK, zstd_levels};
use crate::decide::{Decider, Ticket};
use crate::dict::{Dictionary, Turns};
use crate::error::{Error, Result};
use crate::meter::{Meter, StageTimes};
use crate::pool::Pool;
use crate::sync::lock;
use crate::unit::UNIT;
use layer::{Layer, LayerBuffers};

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
    /// Which chunks count as known.
    pub dedup: Dedup,
    /// Workers that compress; the output does not depend on it.
    pub threads: usize,
    /// Only read: entries, chunks, digests; nothing is compressed or stored.
    pub scan: bool,
}

impl Default for PackOptions {
    fn default() -> Self {
        Self {
            chunk_size: 1 << 20,
            compression: Compression::Zstd { level: 3 },
            dedup: Dedup::Image,
            threads: 2,
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
        if let Compression::Zstd { level } = self.compression
            && !zstd_levels().contains(&level)
        {
            return Err(Error::unsupported(format!("zstd has no level {level}")));
        }
        Ok(())
    }
}

/// The packing of one image: one dictionary, one pool of workers.
pub struct ImagePacker {
    options: PackOptions,
    dictionary: Arc<Dictionary>,
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
        Ok(Self {
            options,
            dictionary: Arc::default(),
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
            Dedup::Image => (Ticket::take(&self.turns), Arc::clone(&self.dictionary)),
            Dedup::Layer => (Ticket::always(), Arc::default()),
        };
        let path = (!self.options.scan).then_some(path);
        let layer =
            Layer::new(&self.options, path, ticket, Arc::clone(&self.pool), Arc::clone(&self.buffers))?;
        layers.retain(|layer| layer.strong_count() > 0);
        layers.push(Arc::downgrade(&layer));
        LayerPacker::start(layer, Decider::new(dictionary, number), &self.meter)
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
    }
}

impl Drop for ImagePacker {
    fn drop(&mut self) {
        // Layers may outlive the packer that opened them: they hold the pool themselves.
        lock(&self.layers).take();
    }
}
