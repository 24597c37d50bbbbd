//! The canonical form of a tree has one line for each entry and is the same for a folder and for an image.
//!
//! A line is `path type mode uid gid size mtime content link xattrs…`, as in the `expected.tree` files of the fixtures. Only
//! files and symlinks have a size; content is the SHA-256 of a file, the target of a symlink, `major:minor` of a device,
//! else `-`; link is the first path of the entry's set of hard links, or `-`.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::hash::Hash;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    File,
    Directory,
    Symlink,
    Char,
    Block,
    Fifo,
    Socket,
}

impl Kind {
    /// The kind in the type bits of a mode.
    pub fn from_mode(mode: u32) -> Option<Self> {
        match mode & 0o17_0000 {
            0o10_0000 => Some(Self::File),
            0o04_0000 => Some(Self::Directory),
            0o12_0000 => Some(Self::Symlink),
            0o02_0000 => Some(Self::Char),
            0o06_0000 => Some(Self::Block),
            0o01_0000 => Some(Self::Fifo),
            0o14_0000 => Some(Self::Socket),
            _ => None,
        }
    }

    fn letter(self) -> char {
        match self {
            Self::File => 'f',
            Self::Directory => 'd',
            Self::Symlink => 'l',
            Self::Char => 'c',
            Self::Block => 'b',
            Self::Fifo => 'p',
            Self::Socket => 's',
        }
    }
}

pub struct Entry {
    /// The path, which starts with `/`.
    pub path: Vec<u8>,
    pub kind: Kind,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub size: u64,
    pub mtime: i64,
    pub mtime_nanoseconds: u32,
    /// The content in its final form, which the module's comment describes.
    pub content: String,
    pub link: Option<Vec<u8>>,
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

/// Writes bytes outside 0x21…0x7E and the backslash as `\xhh`, and an empty text as `-`.
pub fn escape(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "-".to_owned();
    }
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        if (0x21..=0x7E).contains(&byte) && byte != b'\\' {
            text.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

pub fn device(major: u64, minor: u64) -> String {
    format!("{major}:{minor}")
}

impl Entry {
    pub fn to_line(&self) -> String {
        let mut mtime = self.mtime.to_string();
        if self.mtime_nanoseconds != 0 {
            let digits = format!("{:09}", self.mtime_nanoseconds);
            mtime = format!("{mtime}.{}", digits.trim_end_matches('0'));
        }
        let size = if matches!(self.kind, Kind::File | Kind::Symlink) { self.size } else { 0 };
        let mut line = format!(
            "{} {} {:04o} {} {} {size} {mtime} {} {}",
            escape(&self.path),
            self.kind.letter(),
            self.mode & 0o7777,
            self.uid,
            self.gid,
            self.content,
            self.link.as_deref().map_or_else(|| "-".to_owned(), escape),
        );
        let mut xattrs: Vec<_> = self.xattrs.iter().collect();
        xattrs.sort();
        for (name, value) in xattrs {
            let _ = write!(line, " {}={}", escape(name), hex::encode(value));
        }
        line
    }
}

/// Records the first path of each set of hard links, and counts the names of each set.
pub struct Links<K> {
    sets: HashMap<K, (Vec<u8>, u64, u64)>,
}

impl<K: Hash + Eq> Links<K> {
    pub fn new() -> Self {
        Self { sets: HashMap::new() }
    }

    /// Counts a name of the inode `key`; returns the first name of the set if the inode has several.
    pub fn name(&mut self, key: K, nlink: u64, path: &[u8]) -> Option<Vec<u8>> {
        if nlink == 1 {
            return None;
        }
        let set = self.sets.entry(key).or_insert_with(|| (path.to_owned(), nlink, 0));
        set.2 += 1;
        Some(set.0.clone())
    }

    /// Returns one sentence for each inode whose link count differs from the number of its names.
    pub fn faults(&self) -> Vec<String> {
        let wrong = self.sets.values().filter(|(_, nlink, names)| nlink != names);
        let mut faults: Vec<String> =
            wrong.map(|(path, nlink, names)| format!("{} has nlink {nlink} and {names} names", escape(path))).collect();
        faults.sort();
        faults
    }
}
