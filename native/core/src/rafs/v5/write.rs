//! Writes a planned bootstrap into one buffer; the plan has decided the place of every byte.

use nydus_layout::v5::{self as layout, blob_prefix, extended_blob, inode as field, inode_flags};
use nydus_layout::v5::{inode_table_entry, prefetch_entry, super_block};
use nydus_layout::{BLOCK_SIZE, chunk_info, super_flags};

use super::fields::{chunk_record, id_of, mode_of, narrow, stored_place};
use super::model::{At, FileChunks, Inode, Kind, Mark, NONE, Span, Stretch};
use super::plan::{Plan, name_of, padded, pairs_size};
use super::{Bootstrap, Moved, xattrs};
use crate::bytes::Bytes;
use crate::digest::Digest;
use crate::error::{Error, Result};

/// The bytes of a directory entry that are counted besides the name.
const ENTRY_SIZE: usize = 8;

/// Writes the bootstrap; equal input gives equal bytes. Each file has its own chunk records, so a merge needs to know of no
/// moved chunks.
pub fn write(bootstrap: &Bootstrap<'_>) -> Result<(Vec<u8>, Moved)> {
    let plan = Plan::new(bootstrap)?;
    let mut writer = Writer { out: Bytes::new(plan.file_size), bootstrap, plan: &plan };
    writer.super_block()?;
    writer.tables()?;
    for span in &bootstrap.walk.spans {
        writer.names(span)?;
    }
    // A directory's digest is made of those of its children, so directories come after everything below them.
    for span in bootstrap.walk.spans.iter().rev() {
        writer.directory_digest(span);
    }
    Ok((writer.out.finish()?, Moved::new()))
}

struct Writer<'a> {
    out: Bytes,
    bootstrap: &'a Bootstrap<'a>,
    plan: &'a Plan,
}

/// The values that a record is written from.
struct Record<'a> {
    row: u32,
    at: At,
    inode: &'a Inode,
    parent: u64,
    size: u64,
    /// Number of the first child; 0 unless the inode is a directory.
    child_index: u32,
    child_count: u32,
    links: u32,
}

impl<'a> Writer<'a> {
    fn super_block(&mut self) -> Result<()> {
        let Self { out, bootstrap, plan } = self;
        let format = bootstrap.format;
        let flags = format.compression.codec.super_flag
            | format.digester.super_flag()
            | super_flags::EXPLICIT_UID_GID
            | if plan.has_xattrs { super_flags::HAS_XATTR } else { 0 };
        out.u32(super_block::MAGIC, layout::SUPER_MAGIC);
        out.u32(super_block::VERSION, layout::VERSION);
        out.u32(super_block::SIZE_FIELD, narrow(layout::SUPER_SIZE)?);
        out.u32(super_block::CHUNK_SIZE, format.chunk_size);
        out.u64(super_block::FLAGS, flags.into());
        out.u64(super_block::INODES, plan.inodes as u64);
        out.u64(super_block::INODE_TABLE_OFFSET, layout::SUPER_SIZE as u64);
        out.u64(super_block::PREFETCH_TABLE_OFFSET, plan.prefetch as u64);
        out.u64(super_block::BLOB_TABLE_OFFSET, plan.blob_table as u64);
        out.u32(super_block::INODE_TABLE_ENTRIES, narrow(bootstrap.walk.rows.len())?);
        out.u32(super_block::PREFETCH_TABLE_ENTRIES, narrow(plan.prefetched.len())?);
        out.u32(super_block::BLOB_TABLE_SIZE, narrow(plan.blob_table_size)?);
        out.u32(super_block::EXTENDED_ENTRIES, narrow(bootstrap.table.blobs.len())?);
        out.u64(super_block::EXTENDED_OFFSET, plan.extended as u64);
        Ok(())
    }

    fn tables(&mut self) -> Result<()> {
        let Self { out, bootstrap, plan } = self;
        for row in (0u32..).take(bootstrap.walk.rows.len()) {
            let entry = layout::SUPER_SIZE + row as usize * inode_table_entry::SIZE;
            out.u32(entry + inode_table_entry::OFFSET, plan.place_in_units(row));
        }
        for (number, &ino) in plan.prefetched.iter().enumerate() {
            out.u32(plan.prefetch + number * prefetch_entry::SIZE + prefetch_entry::INO, ino);
        }
        let mut entry = plan.blob_table;
        for (number, blob) in bootstrap.table.blobs.iter().enumerate() {
            let id = id_of(&blob.record);
            out.put(entry + blob_prefix::SIZE, id);
            entry += blob_prefix::SIZE + id.len() + 1;
            let base = plan.extended + number * extended_blob::SIZE;
            out.u32(base + extended_blob::CHUNK_COUNT, narrow(blob.chunk_count())?);
            out.u32(base + extended_blob::FEATURES, blob.record.features);
            out.u64(base + extended_blob::UNCOMPRESSED_SIZE, blob.record.uncompressed_size);
            out.u64(base + extended_blob::COMPRESSED_SIZE, blob.record.compressed_size);
        }
        Ok(())
    }

    /// Writes a directory and the other inodes in it.
    fn names(&mut self, span: &Span) -> Result<()> {
        let bootstrap = self.bootstrap;
        let children = span.first..span.first + span.count;
        let is_dir = |row: &u32| bootstrap.inode(*row).1.kind == Kind::Directory;
        let links = 2 + children.clone().filter(is_dir).count();
        let names: usize = children.clone().map(|row| bootstrap.name(row).len() + ENTRY_SIZE).sum();
        let (at, inode) = bootstrap.inode(span.row);
        self.record(&Record {
            row: span.row,
            at,
            inode,
            parent: if span.row == 0 { 0 } else { number_of(span.parent) },
            size: names.next_multiple_of(BLOCK_SIZE).max(BLOCK_SIZE) as u64,
            child_index: span.first + 1,
            child_count: span.count,
            links: narrow(links)?,
        })?;
        for row in children {
            let (at, inode) = bootstrap.inode(row);
            if inode.kind != Kind::Directory {
                self.leaf(row, at, inode, number_of(span.row))?;
            }
        }
        Ok(())
    }

    /// Writes an inode that is not a directory.
    fn leaf(&mut self, row: u32, at: At, inode: &'a Inode, parent: u64) -> Result<()> {
        let bootstrap = self.bootstrap;
        let store = bootstrap.store(at).ok_or_else(|| Error::internal("a tree without its store"))?;
        let links = self.plan.names(row, at).count;
        let plain = Record { row, at, inode, parent, size: 0, child_index: 0, child_count: 0, links };
        let digester = bootstrap.format.digester;
        let digest = match inode.kind {
            Kind::File => {
                let chunks = inode.size.div_ceil(u64::from(bootstrap.format.chunk_size));
                let body =
                    self.record(&Record { size: inode.size, child_count: narrow(chunks)?, ..plain })?;
                self.chunks(body, store.chunks(inode, bootstrap.format.chunk_size), chunks)?
            }
            Kind::Symlink => {
                self.record(&Record { size: inode.size, ..plain })?;
                digester.digest(store.target(inode))
            }
            Kind::Char | Kind::Block | Kind::Fifo | Kind::Directory => {
                self.record(&plain)?;
                digester.digest(&[])
            }
        };
        self.out.put(self.plan.offset(row) + field::DIGEST, &digest);
        Ok(())
    }

    /// Writes a record but for its digest and chunks; returns the offset of the chunks.
    fn record(&mut self, record: &Record<'_>) -> Result<usize> {
        let &Record { row, at, inode, parent, size, child_index, child_count, links } = record;
        let Self { out, bootstrap, plan } = self;
        let base = plan.offset(row);
        let name = name_of(bootstrap, row);
        let store = bootstrap.store(at);
        let target =
            store.filter(|_| inode.kind == Kind::Symlink).map_or(&[][..], |store| store.target(inode));
        let pairs = pairs_size(bootstrap, at, inode);
        out.u64(base + field::PARENT, parent);
        out.u64(base + field::INO, number_of(plan.names(row, at).row));
        out.u32(base + field::UID, inode.uid);
        out.u32(base + field::GID, inode.gid);
        out.u32(base + field::MODE, (mode_of(inode.kind) | inode.mode).into());
        out.u64(base + field::SIZE_FIELD, size);
        out.u64(base + field::BLOCKS, (size + padded(pairs) as u64).div_ceil(layout::COUNTED_BLOCK));
        out.u64(base + field::FLAGS, flags_of(inode).into());
        out.u32(base + field::NLINK, links);
        out.u32(base + field::CHILD_INDEX, child_index);
        out.u32(base + field::CHILD_COUNT, child_count);
        out.u16(base + field::NAME_SIZE, narrow(name.len())?);
        out.u16(base + field::SYMLINK_SIZE, narrow(target.len())?);
        out.u32(base + field::RDEV, device_of(inode));
        out.u32(base + field::MTIME_NSEC, inode.mtime_nsec);
        out.u64(base + field::MTIME, inode.mtime.cast_unsigned());
        let mut end = base + field::SIZE;
        for part in [name, target] {
            out.put(end, part);
            end += padded(part.len());
        }
        if let Some(store) = store.filter(|_| pairs > 0) {
            let area = xattrs::encode(store.xattrs(inode))?;
            out.put(end, &area);
            end += area.len();
        }
        Ok(end)
    }

    /// Writes the chunk records of a file, of which there must be `count`; returns the digest of the file.
    fn chunks(&mut self, base: usize, chunks: FileChunks<'_>, count: u64) -> Result<Digest> {
        let Self { out, bootstrap, .. } = self;
        let mut at = base;
        let mut file_offset = 0;
        for stretch in chunks {
            let times = if let Stretch::Run(_, times) = stretch { times } else { 1 };
            for &place in stretch.places() {
                let stored = stored_place(bootstrap.table, place)?;
                for _ in 0..times {
                    chunk_record((out, at), bootstrap.table, stored, file_offset, bootstrap.format.reader)?;
                    at += chunk_info::SIZE;
                    file_offset += u64::from(bootstrap.format.chunk_size);
                }
            }
        }
        let found = (at - base) / chunk_info::SIZE;
        if found as u64 != count {
            return Err(Error::internal(format!("a file of {count} chunks refers to {found}")));
        }
        let records = (base..at).step_by(chunk_info::SIZE);
        let digests = records.map(|record| out.slice(record + chunk_info::DIGEST, size_of::<Digest>()));
        Ok(bootstrap.format.digester.digest_pieces(digests))
    }

    fn directory_digest(&mut self, span: &Span) {
        let children = span.first..span.first + span.count;
        let digests =
            children.map(|row| self.out.slice(self.plan.offset(row) + field::DIGEST, size_of::<Digest>()));
        let digest = self.bootstrap.format.digester.digest_pieces(digests);
        self.out.put(self.plan.offset(span.row) + field::DIGEST, &digest);
    }
}

/// The number of a row. The reference counts names from 1 in walk order.
fn number_of(row: u32) -> u64 {
    u64::from(row) + layout::ROOT_INO
}

/// A name keeps the flag of hard links when the others are hidden by upper layers.
fn flags_of(inode: &Inode) -> u32 {
    let flag = |flag, is_set| if is_set { flag } else { 0 };
    flag(inode_flags::SYMLINK, inode.kind == Kind::Symlink)
        | flag(inode_flags::HARDLINK, inode.mark == Mark::Linked)
        | flag(inode_flags::XATTR, inode.xattrs != NONE)
}

fn device_of(inode: &Inode) -> u32 {
    match inode.kind {
        Kind::Char | Kind::Block => inode.start,
        Kind::Fifo => 0,
        Kind::File | Kind::Directory | Kind::Symlink => layout::NO_DEVICE,
    }
}
