//! `Listing` is a tree as rows: the root is row 0, and the names of a directory are neighbours, sorted by bytes.

use std::ops::Range;

use super::Work;
use crate::error::Result;

/// What a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Node<'a> {
    /// A directory.
    Directory,
    /// A regular file and its bytes.
    File(u64),
    /// A symbolic link and its target.
    Symlink(&'a [u8]),
    /// A device or a pipe, which has no content.
    Special,
}

/// A tree whose names are looked up.
pub trait Listing {
    /// The directory that holds a row; the root holds itself.
    fn parent(&self, row: u32) -> u32;
    /// The rows in a directory; none for anything else.
    fn children(&self, row: u32) -> Range<u32>;
    /// The name of a row; empty for the root.
    fn name(&self, row: u32) -> &[u8];
    /// What the row is.
    fn node(&self, row: u32) -> Node<'_>;

    /// The row of a name in a directory.
    fn find(&self, directory: u32, name: &[u8]) -> Option<u32> {
        let Range { mut start, mut end } = self.children(directory);
        while start < end {
            let middle = start + (end - start) / 2;
            match self.name(middle).cmp(name) {
                std::cmp::Ordering::Equal => return Some(middle),
                std::cmp::Ordering::Less => start = middle + 1,
                std::cmp::Ordering::Greater => end = middle,
            }
        }
        None
    }

    /// The row that a path from the root leads to; links are followed inside the tree, as runtimes follow them.
    fn follow(&self, path: &[u8], work: &mut Work) -> Result<Option<u32>> {
        self.follow_from(0, path, work)
    }

    /// The row that a path from `start` leads to.
    fn follow_from(&self, start: u32, path: &[u8], work: &mut Work) -> Result<Option<u32>> {
        let mut at = if path.first() == Some(&b'/') { 0 } else { start };
        let mut rest: Vec<&[u8]> = path.rsplit(|&byte| byte == b'/').collect();
        let mut links = 0;
        while let Some(name) = rest.pop() {
            work.take(1)?;
            match name {
                b"" | b"." => continue,
                b".." => {
                    at = self.parent(at);
                    continue;
                }
                _ => {}
            }
            let Some(child) = self.find(at, name) else { return Ok(None) };
            let Node::Symlink(target) = self.node(child) else {
                at = child;
                continue;
            };
            links += 1;
            if links > MAX_LINKS {
                return Ok(None);
            }
            if target.first() == Some(&b'/') {
                at = 0;
            }
            rest.extend(target.rsplit(|&byte| byte == b'/'));
        }
        Ok(Some(at))
    }
}

/// The most symlinks on one path, which is the kernel's limit (MAXSYMLINKS).
const MAX_LINKS: u32 = 40;

/// A tree that comes packed from elsewhere: for each row the parent's number, a letter for its kind (`d`, `f`, `l`, `s`),
/// its size, and the lengths of name and target, then name and target themselves. Numbers are little-endian.
pub struct PackedListing {
    bytes: Vec<u8>,
    rows: Vec<PackedRow>,
}

#[derive(Clone, Default)]
struct PackedRow {
    parent: u32,
    children: Range<u32>,
    kind: u8,
    size: u64,
    name: Range<usize>,
    target: Range<usize>,
}

impl PackedListing {
    /// Reads the rows; `None` if they are not in the form of a listing.
    pub fn read(bytes: Vec<u8>) -> Option<Self> {
        let mut rows: Vec<PackedRow> = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            let word = |at: usize| Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
            let parent = word(at)?;
            let kind = *bytes.get(at + 4)?;
            let size = u64::from_le_bytes(*bytes.get(at + 5..)?.first_chunk()?);
            let name = at + 21..(at + 21).checked_add(word(at + 13)? as usize)?;
            let target = name.end..name.end.checked_add(word(at + 17)? as usize)?;
            bytes.get(name.start..target.end)?;
            at = target.end;
            let row = u32::try_from(rows.len()).ok()?;
            if row > 0 {
                let holder = rows.get_mut(parent as usize).filter(|holder| holder.kind == b'd')?;
                let Range { start, end } = holder.children;
                holder.children = match start {
                    _ if start == end => row..row + 1,
                    first if end == row => first..row + 1,
                    _ => return None,
                };
            }
            rows.push(PackedRow { parent, children: 0..0, kind, size, name, target });
        }
        (!rows.is_empty()).then_some(Self { bytes, rows })
    }

    fn row(&self, row: u32) -> PackedRow {
        self.rows.get(row as usize).cloned().unwrap_or_default()
    }
}

impl Listing for PackedListing {
    fn parent(&self, row: u32) -> u32 {
        self.row(row).parent
    }

    fn children(&self, row: u32) -> Range<u32> {
        self.row(row).children
    }

    fn name(&self, row: u32) -> &[u8] {
        self.bytes.get(self.row(row).name).unwrap_or_default()
    }

    fn node(&self, row: u32) -> Node<'_> {
        let PackedRow { kind, size, target, .. } = self.row(row);
        match kind {
            b'd' => Node::Directory,
            b'f' => Node::File(size),
            b'l' => Node::Symlink(self.bytes.get(target).unwrap_or_default()),
            _ => Node::Special,
        }
    }
}
