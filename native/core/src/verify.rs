//! Reads a blob's bytes in order and decodes, measures and digests every chunk of a table.
//!
//! One thread digests the blob and cuts it at the chunks' offsets; the pool decodes. A table may come from anywhere:
//! ranges may be missing, overlap or claim sizes without end, and each of these is a fault of its chunk, not of the run.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use crate::compress::MAX_CHUNK;
use crate::digest::{Digest, Sha256Stream, sha256};
use crate::ending::{Ending, Reply};
use crate::error::{Error, Result};
use crate::pool::{Buffers, Pool, Worker, guarded, spawn};
use crate::queue::{Budget, ByteQueue, Input};
use crate::sync::lock;
use crate::table::ChunkRecord;
use crate::unit::UNIT;

const INPUT_BYTES: usize = 2 << 20;
const IN_FLIGHT_BYTES: usize = 16 << 20;
/// Of a blob that is wrong from end to end the first faults say enough; what comes behind is counted.
const MAX_FAULTS: usize = 1000;

/// What the digests of a table are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Digester {
    /// BLAKE3-256.
    Blake3,
    /// SHA-256.
    Sha256,
}

/// How a blob is verified.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct VerifyOptions {
    /// What compressed chunks are: `zstd`, or `none` where there are no such chunks.
    pub compressor: String,
    /// What the digests are.
    pub digester: Digester,
    /// Workers that decode.
    pub threads: usize,
}

impl Default for VerifyOptions {
    fn default() -> Self {
        Self { compressor: "zstd".to_owned(), digester: Digester::Blake3, threads: 2 }
    }
}

/// A chunk that is not what the table says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChunkFault {
    /// Its position in the table.
    pub index: u32,
    /// What is wrong.
    pub message: String,
}

/// What there was to see.
#[derive(Debug)]
pub struct Verified {
    /// SHA-256 of all bytes.
    pub digest: Digest,
    /// Their number.
    pub size: u64,
    /// By index.
    pub faults: Vec<ChunkFault>,
}

struct Shared {
    records: Vec<ChunkRecord>,
    digester: Digester,
    input: ByteQueue<Input>,
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

    fn record(&self, index: u32) -> Result<&ChunkRecord> {
        self.records.get(index as usize).ok_or_else(|| Error::internal("chunk is not in the table"))
    }
}

/// The faults of lowest index, and how many more there were: the same set whichever worker comes first.
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

/// The owner's end. Dropping it ends the run.
pub struct BlobVerifier {
    shared: Arc<Shared>,
}

impl BlobVerifier {
    /// Starts threads that wait for the bytes of a blob with the chunks of `table` (packed, see `table`).
    pub fn new(table: &[u8], options: &VerifyOptions) -> Result<Self> {
        if !matches!(options.compressor.as_str(), "none" | "zstd") {
            return Err(Error::unsupported(format!(
                "chunks cannot be decompressed from {}",
                options.compressor
            )));
        }
        let shared = Arc::new(Shared {
            records: ChunkRecord::iter(table).collect(),
            digester: options.digester,
            input: ByteQueue::new(INPUT_BYTES),
            budget: Budget::new(IN_FLIGHT_BYTES),
            buffers: Buffers::new(UNIT, 4),
            faults: Mutex::default(),
            ending: Ending::default(),
        });
        let pool = Pool::new(options.threads)?;
        let verifier = Self { shared };
        let cutting = Arc::clone(&verifier.shared);
        spawn("nydus-verify", move || cutting.run(|| Cutter::new(&cutting, pool).run()))?;
        Ok(verifier)
    }

    /// Takes the next bytes without waiting; says whether there is room for more.
    pub fn write(&self, bytes: Input) -> Result<bool> {
        let len = (*bytes).as_ref().len();
        self.shared.input.push_now(bytes, len).map_err(|error| self.shared.ending.explain(error))
    }

    /// Calls back when there is room, or when the run has failed.
    pub fn on_room(&self, reply: Reply<()>) {
        let shared = Arc::clone(&self.shared);
        self.shared.input.on_room(Box::new(move |result| {
            reply(result.map_err(|error| shared.ending.explain(error)));
        }));
    }

    /// The blob has ended; calls back when every chunk has been looked at.
    pub fn finish(&self, reply: Reply<Verified>) {
        if self.shared.ending.ask(reply) {
            self.shared.input.close();
        }
    }

    /// Ends the threads; whoever waits gets `Aborted`.
    pub fn abort(&self) {
        self.shared.fail(Error::Aborted);
    }
}

impl Drop for BlobVerifier {
    fn drop(&mut self) {
        self.abort();
    }
}

/// Stored chunks on their way to a worker.
#[derive(Default)]
struct Cut {
    bytes: Vec<u8>,
    /// Start in `bytes` and index in the table.
    pieces: Vec<(usize, u32)>,
    price: usize,
}

/// The thread that cuts.
struct Cutter<'a> {
    shared: &'a Arc<Shared>,
    pool: Pool,
    /// Chunks still to come, the next one last.
    ahead: Vec<u32>,
    /// Bytes of the blob seen before the piece at hand.
    position: u64,
    cut: Cut,
    /// Bytes of the chunk under way; they are the last ones in `cut`.
    filled: usize,
}

impl<'a> Cutter<'a> {
    fn new(shared: &'a Arc<Shared>, pool: Pool) -> Self {
        Self { shared, pool, ahead: Vec::new(), position: 0, cut: Cut::default(), filled: 0 }
    }

    fn run(mut self) -> Result<()> {
        self.ahead = self.plan()?;
        let mut blob = Sha256Stream::default();
        while let Some(bytes) = self.shared.input.pop()? {
            let bytes = (*bytes).as_ref();
            blob.update(bytes);
            self.cut(bytes)?;
            self.position += bytes.len() as u64;
        }
        for &index in &self.ahead {
            let end = self.position;
            self.shared.fault(index, format!("lies beyond the end of the blob at {end}"));
        }
        self.send()?;
        self.shared.budget.wait_idle()?;
        let faults = std::mem::take(&mut *lock(&self.shared.faults)).into_list();
        self.shared.ending.deliver(Verified { digest: blob.digest(), size: blob.size(), faults });
        Ok(())
    }

    /// The chunks that can be looked at in the order of their bytes, the first one last.
    fn plan(&self) -> Result<Vec<u32>> {
        let count = u32::try_from(self.shared.records.len());
        let count = count.map_err(|_| Error::unsupported("table has more than 2^32 chunks"))?;
        let mut order = Vec::with_capacity(self.shared.records.len());
        for index in 0..count {
            let record = self.shared.record(index)?;
            if let Some(message) = impossible(record) {
                self.shared.fault(index, message);
            } else {
                order.push((record.compressed_offset, record.compressed_size, index));
            }
        }
        order.sort_unstable();
        let mut last: Option<(u64, u32, u32)> = None;
        order.retain(|&(offset, size, index)| {
            if let Some((start, length, before)) = last
                && (start, length) != (offset, size)
                && offset < start + u64::from(length)
            {
                self.shared.fault(index, format!("stored bytes overlap those of chunk {before}"));
                return false;
            }
            last = Some((offset, size, index));
            true
        });
        Ok(order.into_iter().rev().map(|(_, _, index)| index).collect())
    }

    /// Takes what chunks need of the next bytes of the blob.
    fn cut(&mut self, bytes: &[u8]) -> Result<()> {
        while let Some(&index) = self.ahead.last() {
            let record = *self.shared.record(index)?;
            let size = record.compressed_size as usize;
            let wanted = record.compressed_offset + self.filled as u64;
            let skip = usize::try_from(wanted.saturating_sub(self.position)).unwrap_or(usize::MAX);
            let Some(rest) = bytes.get(skip..).filter(|rest| !rest.is_empty()) else { return Ok(()) };
            if self.filled == 0 {
                self.make_room(size)?;
            }
            let (now, _) = rest.split_at(rest.len().min(size - self.filled));
            self.cut.bytes.extend_from_slice(now);
            self.filled += now.len();
            if self.filled < size {
                return Ok(());
            }
            self.filled = 0;
            let start = self.cut.bytes.len() - size;
            // Chunks that share their stored bytes are looked at together.
            while let Some(&next) = self.ahead.last() {
                let next_record = self.shared.record(next)?;
                if next_record.compressed_offset != record.compressed_offset {
                    break;
                }
                self.cut.pieces.push((start, next));
                self.ahead.pop();
            }
            if self.cut.bytes.len() >= UNIT {
                self.send()?;
            }
        }
        Ok(())
    }

    fn make_room(&mut self, size: usize) -> Result<()> {
        if !self.cut.bytes.is_empty() && self.cut.bytes.len() + size > UNIT {
            self.send()?;
        }
        if self.cut.price == 0 {
            let price = UNIT.max(size);
            self.shared.budget.take(price)?;
            let bytes = self.shared.buffers.take_empty();
            self.cut = Cut { bytes, pieces: Vec::new(), price };
        }
        Ok(())
    }

    fn send(&mut self) -> Result<()> {
        let cut = std::mem::take(&mut self.cut);
        let shared = Arc::clone(self.shared);
        self.pool.run(Box::new(move |worker| {
            shared.run(|| {
                let Cut { bytes, pieces, price } = cut;
                if shared.ending.failure().is_none() {
                    check_pieces(&shared, &bytes, &pieces, worker)?;
                }
                shared.buffers.give(bytes);
                shared.budget.give(price);
                Ok(())
            });
        }))
    }
}

/// Why no blob can hold such a chunk.
fn impossible(record: &ChunkRecord) -> Option<String> {
    let (stored, size) = (record.compressed_size, record.uncompressed_size);
    if size == 0 || size as usize > MAX_CHUNK {
        return Some(format!("has {size} bytes; chunks have 1 to {MAX_CHUNK}"));
    }
    if stored == 0 || stored > size {
        return Some(format!("is stored in {stored} bytes for {size} uncompressed ones"));
    }
    if !record.compressed && stored != size {
        return Some(format!("is not compressed, yet stored in {stored} bytes instead of {size}"));
    }
    if record.compressed_offset.checked_add(u64::from(stored)).is_none() {
        return Some(format!("starts at {}, where no blob has bytes", record.compressed_offset));
    }
    None
}

fn check_pieces(shared: &Shared, bytes: &[u8], pieces: &[(usize, u32)], worker: &mut Worker) -> Result<()> {
    let mut room = shared.buffers.take();
    for &(start, index) in pieces {
        let record = shared.record(index)?;
        let stored = bytes.get(start..start + record.compressed_size as usize);
        let stored = stored.ok_or_else(|| Error::internal("chunk lies outside of its cut"))?;
        if let Some(message) = check_piece(record, stored, shared.digester, &mut room, worker)? {
            shared.fault(index, message);
        }
    }
    shared.buffers.give(room);
    Ok(())
}

/// What is wrong with a chunk; an error only when it could not be looked at.
fn check_piece(
    record: &ChunkRecord,
    stored: &[u8],
    digester: Digester,
    room: &mut Vec<u8>,
    worker: &mut Worker,
) -> Result<Option<String>> {
    let size = record.uncompressed_size as usize;
    let plain = if record.compressed {
        if room.len() < size {
            room.resize(size, 0);
        }
        let (to, _) = room.split_at_mut(size);
        if let Err(error) = worker.decompressor()?.decompress(to, stored) {
            return Ok(Some(error.to_string()));
        }
        to
    } else {
        stored
    };
    let digest = match digester {
        Digester::Blake3 => *blake3::hash(plain).as_bytes(),
        Digester::Sha256 => sha256(plain),
    };
    if digest != record.digest {
        return Ok(Some("content does not have the chunk's digest".to_owned()));
    }
    let wrong = record.crc32.filter(|&crc32| crc32c::crc32c(plain) != crc32);
    Ok(wrong.map(|crc32| format!("content does not have the chunk's checksum 0x{crc32:08x}")))
}
