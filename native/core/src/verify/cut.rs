//! One thread cuts a blob at the offsets of its chunks.

use std::sync::Arc;

use super::piece::{check_pieces, impossible};
use super::{Shared, Verified};
use crate::blob::UNIT;
use crate::digest::{Digest, Sha256Stream};
use crate::error::{Error, Result};
use crate::pool::Pool;
use crate::sync::lock;

/// Stored chunks on their way to a worker.
#[derive(Default)]
struct Cut {
    bytes: Vec<u8>,
    /// Each chunk's start in `bytes` and its index in the table.
    pieces: Vec<(usize, u32)>,
    price: usize,
}

/// The digest of a blob and of its prefix.
struct BlobDigest {
    stream: Sha256Stream,
    /// End of the prefix, until it is reached.
    prefix: Option<u64>,
    prefix_digest: Option<Digest>,
}

impl BlobDigest {
    fn new(prefix: Option<u64>) -> Self {
        Self { stream: Sha256Stream::default(), prefix, prefix_digest: None }
    }

    fn update(&mut self, bytes: &[u8]) {
        let left = self.prefix.map(|end| end.saturating_sub(self.stream.size()));
        let split = left.and_then(|left| bytes.split_at_checked(usize::try_from(left).ok()?));
        let Some((prefix, rest)) = split else { return self.stream.update(bytes) };
        self.stream.update(prefix);
        self.prefix = None;
        self.prefix_digest = Some(self.stream.digest());
        self.stream.update(rest);
    }
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
        self.shared.budget.wait_idle()?;
        let faults = std::mem::take(&mut *lock(&self.shared.faults)).into_list();
        let BlobDigest { stream, prefix_digest, .. } = blob;
        let (digest, size) = (stream.digest(), stream.size());
        self.shared.ending.deliver(Verified { digest, prefix_digest, size, faults });
        Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::sha256;

    fn prefix_of(pieces: &[&[u8]], prefix: Option<u64>) -> (Digest, Option<Digest>) {
        let mut digest = BlobDigest::new(prefix);
        for piece in pieces {
            digest.update(piece);
        }
        (digest.stream.digest(), digest.prefix_digest)
    }

    #[test]
    fn the_digest_of_a_prefix_does_not_depend_on_where_pieces_end() {
        let wanted = (sha256(b"abcdef"), Some(sha256(b"abcd")));
        for pieces in [&[b"abcdef" as &[u8]] as &[&[u8]], &[b"abcd", b"ef"], &[b"ab", b"", b"cde", b"f"]] {
            assert_eq!(prefix_of(pieces, Some(4)), wanted);
        }
        assert_eq!(prefix_of(&[b"abcdef"], Some(6)), (wanted.0, Some(wanted.0)));
        assert_eq!(prefix_of(&[b"abcdef"], Some(7)), (wanted.0, None));
        assert_eq!(prefix_of(&[b"abcdef"], None), (wanted.0, None));
    }
}
