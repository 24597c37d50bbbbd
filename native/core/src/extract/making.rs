//! Makes entries, each under its name only when it is complete.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::fd::{AsFd as _, BorrowedFd, OwnedFd};
use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, Stat, linkat, mkdirat, openat, readlinkat, renameat, statat, symlinkat,
    unlinkat,
};
use rustix::io::Errno;

use super::attributes::Attributes;
use super::descent::Descent;
use super::existing::{Existing, have_same_bytes};
use super::{ExtractOptions, LeftOut};
use crate::digest::{hex, sha256};
use crate::error::{Error, Result};

/// Begins the names of entries that are not complete. What follows depends on the name alone, so the next run finds it.
pub const UNFINISHED: &str = ".nydusify-unfinished-";

/// Zeros from this many bytes on become a hole.
const HOLE: usize = 4096;

/// A step of laying out, in an order in which directories come before their content.
#[derive(Debug)]
pub enum Step {
    /// Makes a directory that this user may write to, unless there is one.
    Directory(Vec<u8>),
    /// Begins a regular file of this size.
    File(Vec<u8>, u64),
    /// Adds bytes to the file.
    Bytes(Vec<u8>),
    /// Completes the file.
    Complete(Attributes),
    /// Makes a symbolic link with this target.
    Symlink(Vec<u8>, Vec<u8>, Attributes),
    /// Gives the second path another name, the first.
    Link(Vec<u8>, Vec<u8>),
    /// Makes a pipe, socket or device with these numbers.
    Node(Vec<u8>, NodeKind, (u32, u32), Attributes),
    /// Gives a directory its attributes, once nothing more is put into it, or a file that was there.
    Settle(Vec<u8>, Attributes),
}

/// An entry without content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeKind {
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
    /// A character device.
    Char,
    /// A block device.
    Block,
}

impl NodeKind {
    /// The kind with this name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Fifo, Self::Socket, Self::Char, Self::Block].into_iter().find(|kind| kind.name() == name)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Fifo => "fifo",
            Self::Socket => "socket",
            Self::Char => "char",
            Self::Block => "block",
        }
    }

    const fn file_type(self) -> FileType {
        match self {
            Self::Fifo => FileType::Fifo,
            Self::Socket => FileType::Socket,
            Self::Char => FileType::CharacterDevice,
            Self::Block => FileType::BlockDevice,
        }
    }
}

struct OpenFile {
    path: Vec<u8>,
    size: u64,
    parent: OwnedFd,
    unfinished: OsString,
    file: File,
    is_complete: bool,
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        if !self.is_complete {
            // The failure that ends the file is the one to tell.
            let _ = unlinkat(&self.parent, &self.unfinished, AtFlags::empty());
        }
    }
}

pub struct Maker {
    descent: Descent,
    options: ExtractOptions,
    file: Option<OpenFile>,
    left_out: Vec<LeftOut>,
}

impl Maker {
    pub fn new(directory: &Path, options: ExtractOptions) -> Result<Self> {
        Ok(Self { descent: Descent::open(directory)?, options, file: None, left_out: Vec::new() })
    }

    pub fn make(&mut self, steps: Vec<Step>) -> Result<Vec<LeftOut>> {
        for step in steps {
            match step {
                Step::Directory(path) => self.directory(&path)?,
                Step::File(path, size) => self.begin(path, size)?,
                Step::Bytes(bytes) => self.add(&bytes)?,
                Step::Complete(attributes) => self.complete(&attributes)?,
                Step::Symlink(path, target, attributes) => self.symlink(&path, &target, &attributes)?,
                Step::Link(path, first) => self.link(&path, &first)?,
                Step::Node(path, kind, device, attributes) => self.node(&path, kind, device, &attributes)?,
                Step::Settle(path, attributes) => self.settle(&path, &attributes)?,
            }
        }
        Ok(std::mem::take(&mut self.left_out))
    }

    pub fn compare(&mut self, files: &[Existing]) -> Result<Vec<bool>> {
        files.iter().map(|file| file.is_there(&mut self.descent)).collect()
    }

    fn directory(&mut self, path: &[u8]) -> Result<()> {
        if path.is_empty() {
            return Ok(());
        }
        let (parent, name) = self.descent.parent(path)?;
        match mkdirat(parent, name, Mode::RWXU) {
            Ok(()) => Ok(()),
            Err(Errno::EXIST) => match kind_of(parent, name) {
                Ok(FileType::Directory) => Ok(()),
                _ => Err(self.in_the_way(path)),
            },
            Err(cause) => Err(self.error("make the directory", path, cause)),
        }
    }

    fn begin(&mut self, path: Vec<u8>, size: u64) -> Result<()> {
        self.file = None;
        let opened = (|| {
            let (parent, name) = self.descent.parent(&path)?;
            let unfinished = unfinished(name);
            let made = (|| {
                remove(parent, &unfinished)?;
                let flags =
                    OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let file = openat(parent, &unfinished, flags, Mode::RUSR | Mode::WUSR)?;
                Ok((rustix::io::dup(parent)?, file))
            })();
            Ok((unfinished, made))
        })();
        let (unfinished, made) = opened?;
        let (parent, file) = made.map_err(|cause| self.error("make", &path, cause))?;
        let file = File::from(file);
        self.file = Some(OpenFile { path, size, parent, unfinished, file, is_complete: false });
        Ok(())
    }

    fn add(&mut self, bytes: &[u8]) -> Result<()> {
        let Some(open) = &mut self.file else { return Err(Error::internal("bytes of no file")) };
        // Both halves of a hole are found by one comparison: the first byte is zero, and each equals the next.
        let is_hole = bytes.len() >= HOLE
            && bytes.first() == Some(&0)
            && bytes.get(1..) == bytes.get(..bytes.len() - 1);
        let written = if is_hole {
            open.file.seek(SeekFrom::Current(i64::try_from(bytes.len()).unwrap_or(i64::MAX))).map(drop)
        } else {
            open.file.write_all(bytes)
        };
        written.map_err(|cause| Error::io("write", &self.descent.shown(&open.path), cause))
    }

    fn complete(&mut self, attributes: &Attributes) -> Result<()> {
        let Some(mut open) = self.file.take() else { return Err(Error::internal("the end of no file")) };
        let shown = self.descent.shown(&open.path);
        let at = open.file.stream_position().map_err(|cause| Error::io("write", &shown, cause))?;
        if at != open.size {
            return Err(Error::internal(format!("{} has {at} bytes of {}", shown.display(), open.size)));
        }
        open.file.set_len(open.size).map_err(|cause| Error::io("write", &shown, cause))?;
        attributes
            .apply(open.file.as_fd(), &open.path, self.options, &mut self.left_out)
            .map_err(|cause| Error::io("set the attributes of", &shown, cause.into()))?;
        let name = name_of(&open.path);
        self.put(open.parent.as_fd(), &open.unfinished, name, &open.path)?;
        open.is_complete = true;
        Ok(())
    }

    fn symlink(&mut self, path: &[u8], target: &[u8], attributes: &Attributes) -> Result<()> {
        let (parent, name) = self.descent.parent(path)?;
        let is_there = readlinkat(parent, name, Vec::new()).is_ok_and(|found| found.as_bytes() == target);
        let parent = rustix::io::dup(parent).map_err(|cause| self.error("make the link", path, cause))?;
        if is_there {
            return self.by_name(&parent, name, path, attributes);
        }
        let unfinished = unfinished(name);
        remove(parent.as_fd(), &unfinished)
            .and_then(|()| symlinkat(OsStr::from_bytes(target), &parent, &unfinished))
            .map_err(|cause| self.error("make the link", path, cause))?;
        self.put(parent.as_fd(), &unfinished, name, path)?;
        self.by_name(&parent, name, path, attributes)
    }

    fn by_name(
        &mut self,
        parent: &OwnedFd,
        name: &OsStr,
        path: &[u8],
        attributes: &Attributes,
    ) -> Result<()> {
        attributes
            .apply_at(parent.as_fd(), name, self.options)
            .and_then(|()| attributes.apply_xattrs_at(parent.as_fd(), name, path, &mut self.left_out))
            .map_err(|cause| self.error("set the attributes of", path, cause))
    }

    fn link(&mut self, path: &[u8], first: &[u8]) -> Result<()> {
        let fail = |maker: &Self, cause| maker.error("link", path, cause);
        let (parent, first_name) = self.descent.parent(first)?;
        let from = rustix::io::dup(parent).map_err(|cause| fail(self, cause))?;
        let (parent, name) = self.descent.parent(path)?;
        let to = rustix::io::dup(parent).map_err(|cause| fail(self, cause))?;
        let is_same = |a: &Stat, b: &Stat| (a.st_dev, a.st_ino) == (b.st_dev, b.st_ino);
        let wanted = stat_of(from.as_fd(), first_name).map_err(|cause| fail(self, cause))?;
        if stat_of(to.as_fd(), name).is_ok_and(|found| is_same(&found, &wanted)) {
            return Ok(());
        }
        let unfinished = unfinished(name);
        remove(to.as_fd(), &unfinished)
            .and_then(|()| linkat(&from, first_name, &to, &unfinished, AtFlags::empty()))
            .map_err(|cause| fail(self, cause))?;
        if have_same_bytes(from.as_fd(), first_name, to.as_fd(), name) {
            // An earlier run was asked for this name alone, so it is a file of its own.
            return renameat(&to, &unfinished, &to, name).map_err(|cause| fail(self, cause));
        }
        self.put(to.as_fd(), &unfinished, name, path)
    }

    fn node(
        &mut self,
        path: &[u8],
        kind: NodeKind,
        device: (u32, u32),
        attributes: &Attributes,
    ) -> Result<()> {
        let (parent, name) = self.descent.parent(path)?;
        let is_there = stat_of(parent, name).is_ok_and(|found| is_node(&found, kind, device));
        let parent = rustix::io::dup(parent).map_err(|cause| self.error("make", path, cause))?;
        if !is_there {
            let unfinished = unfinished(name);
            let mode = attributes.granted(self.options);
            match remove(parent.as_fd(), &unfinished)
                .and_then(|()| make_node(parent.as_fd(), &unfinished, kind, mode, device))
            {
                Ok(()) => self.put(parent.as_fd(), &unfinished, name, path)?,
                Err(cause @ (Errno::PERM | Errno::NOTSUP | Errno::ACCESS)) => {
                    let reason = std::io::Error::from(cause).to_string();
                    self.left_out.push(LeftOut { path: path.to_vec(), what: kind.name().to_owned(), reason });
                    return Ok(());
                }
                Err(cause) => return Err(self.error("make", path, cause)),
            }
        }
        chmod(parent.as_fd(), name, attributes.granted(self.options))
            .map_err(|cause| self.error("set the attributes of", path, cause))?;
        self.by_name(&parent, name, path, attributes)
    }

    fn settle(&mut self, path: &[u8], attributes: &Attributes) -> Result<()> {
        let (parent, name) = self.descent.parent(path)?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let opened = openat(parent, name, flags, Mode::empty());
        let settled =
            opened.and_then(|file| attributes.apply(file.as_fd(), path, self.options, &mut self.left_out));
        match settled {
            // The directory that the caller named may be another user's.
            Err(cause @ Errno::PERM) if path.is_empty() => {
                let reason = std::io::Error::from(cause).to_string();
                self.left_out.push(LeftOut { path: Vec::new(), what: "mode and time".to_owned(), reason });
                Ok(())
            }
            settled => settled.map_err(|cause| self.error("set the attributes of", path, cause)),
        }
    }

    /// Gives what is complete its name.
    fn put(&self, parent: BorrowedFd<'_>, unfinished: &OsStr, name: &OsStr, path: &[u8]) -> Result<()> {
        let placed = if self.options.overwrite {
            renameat(parent, unfinished, parent, name)
        } else {
            rename_to_free_name(parent, unfinished, name)
        };
        placed.map_err(|cause| {
            let _ = unlinkat(parent, unfinished, AtFlags::empty());
            match cause {
                Errno::EXIST | Errno::ISDIR | Errno::NOTEMPTY => self.in_the_way(path),
                _ => self.error("name", path, cause),
            }
        })
    }

    fn in_the_way(&self, path: &[u8]) -> Error {
        let is_replaceable = !self.options.overwrite;
        let shown = self.descent.shown(path);
        let message = format!("{} is there already, and is something else", shown.display());
        let error = Error::unsupported(message);
        if is_replaceable {
            error.with_hint("--overwrite replaces files; or name an empty directory")
        } else {
            error
        }
    }

    fn error(&self, verb: &str, path: &[u8], cause: Errno) -> Error {
        Error::io(verb, &self.descent.shown(path), cause.into())
    }
}

fn name_of(path: &[u8]) -> &OsStr {
    OsStr::from_bytes(path.rsplit(|&byte| byte == b'/').next().unwrap_or_default())
}

/// The name until an entry is complete. It is as long for every name, since a name may be as long as names can be.
fn unfinished(name: &OsStr) -> OsString {
    let mut digest = hex(&sha256(name.as_bytes()));
    digest.truncate(32);
    OsString::from(format!("{UNFINISHED}{digest}"))
}

/// Removes what a run that was killed has left.
fn remove(parent: BorrowedFd<'_>, name: &OsStr) -> std::result::Result<(), Errno> {
    match unlinkat(parent, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(cause) => Err(cause),
    }
}

fn stat_of(parent: BorrowedFd<'_>, name: &OsStr) -> std::result::Result<Stat, Errno> {
    statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)
}

fn kind_of(parent: BorrowedFd<'_>, name: &OsStr) -> std::result::Result<FileType, Errno> {
    stat_of(parent, name).map(|found| FileType::from_raw_mode(found.st_mode))
}

/// `RENAME_NOREPLACE` where there is one; elsewhere the name is looked at before.
fn rename_to_free_name(parent: BorrowedFd<'_>, from: &OsStr, to: &OsStr) -> std::result::Result<(), Errno> {
    #[cfg(target_os = "linux")]
    match rustix::fs::renameat_with(parent, from, parent, to, rustix::fs::RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS) => {}
        answer => return answer,
    }
    match stat_of(parent, to) {
        Err(Errno::NOENT) => renameat(parent, from, parent, to),
        Ok(_) => Err(Errno::EXIST),
        Err(cause) => Err(cause),
    }
}

fn is_node(found: &Stat, kind: NodeKind, (major, minor): (u32, u32)) -> bool {
    if FileType::from_raw_mode(found.st_mode) != kind.file_type() {
        return false;
    }
    let is_device = matches!(kind, NodeKind::Char | NodeKind::Block);
    !is_device || found.st_rdev == device_number(major, minor)
}

#[cfg(target_os = "linux")]
fn device_number(major: u32, minor: u32) -> rustix::fs::Dev {
    rustix::fs::makedev(major, minor)
}

#[cfg(target_os = "linux")]
fn make_node(
    parent: BorrowedFd<'_>,
    name: &OsStr,
    kind: NodeKind,
    mode: Mode,
    (major, minor): (u32, u32),
) -> std::result::Result<(), Errno> {
    rustix::fs::mknodat(parent, name, kind.file_type(), mode, device_number(major, minor))
}

/// The mode that the mask of this process has narrowed. A node is not opened: that may do something, or wait for ever.
#[cfg(target_os = "linux")]
fn chmod(parent: BorrowedFd<'_>, name: &OsStr, mode: Mode) -> std::result::Result<(), Errno> {
    rustix::fs::chmodat(parent, name, mode, AtFlags::empty())
}

/// Other systems have these calls for root alone, or not at all.
#[cfg(not(target_os = "linux"))]
fn device_number(_major: u32, _minor: u32) -> rustix::fs::Dev {
    rustix::fs::Dev::MAX
}

#[cfg(not(target_os = "linux"))]
fn make_node(
    _parent: BorrowedFd<'_>,
    _name: &OsStr,
    _kind: NodeKind,
    _mode: Mode,
    _device: (u32, u32),
) -> std::result::Result<(), Errno> {
    Err(Errno::NOTSUP)
}

#[cfg(not(target_os = "linux"))]
fn chmod(_parent: BorrowedFd<'_>, _name: &OsStr, _mode: Mode) -> std::result::Result<(), Errno> {
    Ok(())
}
