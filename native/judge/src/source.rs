//! Reads the entries of source layers in place, as the scanner packs them (`nydus_layout::wire`).

use crate::bytes::{array, holds, i64_at, slice, u16_at, u32_at, u64_at};
use crate::kind::Kind;
use crate::layout::wire::{REPEATED, chunk_record, entry_head, entry_kind, reference, xattr_head};

/// An xattr's full name and its value.
pub type Xattr<'a> = (Vec<u8>, &'a [u8]);

/// The tables from a scan of one layer.
pub struct ScannedLayer<'a> {
    /// Packed entries in the order of the tar.
    pub entries: &'a [u8],
    /// Packed references to the chunks of files, file after file: layer and index of the chunk, or repetitions.
    pub references: &'a [u8],
    /// Packed records of the new chunks.
    pub chunks: &'a [u8],
}

/// The effect of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// The entry makes an inode.
    Inode(Kind),
    /// The entry adds a name to an inode.
    Hardlink,
}

/// An entry of a layer, by its place and the place of its references.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    layer: u32,
    head: u32,
    references: u32,
}

impl Entry {
    /// Lists all entries of a layer.
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
            let fields = EntryFields { bytes, head };
            head = fields.xattrs()?.1;
            references = Stretches::new(layer.references, references, &fields)?.end()?;
            all.push(entry);
        }
        holds(references == layer.references.len())?;
        Some(all)
    }

    /// Finds the fields of the entry; `layers` are all layers of the image.
    pub fn fields<'a>(self, layers: &[ScannedLayer<'a>]) -> Option<EntryFields<'a>> {
        let layer = layers.get(usize::try_from(self.layer).ok()?)?;
        Some(EntryFields { bytes: layer.entries, head: usize::try_from(self.head).ok()? })
    }

    /// The chunks of a file, in order.
    pub fn chunks<'a>(self, layers: &[ScannedLayer<'a>]) -> Option<Stretches<'a>> {
        let layer = layers.get(usize::try_from(self.layer).ok()?)?;
        Stretches::new(layer.references, usize::try_from(self.references).ok()?, &self.fields(layers)?)
    }
}

/// The references of a file. A hole is one chunk over and over, and takes one step.
#[derive(Debug, Clone, Copy)]
pub struct Stretches<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The number of references that are still to come.
    pub left: usize,
}

/// The reference to a chunk, and how many times it follows itself.
#[derive(Debug, Clone, Copy)]
pub struct Stretch {
    layer: u32,
    index: u32,
    pub count: usize,
}

impl<'a> Stretches<'a> {
    fn new(bytes: &'a [u8], at: usize, fields: &EntryFields<'a>) -> Option<Self> {
        Some(Self { bytes, at, left: fields.count(entry_head::REFERENCE_COUNT)? })
    }

    /// Takes the next stretch. `None`, too, if there are fewer references than the entry has.
    pub fn step(&mut self) -> Option<Stretch> {
        let (layer, index) = self.record_at(self.at)?;
        self.at += reference::SIZE;
        let mut count = 1;
        if self.left > 1
            && let Some((REPEATED, more)) = self.record_at(self.at)
        {
            self.at += reference::SIZE;
            count += usize::try_from(more).ok()?;
        }
        holds(count <= self.left)?;
        self.left -= count;
        Some(Stretch { layer, index, count })
    }

    /// The offset behind the references.
    fn end(mut self) -> Option<usize> {
        while self.left > 0 {
            self.step()?;
        }
        Some(self.at)
    }

    fn record_at(&self, at: usize) -> Option<(u32, u32)> {
        Some((u32_at(self.bytes, at + reference::LAYER)?, u32_at(self.bytes, at + reference::INDEX)?))
    }
}

impl Stretch {
    /// Digest and length of the chunk.
    pub fn chunk<'a>(self, layers: &[ScannedLayer<'a>]) -> Option<(&'a [u8], u32)> {
        let of = layers.get(usize::try_from(self.layer).ok()?)?;
        let record = usize::try_from(self.index).ok()? * chunk_record::SIZE;
        let digest = slice(of.chunks, record + chunk_record::DIGEST, 32)?;
        Some((digest, u32_at(of.chunks, record + chunk_record::UNCOMPRESSED_SIZE)?))
    }
}

/// The fields of an entry.
#[derive(Debug, Clone, Copy)]
pub struct EntryFields<'a> {
    bytes: &'a [u8],
    head: usize,
}

impl<'a> EntryFields<'a> {
    pub fn kind(&self) -> Option<EntryKind> {
        let kind = match array::<1>(self.bytes, self.head + entry_head::KIND)?[0] {
            entry_kind::FILE => Kind::File,
            entry_kind::DIRECTORY => Kind::Directory,
            entry_kind::SYMLINK => Kind::Symlink,
            entry_kind::HARDLINK => return Some(EntryKind::Hardlink),
            entry_kind::CHAR => Kind::Char,
            entry_kind::BLOCK => Kind::Block,
            entry_kind::FIFO => Kind::Fifo,
            _ => return None,
        };
        Some(EntryKind::Inode(kind))
    }

    /// Permission bits.
    pub fn mode(&self) -> Option<u16> {
        u16_at(self.bytes, self.head + entry_head::MODE)
    }

    pub fn owner(&self) -> Option<(u32, u32)> {
        Some((self.word(entry_head::UID)?, self.word(entry_head::GID)?))
    }

    pub fn mtime(&self) -> Option<(i64, u32)> {
        Some((i64_at(self.bytes, self.head + entry_head::MTIME)?, self.word(entry_head::MTIME_NSEC)?))
    }

    pub fn size(&self) -> Option<u64> {
        u64_at(self.bytes, self.head + entry_head::SIZE_FIELD)
    }

    pub fn device(&self) -> Option<(u32, u32)> {
        Some((self.word(entry_head::MAJOR)?, self.word(entry_head::MINOR)?))
    }

    pub fn path(&self) -> Option<&'a [u8]> {
        slice(self.bytes, self.head + entry_head::SIZE, self.count(entry_head::PATH_LENGTH)?)
    }

    /// The target of a symlink, or the path that a hard link names.
    pub fn target(&self) -> Option<&'a [u8]> {
        slice(
            self.bytes,
            self.head + entry_head::SIZE + self.count(entry_head::PATH_LENGTH)?,
            self.count(entry_head::LINK_LENGTH)?,
        )
    }

    /// The xattrs sorted by name, and the offset where the entry ends.
    pub fn xattrs(&self) -> Option<(Vec<Xattr<'a>>, usize)> {
        let mut found = Vec::new();
        let mut at = self.head
            + entry_head::SIZE
            + self.count(entry_head::PATH_LENGTH)?
            + self.count(entry_head::LINK_LENGTH)?;
        holds(at <= self.bytes.len())?;
        for _ in 0..self.count(entry_head::XATTR_COUNT)? {
            let name = count_at(self.bytes, at + xattr_head::NAME_LENGTH)?;
            let value = count_at(self.bytes, at + xattr_head::VALUE_LENGTH)?;
            at += xattr_head::SIZE;
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
