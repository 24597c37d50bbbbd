//! The latest compressed bytes of a layer, which contexts are tried on.

use std::collections::VecDeque;
use std::sync::Mutex;

use crate::sync::lock;

/// The most bytes that are kept: a context of 16 MiB that does not compress, and what the inflater is ahead.
const MOST: usize = 24 << 20;

/// Compressed bytes that the inflater has read and the keeper of chunks may still need.
#[derive(Default)]
pub struct History(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    bytes: VecDeque<u8>,
    /// Offset of the first kept byte in the file.
    start: u64,
}

impl Kept {
    fn forget(&mut self, before: u64) {
        let count = usize::try_from(before.saturating_sub(self.start)).unwrap_or(usize::MAX);
        let count = count.min(self.bytes.len());
        self.bytes.drain(..count);
        self.start += count as u64;
    }
}

impl History {
    /// Adds the next bytes of the file.
    pub fn add(&self, bytes: &[u8]) {
        let mut kept = lock(&self.0);
        kept.bytes.extend(bytes);
        let end = kept.start + kept.bytes.len() as u64;
        kept.forget(end.saturating_sub(MOST as u64));
    }

    /// Forgets the bytes before an offset.
    pub fn forget(&self, before: u64) {
        lock(&self.0).forget(before);
    }

    /// Copies at most `len` bytes from an offset on; `None` if the first of them is forgotten.
    pub fn read(&self, offset: u64, len: usize) -> Option<Vec<u8>> {
        let kept = lock(&self.0);
        let from = usize::try_from(offset.checked_sub(kept.start)?).ok()?;
        let to = from.saturating_add(len).min(kept.bytes.len());
        Some(kept.bytes.range(from.min(to)..to).copied().collect())
    }
}
