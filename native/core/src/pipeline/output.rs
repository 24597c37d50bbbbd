//! Writes chunks to the blob of a layer: units take room from a budget, the pool compresses them in any order, and workers
//! append them in theirs.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};

use super::layer::{Layer, Role};
#[cfg(test)]
use super::stages::{Fault, trip};
use crate::blob::{Batcher, BlobFile, Finished, Spool, StoredChunks, UNIT, Unit, UnitBuffers};
use crate::chunk::Units;
use crate::codec::Compression;
use crate::error::Result;
use crate::format::Batching;
use crate::meter::{Wait, waiting};
use crate::queue::Budget;
use crate::sync::{lock, wait};

/// The most bytes of chunks that are undecided, or decided and not in the blob yet.
const IN_FLIGHT_BYTES: usize = 16 << 20;

/// The way in which the layers of an image store chunks.
#[derive(Clone)]
pub struct Storage {
    compression: Compression,
    /// Chunks start at multiples of this in the uncompressed address space.
    alignment: u64,
    /// The most bytes of chunks in a unit; the budget counts every unit with them.
    unit_bytes: usize,
    /// Which files are compressed together.
    batching: Batching,
    buffers: Arc<UnitBuffers>,
}

impl Storage {
    /// Makes the storage for chunks of `chunk_size` bytes that start at multiples of `alignment` in the uncompressed address
    /// space.
    pub fn new(chunk_size: u32, compression: Compression, alignment: u64, batching: Batching) -> Self {
        let unit_bytes = UNIT.max(chunk_size as usize);
        let buffers = Arc::new(UnitBuffers::new(unit_bytes, IN_FLIGHT_BYTES / unit_bytes, compression));
        Self { compression, alignment, unit_bytes, batching, buffers }
    }
}

/// The blob of one layer, and the budget of its units.
pub struct Output {
    pub spool: Spool,
    storage: Storage,
    budget: Budget,
    state: Mutex<State>,
    written: Condvar,
}

/// The blob, and the finished units that wait for earlier ones.
struct State {
    /// `None` while a worker appends, and once the blob is sealed or the layer has failed.
    blob: Option<BlobFile>,
    /// The number of the unit that the blob needs next.
    next: u64,
    ready: BTreeMap<u64, Finished>,
}

impl Output {
    /// Creates the file at once, so that an error of the folder shows early.
    pub fn create(path: &Path, storage: Storage) -> Result<Self> {
        let (spool, blob) = Spool::create(path, storage.alignment)?;
        let budget = Budget::new(IN_FLIGHT_BYTES.max(3 * storage.unit_bytes));
        let state = State { blob: Some(blob), next: 0, ready: BTreeMap::new() };
        Ok(Self { spool, storage, budget, state: Mutex::new(state), written: Condvar::new() })
    }

    /// Ends writing after a failure: no unit gets room any more, and the file is closed. A worker that is appending closes
    /// it itself.
    pub fn kill(&self) {
        self.budget.kill();
        // Hold the lock, so that no thread is between checking for failure and waiting.
        let blob = lock(&self.state).blob.take();
        drop(blob);
        self.written.notify_all();
    }

    /// Takes the blob, so that its sections can be appended; `None` the second time.
    pub fn take_blob(&self) -> Option<BlobFile> {
        lock(&self.state).blob.take()
    }
}

/// Supplies a layer's chunker with units and takes them back.
pub struct LayerUnits<R: Role> {
    layer: Arc<Layer<R>>,
    batcher: Batcher,
    submitted: u64,
}

impl<R: Role> LayerUnits<R> {
    /// Makes the units of a layer whose chunks are stored.
    pub fn new(layer: &Arc<Layer<R>>) -> Result<Self> {
        let batcher = Batcher::new(layer.output()?.storage.batching);
        Ok(Self { layer: Arc::clone(layer), batcher, submitted: 0 })
    }

    /// Waits until all units are in the blob; takes what it knows of its chunks.
    pub fn wait_written(&mut self) -> Result<StoredChunks> {
        if let Some(last) = self.batcher.flush() {
            self.send(last)?;
        }
        let output = self.layer.output()?;
        let mut state = lock(&output.state);
        loop {
            self.layer.check()?;
            if state.next == self.submitted
                && let Some(blob) = &mut state.blob
            {
                return Ok(blob.take_chunks());
            }
            state = waiting(Wait::Blocked, || wait(&output.written, state));
        }
    }
}

impl<R: Role> Units for LayerUnits<R> {
    fn open(&self, wait: bool) -> Result<Option<Unit>> {
        let Output { budget, storage, .. } = self.layer.output()?;
        if wait {
            budget.take(storage.unit_bytes)?;
        } else if !budget.try_take(storage.unit_bytes)? {
            return Ok(None);
        }
        Ok(Some(storage.buffers.open()))
    }

    fn submit(&mut self, unit: Unit) -> Result<()> {
        for unit in self.batcher.take(unit)? {
            if unit.pieces.is_empty() { self.discard(unit)? } else { self.send(unit)? }
        }
        Ok(())
    }

    fn earned(&self) -> u64 {
        self.layer.account.earned()
    }

    fn discard(&self, unit: Unit) -> Result<()> {
        let Output { budget, storage, .. } = self.layer.output()?;
        storage.buffers.discard(unit);
        budget.give(storage.unit_bytes);
        Ok(())
    }
}

impl<R: Role> LayerUnits<R> {
    /// Has a worker store the chunks of a unit.
    fn send(&mut self, unit: Unit) -> Result<()> {
        let number = self.submitted;
        self.submitted += 1;
        let layer = Arc::clone(&self.layer);
        self.layer.pool.run(Box::new(move |contexts| {
            layer.run(|| {
                // After a failure the queue still holds units of this layer, which are no longer needed.
                layer.check()?;
                #[cfg(test)]
                trip(&layer, Fault::Compress);
                let Storage { compression, buffers, .. } = &layer.output()?.storage;
                let done = unit.finish(*compression, contexts, buffers)?;
                append_in_order(&layer, number, done)
            });
        }))
    }
}

/// Puts a finished unit in its place. The worker that has the unit that the blob needs next appends it, and all finished
/// units directly after it; other workers leave theirs here and continue.
fn append_in_order<R: Role>(layer: &Layer<R>, number: u64, unit: Finished) -> Result<()> {
    let Output { spool, storage, budget, state, written } = layer.output()?;
    let mut shared = lock(state);
    shared.ready.insert(number, unit);
    let Some(mut blob) = shared.blob.take() else { return Ok(()) };
    loop {
        let next = shared.next;
        let Some(unit) = shared.ready.remove(&next) else {
            layer.check()?;
            shared.blob = Some(blob);
            written.notify_all();
            return Ok(());
        };
        drop(shared);
        #[cfg(test)]
        trip(layer, Fault::Append);
        for chunk in &unit.chunks {
            layer.account.disk(u64::from(chunk.size()), chunk.earned)?;
        }
        blob.append(spool, &unit)?;
        if !unit.is_extra {
            budget.give(storage.unit_bytes);
        }
        storage.buffers.release(unit);
        shared = lock(state);
        shared.next += 1;
    }
}
