//! Files that an earlier run has laid out.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read as _;

use rustix::fd::BorrowedFd;
use rustix::fs::{FileType, Mode, OFlags, fstat, openat};

use super::descent::Descent;
use crate::digest::{Digest, Digester};
use crate::error::Result;

/// Bytes that are compared at a time.
const PIECE: usize = 256 << 10;

/// A regular file as it shall be.
#[derive(Clone, Debug)]
pub struct Existing {
    /// Path in the image.
    pub path: Vec<u8>,
    /// Algorithm of the digests.
    pub digester: Digester,
    /// Bytes and digest of each chunk, in order.
    pub chunks: Vec<(u32, Digest)>,
}

impl Existing {
    /// True when the file is there with these bytes. It reads no more than them.
    pub fn is_there(&self, descent: &mut Descent) -> Result<bool> {
        // A directory of the way that is not there yet is no fault here.
        let Ok((parent, name)) = descent.parent(&self.path) else { return Ok(false) };
        let wanted: u64 = self.chunks.iter().map(|&(bytes, _)| u64::from(bytes)).sum();
        let opened = regular_file(parent, name).filter(|&(_, size)| size == wanted);
        Ok(opened.is_some_and(|(file, _)| self.has_bytes(file)))
    }

    fn has_bytes(&self, mut file: File) -> bool {
        let mut bytes = Vec::new();
        self.chunks.iter().all(|(size, digest)| {
            bytes.resize(usize::try_from(*size).unwrap_or_default(), 0);
            file.read_exact(&mut bytes).is_ok() && self.digester.digest(&bytes) == *digest
        })
    }
}

/// True for two regular files with equal content.
pub fn have_same_bytes(one: BorrowedFd<'_>, name: &OsStr, other: BorrowedFd<'_>, other_name: &OsStr) -> bool {
    let (Some((mut one, size)), Some((mut other, other_size))) =
        (regular_file(one, name), regular_file(other, other_name))
    else {
        return false;
    };
    let mut buffers = (vec![0; PIECE], vec![0; PIECE]);
    let mut left = size;
    while size == other_size && left > 0 {
        let piece = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
        let (Some(mine), Some(theirs)) = (buffers.0.get_mut(..piece), buffers.1.get_mut(..piece)) else {
            return false;
        };
        if one.read_exact(mine).is_err() || other.read_exact(theirs).is_err() || mine != theirs {
            return false;
        }
        left -= piece as u64;
    }
    size == other_size
}

/// Opens a regular file, and gives its size. A pipe is not waited for.
fn regular_file(parent: BorrowedFd<'_>, name: &OsStr) -> Option<(File, u64)> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let opened = openat(parent, name, flags, Mode::empty()).ok()?;
    let found = fstat(&opened).ok()?;
    let is_regular = FileType::from_raw_mode(found.st_mode) == FileType::RegularFile;
    is_regular.then(|| Some((File::from(opened), u64::try_from(found.st_size).ok()?)))?
}
