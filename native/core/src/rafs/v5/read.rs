//! Reads a bootstrap back, as `write` writes it: children of a directory next to each other.

use nydus_layout::chunk_info;
use nydus_layout::v5::{self as layout, extended_blob, inode as field, inode_flags, super_block};
use nydus_layout::v5::{inode_table_entry, xattr_pair, xattr_total};

use super::fields::kind_of;
use super::model::{At, Inode, Kind, Mark, NONE, ROOT};
use super::plan::padded;
use super::recall::{Draft, Input, OtherBlobs, damaged};
use crate::blob::BlobRecord;
use crate::dict::Place;
use crate::error::Result;

/// Fills the draft.
pub fn read(bytes: &[u8], draft: &mut Draft, others: &OtherBlobs<'_>) -> Result<()> {
    let input = Input(bytes);
    let word = |at: usize| input.u32(at as u64);
    if word(super_block::MAGIC)? != layout::SUPER_MAGIC || word(super_block::VERSION)? != layout::VERSION {
        return Err(damaged("its bootstrap is no RAFS v5"));
    }
    if word(super_block::CHUNK_SIZE)? != draft.chunk_size {
        return Err(damaged("its chunks have another size"));
    }
    let format = draft.format();
    let wanted = format.compression.codec.super_flag | format.digester.super_flag();
    if word(super_block::FLAGS)? & wanted != wanted {
        return Err(damaged("its chunks are stored in another way"));
    }
    tables(input, draft, others)?;
    let rows = word(super_block::INODE_TABLE_ENTRIES)?;
    let table = input.u64(super_block::INODE_TABLE_OFFSET as u64)?;
    let mut reader = Reader { input, table, rows, made: vec![None; rows as usize] };
    let root = reader.record(0)?;
    let inode = root.inode(draft)?;
    draft.set_root(inode)?;
    let mut pending = vec![(root, 0, ROOT)];
    let mut next = 1;
    // Directories come in the order of their rows, and their children are the rows that no directory had before.
    while let Some((record, row, dir)) = pending.pop() {
        let (first, count) = record.children()?;
        if first <= row || first < next || first.checked_add(count).is_none_or(|end| end > rows) {
            return Err(damaged("directories that share their names"));
        }
        next = first + count;
        let from = pending.len();
        for row in first..next {
            let record = reader.record(row)?;
            let at = reader.inode(row, &record, draft)?;
            let node = draft.name(dir, record.name, at)?;
            if record.kind == Kind::Directory {
                pending.push((record, row, draft.directory(node)?));
            }
        }
        pending.get_mut(from..).unwrap_or_default().reverse();
    }
    Ok(())
}

/// Reads the blob table.
fn tables(input: Input<'_>, draft: &mut Draft, others: &OtherBlobs<'_>) -> Result<()> {
    let count = input.u32(super_block::EXTENDED_ENTRIES as u64)?;
    let outside = || damaged("a table outside of it");
    let extended = input.u64(super_block::EXTENDED_OFFSET as u64)?;
    let extended = input.slice(extended, u64::from(count) * extended_blob::SIZE as u64)?;
    let mut at = input.u64(super_block::BLOB_TABLE_OFFSET as u64)?;
    let mut ids = Vec::new();
    for _ in 0..count {
        let start = at.checked_add(layout::blob_prefix::SIZE as u64).ok_or_else(outside)?;
        let id: [u8; 64] = input.array(start)?;
        ids.push((id != *nydus_layout::OWN_BLOB_ID).then_some(id));
        // A zero ends each id but the last.
        at = start.checked_add(id.len() as u64 + 1).ok_or_else(outside)?;
    }
    let described = draft.name_blobs(&ids, others)?;
    for ((entry, id), is_described) in extended.chunks_exact(extended_blob::SIZE).zip(ids).zip(described) {
        if is_described {
            blob(Input(entry), id, draft)?;
        }
    }
    Ok(())
}

/// Reads the entry of a blob whose chunks the bootstrap describes.
fn blob(entry: Input<'_>, id: Option<[u8; 64]>, draft: &mut Draft) -> Result<()> {
    let record = BlobRecord {
        id,
        meta: None,
        toc_digest: None,
        chunk_size: draft.chunk_size,
        compressor: draft.compressor(),
        digester: draft.format().digester,
        features: entry.u32(extended_blob::FEATURES as u64)?,
        compressed_size: entry.u64(extended_blob::COMPRESSED_SIZE as u64)?,
        uncompressed_size: entry.u64(extended_blob::UNCOMPRESSED_SIZE as u64)?,
        meta_compressor: 0,
        meta_offset: 0,
        meta_compressed_size: 0,
        meta_uncompressed_size: 0,
    };
    draft.describe(record, entry.u32(extended_blob::CHUNK_COUNT as u64)?)
}

struct Reader<'a> {
    input: Input<'a>,
    table: u64,
    rows: u32,
    /// The inodes of rows that hard links may refer to.
    made: Vec<Option<At>>,
}

/// The record of a name.
struct Record<'a> {
    input: Input<'a>,
    base: u64,
    kind: Kind,
    name: &'a [u8],
    target: &'a [u8],
    flags: u64,
    /// Where extended attributes begin, or chunks.
    body: u64,
}

impl<'a> Reader<'a> {
    fn record(&self, row: u32) -> Result<Record<'a>> {
        let &Self { input, table, rows, .. } = self;
        if row >= rows {
            return Err(damaged("a name outside of it"));
        }
        let place = table.saturating_add(u64::from(row) * inode_table_entry::SIZE as u64);
        let base = u64::from(input.u32(place)?) * layout::INODE_UNIT as u64;
        let mode = input.u32(base + field::MODE as u64)?;
        let kind = kind_of(u16::try_from(mode & 0xF000).unwrap_or(0))
            .ok_or_else(|| damaged("an inode of an unknown type"))?;
        let name_size = input.u16(base + field::NAME_SIZE as u64)?;
        let target_size = input.u16(base + field::SYMLINK_SIZE as u64)?;
        let at = base + field::SIZE as u64;
        let name = input.slice(at, name_size.into())?;
        let at = at + padded(usize::from(name_size)) as u64;
        let target = input.slice(at, target_size.into())?;
        let body = at + padded(usize::from(target_size)) as u64;
        Ok(Record { input, base, kind, name, target, flags: input.u64(base + field::FLAGS as u64)?, body })
    }

    /// The inode of a row: that of an earlier one if the row is another name of it.
    fn inode(&mut self, row: u32, record: &Record<'a>, draft: &mut Draft) -> Result<At> {
        let is_linked = record.flags & u64::from(inode_flags::HARDLINK) != 0;
        let number = self.input.u64(record.base + field::INO as u64)?;
        let first = number.checked_sub(layout::ROOT_INO).and_then(|first| u32::try_from(first).ok());
        let first = first.filter(|_| is_linked).unwrap_or(row);
        let known = self.made.get(first as usize).copied().flatten();
        if first != row
            && let Some(at) = known
        {
            return Ok(at);
        }
        let inode = record.inode(draft)?;
        let at = draft.inode(inode)?;
        if is_linked && let Some(slot) = self.made.get_mut(first as usize) {
            *slot = Some(at);
        }
        Ok(at)
    }
}

impl Record<'_> {
    fn children(&self) -> Result<(u32, u32)> {
        let index = self.input.u32(self.base + field::CHILD_INDEX as u64)?;
        let first = index.checked_sub(1).ok_or_else(|| damaged("a directory without a place for names"))?;
        Ok((first, self.input.u32(self.base + field::CHILD_COUNT as u64)?))
    }

    fn inode(&self, draft: &mut Draft) -> Result<Inode> {
        let &Self { input, base, kind, flags, .. } = self;
        let mut at = self.body;
        let mut xattrs = Vec::new();
        if flags & u64::from(inode_flags::XATTR) != 0 {
            let total = input.u64(at)?;
            let pairs = input.slice(at + xattr_total::SIZE as u64, total)?;
            xattrs = pairs_of(pairs)?;
            at += (xattr_total::SIZE as u64 + total).next_multiple_of(layout::ALIGNMENT as u64);
        }
        let size = input.u64(base + field::SIZE_FIELD as u64)?;
        let start = match kind {
            Kind::File => chunks(input, at, size, draft)?,
            Kind::Symlink => draft.store()?.put_target(self.target)?,
            Kind::Char | Kind::Block => input.u32(base + field::RDEV as u64)?,
            Kind::Directory | Kind::Fifo => NONE,
        };
        let is_linked = flags & u64::from(inode_flags::HARDLINK) != 0;
        let mode = input.u32(base + field::MODE as u64)?;
        Ok(Inode {
            mtime: input.u64(base + field::MTIME as u64)?.cast_signed(),
            size: if matches!(kind, Kind::File | Kind::Symlink) { size } else { 0 },
            uid: input.u32(base + field::UID as u64)?,
            gid: input.u32(base + field::GID as u64)?,
            mtime_nsec: input.u32(base + field::MTIME_NSEC as u64)?,
            start,
            xattrs: draft.store()?.put_xattrs(&xattrs)?,
            mode: u16::try_from(mode & 0xFFF).unwrap_or(0),
            kind,
            mark: if is_linked { Mark::Linked } else { Mark::None },
        })
    }
}

fn chunks(input: Input<'_>, at: u64, size: u64, draft: &mut Draft) -> Result<u32> {
    let first = draft.file();
    let count = size.div_ceil(u64::from(draft.chunk_size));
    let bytes = count.checked_mul(chunk_info::SIZE as u64).ok_or_else(|| damaged("a file without end"))?;
    let records = input.slice(at, bytes)?.chunks_exact(chunk_info::SIZE);
    let places = records.map(|record| draft.chunk(record).map(|(place, _)| place));
    let places = places.collect::<Result<Vec<Place>>>()?;
    draft.refer(&places)?;
    Ok(first)
}

fn pairs_of(bytes: &[u8]) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let input = Input(bytes);
    let mut list = Vec::new();
    let mut at = 0;
    while at < bytes.len() as u64 {
        let size = u64::from(input.u32(at + xattr_pair::SIZE_FIELD as u64)?);
        let pair = input.slice(at + xattr_pair::SIZE as u64, size)?;
        let cut =
            pair.iter().position(|&byte| byte == 0).ok_or_else(|| damaged("an attribute without a name"))?;
        let (name, value) = pair.split_at_checked(cut).unwrap_or_default();
        list.push((name.to_vec(), value.get(1..).unwrap_or_default().to_vec()));
        at += xattr_pair::SIZE as u64 + size;
    }
    Ok(list)
}
