//! Reads a blob's bytes in order and decodes, measures and digests every chunk of a table.
//!
//! One thread digests the blob and cuts it at the chunks' offsets, or a layer at its contexts; the pool decodes. A table is untrusted: ranges may be
//! missing, overlap or claim sizes without end, and each of these is a fault of its chunk and does not end the run.

mod contexts;
mod cut;
mod digest;
mod piece;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use crate::blob::UNIT;
use crate::codec::{Codec, DEFAULT};
use crate::digest::{Digest, Digester};
use crate::ending::{Ending, Reply};
use crate::error::{Error, Result};
use crate::pool::{Buffers, Pool, give_way, guarded, spawn};
use crate::queue::{Budget, ByteQueue};
use crate::sync::lock;
use crate::table::ChunkRecord;
use crate::zran::ContextTable;
use contexts::ContextCutter;
use cut::Cutter;
use digest::BlobDigest;

pub(crate) use piece::{decoded_size, impossible, offset_in_batch};

const INPUT_BYTES: usize = 2 << 20;
const IN_FLIGHT_BYTES: usize = 16 << 20;
/// The most faults that are reported. In a blob that is wrong from end to end the first ones say enough; the others are
/// counted.
const MAX_FAULTS: usize = 1000;

/// The options of a verification.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct VerifyOptions {
    /// Name of the codec of compressed chunks, or `none` if a blob has no such chunk.
    pub compressor: String,
    /// The kind of digests in the table.
    pub digester: Digester,
    /// The number of workers that decode.
    pub threads: usize,
    /// Length of the blob's prefix whose digest is reported, too.
    pub prefix: Option<u64>,
    /// If the bytes are a gzip layer that chunks are referred to in: its contexts and their dictionaries, and their number. The
    /// records then have the number of a context, and the offset in what it makes, in place of the offset in the address space.
    pub contexts: Option<(Vec<u8>, u32)>,
}

impl Default for VerifyOptions {
    fn default() -> Self {
        Self {
            compressor: DEFAULT.name.to_owned(),
            digester: Digester::default(),
            threads: 2,
            prefix: None,
            contexts: None,
        }
    }
}

/// A chunk that differs from the table's record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChunkFault {
    /// The chunk's index in the table.
    pub index: u32,
    /// The difference, as a sentence without its subject.
    pub message: String,
}

/// The result of a verification.
#[derive(Debug)]
pub struct Verified {
    /// SHA-256 of the blob.
    pub digest: Digest,
    /// SHA-256 of the prefix; `None` when the caller did not ask for it, or the blob is shorter.
    pub prefix_digest: Option<Digest>,
    /// The blob's size in bytes.
    pub size: u64,
    /// The faults in the order of their chunks' indexes.
    pub faults: Vec<ChunkFault>,
}

struct Shared {
    records: Vec<ChunkRecord>,
    /// The codec of compressed chunks; one without a decoder if no chunk is compressed.
    codec: &'static Codec,
    digester: Digester,
    prefix: Option<u64>,
    input: ByteQueue<Vec<u8>>,
    budget: Budget,
    buffers: Buffers,
    faults: Mutex<Faults>,
    ending: Ending<Verified>,
}

impl Shared {
    fn fail(&self, error: Error) {
        self.ending.fail(error, || {
            self.input.kill();
            self.budget.kill();
        });
    }

    fn run(&self, body: impl FnOnce() -> Result<()>) {
        if let Err(error) = guarded(body) {
            self.fail(error);
        }
    }

    fn fault(&self, index: u32, message: impl Into<String>) {
        lock(&self.faults).add(index, message.into());
    }

    /// Delivers the answer when all workers are done.
    fn deliver(&self, blob: BlobDigest) -> Result<()> {
        self.budget.wait_idle()?;
        let faults = std::mem::take(&mut *lock(&self.faults)).into_list();
        let BlobDigest { stream, prefix_digest, .. } = blob;
        let (digest, size) = (stream.digest(), stream.size());
        self.ending.deliver(Verified { digest, prefix_digest, size, faults });
        Ok(())
    }

    /// The number of a chunk's context, and its offset in what that makes.
    fn in_context(&self, index: u32) -> Result<(u32, u32)> {
        let place = self.record(index)?.uncompressed_offset;
        let low = u32::try_from(place & u64::from(u32::MAX)).unwrap_or(u32::MAX);
        Ok((u32::try_from(place >> 32).unwrap_or(u32::MAX), low))
    }

    /// The difference between a chunk's bytes and its digests, if there is one.
    fn difference(&self, record: &ChunkRecord, plain: &[u8]) -> Option<String> {
        if self.digester.digest(plain) != record.digest {
            return Some("content does not have the chunk's digest".to_owned());
        }
        let wrong = record.crc32.filter(|&crc32| crc32c::crc32c(plain) != crc32);
        wrong.map(|crc32| format!("content does not have the chunk's checksum 0x{crc32:08x}"))
    }

    fn record(&self, index: u32) -> Result<&ChunkRecord> {
        self.records.get(index as usize).ok_or_else(|| Error::internal("chunk is not in the table"))
    }
}

/// The faults of lowest index, and the number of others: the result does not depend on which worker comes first.
#[derive(Default)]
struct Faults {
    first: BTreeMap<u32, String>,
    more: u64,
}

impl Faults {
    fn add(&mut self, index: u32, message: String) {
        self.first.insert(index, message);
        if self.first.len() > MAX_FAULTS {
            self.first.pop_last();
            self.more += 1;
        }
    }

    fn into_list(self) -> Vec<ChunkFault> {
        let mut faults: Vec<_> =
            self.first.into_iter().map(|(index, message)| ChunkFault { index, message }).collect();
        if let (1.., Some(last)) = (self.more, faults.last_mut()) {
            last.message = format!("{} (and {} more chunks have faults)", last.message, self.more);
        }
        faults
    }
}

/// The owner's handle. Dropping it ends the run.
pub struct BlobVerifier {
    shared: Arc<Shared>,
}

impl BlobVerifier {
    /// Starts threads that wait for the bytes of a blob with the chunks of `table` (packed, see `table`).
    pub fn new(table: &[u8], options: &VerifyOptions) -> Result<Self> {
        let unknown =
            || Error::unsupported(format!("chunks cannot be decompressed from {}", options.compressor));
        let codec = Codec::named(&options.compressor).ok_or_else(unknown)?;
        let shared = Arc::new(Shared {
            records: ChunkRecord::iter(table).collect(),
            codec,
            digester: options.digester,
            prefix: options.prefix,
            input: ByteQueue::new(INPUT_BYTES),
            budget: Budget::new(IN_FLIGHT_BYTES),
            buffers: Buffers::new(UNIT, 4),
            faults: Mutex::default(),
            ending: Ending::default(),
        });
        // Many threads decode chunks in any order. A source layer that is read at the same time is inflated by one thread
        // from start to end, so the run waits for that thread, and the decoders yield to it.
        let contexts = match &options.contexts {
            Some((bytes, count)) => Some(Arc::new(ContextTable::read(bytes, *count)?)),
            None => None,
        };
        let pool = Pool::giving_way(options.threads, &Arc::default())?;
        let verifier = Self { shared };
        let cutting = Arc::clone(&verifier.shared);
        spawn("nydus-verify", move || {
            give_way();
            cutting.run(|| match contexts {
                Some(contexts) => ContextCutter::new(&cutting, pool, contexts).run(),
                None => Cutter::new(&cutting, pool).run(),
            });
        })?;
        Ok(verifier)
    }

    /// Takes the next bytes without waiting. Returns true if there is room for more.
    pub fn write(&self, bytes: Vec<u8>) -> Result<bool> {
        let len = bytes.len();
        self.shared.input.push_now(bytes, len).map_err(|error| self.shared.ending.explain(error))
    }

    /// Calls back when there is room, or when the run has failed.
    pub fn on_room(&self, reply: Reply<()>) {
        let shared = Arc::clone(&self.shared);
        self.shared.input.on_room(Box::new(move |result| {
            reply(result.map_err(|error| shared.ending.explain(error)));
        }));
    }

    /// Ends the blob. Calls back when every chunk has been checked.
    pub fn finish(&self, reply: Reply<Verified>) {
        if self.shared.ending.ask(reply) {
            self.shared.input.close();
        }
    }

    /// Ends the threads. Callers that wait get `Aborted`.
    pub fn abort(&self) {
        self.shared.fail(Error::Aborted);
    }
}

impl Drop for BlobVerifier {
    fn drop(&mut self) {
        self.abort();
    }
}
