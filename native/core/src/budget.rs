//! One budget for each run, which all its images and their layers share. Work is charged before memory or disk is taken for it, so
//! that a small image cannot take a whole machine. What a layer may take grows with the bytes that it has brought: real images stay
//! far below.
//!
//! The same input must not fail at one time and pass at another. So each layer has an account of its own, which is kept by
//! positions in the layer: what it has taken up to a position, and what the bytes up to there earn. The highest sum by which it was
//! overdrawn is charged to the run, and is never given back. The run's sum is then the same in whatever order its layers arrive.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Error, Result};

/// The most that the images of one run may take. Beyond the numbers of bytes a layer may take [`METADATA_TIMES`], [`DISK_TIMES`] and
/// `expansion` times the compressed bytes that were read of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Entries of all layers, of each layer as often as the image lists it.
    pub entries: u64,
    /// Bytes of metadata: names, links, attributes, and what an entry and a reference to a chunk take.
    pub metadata: u64,
    /// Bytes of chunk data and unpacked archives in files.
    pub disk: u64,
    /// Uncompressed bytes for each compressed byte, from 1 GiB on.
    pub expansion: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { entries: 1 << 24, metadata: 64 << 20, disk: 1 << 30, expansion: 2000 }
    }
}

/// Bytes of metadata for each compressed byte. A million empty files compressed by zstd, the most extreme of real layers, take 18.
pub const METADATA_TIMES: u64 = 32;
/// Bytes of chunk data for each compressed byte. Logs compressed by zstd reach 50.
pub const DISK_TIMES: u64 = 200;
/// Unpacked bytes for each byte of a compressed archive. Logs reach that, the most of real archives.
pub const ARCHIVE_TIMES: u64 = 50;
/// Compressed bytes earn in steps of this many, which do not depend on the pieces in which they arrive.
pub const WINDOW: u64 = 16 << 10;
/// The uncompressed bytes of a run of which no expansion is asked.
const UNPACKED_FREELY: u64 = 1 << 30;

/// The bytes that an entry takes besides its names: its inode, its name's node, and its place in a bootstrap.
const ENTRY_BYTES: u64 = 128;
/// The names that symlinks may lead through in one image. Real layers have a few thousand.
const MAX_LINK_STEPS: u64 = 1 << 26;

/// What the images of one run have taken together.
#[derive(Debug, Default)]
pub struct Budget {
    limits: Limits,
    unpacked: AtomicU64,
    entries: AtomicU64,
    metadata: AtomicU64,
    disk: AtomicU64,
    link_steps: AtomicU64,
}

impl Budget {
    /// Makes the budget of one run.
    pub fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Charges a number of entries.
    pub fn entries(&self, count: u64) -> Result<()> {
        let most = self.limits.entries;
        if add(&self.entries, count) <= most {
            return Ok(());
        }
        Err(over("entries", &format!("layers have more than {most} entries")))
    }

    /// Charges metadata that no bytes of a layer account for.
    pub fn metadata(&self, bytes: u64) -> Result<()> {
        let free = self.limits.metadata;
        if add(&self.metadata, bytes) <= free {
            return Ok(());
        }
        let reason =
            format!("metadata takes more than {free} bytes and {METADATA_TIMES} times the compressed layers");
        Err(over("metadata", &reason))
    }

    /// Charges names that symlinks lead through.
    pub fn link_steps(&self, count: u64) -> Result<()> {
        if add(&self.link_steps, count) <= MAX_LINK_STEPS {
            return Ok(());
        }
        Err(Error::unsupported(format!("symlinks lead through more than {MAX_LINK_STEPS} names")))
    }

    fn disk(&self, bytes: u64) -> Result<()> {
        let free = self.limits.disk;
        if add(&self.disk, bytes) <= free {
            return Ok(());
        }
        let reason =
            format!("chunk data takes more than {free} bytes and {DISK_TIMES} times the compressed layers");
        Err(over("disk", &reason))
    }

    fn archive(&self, bytes: u64) -> Result<()> {
        let free = self.limits.disk;
        if add(&self.disk, bytes) <= free {
            return Ok(());
        }
        let reason =
            format!("archive unpacks to more than {free} bytes and {ARCHIVE_TIMES} times its own size");
        Err(over("disk", &reason))
    }

    fn unpacked(&self, bytes: u64) -> Result<()> {
        if add(&self.unpacked, bytes) <= UNPACKED_FREELY {
            return Ok(());
        }
        let times = self.limits.expansion;
        Err(over("expansion", &format!("layers unpack to more than 1 GiB and {times} times their own size")))
    }
}

/// What one layer takes of a budget. One thread at a time charges a kind.
#[derive(Debug)]
pub struct Account {
    budget: Arc<Budget>,
    earned: AtomicU64,
    metadata: Spent,
    unpacked: Spent,
    disk: Spent,
}

/// What was taken so far, and the most by which that was above what had been earned.
#[derive(Debug, Default)]
struct Spent {
    bytes: AtomicU64,
    overdrawn: AtomicU64,
}

impl Spent {
    /// Takes bytes; returns by how much more than ever the account is overdrawn.
    fn take(&self, bytes: u64, earned: u64) -> u64 {
        let overdrawn = add(&self.bytes, bytes).saturating_sub(earned);
        let most = self.overdrawn.load(Ordering::Relaxed);
        if overdrawn <= most {
            return 0;
        }
        self.overdrawn.store(overdrawn, Ordering::Relaxed);
        overdrawn - most
    }
}

impl Account {
    /// Opens an account for the next layer.
    pub fn new(budget: Arc<Budget>) -> Self {
        Self {
            budget,
            earned: AtomicU64::new(0),
            metadata: Spent::default(),
            unpacked: Spent::default(),
            disk: Spent::default(),
        }
    }

    /// Notes how many compressed bytes stand behind what is charged from now on.
    pub fn earn(&self, bytes: u64) {
        self.earned.store(bytes, Ordering::Relaxed);
    }

    /// The compressed bytes that stand behind what is charged now.
    pub fn earned(&self) -> u64 {
        self.earned.load(Ordering::Relaxed)
    }

    /// Charges uncompressed bytes of a layer.
    pub fn unpack(&self, bytes: u64) -> Result<()> {
        let earned = self.earned().saturating_mul(self.budget.limits.expansion);
        match self.unpacked.take(bytes, earned) {
            0 => Ok(()),
            more => self.budget.unpacked(more),
        }
    }

    /// Charges one entry with the bytes of its names, links, attributes and chunk index.
    pub fn entry(&self, bytes: u64) -> Result<()> {
        self.budget.entries(1)?;
        self.metadata(ENTRY_BYTES.saturating_add(bytes))
    }

    /// Charges directories that no entry describes, and that paths imply.
    pub fn implied(&self, count: u64) -> Result<()> {
        self.metadata(count.saturating_mul(ENTRY_BYTES))
    }

    /// Charges names that symlinks lead through.
    pub fn link_steps(&self, count: u64) -> Result<()> {
        self.budget.link_steps(count)
    }

    /// Charges other metadata.
    pub fn metadata(&self, bytes: u64) -> Result<()> {
        match self.metadata.take(bytes, self.earned().saturating_mul(METADATA_TIMES)) {
            0 => Ok(()),
            more => self.budget.metadata(more),
        }
    }

    /// Charges chunk data that will be written to a file, in the order of the file. `earned` was noted when the chunk was read.
    pub fn disk(&self, bytes: u64, earned: u64) -> Result<()> {
        match self.disk.take(bytes, earned.saturating_mul(DISK_TIMES)) {
            0 => Ok(()),
            more => self.budget.disk(more),
        }
    }

    /// Charges bytes of an archive that is unpacked into a file.
    pub fn archive(&self, bytes: u64) -> Result<()> {
        match self.disk.take(bytes, self.earned().saturating_mul(ARCHIVE_TIMES)) {
            0 => Ok(()),
            more => self.budget.archive(more),
        }
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

    fn budget(metadata: u64, disk: u64) -> Arc<Budget> {
        Arc::new(Budget::new(Limits { metadata, disk, entries: 20, expansion: 2 }))
    }

    #[test]
    fn what_a_layer_may_take_grows_with_what_it_has_brought() {
        let layer = Account::new(budget(1000, 1000));
        layer.entry(800).unwrap();
        let error = layer.entry(800).unwrap_err();
        assert_eq!((error.code(), error.limit()), ("LIMIT", Some("metadata")));
        let layer = Account::new(budget(1000, 1000));
        layer.entry(800).unwrap();
        layer.earn(1000);
        layer.entry(3200).unwrap();
        layer.disk(200_000, layer.earned()).unwrap();
        assert_eq!(layer.disk(2000, layer.earned()).unwrap_err().limit(), Some("disk"));
        layer.unpack(UNPACKED_FREELY + 2000).unwrap();
        assert_eq!(layer.unpack(1).unwrap_err().limit(), Some("expansion"));
        assert_eq!(layer.budget.entries(20).unwrap_err().limit(), Some("entries"));
        assert_eq!(layer.implied(u64::MAX / 256).unwrap_err().limit(), Some("metadata"));
        assert_eq!(layer.link_steps(MAX_LINK_STEPS + 1).unwrap_err().code(), "UNSUPPORTED");
    }

    #[test]
    fn layers_of_all_images_share_what_is_free() {
        let budget = budget(1000, 100);
        let [one, two] = [&budget, &budget].map(|budget| Account::new(Arc::clone(budget)));
        one.metadata(600).unwrap();
        assert_eq!(two.metadata(600).unwrap_err().limit(), Some("metadata"));
        one.archive(60).unwrap();
        assert_eq!(two.disk(60, 0).unwrap_err().limit(), Some("disk"));
    }

    #[test]
    fn the_sum_of_a_run_does_not_depend_on_the_order_of_its_layers() {
        // Each step is what a layer takes behind so many earned bytes; the most that it is overdrawn by is 700, then 300.
        let layers = [[(500, 0), (1000, 25), (100, 100)], [(0, 10), (620, 10), (900, 50)]];
        for order in [[0, 0, 0, 1, 1, 1], [1, 1, 1, 0, 0, 0], [0, 1, 0, 1, 0, 1], [1, 0, 0, 0, 1, 1]] {
            let budget = budget(u64::MAX, 0);
            let accounts = [&budget, &budget].map(|budget| Account::new(Arc::clone(budget)));
            let mut steps = layers.map(<[_; 3]>::into_iter);
            for layer in order {
                let (bytes, earned) = steps[layer].next().unwrap();
                accounts[layer].earn(earned);
                accounts[layer].metadata(bytes).unwrap();
            }
            assert_eq!(budget.metadata.load(Ordering::Relaxed), 700 + 300, "{order:?}");
        }
    }
}
