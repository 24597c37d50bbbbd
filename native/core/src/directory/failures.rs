//! Failures of a walk, which name the file.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::Stat;
use rustix::io::Errno;

use super::facts::Facts;
use crate::error::{Error, Result};

/// The directory that is read, as the caller named it.
#[derive(Clone, Copy)]
pub struct Within<'a>(pub &'a Path);

impl Within<'_> {
    /// The path of an entry for messages.
    pub fn shown(self, path: &[u8]) -> PathBuf {
        if path.is_empty() { self.0.to_path_buf() } else { self.0.join(OsStr::from_bytes(path)) }
    }

    /// What `stat` has found of an entry.
    pub fn facts(self, path: &[u8], found: std::result::Result<Stat, Errno>) -> Result<Facts> {
        found.map(|stat| Facts::of(&stat)).map_err(|errno| self.unread(path, errno))
    }

    /// A name that is gone, or is another kind of file, since it was listed has changed; anything else is the system's own reason.
    pub fn unread(self, path: &[u8], errno: Errno) -> Error {
        const CHANGED: [Errno; 6] =
            [Errno::NOENT, Errno::LOOP, Errno::NOTDIR, Errno::NXIO, Errno::INVAL, Errno::NODATA];
        if !path.is_empty() && CHANGED.contains(&errno) {
            return self.changed(path);
        }
        self.failed(path, errno.into())
    }

    /// The system's own reason.
    pub fn failed(self, path: &[u8], reason: io::Error) -> Error {
        Error::io("read", &self.shown(path), reason)
    }

    /// An image of a state that never was is no image.
    pub fn changed(self, path: &[u8]) -> Error {
        self.failed(path, io::Error::other("it changed while it was read"))
    }

    /// No image can hold the entry.
    pub fn refused(self, path: &[u8], reason: impl std::fmt::Display) -> Error {
        Error::unsupported(format!("cannot pack {}: {reason}", self.shown(path).display()))
    }
}
