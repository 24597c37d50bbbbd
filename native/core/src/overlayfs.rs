//! The upper directory of an overlay mount says in its own way what it hides: devices of number 0/0, and attributes. In a tar of such a
//! directory these marks become whiteouts as layers have them, before anything else sees the entries.
//!
//! Names that begin with `.wh.` stay whiteouts, since tools that read upper directories write those. (Linux,
//! Documentation/filesystems/overlayfs.rst, "whiteouts and opaque directories")

use std::collections::HashSet;
use std::sync::Arc;

use crate::archive::{Entry, EntryKind, EntrySink};
use crate::budget::Account;
use crate::error::{Error, Result};
use crate::whiteout::{OPAQUE, PREFIX};

/// Attributes of a mount as root, and of one with `userxattr`. No image has a use for them.
const NAMESPACES: [&[u8]; 2] = [b"trusted.overlay.", b"user.overlay."];

/// The most bytes of a name.
const MAX_NAME: usize = 255;

/// Turns marks into whiteouts on the way to another sink. `begin` is asked at the first entry.
pub struct OverlayMarks<'a, S, B> {
    sink: &'a mut S,
    begin: Option<B>,
    is_on: bool,
    account: Arc<Account>,
    /// Overlayfs makes many whiteouts of one inode, and a tar has all but the first of them as hard links.
    whiteouts: HashSet<Vec<u8>>,
    has_attributes: bool,
}

impl<'a, S: EntrySink, B: FnOnce() -> bool> OverlayMarks<'a, S, B> {
    /// Makes a sink before `sink`, which changes entries if `begin` says so.
    pub fn new(sink: &'a mut S, account: Arc<Account>, begin: B) -> Self {
        let whiteouts = HashSet::new();
        Self { sink, begin: Some(begin), is_on: false, account, whiteouts, has_attributes: false }
    }

    /// Ends the tar. The kernel gives nearly everything in an upper directory an attribute, so whiteouts without any beside them mean
    /// that the tar was made without attributes, and that opaque directories are lost.
    pub fn finish(self) {
        if !self.whiteouts.is_empty() && !self.has_attributes {
            self.sink.warn(
                "OVERLAY_ATTRIBUTES",
                "whiteouts are devices, and no entry has an attribute of overlayfs: if the tar was made without extended attributes, \
                 directories that hide all below them show it"
                    .to_owned(),
            );
        }
    }

    fn changed(&mut self, mut entry: Entry) -> Result<()> {
        let marks = take_marks(&mut entry);
        self.has_attributes |= !marks.is_empty();
        if marks.contains(&Mark::LacksContent) {
            let path = String::from_utf8_lossy(&entry.path).into_owned();
            let message = format!(
                "tar entry {path:?} at offset {}: overlayfs has its content in the layer below, under another name or without its \
                 attributes",
                entry.offset
            );
            return Err(Error::unsupported_at(message, &entry.path, entry.offset).with_hint(
                "mount the overlay with redirect_dir=off,metacopy=off before the changes are made",
            ));
        }
        let is_device = entry.kind == EntryKind::Char && (entry.major, entry.minor) == (0, 0);
        let is_link = entry.kind == EntryKind::Hardlink && self.whiteouts.contains(&entry.link);
        let is_empty = entry.kind == EntryKind::File && entry.size == 0;
        if is_device || is_link || (is_empty && marks.contains(&Mark::Whiteout)) {
            self.account.metadata(entry.path.len() as u64 + 64)?;
            self.whiteouts.insert(entry.path.clone());
            return self.sink.entry(whiteout_of(&entry)?);
        }
        if !marks.contains(&Mark::Opaque) || entry.kind != EntryKind::Directory {
            return self.sink.entry(entry);
        }
        let opaque = named(&entry, in_directory(&entry.path, OPAQUE));
        self.sink.entry(entry)?;
        self.sink.entry(opaque)
    }
}

/// What an attribute of overlayfs says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Opaque,
    Whiteout,
    /// A directory that was renamed, or a file of which only attributes were changed.
    LacksContent,
    /// Nothing that matters to an image.
    Other,
}

/// Takes the attributes of overlayfs out of an entry.
fn take_marks(entry: &mut Entry) -> Vec<Mark> {
    let mut marks = Vec::new();
    entry.xattrs.retain(|(name, value)| {
        let Some(mark) = NAMESPACES.iter().find_map(|prefix| name.strip_prefix(*prefix)) else { return true };
        marks.push(match mark {
            b"opaque" if value == b"y" => Mark::Opaque,
            b"whiteout" => Mark::Whiteout,
            b"redirect" | b"metacopy" => Mark::LacksContent,
            _ => Mark::Other,
        });
        false
    });
    marks
}

/// The whiteout that hides the name of an entry.
fn whiteout_of(entry: &Entry) -> Result<Entry> {
    let split = entry.path.iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
    let (parent, name) = entry.path.split_at(split);
    if name.len() + PREFIX.len() > MAX_NAME {
        let path = String::from_utf8_lossy(&entry.path);
        let message = format!(
            "tar entry {path:?} at offset {}: the name of its whiteout would have more than {MAX_NAME} bytes",
            entry.offset
        );
        return Err(Error::unsupported_at(message, &entry.path, entry.offset));
    }
    Ok(named(entry, [parent, PREFIX, name].concat()))
}

fn in_directory(directory: &[u8], name: &[u8]) -> Vec<u8> {
    let slash: &[u8] = if directory.is_empty() { b"" } else { b"/" };
    [directory, slash, name].concat()
}

/// An empty file of this path, with the owner and the time of an entry.
fn named(entry: &Entry, path: Vec<u8>) -> Entry {
    Entry {
        path,
        kind: EntryKind::File,
        size: 0,
        major: 0,
        minor: 0,
        link: Vec::new(),
        xattrs: Vec::new(),
        ..entry.clone()
    }
}

impl<S: EntrySink, B: FnOnce() -> bool> EntrySink for OverlayMarks<'_, S, B> {
    fn entry(&mut self, entry: Entry) -> Result<()> {
        if let Some(begin) = self.begin.take() {
            self.is_on = begin();
        }
        if self.is_on { self.changed(entry) } else { self.sink.entry(entry) }
    }

    fn data(&mut self, bytes: &[u8]) -> Result<()> {
        self.sink.data(bytes)
    }

    fn zeros(&mut self, count: u64) -> Result<()> {
        self.sink.zeros(count)
    }

    fn end_file(&mut self) -> Result<()> {
        self.sink.end_file()
    }

    fn warn(&mut self, code: &'static str, message: String) {
        self.sink.warn(code, message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Seen {
        entries: Vec<Entry>,
        warnings: Vec<&'static str>,
    }

    impl EntrySink for Seen {
        fn entry(&mut self, entry: Entry) -> Result<()> {
            self.entries.push(entry);
            Ok(())
        }
        fn data(&mut self, _: &[u8]) -> Result<()> {
            Ok(())
        }
        fn zeros(&mut self, _: u64) -> Result<()> {
            Ok(())
        }
        fn end_file(&mut self) -> Result<()> {
            Ok(())
        }
        fn warn(&mut self, code: &'static str, _: String) {
            self.warnings.push(code);
        }
    }

    fn entry(path: &str, kind: EntryKind, xattrs: &[(&str, &str)]) -> Entry {
        let xattrs = xattrs.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()));
        Entry {
            path: path.into(),
            offset: 0,
            kind,
            mode: 0o644,
            uid: 0,
            gid: 0,
            mtime: 0,
            mtime_nsec: 0,
            size: 0,
            major: 0,
            minor: 0,
            link: Vec::new(),
            xattrs: xattrs.collect(),
        }
    }

    fn through(entries: Vec<Entry>, is_on: bool) -> Result<Seen> {
        let mut seen = Seen::default();
        let mut marks = OverlayMarks::new(&mut seen, Arc::new(Account::new(Arc::default())), || is_on);
        for entry in entries {
            marks.entry(entry)?;
        }
        marks.finish();
        Ok(seen)
    }

    fn paths(seen: &Seen) -> Vec<String> {
        seen.entries.iter().map(|entry| String::from_utf8_lossy(&entry.path).into_owned()).collect()
    }

    #[test]
    fn devices_attributes_and_links_to_them_become_whiteouts() {
        let link = Entry { link: b"a/gone".to_vec(), ..entry("b", EntryKind::Hardlink, &[]) };
        let other = Entry { link: b"a/file".to_vec(), ..entry("c", EntryKind::Hardlink, &[]) };
        let tty = Entry { major: 5, ..entry("tty", EntryKind::Char, &[]) };
        let given = vec![
            entry("", EntryKind::Directory, &[("trusted.overlay.opaque", "y"), ("user.kept", "1")]),
            entry(
                "a",
                EntryKind::Directory,
                &[("user.overlay.opaque", "y"), ("trusted.overlay.origin", "?")],
            ),
            entry("a/gone", EntryKind::Char, &[]),
            link,
            other,
            entry("x", EntryKind::Directory, &[("trusted.overlay.opaque", "x")]),
            entry("x/too", EntryKind::File, &[("trusted.overlay.whiteout", "")]),
            tty,
            entry(".wh.old", EntryKind::File, &[]),
        ];
        let seen = through(given.clone(), true).unwrap();
        let wanted =
            ["", ".wh..wh..opq", "a", "a/.wh..wh..opq", "a/.wh.gone", ".wh.b", "c", "x", "x/.wh.too"];
        assert_eq!(paths(&seen), [&wanted[..], &["tty", ".wh.old"]].concat());
        let left: Vec<_> = seen.entries.iter().flat_map(|entry| &entry.xattrs).collect();
        assert_eq!(left, [&(b"user.kept".to_vec(), b"1".to_vec())]);
        assert!(seen.entries[4].kind == EntryKind::File && seen.warnings.is_empty());
        assert_eq!(through(given.clone(), false).unwrap().entries, given);
    }

    #[test]
    fn whiteouts_without_attributes_are_suspicious() {
        assert_eq!(
            through(vec![entry("gone", EntryKind::Char, &[])], true).unwrap().warnings,
            ["OVERLAY_ATTRIBUTES"]
        );
        assert!(through(vec![entry(".wh.gone", EntryKind::File, &[])], true).unwrap().warnings.is_empty());
    }

    #[test]
    fn what_lies_below_under_another_name_is_refused() {
        for mark in ["trusted.overlay.redirect", "user.overlay.metacopy"] {
            let error = through(vec![entry("d", EntryKind::Directory, &[(mark, "/x")])], true)
                .map(|_| ())
                .unwrap_err();
            assert_eq!(error.code(), "UNSUPPORTED");
        }
        let long = entry(&"n".repeat(252), EntryKind::Char, &[]);
        assert_eq!(through(vec![long], true).map(|_| ()).unwrap_err().code(), "UNSUPPORTED");
        let fits = entry(&"n".repeat(251), EntryKind::Char, &[]);
        assert!(through(vec![fits], true).is_ok());
    }
}
