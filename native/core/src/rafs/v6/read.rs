//! Reads a bootstrap back, as `write` writes it: extended inodes, no shared attributes.

use std::collections::{HashMap, HashSet};

use nydus_layout::{
    self as layout, BLOCK_SIZE, SLOT_SIZE, XATTR_PREFIXES, blob_entry, chunk_index_entry, chunk_info,
};
use nydus_layout::{dirent, extended_super_block, inode_extended, super_block, xattr_entry, xattr_header};

use super::fields::kind_of;
use super::model::{At, Inode, Kind, Mark, NONE, ROOT};
use super::recall::{Draft, Input, OtherBlobs, Positions, damaged};
use crate::blob::{BlobKind, BlobRecord};
use crate::error::Result;

const BLOCK: u64 = BLOCK_SIZE as u64;

/// Fills the draft.
pub fn read(bytes: &[u8], draft: &mut Draft, others: &OtherBlobs<'_>) -> Result<()> {
    let input = Input(bytes);
    let field = |at: usize| input.u32((layout::SUPER_OFFSET + at) as u64);
    if field(super_block::MAGIC)? != layout::SUPER_MAGIC {
        return Err(damaged("its bootstrap is no RAFS v6"));
    }
    let meta = u64::from(field(super_block::META_BLOCK)?) * BLOCK;
    let root = u32::from(input.u16((layout::SUPER_OFFSET + super_block::ROOT_NID) as u64)?);
    tables(input, draft, others)?;
    let inodes = Inodes { input, meta };
    let stored = inodes.at(root)?;
    let made = stored.inode(draft)?;
    draft.set_root(made)?;
    let mut linked: HashMap<u32, At> = HashMap::new();
    let mut directories = HashSet::from([root]);
    let mut pending = vec![(stored, ROOT)];
    while let Some((directory, dir)) = pending.pop() {
        directory.entries(|name, nid| {
            if matches!(name, b"." | b"..") {
                return Ok(());
            }
            let stored = inodes.at(nid)?;
            let known = linked.get(&nid).copied();
            let at = if let Some(at) = known {
                at
            } else {
                let inode = stored.inode(draft)?;
                let inode = draft.inode(inode)?;
                if stored.links > 1 && stored.kind != Kind::Directory {
                    linked.insert(nid, inode);
                }
                inode
            };
            let node = draft.name(dir, name, at)?;
            if stored.kind == Kind::Directory {
                if !directories.insert(nid) {
                    return Err(damaged("a directory has two names"));
                }
                pending.push((stored, draft.directory(node)?));
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// Reads the blob table and the chunk table.
fn tables(input: Input<'_>, draft: &mut Draft, others: &OtherBlobs<'_>) -> Result<()> {
    let base = layout::EXTENDED_SUPER_OFFSET;
    let word = |at: usize| input.u32((base + at) as u64);
    let long = |at: usize| input.u64((base + at) as u64);
    if word(extended_super_block::CHUNK_SIZE)? != draft.chunk_size {
        return Err(damaged("its chunks have another size"));
    }
    let size = word(extended_super_block::BLOB_TABLE_SIZE)?;
    let table = input.slice(long(extended_super_block::BLOB_TABLE_OFFSET)?, size.into())?;
    let (entries, rest) = table.as_chunks::<{ blob_entry::SIZE }>();
    if !rest.is_empty() {
        return Err(damaged("its blob table is cut off"));
    }
    let layer = draft.layer.as_ref().map(|layer| layer.id);
    let id = |entry: &[u8; blob_entry::SIZE]| {
        let id = Input(entry).array(blob_entry::BLOB_ID as u64)?;
        let is_own = id == *layout::OWN_BLOB_ID || Some(id) == layer;
        Ok((!is_own).then_some(id))
    };
    let ids = entries.iter().map(id).collect::<Result<Vec<_>>>()?;
    let described = draft.name_blobs(&ids, others)?;
    for ((entry, id), is_described) in entries.iter().zip(ids).zip(described) {
        if is_described {
            blob(Input(entry), id, draft)?;
        }
    }
    if draft.described.is_empty() {
        draft.set_chunkless_kind(word(extended_super_block::FLAGS)?);
    }
    draft.chunk_positions = Positions::new(&draft.described);
    let (start, size) =
        (long(extended_super_block::CHUNK_TABLE_OFFSET)?, long(extended_super_block::CHUNK_TABLE_SIZE)?);
    let chunk_size = u64::from(draft.chunk_size);
    for record in input.slice(start, size)?.chunks_exact(chunk_info::SIZE) {
        let (place, offset) = draft.chunk(record)?;
        draft.chunk_positions.note(place, u32::try_from(offset / chunk_size).unwrap_or(NONE));
    }
    Ok(())
}

/// Reads the entry of a blob whose chunks the bootstrap describes.
fn blob(entry: Input<'_>, id: Option<[u8; 64]>, draft: &mut Draft) -> Result<()> {
    let word = |at: usize| entry.u32(at as u64);
    let number = |at: usize| entry.u64(at as u64);
    let digester = draft.format().digester;
    let is_own = entry.array(blob_entry::BLOB_ID as u64)? == *layout::OWN_BLOB_ID;
    let layer = if is_own { None } else { draft.layer.as_ref().map(|layer| (layer.id, layer.size)) };
    if let Some((_, size)) = layer {
        draft.kind = BlobKind::referring(word(blob_entry::FEATURES)?)
            .filter(|_| number(blob_entry::COMPRESSED_SIZE).is_ok_and(|stored| stored == size))
            .ok_or_else(|| damaged("it refers to its layer in another way"))?;
    }
    let is_other = !draft.is_of_image() && word(blob_entry::COMPRESSOR)? != draft.compressor();
    if is_other || word(blob_entry::DIGESTER)? != digester.number() {
        return Err(damaged("its chunks are stored in another way"));
    }
    // What a layer's own bootstrap cannot say of its blob, an image's may.
    let is_known = |digest: &[u8; 32]| draft.is_of_image() && *digest != [0; 32];
    let digest = |at: usize| entry.array(at as u64).map(|digest| Some(digest).filter(is_known));
    let record = BlobRecord {
        id: layer.map_or(id, |(id, _)| Some(id)),
        meta: digest(blob_entry::META_DIGEST)?.zip(Some(number(blob_entry::META_SIZE)?)),
        toc_digest: digest(blob_entry::TOC_DIGEST)?,
        chunk_size: word(blob_entry::CHUNK_SIZE)?,
        compressor: word(blob_entry::COMPRESSOR)?,
        digester,
        features: word(blob_entry::FEATURES)?,
        compressed_size: number(blob_entry::COMPRESSED_SIZE)?,
        uncompressed_size: number(blob_entry::UNCOMPRESSED_SIZE)?,
        meta_compressor: word(blob_entry::META_COMPRESSOR)?,
        meta_offset: number(blob_entry::META_OFFSET)?,
        meta_compressed_size: number(blob_entry::META_COMPRESSED_SIZE)?,
        meta_uncompressed_size: number(blob_entry::META_UNCOMPRESSED_SIZE)?,
    };
    draft.describe(record, word(blob_entry::CHUNK_COUNT)?)
}

/// The area of inodes.
#[derive(Clone, Copy)]
struct Inodes<'a> {
    input: Input<'a>,
    meta: u64,
}

/// An inode as it is stored.
struct Stored<'a> {
    input: Input<'a>,
    base: u64,
    kind: Kind,
    is_inline: bool,
    mode: u16,
    size: u64,
    union: u32,
    links: u32,
    xattr_bytes: u64,
}

impl<'a> Inodes<'a> {
    fn at(self, nid: u32) -> Result<Stored<'a>> {
        let Self { input, meta } = self;
        let base = meta + u64::from(nid) * SLOT_SIZE as u64;
        let format = input.u16(base + inode_extended::FORMAT as u64)?;
        let mode = input.u16(base + inode_extended::MODE as u64)?;
        let layout = format >> 1;
        let kind = kind_of(mode).ok_or_else(|| damaged("an inode of an unknown type"))?;
        if format & 1 == 0 || (layout == layout::LAYOUT_CHUNKS) != (kind == Kind::File) {
            return Err(damaged("an inode of another form"));
        }
        let count = input.u16(base + inode_extended::XATTR_COUNT as u64)?;
        let xattr_bytes =
            count.checked_sub(1).map_or(0, |count| xattr_header::SIZE as u64 + 4 * u64::from(count));
        Ok(Stored {
            input,
            base,
            kind,
            is_inline: layout == layout::LAYOUT_INLINE,
            mode: mode & 0xFFF,
            size: input.u64(base + inode_extended::SIZE_FIELD as u64)?,
            union: input.u32(base + inode_extended::UNION as u64)?,
            links: input.u32(base + inode_extended::NLINK as u64)?,
            xattr_bytes,
        })
    }
}

impl<'a> Stored<'a> {
    fn body(&self) -> u64 {
        self.base + inode_extended::SIZE as u64 + self.xattr_bytes
    }

    /// Adds what the inode refers to, and returns it.
    fn inode(&self, draft: &mut Draft) -> Result<Inode> {
        let &Self { input, base, kind, .. } = self;
        let start = match kind {
            Kind::File => self.chunks(draft)?,
            Kind::Symlink => {
                let target = self.data(0, self.size)?;
                draft.store()?.put_target(target)?
            }
            Kind::Char | Kind::Block => self.union,
            Kind::Directory | Kind::Fifo => NONE,
        };
        let xattrs = self.xattrs()?;
        Ok(Inode {
            mtime: input.u64(base + inode_extended::MTIME as u64)?.cast_signed(),
            size: if matches!(kind, Kind::File | Kind::Symlink) { self.size } else { 0 },
            uid: input.u32(base + inode_extended::UID as u64)?,
            gid: input.u32(base + inode_extended::GID as u64)?,
            mtime_nsec: input.u32(base + inode_extended::MTIME_NSEC as u64)?,
            start,
            xattrs: draft.store()?.put_xattrs(&xattrs)?,
            mode: self.mode,
            kind,
            mark: if self.links > 1 && kind != Kind::Directory { Mark::Linked } else { Mark::None },
        })
    }

    fn chunks(&self, draft: &mut Draft) -> Result<u32> {
        let first = draft.file();
        let count = self.size.div_ceil(u64::from(draft.chunk_size));
        let bytes =
            count.checked_mul(chunk_index_entry::SIZE as u64).ok_or_else(|| damaged("a file without end"))?;
        let entries = self.input.slice(self.body().next_multiple_of(8), bytes)?;
        let mut chunks = Vec::with_capacity(entries.len() / chunk_index_entry::SIZE);
        for entry in entries.chunks_exact(chunk_index_entry::SIZE) {
            let entry = Input(entry);
            let device = u32::from(entry.u8(chunk_index_entry::DEVICE as u64)?);
            let blob = device.checked_sub(1).ok_or_else(|| damaged("a file refers to no blob"))?;
            let low = u32::from(entry.u16(chunk_index_entry::INDEX_LOW as u64)?);
            let high = u32::from(entry.u8(chunk_index_entry::INDEX_HIGH as u64)?);
            chunks.push(draft.place(blob, low | high << 16)?);
        }
        draft.refer(&chunks)?;
        Ok(first)
    }

    /// Bytes of the inode's data from `at` on, all of which lie in one block.
    fn data(&self, at: u64, len: u64) -> Result<&'a [u8]> {
        let is_tail = self.is_inline && at + BLOCK > self.size;
        let place = if is_tail { self.body() } else { u64::from(self.union) * BLOCK + at };
        if len > BLOCK {
            return Err(damaged("a symlink of more than a block"));
        }
        self.input.slice(place, len)
    }

    /// Calls `each` with the names of the directory and the places of their inodes.
    fn entries(&self, mut each: impl FnMut(&'a [u8], u32) -> Result<()>) -> Result<()> {
        let mut at = 0;
        while at < self.size {
            let block = self.data(at, BLOCK.min(self.size - at))?;
            let input = Input(block);
            let count = u64::from(input.u16(dirent::NAME_OFFSET as u64)?) / dirent::SIZE as u64;
            for number in 0..count {
                let entry = number * dirent::SIZE as u64;
                let start = u64::from(input.u16(entry + dirent::NAME_OFFSET as u64)?);
                let end = if number + 1 < count {
                    u64::from(input.u16(entry + (dirent::SIZE + dirent::NAME_OFFSET) as u64)?)
                } else {
                    block.len() as u64
                };
                let name = input
                    .slice(start, end.checked_sub(start).ok_or_else(|| damaged("names out of order"))?)?;
                // The last name of a block ends with the block or with a zero.
                let name = name.split(|&byte| byte == 0).next().unwrap_or_default();
                let nid = input.u64(entry + dirent::NID as u64)?;
                each(name, u32::try_from(nid).map_err(|_| damaged("an inode outside of it"))?)?;
            }
            at += BLOCK;
        }
        Ok(())
    }

    fn xattrs(&self) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        let mut list = Vec::new();
        let mut at = self.base + (inode_extended::SIZE + xattr_header::SIZE) as u64;
        let end = self.base + inode_extended::SIZE as u64 + self.xattr_bytes;
        while at < end {
            let length = u64::from(self.input.u8(at + xattr_entry::NAME_LENGTH as u64)?);
            let number = self.input.u8(at + xattr_entry::NAME_INDEX as u64)?;
            let size = u64::from(self.input.u16(at + xattr_entry::VALUE_SIZE as u64)?);
            let prefix = XATTR_PREFIXES.iter().find(|(index, ..)| *index == number);
            let (_, prefix, _) = prefix.ok_or_else(|| damaged("an attribute of an unknown kind"))?;
            let name = self.input.slice(at + xattr_entry::SIZE as u64, length)?;
            let value = self.input.slice(at + xattr_entry::SIZE as u64 + length, size)?;
            list.push(([*prefix, name].concat(), value.to_vec()));
            at += (xattr_entry::SIZE as u64 + length + size).next_multiple_of(4);
        }
        Ok(list)
    }
}
