//! One budget for each image, which its layers share. Work is charged before memory or disk is taken for it, so that a small image
//! cannot take a whole machine. What an image may take grows with the bytes that it has brought: real images stay far below.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Error, Result};

/// The most that one image may take. The numbers of bytes hold for an image of any size; beyond them an image may take
/// [`METADATA_TIMES`], [`DISK_TIMES`] and `expansion` times the compressed bytes that were read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Entries of all layers, of each layer as often as the image lists it.
    pub entries: u64,
    /// Bytes of metadata: names, links, attributes, and what an entry and a reference to a chunk take.
    pub metadata: u64,
    /// Bytes of chunk data in files.
    pub disk: u64,
    /// Uncompressed bytes for each compressed byte, from 1 GiB on.
    pub expansion: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { entries: 1 << 24, metadata: 64 << 20, disk: 4 << 30, expansion: 2000 }
    }
}

/// Bytes of metadata for each compressed byte. A million empty files compressed by zstd, the most extreme of real layers, take 18.
pub const METADATA_TIMES: u64 = 32;
/// Bytes of chunk data for each compressed byte. Logs compressed by zstd reach 50.
pub const DISK_TIMES: u64 = 200;
/// The uncompressed bytes of an image of which no expansion is asked.
const UNPACKED_FREELY: u64 = 1 << 30;

/// The bytes that an entry takes besides its names: its inode, its name's node, and its place in a bootstrap.
const ENTRY_BYTES: u64 = 128;
/// The names that symlinks may lead through in one image. Real layers have a few thousand.
const MAX_LINK_STEPS: u64 = 1 << 26;

/// Counts what an image takes.
#[derive(Debug, Default)]
pub struct Budget {
    limits: Limits,
    source: AtomicU64,
    unpacked: AtomicU64,
    entries: AtomicU64,
    metadata: AtomicU64,
    disk: AtomicU64,
    link_steps: AtomicU64,
}

impl Budget {
    /// Makes the budget of one image.
    pub fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Notes compressed bytes that were read.
    pub fn read(&self, bytes: u64) {
        self.source.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Charges uncompressed bytes of a layer.
    pub fn unpack(&self, bytes: u64) -> Result<()> {
        let most = UNPACKED_FREELY.saturating_add(self.times(self.limits.expansion));
        if add(&self.unpacked, bytes) <= most {
            return Ok(());
        }
        let times = self.limits.expansion;
        Err(over("expansion", &format!("layers unpack to more than 1 GiB and {times} times their own size")))
    }

    /// Charges one entry with the bytes of its names, links, attributes and chunk index.
    pub fn entry(&self, bytes: u64) -> Result<()> {
        self.entries(1)?;
        self.metadata(ENTRY_BYTES.saturating_add(bytes))
    }

    /// Charges directories that no entry describes, and that paths imply.
    pub fn implied(&self, count: u64) -> Result<()> {
        self.metadata(count.saturating_mul(ENTRY_BYTES))
    }

    /// Charges a number of entries.
    pub fn entries(&self, count: u64) -> Result<()> {
        let most = self.limits.entries;
        if add(&self.entries, count) <= most {
            return Ok(());
        }
        Err(over("entries", &format!("layers have more than {most} entries")))
    }

    /// Charges other metadata.
    pub fn metadata(&self, bytes: u64) -> Result<()> {
        let (free, times) = (self.limits.metadata, METADATA_TIMES);
        if add(&self.metadata, bytes) <= free.saturating_add(self.times(times)) {
            return Ok(());
        }
        let reason = format!("metadata takes more than {free} bytes and {times} times the compressed layers");
        Err(over("metadata", &reason))
    }

    /// Charges chunk data that will be written to a file.
    pub fn disk(&self, bytes: u64) -> Result<()> {
        let (free, times) = (self.limits.disk, DISK_TIMES);
        if add(&self.disk, bytes) <= free.saturating_add(self.times(times)) {
            return Ok(());
        }
        Err(over(
            "disk",
            &format!("chunk data takes more than {free} bytes and {times} times the compressed layers"),
        ))
    }

    /// Charges names that symlinks lead through.
    pub fn link_steps(&self, count: u64) -> Result<()> {
        if add(&self.link_steps, count) <= MAX_LINK_STEPS {
            return Ok(());
        }
        Err(Error::unsupported(format!("symlinks lead through more than {MAX_LINK_STEPS} names")))
    }

    fn times(&self, factor: u64) -> u64 {
        self.source.load(Ordering::Relaxed).saturating_mul(factor)
    }
}

fn add(count: &AtomicU64, more: u64) -> u64 {
    count.fetch_add(more, Ordering::Relaxed).saturating_add(more)
}

fn over(limit: &'static str, reason: &str) -> Error {
    Error::Limit { message: format!("the image exceeds a limit: its {reason}"), limit }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_image_may_take_grows_with_what_it_has_brought() {
        let budget = Budget::new(Limits { metadata: 1000, disk: 1000, entries: 20, expansion: 2 });
        budget.entry(800).unwrap();
        let error = budget.entry(800).unwrap_err();
        assert_eq!((error.code(), error.limit()), ("LIMIT", Some("metadata")));
        budget.read(1000);
        budget.entry(3200).unwrap();
        budget.disk(200_000).unwrap();
        assert_eq!(budget.disk(2000).unwrap_err().limit(), Some("disk"));
        budget.unpack(UNPACKED_FREELY + 2000).unwrap();
        assert_eq!(budget.unpack(1).unwrap_err().limit(), Some("expansion"));
        assert_eq!(budget.entries(20).unwrap_err().limit(), Some("entries"));
        assert_eq!(budget.implied(u64::MAX).unwrap_err().limit(), Some("metadata"));
        assert_eq!(budget.link_steps(MAX_LINK_STEPS + 1).unwrap_err().code(), "UNSUPPORTED");
    }
}
