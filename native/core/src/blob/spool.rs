//! A blob is written to a spool file: the chunk data back to back, then the sections. Its digest becomes its name.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};

use super::growth::Growth;
use super::sections::StoredChunks;
use super::unit::{Finished, Place};
use crate::digest::{Digest, Sha256Stream};
use crate::error::{Error, Result};
use crate::table::ChunkRecords;

/// The path of a blob file. Dropping it removes the file, unless the blob was finished.
pub struct Spool {
    path: PathBuf,
    state: AtomicU8,
    /// Announces the file's size to callers that upload it while it grows.
    pub growth: Growth,
}

// The states of the file. It never leaves the last two.
const TEMPORARY: u8 = 0;
const KEPT: u8 = 1;
const REMOVED: u8 = 2;

impl Spool {
    /// Creates the file, which must not exist yet, and the blob that writes to it; its chunks start at multiples of `alignment`
    /// in the uncompressed address space.
    pub fn create(path: &Path, alignment: u64) -> Result<(Self, BlobFile)> {
        let file = OpenOptions::new().write(true).create_new(true).open(path);
        let file = file.map_err(|source| Error::io("create", path, source))?;
        let spool =
            Self { path: path.to_path_buf(), state: AtomicU8::new(TEMPORARY), growth: Growth::default() };
        Ok((spool, BlobFile { file, digest: Sha256Stream::default(), records: ChunkRecords::new(alignment) }))
    }

    /// A file that another spool has kept.
    pub fn kept(path: PathBuf) -> Self {
        Self { path, state: AtomicU8::new(KEPT), growth: Growth::default() }
    }

    /// The path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Keeps the file from now on; `Aborted` when it has been removed already.
    pub fn keep(&self) -> Result<()> {
        if self.settle(KEPT) || self.is_kept() { Ok(()) } else { Err(Error::Aborted) }
    }

    /// True if the file is kept.
    pub fn is_kept(&self) -> bool {
        self.state.load(Ordering::Acquire) == KEPT
    }

    /// Removes the file, unless it is kept or already removed.
    pub fn remove(&self) {
        if self.settle(REMOVED) {
            // The folder is scratch space of the caller: a file that cannot be removed now is removed together with it.
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

/// A blob that grows. Dropping it closes the file, which frees the space of a removed one.
pub struct BlobFile {
    file: File,
    digest: Sha256Stream,
    /// The chunks so far.
    pub(super) records: ChunkRecords,
}

impl BlobFile {
    /// Appends the chunks of a unit.
    pub fn append(&mut self, spool: &Spool, unit: &Finished) -> Result<()> {
        for chunk in &unit.chunks {
            match chunk.place {
                Place::Own(size, compressed) => self.records.push(&chunk.print, size, compressed)?,
                Place::First(size, len) => self.records.push_first(&chunk.print, (size, len))?,
                Place::Next => self.records.push_next(&chunk.print)?,
            }
        }
        self.append_bytes(spool, unit.stored_bytes())?;
        spool.growth.reach(self.size());
        Ok(())
    }

    /// Takes the description of the chunks, once all of them are in the file.
    pub fn take_chunks(&mut self) -> StoredChunks {
        std::mem::take(&mut self.records).into()
    }

    /// Appends bytes that belong to no chunk. Their growth is not announced, because they come in many small pieces directly
    /// before the end of the blob.
    pub fn append_bytes(&mut self, spool: &Spool, bytes: &[u8]) -> Result<()> {
        self.digest.update(bytes);
        self.file.write_all(bytes).map_err(|source| Error::io("write", &spool.path, source))
    }

    /// SHA-256 of the file as written so far, followed by `suffix`.
    pub fn digest_with(&self, suffix: &[u8]) -> Digest {
        self.digest.digest_with(suffix)
    }

    /// Bytes written so far.
    pub const fn size(&self) -> u64 {
        self.digest.size()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_removed_unless_kept_and_never_replaces_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("blob");
        let (spool, mut blob) = Spool::create(&path, 4096).unwrap();
        assert_eq!(Spool::create(&path, 4096).err().map(|error| error.code()), Some("IO"));
        blob.append_bytes(&spool, b"abc").unwrap();
        drop(spool);
        assert!(!path.exists());

        let (spool, mut blob) = Spool::create(&path, 4096).unwrap();
        blob.append_bytes(&spool, b"abc").unwrap();
        spool.keep().unwrap();
        spool.remove();
        drop(spool);
        assert_eq!(std::fs::read(&path).unwrap(), b"abc");
        assert_eq!((blob.size(), blob.digest_with(b"d")), (3, crate::digest::sha256(b"abcd")));
    }

    #[test]
    fn a_removed_file_cannot_be_kept() {
        let folder = tempfile::tempdir().unwrap();
        let (spool, _) = Spool::create(&folder.path().join("blob"), 4096).unwrap();
        spool.remove();
        assert!(matches!(spool.keep(), Err(Error::Aborted)));
    }
}
