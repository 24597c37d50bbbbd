//! The entries of source layers as the scanner packs them (native/core/src/table), read in place.

use crate::bytes::{array, holds, i64_at, slice, u16_at, u32_at, u64_at};
use crate::inode::{Kind, Xattr};

/// What a scan of one layer gave.
pub struct ScannedLayer<'a> {
    /// In the order of the tar.
    pub entries: &'a [u8],
    /// Chunks of files, file after file: layer, index in its chunks.
    pub references: &'a [u8],
    /// Records of chunks.
    pub chunks: &'a [u8],
}

const HEAD: usize = 64;
const REFERENCE: usize = 8;
const CHUNK_RECORD: usize = 64;
const CHUNK_SIZE: usize = 36;

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// It makes an inode.
    Inode(Kind),
    /// It names one.
    Hardlink,
}

/// An entry of a layer: where it and its references are.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    layer: u32,
    head: u32,
    references: u32,
}

impl Entry {
    /// All of a layer.
    pub fn all(number: u32, layer: &ScannedLayer<'_>) -> Option<Vec<Self>> {
        let bytes = layer.entries;
        let mut all = Vec::new();
        let (mut head, mut references) = (0, 0);
        while head < bytes.len() {
            let entry = Self {
                layer: number,
                head: u32::try_from(head).ok()?,
                references: u32::try_from(references).ok()?,
            };
            let told = Told { bytes, head };
            head = told.xattrs()?.1;
            references += told.count(60)? * REFERENCE;
            all.push(entry);
        }
        holds(references == layer.references.len())?;
        Some(all)
    }

    /// What it says; `layers` are all.
    pub fn told<'a>(self, layers: &[ScannedLayer<'a>]) -> Option<Told<'a>> {
        let layer = layers.get(usize::try_from(self.layer).ok()?)?;
        Some(Told { bytes: layer.entries, head: usize::try_from(self.head).ok()? })
    }

    /// Digest and length of every chunk of a file.
    pub fn chunks<'a>(self, layers: &[ScannedLayer<'a>]) -> Option<Vec<(&'a [u8], u32)>> {
        let count = self.told(layers)?.count(60)?;
        let layer = layers.get(usize::try_from(self.layer).ok()?)?;
        let first = usize::try_from(self.references).ok()?;
        slice(layer.references, first, count * REFERENCE)?
            .chunks_exact(REFERENCE)
            .map(|reference| {
                let of = layers.get(usize::try_from(u32_at(reference, 0)?).ok()?)?;
                let record = usize::try_from(u32_at(reference, 4)?).ok()? * CHUNK_RECORD;
                Some((slice(of.chunks, record, 32)?, u32_at(of.chunks, record + CHUNK_SIZE)?))
            })
            .collect()
    }
}

/// The fields of an entry.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    bytes: &'a [u8],
    head: usize,
}

impl<'a> Told<'a> {
    pub fn kind(&self) -> Option<EntryKind> {
        let kind = match array::<1>(self.bytes, self.head)?[0] {
            0 => Kind::File,
            1 => Kind::Directory,
            2 => Kind::Symlink,
            3 => return Some(EntryKind::Hardlink),
            4 => Kind::Char,
            5 => Kind::Block,
            6 => Kind::Fifo,
            _ => return None,
        };
        Some(EntryKind::Inode(kind))
    }

    /// Permission bits.
    pub fn mode(&self) -> Option<u16> {
        u16_at(self.bytes, self.head + 2)
    }

    pub fn owner(&self) -> Option<(u32, u32)> {
        Some((self.word(4)?, self.word(8)?))
    }

    pub fn mtime(&self) -> Option<(i64, u32)> {
        Some((i64_at(self.bytes, self.head + 16)?, self.word(12)?))
    }

    pub fn size(&self) -> Option<u64> {
        u64_at(self.bytes, self.head + 24)
    }

    pub fn device(&self) -> Option<(u32, u32)> {
        Some((self.word(40)?, self.word(44)?))
    }

    pub fn path(&self) -> Option<&'a [u8]> {
        slice(self.bytes, self.head + HEAD, self.count(48)?)
    }

    /// Of symlinks, and the path that a hard link names.
    pub fn target(&self) -> Option<&'a [u8]> {
        slice(self.bytes, self.head + HEAD + self.count(48)?, self.count(52)?)
    }

    /// By name, and where the entry ends.
    pub fn xattrs(&self) -> Option<(Vec<Xattr<'a>>, usize)> {
        let mut found = Vec::new();
        let mut at = self.head + HEAD + self.count(48)? + self.count(52)?;
        holds(at <= self.bytes.len())?;
        for _ in 0..self.count(56)? {
            let (name, value) = (count_at(self.bytes, at)?, count_at(self.bytes, at + 4)?);
            at += 8;
            found.push((slice(self.bytes, at, name)?.to_vec(), slice(self.bytes, at + name, value)?));
            at += name + value;
        }
        found.sort_unstable();
        Some((found, at))
    }

    fn word(&self, field: usize) -> Option<u32> {
        u32_at(self.bytes, self.head + field)
    }

    fn count(&self, field: usize) -> Option<usize> {
        count_at(self.bytes, self.head + field)
    }
}

fn count_at(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(u32_at(bytes, at)?).ok()
}
