//! The way from the directory down to an entry, by descriptors: no component is a link, whoever puts one there meanwhile.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use rustix::fd::{AsFd as _, BorrowedFd, OwnedFd};
use rustix::fs::{CWD, Mode, OFlags, openat};

use crate::error::{Error, Result};

/// Reading a directory is no part of going through it, so Linux does not ask for that right.
#[cfg(target_os = "linux")]
const THROUGH: OFlags = OFlags::PATH;
#[cfg(not(target_os = "linux"))]
const THROUGH: OFlags = OFlags::RDONLY;

pub struct Descent {
    /// As the caller named it, for messages.
    shown: PathBuf,
    root: OwnedFd,
    /// The directories that led to the last entry.
    stack: Vec<(Vec<u8>, OwnedFd)>,
}

impl Descent {
    pub fn open(directory: &Path) -> Result<Self> {
        let root = openat(CWD, directory, THROUGH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .map_err(|cause| Error::io("open", directory, cause.into()))?;
        Ok(Self { shown: directory.to_path_buf(), root, stack: Vec::new() })
    }

    /// The directory that holds the entry, and the entry's name in it. The directory itself is its own `.`.
    pub fn parent<'a>(&mut self, path: &'a [u8]) -> Result<(BorrowedFd<'_>, &'a OsStr)> {
        if path.is_empty() {
            self.stack.clear();
            return Ok((self.root.as_fd(), OsStr::new(".")));
        }
        for component in path.split(|&byte| byte == b'/') {
            check_name(component, path)?;
        }
        let (directory, name) = split(path);
        let mut depth = 0;
        for component in components(directory) {
            if self.stack.get(depth).is_some_and(|(name, _)| name == component) {
                depth += 1;
                continue;
            }
            self.stack.truncate(depth);
            let flags = THROUGH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let next = openat(self.last(), OsStr::from_bytes(component), flags, Mode::empty())
                .map_err(|cause| Error::io("enter", &self.shown(directory), cause.into()))?;
            self.stack.push((component.to_vec(), next));
            depth += 1;
        }
        self.stack.truncate(depth);
        Ok((self.last(), OsStr::from_bytes(name)))
    }

    /// The path for messages.
    pub fn shown(&self, path: &[u8]) -> PathBuf {
        self.shown.join(OsString::from_vec(path.to_vec()))
    }

    fn last(&self) -> BorrowedFd<'_> {
        self.stack.last().map_or(self.root.as_fd(), |(_, directory)| directory.as_fd())
    }
}

fn split(path: &[u8]) -> (&[u8], &[u8]) {
    path.iter().rposition(|&byte| byte == b'/').map_or((&[], path), |slash| {
        let (directory, name) = path.split_at(slash);
        (directory, name.get(1..).unwrap_or_default())
    })
}

fn components(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|&byte| byte == b'/').filter(|_| !path.is_empty())
}

/// Names that mean another directory, or that no system has.
fn check_name(name: &[u8], path: &[u8]) -> Result<()> {
    let is_sound = !matches!(name, b"" | b"." | b"..") && !name.contains(&0);
    if is_sound && !name.starts_with(super::making::UNFINISHED.as_bytes()) {
        return Ok(());
    }
    let shown = String::from_utf8_lossy(path);
    Err(Error::format(format!("the image has the path {shown:?}, which is not made in a directory")))
}
