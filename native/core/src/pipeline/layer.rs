//! A layer in flight consists of the state that its threads share and the handle of its owner.

use std::sync::{Arc, Mutex};

use super::image::KeptPlace;
use super::output::Output;
use super::stages;
use super::tracked::Tracked;
use crate::budget::{Account, Budget};
use crate::decide::{Decider, Ticket};
use crate::directory::Directory;
use crate::ending::{Ending, Reply};
use crate::error::{Error, Result};
use crate::meter::Meter;
use crate::pool::{Buffers, Pool, guarded, spawn};
use crate::queue::ByteQueue;
use crate::sync::lock;

/// The most compressed bytes that wait for the inflater.
const INPUT_BYTES: usize = 2 << 20;
/// The size of a block of inflated bytes: large enough to make locks cheap, small enough for the cache.
pub const BLOCK: usize = 256 << 10;
/// The most inflated bytes that wait for the tar parser.
const INFLATED_BYTES: usize = 4 * BLOCK;

/// The size from which a written piece is copied into a buffer that is used again. A buffer is much larger than a small piece,
/// so that many of those in the queue would take memory without need.
const LARGE_PIECE: usize = BLOCK / 4;

/// Buffers that the layers of an image use in turn.
pub type SharedBuffers = Arc<LayerBuffers>;

/// The buffers behind `SharedBuffers`.
pub struct LayerBuffers {
    /// For blocks of inflated bytes.
    pub blocks: Buffers,
    /// For copies of written pieces.
    written: Buffers,
}

impl Default for LayerBuffers {
    fn default() -> Self {
        Self {
            blocks: Buffers::new(BLOCK, 2 * INFLATED_BYTES / BLOCK),
            written: Buffers::new(BLOCK, INPUT_BYTES / BLOCK),
        }
    }
}

impl LayerBuffers {
    /// Copies a piece that remains the caller's.
    fn copy(&self, piece: &[u8]) -> Vec<u8> {
        if piece.len() < LARGE_PIECE {
            return piece.to_vec();
        }
        let mut copy = self.written.take_empty();
        copy.extend_from_slice(piece);
        copy
    }

    /// Takes back a copy of a piece.
    pub fn give_copy(&self, copy: Vec<u8>) {
        if copy.capacity() >= LARGE_PIECE {
            self.written.give(copy);
        }
    }
}

/// A layer's role: it is converted or scanned.
pub trait Role: Send + Sync + Sized + 'static {
    /// The answer that the owner gets at the end.
    type Answer: Send + 'static;

    /// Runs the second thread of a layer, which reads the tar or the directory and delivers the answer at its end.
    fn read(layer: &Arc<Layer<Self>>, decider: Decider) -> Result<()>;

    /// The blob that receives new chunks, if they are stored.
    fn output(&self) -> Option<&Output>;

    /// Where the places of chunks go, if they stay in the layer.
    fn tracked(&self) -> Option<&Tracked> {
        None
    }

    /// The directory that the entries come from, if not from the bytes that the owner writes.
    fn directory(&self) -> Option<&Directory> {
        None
    }

    /// False if the owner verifies the digest of the layer's bytes, which is then not computed again. Asked once the first bytes
    /// are there.
    fn digests_source(&self) -> bool;

    /// True if the compression of the layer is recorded. Asked once the first bytes are there.
    fn learns_compression(&self) -> bool {
        false
    }

    /// Takes the record of the layer's compression before the tar ends; `None` if none can be made.
    fn learned(&self, _record: Option<Vec<u8>>) {}

    /// Releases the role's resources after a failure, and wakes the threads that wait for it.
    fn end(&self, error: Error);
}

/// The state that the threads of a layer share.
pub struct Layer<R: Role> {
    pub role: R,
    pub chunk_size: u32,
    pub input: ByteQueue<Vec<u8>>,
    pub inflated: ByteQueue<stages::Inflated>,
    pub buffers: SharedBuffers,
    pub ticket: Arc<Ticket>,
    /// The place in line is kept for a layer whose chunks may turn out not to stay in it, and that is then opened again.
    pub kept_place: Option<KeptPlace>,
    pub pool: Arc<Pool>,
    /// What the layer takes of the run's budget.
    pub account: Arc<Account>,
    pub ending: Ending<R::Answer>,
    #[cfg(test)]
    pub fault: Mutex<Option<stages::Fault>>,
}

impl<R: Role> Layer<R> {
    pub fn new(
        role: R,
        chunk_size: u32,
        (ticket, kept_place): (Arc<Ticket>, Option<KeptPlace>),
        (pool, budget): (Arc<Pool>, Arc<Budget>),
        buffers: SharedBuffers,
    ) -> Self {
        Self {
            role,
            chunk_size,
            input: ByteQueue::new(INPUT_BYTES),
            inflated: ByteQueue::new(INFLATED_BYTES),
            buffers,
            ticket,
            kept_place,
            pool,
            account: Arc::new(Account::new(budget)),
            ending: Ending::default(),
            #[cfg(test)]
            fault: Mutex::default(),
        }
    }

    /// Ends the layer with `error`, unless it has failed before.
    pub fn fail(&self, error: Error) {
        let reason = error.duplicate();
        self.ending.fail(error, || {
            self.input.kill();
            self.inflated.kill();
            let is_opened_again = self.kept_place.is_some() && matches!(reason, Error::Unreferable(_));
            if !is_opened_again {
                self.ticket.give_back();
            }
            if let Some(output) = self.role.output() {
                output.kill();
            }
            self.role.end(reason.duplicate());
            if let Some(output) = self.role.output() {
                output.spool.remove();
                output.spool.growth.fail(reason);
            }
        });
    }

    /// Runs part of the pipeline. Its error or panic becomes the layer's error.
    pub fn run(&self, body: impl FnOnce() -> Result<()>) {
        if let Err(error) = guarded(body) {
            self.fail(error);
        }
    }

    /// The blob that receives new chunks.
    pub fn output(&self) -> Result<&Output> {
        self.role.output().ok_or_else(|| Error::internal("a layer whose chunks are not stored has no blob"))
    }

    /// Returns the error that the layer has failed with, if it has.
    pub fn check(&self) -> Result<()> {
        self.ending.failure().map_or(Ok(()), Err)
    }
}

/// The owner's handle of a layer. Dropping it before a blob is sealed aborts the layer.
pub struct LayerFeed<R: Role> {
    pub(super) layer: Arc<Layer<R>>,
    pub(super) meter: Arc<Meter>,
}

impl<R: Role> LayerFeed<R> {
    pub(super) fn start(layer: Arc<Layer<R>>, decider: Decider, meter: &Arc<Meter>) -> Result<Self> {
        let feed = Self { layer, meter: Arc::clone(meter) };
        let is_directory = feed.layer.role.directory().is_some();
        if !is_directory {
            let (inflating, clocks) = (Arc::clone(&feed.layer), Arc::clone(meter));
            spawn("nydus-inflate", move || {
                let _counted = clocks.enter("inflate");
                inflating.run(|| stages::inflate(&inflating));
            })?;
        }
        let (reading, clocks) = (Arc::clone(&feed.layer), Arc::clone(meter));
        spawn("nydus-tar", move || {
            let _counted = clocks.enter(if is_directory { "directory" } else { "tar" });
            reading.run(|| R::read(&reading, decider));
        })?;
        Ok(feed)
    }

    /// Takes a copy of the next compressed bytes without waiting. Returns true if there is room for more. If there is none the
    /// owner should wait for `on_room`; bytes that it writes before are taken nevertheless.
    pub fn write(&self, bytes: &[u8]) -> Result<bool> {
        self.layer
            .input
            .push_now(self.layer.buffers.copy(bytes), bytes.len())
            .map_err(|error| self.layer.ending.explain(error))
    }

    /// Calls back when there is room, or when the layer has failed.
    pub fn on_room(&self, reply: Reply<()>) {
        let layer = Arc::clone(&self.layer);
        self.layer.input.on_room(Box::new(move |result| {
            reply(result.map_err(|error| layer.ending.explain(error)));
        }));
    }

    /// Ends the input. Calls back when the layer has been read and stored completely, or when it has failed.
    pub fn finish(&self, reply: Reply<R::Answer>) {
        if self.layer.ending.ask(reply) {
            self.layer.input.close();
        }
    }

    /// Ends the layer's threads and removes the file unless it is sealed; callers that wait get `Aborted`. A second call does nothing.
    pub fn abort(&self) {
        self.layer.fail(Error::Aborted);
    }

    #[cfg(test)]
    pub(super) fn inject(&self, fault: stages::Fault) {
        *lock(&self.layer.fault) = Some(fault);
    }
}

impl<R: Role> Drop for LayerFeed<R> {
    fn drop(&mut self) {
        self.abort();
    }
}

/// Runs `work` on a thread of its own and calls back with the result, or with the error when the thread cannot be started.
pub fn answer_from_thread<T: Send + 'static>(
    name: &str,
    meter: &Arc<Meter>,
    reply: Reply<T>,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) {
    let slot = Arc::new(Mutex::new(Some(reply)));
    let (answer, meter) = (Arc::clone(&slot), Arc::clone(meter));
    let spawned = spawn(name, move || {
        let _counted = meter.enter("metadata");
        let result = work();
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
