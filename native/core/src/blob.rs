//! The blob file: chunk data back to back, then a tail that the caller made of the table; its digest is its name.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};

use crate::digest::{Digest, Sha256Stream};
use crate::error::{Error, Result};
use crate::growth::Growth;
use crate::table::ChunkRecords;
use crate::unit::Finished;

/// The name of a blob file, which is gone when this is dropped unless the blob was finished.
pub struct Spool {
    path: PathBuf,
    state: AtomicU8,
    /// For callers that send the file while it grows.
    pub growth: Growth,
}

/// What is to become of the file; both ends are final.
const TEMPORARY: u8 = 0;
const KEPT: u8 = 1;
const REMOVED: u8 = 2;

impl Spool {
    /// Creates a file that was not there before, and the blob that writes to it.
    pub fn create(path: &Path) -> Result<(Self, Blob)> {
        let file = OpenOptions::new().write(true).create_new(true).open(path);
        let file = file.map_err(|source| Error::io("create", path, source))?;
        let spool =
            Self { path: path.to_path_buf(), state: AtomicU8::new(TEMPORARY), growth: Growth::default() };
        Ok((spool, Blob { file, digest: Sha256Stream::default(), records: ChunkRecords::default() }))
    }

    /// From now on the file stays; `Aborted` when it has been removed already.
    pub fn keep(&self) -> Result<()> {
        if self.settle(KEPT) || self.is_kept() { Ok(()) } else { Err(Error::Aborted) }
    }

    /// Whether the file stays.
    pub fn is_kept(&self) -> bool {
        self.state.load(Ordering::Acquire) == KEPT
    }

    /// Removes the file, unless it is to stay or is gone.
    pub fn remove(&self) {
        if self.settle(REMOVED) {
            // The folder is scratch space of our caller: what cannot be removed now goes with it.
            let _ = std::fs::remove_file(&self.path);
        }
    }

    fn settle(&self, end: u8) -> bool {
        self.state.compare_exchange(TEMPORARY, end, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        self.remove();
    }
}

/// A blob while it grows. Dropping it closes the file, which gives the space of a removed one back.
pub struct Blob {
    file: File,
    digest: Sha256Stream,
    /// The chunks so far.
    pub records: ChunkRecords,
}

impl Blob {
    /// Appends the chunks of a unit.
    pub fn append(&mut self, spool: &Spool, unit: &Finished) -> Result<()> {
        for chunk in &unit.chunks {
            self.records.push(&chunk.print, chunk.size, chunk.compressed)?;
        }
        self.append_tail(spool, unit.stored_bytes())?;
        spool.growth.reach(self.size());
        Ok(())
    }

    /// Appends what is not chunk data. Its growth is not announced: the end of the blob follows at once, in many small pieces.
    pub fn append_tail(&mut self, spool: &Spool, bytes: &[u8]) -> Result<()> {
        self.digest.update(bytes);
        self.file.write_all(bytes).map_err(|source| Error::io("write", &spool.path, source))
    }

    /// SHA-256 of the file so far followed by `suffix`.
    pub fn digest_with(&self, suffix: &[u8]) -> Digest {
        self.digest.digest_with(suffix)
    }

    /// Bytes of the file so far.
    pub const fn size(&self) -> u64 {
        self.digest.size()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spool_is_removed_unless_kept_and_never_replaces_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("blob");
        let (spool, mut blob) = Spool::create(&path).unwrap();
        assert_eq!(Spool::create(&path).err().map(|error| error.code()), Some("IO"));
        blob.append_tail(&spool, b"abc").unwrap();
        drop(spool);
        assert!(!path.exists());

        let (spool, mut blob) = Spool::create(&path).unwrap();
        blob.append_tail(&spool, b"abc").unwrap();
        spool.keep().unwrap();
        spool.remove();
        drop(spool);
        assert_eq!(std::fs::read(&path).unwrap(), b"abc");
        assert_eq!((blob.size(), blob.digest_with(b"d")), (3, crate::digest::sha256(b"abcd")));
    }

    #[test]
    fn what_was_removed_cannot_be_kept() {
        let folder = tempfile::tempdir().unwrap();
        let (spool, _) = Spool::create(&folder.path().join("blob")).unwrap();
        spool.remove();
        assert!(matches!(spool.keep(), Err(Error::Aborted)));
    }
}
