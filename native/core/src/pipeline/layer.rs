//! One layer: what its owner can do with it, and the state that its threads share.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, OnceLock};

use super::sealing::Sealing;
use super::{PackOptions, stages};
use crate::blob::{Blob, Spool};
use crate::chunk::Warning;
use crate::compress::Compressor;
use crate::decide::{Counts, Decider, Ticket};
use crate::digest::Digest;
use crate::ending::{Ending, Reply};
use crate::error::{Error, Result};
use crate::growth::Grown;
use crate::meter::Meter;
use crate::pool::{Buffers, Pool, guarded, spawn};
use crate::queue::{Budget, ByteQueue, Input};
use crate::rafs::{self, LayerTree, StoredChunks};
use crate::sync::lock;
use crate::unit::Finished;

/// Compressed bytes that wait for the inflater.
const INPUT_BYTES: usize = 2 << 20;
/// Inflated bytes go in blocks of this size: large enough for the locks, small enough for the cache.
pub(super) const BLOCK: usize = 256 << 10;
/// Inflated bytes that wait for the tar parser.
const INFLATED_BYTES: usize = 4 * BLOCK;
/// Bytes of chunks that are undecided, or decided and not in the blob yet.
const IN_FLIGHT_BYTES: usize = 16 << 20;

/// A layer whose data is in the blob file.
#[derive(Debug)]
pub struct PackedLayer {
    /// SHA-256 of the bytes as written in.
    pub source_digest: Digest,
    /// Bytes as written in.
    pub source_size: u64,
    /// SHA-256 of the uncompressed tar.
    pub diff_id: Digest,
    /// Bytes of the uncompressed tar.
    pub tar_size: u64,
    /// Number of entries.
    pub entry_count: u32,
    /// Packed chunk records (see `table`).
    pub chunks: Arc<Vec<u8>>,
    /// Only where they are handed out.
    pub scanned: Option<ScannedTables>,
    /// Bytes of chunk data in the blob file.
    pub data_size: u64,
    /// Bytes of the uncompressed address space.
    pub uncompressed_size: u64,
    /// Counts for a person.
    pub counts: Counts,
    /// What was dropped or mended.
    pub warnings: Vec<Warning>,
}

/// What a layer holds, for those who only look (see `table`).
#[derive(Debug)]
pub struct ScannedTables {
    /// Packed entries.
    pub entries: Vec<u8>,
    /// Packed references.
    pub references: Vec<u8>,
}

/// A blob that is complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedBlob {
    /// SHA-256 of the file.
    pub digest: Digest,
    /// Its bytes.
    pub size: u64,
    /// Content of its `.blob.meta` file; empty when it stores no chunk.
    pub blob_meta: Vec<u8>,
}

/// What a packed layer has for its blob's tail.
pub struct Packed {
    pub(super) tree: Box<LayerTree>,
    pub(super) chunks: StoredChunks,
}

/// What the threads of a layer share.
pub struct Layer {
    pub(super) options: PackOptions,
    pub(super) input: ByteQueue<Input>,
    pub(super) inflated: ByteQueue<stages::Inflated>,
    pub(super) buffers: Arc<LayerBuffers>,
    pub(super) budget: Budget,
    pub(super) ticket: Ticket,
    pub(super) spool: Option<Spool>,
    pub(super) output: Mutex<Output>,
    pub(super) written: Condvar,
    pub(super) pool: Arc<Pool>,
    pub(super) ending: Ending<PackedLayer>,
    /// From the end of packing to sealing.
    pub(super) packed: Mutex<Option<Packed>>,
    /// The other layers, and this one's number among them; not where tables are handed out.
    sealing: OnceLock<(Arc<Sealing>, u32)>,
    #[cfg(test)]
    pub(super) fault: Mutex<Option<stages::Fault>>,
}

/// Buffers that go round among the layers of an image.
pub struct LayerBuffers {
    /// For blocks of inflated bytes.
    pub(super) blocks: Buffers,
    /// For units.
    pub(super) units: Buffers,
    /// For compressed units.
    pub(super) stored: Buffers,
}

impl LayerBuffers {
    /// For layers with units of `unit` bytes.
    pub(super) fn new(unit: usize) -> Self {
        Self {
            blocks: Buffers::new(BLOCK, 2 * INFLATED_BYTES / BLOCK),
            units: Buffers::new(unit, IN_FLIGHT_BYTES / unit),
            stored: Buffers::new(Compressor::bound(unit), 4),
        }
    }
}

/// The blob, and the units that wait for those before them.
#[derive(Default)]
pub struct Output {
    /// `None` while somebody appends, once it is sealed or has failed, and in a scan.
    pub(super) blob: Option<Blob>,
    /// Number of the unit that the blob needs next.
    pub(super) next: u64,
    pub(super) ready: BTreeMap<u64, Finished>,
}

impl Layer {
    pub(super) fn new(
        options: &PackOptions,
        path: Option<&Path>,
        ticket: Ticket,
        pool: Arc<Pool>,
        buffers: Arc<LayerBuffers>,
    ) -> Result<Arc<Self>> {
        let spool = path.map(Spool::create).transpose().inspect_err(|_| ticket.give_back())?;
        let (spool, blob) = spool.unzip();
        let unit = options.unit_bytes();
        Ok(Arc::new(Self {
            options: options.clone(),
            input: ByteQueue::new(INPUT_BYTES),
            inflated: ByteQueue::new(INFLATED_BYTES),
            buffers,
            budget: Budget::new(IN_FLIGHT_BYTES.max(3 * unit)),
            ticket,
            spool,
            output: Mutex::new(Output { blob, ..Output::default() }),
            written: Condvar::new(),
            pool,
            ending: Ending::default(),
            packed: Mutex::default(),
            sealing: OnceLock::new(),
            #[cfg(test)]
            fault: Mutex::default(),
        }))
    }

    /// Lets other layers wait for this one.
    pub(super) fn join(&self, sealing: &Arc<Sealing>, number: u32) {
        sealing.open(number);
        // Once: a layer is opened once.
        let _ = self.sealing.set((Arc::clone(sealing), number));
    }

    /// Ends everything with `error`, unless it has failed before.
    pub(super) fn fail(&self, error: Error) {
        let told = error.duplicate();
        self.ending.fail(error, || {
            self.input.kill();
            self.inflated.kill();
            self.budget.kill();
            self.ticket.give_back();
            // Under the lock, so that nobody is between his look at the failure and his wait. Whoever appends just now
            // drops the blob himself.
            let blob = lock(&self.output).blob.take();
            drop(blob);
            self.written.notify_all();
            let packed = lock(&self.packed).take();
            drop(packed);
            if let Some((sealing, number)) = self.sealing.get() {
                sealing.end(*number, told.duplicate());
            }
            if let Some(spool) = &self.spool {
                spool.remove();
                spool.growth.fail(told);
            }
        });
    }

    /// Runs part of the pipeline; its error or panic is the layer's.
    pub(super) fn run(&self, body: impl FnOnce() -> Result<()>) {
        if let Err(error) = guarded(body) {
            self.fail(error);
        }
    }

    pub(super) fn spool(&self) -> Result<&Spool> {
        self.spool.as_ref().ok_or_else(|| Error::internal("a scan has no blob"))
    }

    fn seal(&self) -> Result<SealedBlob> {
        self.ending.check_delivered()?;
        let spool = self.spool()?;
        let already = || Error::internal("blob is sealed already");
        let only_read = || Error::internal("a layer that is only read has no tail");
        let (sealing, number) = self.sealing.get().ok_or_else(only_read)?;
        // From here on nobody else can have these: sealing twice ends here.
        let Packed { tree, chunks } = lock(&self.packed).take().ok_or_else(already)?;
        tree.check()?;
        let lower: Vec<u32> = tree.order.iter().copied().filter(|other| other != number).collect();
        let lower = sealing.lower(self, &lower)?;
        let mut blob = lock(&self.output).blob.take().ok_or_else(already)?;
        let settings = self.options.settings();
        let mut sealed = rafs::seal((&mut blob, spool), *number, *tree, &chunks, &lower, settings)?;
        spool.keep()?;
        spool.growth.complete(blob.size());
        let blob_meta = std::mem::take(&mut sealed.blob_meta);
        let done = SealedBlob { digest: blob.digest_with(&[]), size: blob.size(), blob_meta };
        sealing.seal(sealed);
        Ok(done)
    }
}

/// The owner's end of a layer. Dropping it before it is sealed aborts it.
pub struct LayerPacker {
    layer: Arc<Layer>,
    meter: Arc<Meter>,
}

impl LayerPacker {
    pub(super) fn start(layer: Arc<Layer>, decider: Decider, meter: &Arc<Meter>) -> Result<Self> {
        let packer = Self { layer, meter: Arc::clone(meter) };
        let (inflating, clocks) = (Arc::clone(&packer.layer), Arc::clone(meter));
        spawn("nydus-inflate", move || {
            let _counted = clocks.enter("inflate");
            inflating.run(|| stages::inflate(&inflating));
        })?;
        let (packing, clocks) = (Arc::clone(&packer.layer), Arc::clone(meter));
        spawn("nydus-tar", move || {
            let _counted = clocks.enter("tar");
            packing.run(|| stages::pack(&packing, decider));
        })?;
        Ok(packer)
    }

    /// Takes the next compressed bytes without waiting; says whether there is room for more. When there is none the
    /// owner should wait for `on_room`; what it writes all the same is taken.
    pub fn write(&self, bytes: Input) -> Result<bool> {
        let len = (*bytes).as_ref().len();
        self.layer.input.push_now(bytes, len).map_err(|error| self.layer.ending.explain(error))
    }

    /// Calls back when there is room, or when the layer has failed.
    pub fn on_room(&self, reply: Reply<()>) {
        let layer = Arc::clone(&self.layer);
        self.layer.input.on_room(Box::new(move |result| {
            reply(result.map_err(|error| layer.ending.explain(error)));
        }));
    }

    /// Calls back when more than `size` bytes are in the blob file, when the blob is complete, or when the layer has failed.
    pub fn on_growth(&self, size: u64, reply: Reply<Grown>) {
        match self.layer.spool() {
            Ok(spool) => spool.growth.on_more_than(size, reply),
            Err(error) => reply(Err(error)),
        }
    }

    /// The layer has ended; calls back when all of its data is in the blob file, or when it has failed.
    pub fn finish(&self, reply: Reply<PackedLayer>) {
        if self.layer.ending.ask(reply) {
            self.layer.input.close();
        }
    }

    /// Completes the blob, the layer's own bootstrap in it; from then on the file stays. Calls back when that is done, or when
    /// it cannot be: a layer that this one refers to may have ended early.
    pub fn seal(&self, reply: Reply<SealedBlob>) {
        let (layer, meter) = (Arc::clone(&self.layer), Arc::clone(&self.meter));
        let slot = Arc::new(Mutex::new(Some(reply)));
        let answer = Arc::clone(&slot);
        let spawned = spawn("nydus-seal", move || {
            let _counted = meter.enter("metadata");
            let result = guarded(|| layer.seal());
            // A blob that could not be sealed is of no use; a second call on a sealed one changes nothing.
            if let (Err(error), Some(spool)) = (&result, &layer.spool)
                && !spool.is_kept()
            {
                layer.fail(error.duplicate());
            }
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

    /// Ends the layer's threads and removes the file unless it is sealed; whoever waits gets `Aborted`. Again: nothing.
    pub fn abort(&self) {
        self.layer.fail(Error::Aborted);
    }

    #[cfg(test)]
    pub(super) fn inject(&self, fault: stages::Fault) {
        *lock(&self.layer.fault) = Some(fault);
    }
}

impl Drop for LayerPacker {
    fn drop(&mut self) {
        self.abort();
    }
}
