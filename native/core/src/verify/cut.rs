//! One thread cuts a blob at the offsets of its chunks.

use std::sync::Arc;

use super::Shared;
use super::digest::BlobDigest;
use super::piece::{check_pieces, impossible};
use crate::blob::UNIT;
use crate::error::{Error, Result};
use crate::pool::Pool;

/// Stored chunks on their way to a worker.
#[derive(Default)]
struct Cut {
    bytes: Vec<u8>,
    /// Each chunk's start in `bytes` and its index in the table.
    pieces: Vec<(usize, u32)>,
    price: usize,
}

/// The state of the thread that cuts.
pub struct Cutter<'a> {
    shared: &'a Arc<Shared>,
    pool: Pool,
    /// The chunks still to come, the next one last.
    ahead: Vec<u32>,
    /// Number of bytes of the blob before the current piece.
    position: u64,
    cut: Cut,
    /// Number of bytes of the current chunk; they are the last ones in `cut`.
    filled: usize,
}

impl<'a> Cutter<'a> {
    /// Makes a cutter whose chunks are decoded in `pool`.
    pub fn new(shared: &'a Arc<Shared>, pool: Pool) -> Self {
        Self { shared, pool, ahead: Vec::new(), position: 0, cut: Cut::default(), filled: 0 }
    }

    /// Cuts the blob to its end, and delivers the answer.
    pub fn run(mut self) -> Result<()> {
        self.ahead = self.plan()?;
        let mut blob = BlobDigest::new(self.shared.prefix);
        while let Some(bytes) = self.shared.input.pop()? {
            blob.update(&bytes);
            self.cut(&bytes)?;
            self.position += bytes.len() as u64;
        }
        for &index in &self.ahead {
            let end = self.position;
            self.shared.fault(index, format!("lies beyond the end of the blob at {end}"));
        }
        self.send()?;
        self.shared.deliver(blob)
    }

    /// Lists the chunks that can be checked in the order of their bytes, the first one last.
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

    /// Takes the next bytes of the blob and copies those that chunks need.
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
            // Chunks that share their stored bytes are checked together.
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
        self.pool.run(Box::new(move |contexts| {
            shared.run(|| {
                let Cut { bytes, pieces, price } = cut;
                if shared.ending.failure().is_none() {
                    check_pieces(&shared, &bytes, &pieces, contexts)?;
                }
                shared.buffers.give(bytes);
                shared.budget.give(price);
                Ok(())
            });
        }))
    }
}
