//! The extended attributes of an entry.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use rustix::fd::BorrowedFd;
use rustix::fs::{fgetxattr, flistxattr};
use rustix::io::Errno;

use super::DirectoryOptions;
use crate::archive::{MAX_XATTR_VALUE, xattr_name_fault};

/// The longest list of names, and the longest value, that Linux returns.
const MOST: usize = 64 << 10;

/// Labels and signatures that hold on one machine only.
const LABELS: [&[u8]; 3] = [b"security.selinux", b"security.ima", b"security.evm"];
const SMACK: &[u8] = b"security.SMACK64";

/// Extended attributes by name, sorted.
pub type Xattrs = Vec<(Vec<u8>, Vec<u8>)>;

/// Where an entry's attributes are read from.
#[derive(Clone, Copy)]
pub enum Of<'a> {
    /// An open file or directory.
    Open(BorrowedFd<'a>),
    /// A link or node that is not opened: its directory and name.
    Named(BorrowedFd<'a>, &'a OsStr),
}

/// The attributes of an entry.
#[derive(Debug, Default)]
pub struct Read {
    pub xattrs: Xattrs,
    /// Names that no image holds, each with the reason.
    pub dropped: Vec<(Vec<u8>, &'static str)>,
    /// True for a directory of overlayfs that hides all below it.
    pub is_opaque: bool,
}

/// A failure, or a sentence about the attribute that stands in the way.
pub enum Refusal {
    System(Errno),
    Because(String),
}

impl From<Errno> for Refusal {
    fn from(errno: Errno) -> Self {
        Self::System(errno)
    }
}

/// Reads attributes into a buffer that is used again.
#[derive(Default)]
pub struct Reader {
    names: Vec<u8>,
    value: Vec<u8>,
}

impl Reader {
    pub fn read(&mut self, of: Of<'_>, options: &DirectoryOptions) -> Result<Read, Refusal> {
        let mut read = Read::default();
        self.names.resize(MOST, 0);
        let length = match of.list(&mut self.names) {
            Ok(0) | Err(Errno::NOTSUP) => return Ok(read),
            listed => listed?,
        };
        let names = std::mem::take(&mut self.names);
        for name in names.get(..length).unwrap_or_default().split(|&byte| byte == 0) {
            if !name.is_empty() {
                self.add(of, name, options, &mut read)?;
            }
        }
        self.names = names;
        read.xattrs.sort();
        Ok(read)
    }

    fn add(
        &mut self,
        of: Of<'_>,
        name: &[u8],
        options: &DirectoryOptions,
        read: &mut Read,
    ) -> Result<(), Refusal> {
        if options.without_labels && (LABELS.contains(&name) || name.starts_with(SMACK)) {
            return Ok(());
        }
        let record = options.whiteouts.record(name);
        if record.is_none()
            && let Some(reason) = xattr_name_fault(name)
        {
            read.dropped.push((name.to_vec(), reason));
            return Ok(());
        }
        if let Some(b"redirect" | b"metacopy") = record {
            let reason = "overlayfs keeps part of it in a lower directory (redirect_dir or metacopy)";
            return Err(Refusal::Because(reason.to_owned()));
        }
        self.value.resize(MOST, 0);
        let length = of.get(name, &mut self.value)?;
        let value = self.value.get(..length).unwrap_or_default();
        match record {
            Some(b"opaque") => read.is_opaque |= value == b"y",
            Some(_) => {}
            None if length > MAX_XATTR_VALUE => {
                let name = name.escape_ascii();
                return Err(Refusal::Because(format!(
                    "its extended attribute {name} has {length} bytes, more than {MAX_XATTR_VALUE}"
                )));
            }
            None => read.xattrs.push((name.to_vec(), value.to_vec())),
        }
        Ok(())
    }
}

impl Of<'_> {
    fn list(self, into: &mut [u8]) -> Result<usize, Errno> {
        match self {
            Self::Open(file) => flistxattr(file, into),
            Self::Named(..) => self.named(|path| list_at(path, into)),
        }
    }

    fn get(self, name: &[u8], into: &mut [u8]) -> Result<usize, Errno> {
        let name = OsStr::from_bytes(name);
        match self {
            Self::Open(file) => fgetxattr(file, name, into),
            Self::Named(..) => self.named(|path| get_at(path, name, into)),
        }
    }

    /// Calls with a path that leads through the open directory; the last component is not followed. Without `/proc` nothing is
    /// known of attributes of links and nodes, so they have none.
    fn named(self, call: impl FnOnce(&OsStr) -> Result<usize, Errno>) -> Result<usize, Errno> {
        use std::os::fd::AsRawFd as _;
        let Self::Named(parent, name) = self else { return Err(Errno::NOTSUP) };
        let mut path = format!("/proc/self/fd/{}/", parent.as_raw_fd()).into_bytes();
        path.extend_from_slice(name.as_bytes());
        match call(OsStr::from_bytes(&path)) {
            Err(Errno::NOENT) => Err(Errno::NOTSUP),
            result => result,
        }
    }
}

#[cfg(target_os = "linux")]
fn list_at(path: &OsStr, into: &mut [u8]) -> Result<usize, Errno> {
    rustix::fs::llistxattr(path, into)
}

#[cfg(target_os = "linux")]
fn get_at(path: &OsStr, name: &OsStr, into: &mut [u8]) -> Result<usize, Errno> {
    rustix::fs::lgetxattr(path, name, into)
}

#[cfg(not(target_os = "linux"))]
fn list_at(_: &OsStr, _: &mut [u8]) -> Result<usize, Errno> {
    Err(Errno::NOTSUP)
}

#[cfg(not(target_os = "linux"))]
fn get_at(_: &OsStr, _: &OsStr, _: &mut [u8]) -> Result<usize, Errno> {
    Err(Errno::NOTSUP)
}
