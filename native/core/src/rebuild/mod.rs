//! Makes the compressed tar of a layer from chunks: the way back from RAFS.
//!
//! The caller hands over the tar in units, each with the headers and paddings that it wrote, and with the stored chunks of the
//! files between them. Workers decode and verify the units, one thread joins them in order and cuts them into blocks, workers
//! compress the blocks, and another thread digests what they become. The caller reads it while it is being made; nothing is
//! stored. The bytes depend on the tar, the compressor and its level alone.

mod framing;
mod outlet;
mod recorded;
mod unit;

use std::sync::Arc;

use crossbeam_channel::{Receiver, bounded};

use crate::codec::Contexts;
use crate::deflate::replay::Recorded;
use crate::digest::{Digest, Sha256Stream};
use crate::ending::{Ending, Reply};
use crate::error::{Error, Result};
use crate::pool::{Pool, guarded, spawn};
use crate::queue::ByteQueue;
use framing::Framing;
use outlet::Outlet;
use recorded::{Cut, Cutter, Joiner};

pub use unit::Unit;

/// Bytes of the tar, in units that wait for their turn.
const UNIT_BYTES: usize = 4 << 20;
/// Compressed bytes that wait for the caller.
const OUTLET_BYTES: usize = 2 << 20;

/// The options of a layer that is made again.
#[derive(Clone, Debug)]
pub struct RebuildOptions {
    /// `gzip`, `zstd` or `none`.
    pub compressor: String,
    /// The compressor's level; its default if absent.
    pub level: Option<i32>,
    /// The number of workers that decode and compress.
    pub threads: usize,
    /// How the layer was compressed, by which it comes back as it was, whatever the compressor.
    pub record: Option<Vec<u8>>,
}

/// A complete layer.
#[derive(Debug)]
pub struct Rebuilt {
    /// SHA-256 of the compressed tar.
    pub digest: Digest,
    /// Bytes of the compressed tar.
    pub size: u64,
    /// SHA-256 of the tar.
    pub diff_id: Digest,
    /// Bytes of the tar.
    pub tar_size: u64,
}

/// Bytes that a worker is making.
type Coming = Receiver<Result<Vec<u8>>>;

struct Shared {
    framing: Framing,
    recorded: Option<Arc<Recorded>>,
    pool: Pool,
    units: ByteQueue<Coming>,
    blocks: ByteQueue<Coming>,
    outlet: Outlet,
    ending: Ending<Rebuilt>,
}

impl Shared {
    fn fail(&self, error: Error) {
        self.ending.fail(error, || {
            self.pool.close();
            self.units.kill();
            self.blocks.kill();
            self.outlet.kill();
        });
    }

    fn run(&self, body: impl FnOnce() -> Result<()>) {
        if let Err(error) = guarded(body) {
            self.fail(error);
        }
    }

    /// Gives work to the pool, whose result comes through the receiver.
    fn start(&self, work: impl FnOnce(&mut Contexts) -> Result<Vec<u8>> + Send + 'static) -> Result<Coming> {
        let (sender, coming) = bounded(1);
        // A receiver that is gone belongs to a run that has ended.
        self.pool.run(Box::new(move |contexts| drop(sender.send(guarded(|| work(contexts))))))?;
        Ok(coming)
    }

    /// Joins the units to the tar, and cuts it into the segments of a record. Returns the tar's digest and size.
    fn join_recorded(&self, recorded: &Arc<Recorded>) -> Result<(Digest, u64)> {
        let mut tar = Sha256Stream::default();
        let mut cutter = Cutter::new(Arc::clone(recorded));
        while let Some(unit) = self.units.pop()? {
            let bytes = received(&unit)?;
            tar.update(&bytes);
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                if let Some(cut) = cutter.take(&mut rest)? {
                    self.replay(recorded, cut)?;
                }
            }
        }
        while let Some(cut) = cutter.end()? {
            self.replay(recorded, cut)?;
        }
        self.blocks.close();
        let size = tar.size();
        Ok((tar.digest(), size))
    }

    fn replay(&self, recorded: &Arc<Recorded>, Cut { number, content }: Cut) -> Result<()> {
        let recorded = Arc::clone(recorded);
        let len = content.len();
        let coming = self.start(move |_| recorded.replay(number, &content))?;
        self.blocks.push(coming, len)
    }

    /// Joins the units to the tar, and cuts it into blocks. Returns the tar's digest and size.
    fn join(&self) -> Result<(Digest, u64)> {
        if let Some(recorded) = &self.recorded {
            return self.join_recorded(recorded);
        }
        let mut tar = Sha256Stream::default();
        let mut framing = self.framing.begin();
        let size = self.framing.block;
        let mut block = Vec::with_capacity(size);
        while let Some(unit) = self.units.pop()? {
            let bytes = received(&unit)?;
            tar.update(&bytes);
            framing.count(&bytes);
            let mut rest = &bytes[..];
            // A block that is full waits for more bytes, because the last block ends the stream.
            while block.len() + rest.len() > size {
                let (now, later) = rest.split_at(size - block.len());
                block.extend_from_slice(now);
                self.compress(std::mem::replace(&mut block, Vec::with_capacity(size)), false)?;
                rest = later;
            }
            block.extend_from_slice(rest);
        }
        self.compress(block, true)?;
        let (sender, tail) = bounded(1);
        drop(sender.send(Ok(framing.tail())));
        self.blocks.push(tail, 0)?;
        self.blocks.close();
        let size = tar.size();
        Ok((tar.digest(), size))
    }

    fn compress(&self, block: Vec<u8>, is_last: bool) -> Result<()> {
        let framing = self.framing;
        let len = block.len();
        let coming = self.start(move |_| framing.compress(block, is_last))?;
        self.blocks.push(coming, len)
    }

    /// Digests the compressed blocks and hands them to the caller. Returns their digest and size.
    fn deliver(&self) -> Result<(Digest, u64)> {
        let mut whole = Sha256Stream::default();
        let mut joiner = self.recorded.as_ref().map(|recorded| Joiner::new(Arc::clone(recorded)));
        let head = if joiner.is_some() { Vec::new() } else { self.framing.head() };
        whole.update(&head);
        self.outlet.push(head)?;
        while let Some(block) = self.blocks.pop()? {
            let mut bytes = received(&block)?;
            if let Some(joiner) = &mut joiner {
                bytes = joiner.join(bytes);
            }
            whole.update(&bytes);
            self.outlet.push(bytes)?;
        }
        self.outlet.close();
        let size = whole.size();
        Ok((whole.digest(), size))
    }
}

fn received(coming: &Coming) -> Result<Vec<u8>> {
    coming.recv().map_err(|_| Error::Aborted)?
}

/// The owner's handle. Dropping it ends the run.
pub struct Rebuilder {
    shared: Arc<Shared>,
}

impl Rebuilder {
    /// Starts threads that wait for units. `InvalidArgument` for an unknown compressor, `Unsupported` for a level that it lacks,
    /// `Format` for a record that cannot be read.
    pub fn new(options: RebuildOptions) -> Result<Self> {
        let framing = Framing::new(&options.compressor, options.level)?;
        let recorded = options.record.map(Recorded::read).transpose()?.map(Arc::new);
        let shared = Arc::new(Shared {
            framing,
            recorded,
            pool: Pool::new(options.threads, &Arc::default())?,
            units: ByteQueue::new(UNIT_BYTES),
            blocks: ByteQueue::new(framing.block.saturating_mul(options.threads.max(1))),
            outlet: Outlet::new(OUTLET_BYTES),
            ending: Ending::default(),
        });
        let rebuilder = Self { shared };
        let (sender, tar) = bounded(1);
        let joining = Arc::clone(&rebuilder.shared);
        spawn("nydus-rebuild", move || {
            joining.run(|| {
                let _ = sender.send(joining.join()?);
                Ok(())
            });
        })?;
        let delivering = Arc::clone(&rebuilder.shared);
        spawn("nydus-deliver", move || {
            delivering.run(|| {
                let (digest, size) = delivering.deliver()?;
                let (diff_id, tar_size) = tar.recv().map_err(|_| Error::Aborted)?;
                delivering.pool.close();
                delivering.ending.deliver(Rebuilt { digest, size, diff_id, tar_size });
                Ok(())
            });
        })?;
        Ok(rebuilder)
    }

    /// Takes the next part of the tar without waiting. Returns true if there is room for more.
    pub fn write(&self, unit: Unit) -> Result<bool> {
        let shared = &self.shared;
        let len = unit.size();
        let pushed = shared
            .start(move |contexts| unit.decode(contexts))
            .and_then(|coming| shared.units.push_now(coming, len));
        pushed.map_err(|error| shared.ending.explain(error))
    }

    /// Calls back when there is room, or when the run has failed.
    pub fn on_room(&self, reply: Reply<()>) {
        let shared = Arc::clone(&self.shared);
        self.shared.units.on_room(Box::new(move |result| {
            reply(result.map_err(|error| shared.ending.explain(error)));
        }));
    }

    /// Calls back with the next bytes of the layer, or with `None` behind the last ones. One call at a time.
    pub fn on_bytes(&self, reply: Reply<Option<Vec<u8>>>) {
        let shared = Arc::clone(&self.shared);
        self.shared.outlet.on_bytes(Box::new(move |result| {
            reply(result.map_err(|error| shared.ending.explain(error)));
        }));
    }

    /// Ends the tar. Calls back when the caller has room for all bytes of the layer, or has read them.
    pub fn finish(&self, reply: Reply<Rebuilt>) {
        if self.shared.ending.ask(reply) {
            self.shared.units.close();
        }
    }

    /// Ends the threads. Callers that wait get `Aborted`.
    pub fn abort(&self) {
        self.shared.fail(Error::Aborted);
    }
}

impl Drop for Rebuilder {
    fn drop(&mut self) {
        self.abort();
    }
}

#[cfg(test)]
mod tests;
