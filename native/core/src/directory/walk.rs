//! The walk through a directory: one name after the other, in an order that depends on the names alone.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::fd::{AsFd as _, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, fstat, openat, readlinkat, statat};

use super::attributes::{Of, Read, Reader, Refusal};
use super::content::{Failure, Part, read as read_content};
use super::facts::Facts;
use super::failures::Within;
use super::whiteouts::Meaning;
use super::{Directory, DirectoryOptions};
use crate::archive::{Entry, EntryKind, EntrySink, MAX_PATH, quoted};
use crate::budget::Account;
use crate::error::Result;

/// What an entry earns beside its content: as many bytes as a tar would have for it.
const ENTRY_EARNS: u64 = 1024;

/// The largest device numbers that an image holds.
const MAX_DEVICE: (u32, u32) = (0xFFF, 0xF_FFFF);

const OPAQUE: &[u8] = b".wh..wh..opq";
const WHITEOUT: &[u8] = b".wh.";

/// Reads all of the directory; returns the number of bytes that were read of files. `check` ends it early. A failure names the file.
pub fn read<S: EntrySink>(
    directory: &Directory,
    account: &Account,
    check: impl Fn() -> Result<()>,
    sink: &mut S,
) -> Result<u64> {
    let mut walk = Walk {
        within: Within(&directory.path),
        path: &directory.path,
        options: &directory.options,
        account,
        check,
        sink,
        attributes: Reader::default(),
        buffer: Vec::new(),
        links: HashMap::new(),
        read: 0,
        entries: 0,
    };
    walk.run()?;
    Ok(walk.read)
}

/// A directory whose names have been listed.
struct Level {
    file: OwnedFd,
    facts: Facts,
    path: Vec<u8>,
    /// Directories in it that are still to be listed, the last first.
    below: Vec<(Vec<u8>, Facts)>,
}

struct Walk<'a, S: EntrySink, C: Fn() -> Result<()>> {
    within: Within<'a>,
    path: &'a Path,
    options: &'a DirectoryOptions,
    account: &'a Account,
    check: C,
    sink: &'a mut S,
    attributes: Reader,
    buffer: Vec<u8>,
    /// The first path of each inode with several names.
    links: HashMap<(u64, u64), (Vec<u8>, Facts)>,
    read: u64,
    entries: u64,
}

impl<S: EntrySink, C: Fn() -> Result<()>> Walk<'_, S, C> {
    fn run(&mut self) -> Result<()> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root =
            openat(CWD, self.path, flags, Mode::empty()).map_err(|errno| self.within.unread(b"", errno))?;
        let facts = self.within.facts(b"", fstat(&root))?;
        self.directory(&[], Of::Open(root.as_fd()), &facts)?;
        let mut levels = vec![self.list(root, facts, Vec::new())?];
        while let Some(level) = levels.last_mut() {
            let Some((name, facts)) = level.below.pop() else {
                let Level { file, facts, path, .. } = level;
                let now = self.within.facts(path, fstat(&*file))?;
                if !now.is_as(facts) {
                    return Err(self.within.changed(path));
                }
                levels.pop();
                continue;
            };
            let path = joined(&level.path, &name);
            let file = self.enter(level.file.as_fd(), &name, &path, &facts)?;
            let next = self.list(file, facts, path)?;
            levels.push(next);
        }
        Ok(())
    }

    /// Opens a directory and makes sure that it is the one that was seen.
    fn enter(&self, parent: BorrowedFd<'_>, name: &[u8], path: &[u8], seen: &Facts) -> Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(parent, OsStr::from_bytes(name), flags, Mode::empty())
            .map_err(|errno| self.within.unread(path, errno))?;
        if self.within.facts(path, fstat(&file))?.is_as(seen) {
            Ok(file)
        } else {
            Err(self.within.changed(path))
        }
    }

    /// Passes on everything in a directory but what lies in its directories.
    fn list(&mut self, file: OwnedFd, facts: Facts, path: Vec<u8>) -> Result<Level> {
        let mut names = self.names(&file, &path)?;
        names.sort_unstable();
        let mut below = Vec::new();
        for name in names {
            (self.check)()?;
            let inside = joined(&path, &name);
            if inside.len() > MAX_PATH {
                return Err(self
                    .within
                    .refused(&inside, format!("its path is longer than {MAX_PATH} bytes")));
            }
            let found = self
                .within
                .facts(&inside, statat(&file, OsStr::from_bytes(&name), AtFlags::SYMLINK_NOFOLLOW))?;
            if self.entry(file.as_fd(), &path, (&name, &inside), &found)? {
                below.push((name, found));
            }
        }
        below.reverse();
        Ok(Level { file, facts, path, below })
    }

    fn names(&self, file: &OwnedFd, path: &[u8]) -> Result<Vec<Vec<u8>>> {
        let failed = |errno| self.within.unread(path, errno);
        let listing = Dir::read_from(file).map_err(failed)?;
        let mut names = Vec::new();
        for entry in listing {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                names.push(name.to_vec());
            }
        }
        Ok(names)
    }

    /// Passes on one name. True for a directory that is to be listed.
    fn entry(
        &mut self,
        parent: BorrowedFd<'_>,
        above: &[u8],
        (name, path): (&[u8], &[u8]),
        facts: &Facts,
    ) -> Result<bool> {
        match self.options.whiteouts.meaning(name, facts) {
            Meaning::Entry => {}
            Meaning::Reserved => {
                let reason = "its name is that of a whiteout of OCI, which a layer cannot hold as a file";
                return Err(self.within.refused(path, reason));
            }
            Meaning::Senseless => {
                return Err(self.within.refused(path, "it is a whiteout that removes no name"));
            }
            Meaning::Whiteout | Meaning::Removes if self.options.is_lowest => {
                let shown = quoted(path);
                let message = format!(
                    "{shown} is left out: it is a whiteout, and nothing lies below that it could remove"
                );
                self.sink.warn("WHITEOUT_LEFT_OUT", message);
                return Ok(false);
            }
            Meaning::Whiteout => {
                self.whiteout(path, facts)?;
                return Ok(false);
            }
            Meaning::Removes => {
                self.whiteout(&joined(above, &[WHITEOUT, name].concat()), facts)?;
                return Ok(false);
            }
        }
        match facts.kind {
            FileType::Directory => {
                let file = self.enter(parent, name, path, facts)?;
                self.directory(path, Of::Open(file.as_fd()), facts)?;
                return Ok(true);
            }
            FileType::Socket => {
                let message =
                    format!("{} is left out: a socket has no meaning without its program", quoted(path));
                self.sink.warn("SOCKET_LEFT_OUT", message);
                return Ok(false);
            }
            _ => {}
        }
        if facts.links > 1 && self.link(path, facts)? {
            return Ok(false);
        }
        let name = OsStr::from_bytes(name);
        match facts.kind {
            FileType::RegularFile => self.file(parent, name, path, facts)?,
            FileType::Symlink => {
                let target =
                    readlinkat(parent, name, Vec::new()).map_err(|errno| self.within.unread(path, errno))?;
                let read = self.xattrs(path, Of::Named(parent, name))?;
                let entry = Entry {
                    link: target.into_bytes(),
                    ..self.options.entry(path, EntryKind::Symlink, facts, read.xattrs)
                };
                self.pass(entry)?;
            }
            FileType::Fifo | FileType::CharacterDevice | FileType::BlockDevice => {
                let read = self.xattrs(path, Of::Named(parent, name))?;
                let entry = self.node(path, facts, read)?;
                self.pass(entry)?;
            }
            _ => return Err(self.within.refused(path, "it is of a kind that no image has")),
        }
        if facts.links > 1 {
            self.links.insert(facts.inode, (path.to_vec(), *facts));
        }
        Ok(false)
    }

    /// True if the inode was passed on under another name; this one is then a link to it.
    fn link(&mut self, path: &[u8], facts: &Facts) -> Result<bool> {
        let Some((first, seen)) = self.links.get(&facts.inode) else { return Ok(false) };
        if !seen.is_as(facts) {
            return Err(self.within.changed(path));
        }
        let made = self.options.entry(path, EntryKind::Hardlink, facts, Vec::new());
        let entry = Entry { link: first.clone(), ..made };
        self.pass(entry)?;
        Ok(true)
    }

    fn directory(&mut self, path: &[u8], of: Of<'_>, facts: &Facts) -> Result<()> {
        let read = self.xattrs(path, of)?;
        let is_opaque = read.is_opaque;
        let entry = self.options.entry(path, EntryKind::Directory, facts, read.xattrs);
        self.pass(entry)?;
        if is_opaque && !self.options.is_lowest {
            self.whiteout(&joined(path, OPAQUE), facts)?;
        }
        Ok(())
    }

    fn whiteout(&mut self, path: &[u8], facts: &Facts) -> Result<()> {
        let entry = Entry { size: 0, ..self.options.entry(path, EntryKind::File, facts, Vec::new()) };
        self.pass(entry)
    }

    fn node(&self, path: &[u8], facts: &Facts, read: Read) -> Result<Entry> {
        let (major, minor) = facts.device;
        let kind = match facts.kind {
            FileType::CharacterDevice => EntryKind::Char,
            FileType::BlockDevice => EntryKind::Block,
            _ => return Ok(self.options.entry(path, EntryKind::Fifo, facts, read.xattrs)),
        };
        if major > MAX_DEVICE.0 || minor > MAX_DEVICE.1 {
            let reason =
                format!("its device number {major}:{minor} is beyond {}:{}", MAX_DEVICE.0, MAX_DEVICE.1);
            return Err(self.within.refused(path, reason));
        }
        Ok(Entry { major, minor, ..self.options.entry(path, kind, facts, read.xattrs) })
    }

    /// A pipe that takes the name meanwhile is not waited for.
    fn file(&mut self, parent: BorrowedFd<'_>, name: &OsStr, path: &[u8], seen: &Facts) -> Result<()> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file =
            openat(parent, name, flags, Mode::empty()).map_err(|errno| self.within.unread(path, errno))?;
        let opened = self.within.facts(path, fstat(&file))?;
        if !opened.is_as(seen) {
            return Err(self.within.changed(path));
        }
        let read = self.xattrs(path, Of::Open(file.as_fd()))?;
        let entry = self.options.entry(path, EntryKind::File, &opened, read.xattrs);
        self.pass(entry)?;
        let file = File::from(file);
        if opened.size > 0 {
            self.content(&file, path, &opened)?;
        }
        if self.within.facts(path, fstat(&file))?.is_as(&opened) {
            Ok(())
        } else {
            Err(self.within.changed(path))
        }
    }

    fn content(&mut self, file: &File, path: &[u8], facts: &Facts) -> Result<()> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let has_holes = facts.stored < facts.size;
        let passed = read_content(file, (facts.size, has_holes), &mut buffer, |part| match part {
            Part::Hole(count) => self.sink.zeros(count),
            Part::Data(bytes) => {
                self.read += bytes.len() as u64;
                self.earn();
                (self.check)()?;
                self.sink.data(bytes)
            }
        });
        self.buffer = buffer;
        match passed {
            Ok(()) => self.sink.end_file(),
            Err(Failure::Other(error)) => Err(error),
            Err(Failure::Shorter) => Err(self.within.changed(path)),
            Err(Failure::System(error)) => Err(self.within.failed(path, error)),
        }
    }

    fn pass(&mut self, entry: Entry) -> Result<()> {
        self.entries += 1;
        self.earn();
        self.sink.entry(entry)
    }

    fn earn(&self) {
        self.account.earn(self.read.saturating_add(self.entries * ENTRY_EARNS));
    }

    fn xattrs(&mut self, path: &[u8], of: Of<'_>) -> Result<Read> {
        let read = match self.attributes.read(of, self.options) {
            Ok(read) => read,
            Err(Refusal::System(errno)) => return Err(self.within.unread(path, errno)),
            Err(Refusal::Because(reason)) => return Err(self.within.refused(path, reason)),
        };
        for (name, reason) in &read.dropped {
            let message =
                format!("extended attribute {} of {} is dropped: {reason}", quoted(name), quoted(path));
            self.sink.warn("XATTR_DROPPED", message);
        }
        Ok(read)
    }
}

fn joined(above: &[u8], name: &[u8]) -> Vec<u8> {
    if above.is_empty() { name.to_vec() } else { [above, b"/", name].concat() }
}
