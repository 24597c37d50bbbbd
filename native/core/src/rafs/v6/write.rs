//! Writes a planned bootstrap into one buffer; the plan has decided the place of every byte.

use nydus_layout::{self as layout, BLOCK_SIZE, SLOT_SIZE, blob_entry, blob_features, chunk_index_entry};
use nydus_layout::{chunk_info, device_slot, dirent, extended_super_block};
use nydus_layout::{inode_extended, prefetch_entry, super_block, super_flags};

use super::blob_table::BlobTable;
use super::directory::{Row, fitting};
use super::fields::{self, id_of, mode_of, narrow};
use super::model::{At, FileChunks, Inode, Kind, Mark, NONE, Span, Stretch};
use super::placement::is_inline;
use super::plan::{Plan, inode_size};
use super::used_chunks::UsedChunk;
use super::{Bootstrap, Moved, xattrs};
use crate::blob::BlobRecord;
use crate::bytes::Bytes;
use crate::dict::Place;
use crate::error::{Error, Result};

/// If uncompressed data of blobs is put after the bootstrap on one device, it starts at multiples of this.
const DEVICE_ALIGNMENT: u64 = 0x8_0000;

/// Writes the bootstrap; equal input gives equal bytes. The second value is the moved chunks, which a merge needs to know of
/// a layer's own bootstrap.
pub fn write(bootstrap: &Bootstrap<'_>) -> Result<(Vec<u8>, Moved)> {
    let (plan, moved) = Plan::new(bootstrap)?;
    let mut writer = Writer { out: Bytes::new(index(plan.file_size)), bootstrap, plan: &plan };
    writer.super_blocks()?;
    writer.blob_tables()?;
    writer.directories()?;
    writer.chunk_table()?;
    Ok((writer.out.finish()?, moved))
}

struct Writer<'a> {
    out: Bytes,
    bootstrap: &'a Bootstrap<'a>,
    plan: &'a Plan,
}

impl Writer<'_> {
    fn super_blocks(&mut self) -> Result<()> {
        let Self { out, bootstrap, plan } = self;
        let blobs = &bootstrap.table.blobs;
        let base = layout::SUPER_OFFSET;
        out.u32(base + super_block::MAGIC, layout::SUPER_MAGIC);
        out.u32(base + super_block::FEATURE_COMPAT, layout::FEATURE_COMPAT_RAFS_V6);
        out.u8(base + super_block::BLOCK_BITS, 12);
        out.u16(base + super_block::ROOT_NID, narrow(layout::ROOT_NID)?);
        out.u64(base + super_block::INOS, bootstrap.walk.rows.len() as u64);
        let blocks = blobs.iter().map(|blob| blob.record.uncompressed_size / BLOCK_SIZE as u64).sum::<u64>();
        out.u32(base + super_block::BLOCKS, narrow(blocks)?);
        out.u32(base + super_block::META_BLOCK, narrow(plan.meta / BLOCK_SIZE as u64)?);
        out.u32(base + super_block::FEATURE_INCOMPAT, layout::FEATURE_INCOMPAT);
        out.u16(base + super_block::EXTRA_DEVICES, narrow(blobs.len())?);
        out.u16(
            base + super_block::DEVICE_SLOT_OFFSET,
            narrow(layout::DEVICE_TABLE_OFFSET / device_slot::SIZE)?,
        );
        let base = layout::EXTENDED_SUPER_OFFSET;
        out.u64(base + extended_super_block::FLAGS, u64::from(flags_of(bootstrap, plan)));
        out.u64(base + extended_super_block::BLOB_TABLE_OFFSET, plan.blob_table);
        out.u32(base + extended_super_block::BLOB_TABLE_SIZE, narrow(blob_entry::SIZE * blobs.len())?);
        out.u32(base + extended_super_block::CHUNK_SIZE, bootstrap.format.chunk_size);
        out.u64(base + extended_super_block::CHUNK_TABLE_OFFSET, plan.chunk_table);
        let chunks = chunk_info::SIZE * plan.chunks.len();
        out.u64(base + extended_super_block::CHUNK_TABLE_SIZE, chunks as u64);
        out.u64(base + extended_super_block::PREFETCH_TABLE_OFFSET, plan.prefetch);
        let prefetched = prefetch_entry::SIZE * plan.prefetched.len();
        out.u32(base + extended_super_block::PREFETCH_TABLE_SIZE, narrow(prefetched)?);
        for (number, nid) in plan.prefetched.iter().enumerate() {
            let entry = index(plan.prefetch) + number * prefetch_entry::SIZE;
            out.u32(entry + prefetch_entry::NID, *nid);
        }
        Ok(())
    }

    fn blob_tables(&mut self) -> Result<()> {
        let mut position = self.plan.file_size;
        let BlobTable { blobs, .. } = self.bootstrap.table;
        for (number, blob) in blobs.iter().enumerate() {
            let record = &blob.record;
            let blocks = record.uncompressed_size / BLOCK_SIZE as u64;
            let mapped = position.next_multiple_of(DEVICE_ALIGNMENT) / BLOCK_SIZE as u64;
            position = (mapped + blocks) * BLOCK_SIZE as u64;
            let base = layout::DEVICE_TABLE_OFFSET + number * device_slot::SIZE;
            self.out.put(base + device_slot::BLOB_ID, id_of(record));
            self.out.u32(base + device_slot::BLOCKS, narrow(blocks)?);
            self.out.u32(base + device_slot::MAPPED_BLOCK, narrow(mapped)?);
            let base = index(self.plan.blob_table) + number * blob_entry::SIZE;
            self.blob_entry(base, number, record, blob.chunk_count())?;
        }
        Ok(())
    }

    fn blob_entry(&mut self, base: usize, number: usize, record: &BlobRecord, chunks: usize) -> Result<()> {
        let out = &mut self.out;
        out.put(base + blob_entry::BLOB_ID, id_of(record));
        out.u32(base + blob_entry::BLOB_INDEX, narrow(number)?);
        out.u32(base + blob_entry::CHUNK_SIZE, record.chunk_size);
        out.u32(base + blob_entry::CHUNK_COUNT, narrow(chunks)?);
        out.u32(base + blob_entry::COMPRESSOR, record.compressor);
        out.u32(base + blob_entry::DIGESTER, record.digester.number());
        out.u32(base + blob_entry::FEATURES, record.features);
        out.u64(base + blob_entry::COMPRESSED_SIZE, record.compressed_size);
        out.u64(base + blob_entry::UNCOMPRESSED_SIZE, record.uncompressed_size);
        out.u32(base + blob_entry::META_COMPRESSOR, record.meta_compressor);
        out.u64(base + blob_entry::META_OFFSET, record.meta_offset);
        out.u64(base + blob_entry::META_COMPRESSED_SIZE, record.meta_compressed_size);
        out.u64(base + blob_entry::META_UNCOMPRESSED_SIZE, record.meta_uncompressed_size);
        if let Some(digest) = &record.toc_digest {
            out.put(base + blob_entry::TOC_DIGEST, digest);
        }
        if let Some((digest, size)) = &record.meta {
            out.put(base + blob_entry::META_DIGEST, digest);
            out.u64(base + blob_entry::META_SIZE, *size);
        }
        Ok(())
    }

    /// Writes inodes in the order in which they were placed: a directory, then the other inodes in it.
    fn directories(&mut self) -> Result<()> {
        let (bootstrap, plan) = (self.bootstrap, self.plan);
        let mut rows = Vec::new();
        let mut symlinks = plan.symlink_data.iter().copied();
        for (span, &data) in bootstrap.walk.spans.iter().zip(&plan.directory_data) {
            let children = span.first..span.first + span.count;
            plan.directory(bootstrap, span, &mut rows);
            let is_dir = |row: &u32| bootstrap.inode(*row).1.kind == Kind::Directory;
            let links = 2 + children.clone().filter(is_dir).count();
            self.directory(span, data, narrow(links)?, &rows)?;
            for row in children {
                let (at, inode) = bootstrap.inode(row);
                let linked = if inode.mark == Mark::Linked { plan.linked(at) } else { None };
                if inode.kind == Kind::Directory || linked.is_some_and(|linked| linked.row != row) {
                    continue;
                }
                let links = linked.map_or(1, |linked| linked.names);
                self.leaf(row, at, inode, links, &mut symlinks)?;
            }
        }
        Ok(())
    }

    fn directory(&mut self, span: &Span, data: u32, links: u32, rows: &[Row<'_>]) -> Result<()> {
        let (at, inode) = self.bootstrap.inode(span.row);
        let size = super::directory::size_of(rows.iter().map(|row| row.name));
        let inline = is_inline(inode_size(self.bootstrap, at, inode), size);
        let layout = if inline { layout::LAYOUT_INLINE } else { layout::LAYOUT_PLAIN };
        let shown = narrow(self.plan.meta / BLOCK_SIZE as u64 + u64::from(data))?;
        let body = self.inode(&Written { row: span.row, at, inode, layout, size, union: shown, links })?;
        let mut block = index(self.plan.meta + u64::from(data) * BLOCK_SIZE as u64);
        let mut rest = rows;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(fitting(rest).max(1));
            self.block(if later.is_empty() && inline { body } else { block }, now)?;
            block += BLOCK_SIZE;
            rest = later;
        }
        Ok(())
    }

    fn block(&mut self, base: usize, rows: &[Row<'_>]) -> Result<()> {
        let mut name = dirent::SIZE * rows.len();
        for (number, row) in rows.iter().enumerate() {
            let entry = base + number * dirent::SIZE;
            self.out.u64(entry + dirent::NID, u64::from(row.nid));
            self.out.u16(entry + dirent::NAME_OFFSET, narrow(name)?);
            self.out.u8(entry + dirent::FILE_TYPE, row.file_type);
            self.out.put(base + name, row.name);
            name += row.name.len();
        }
        Ok(())
    }

    /// Writes an inode that is not a directory.
    fn leaf(
        &mut self,
        row: u32,
        at: At,
        inode: &Inode,
        links: u32,
        symlinks: &mut impl Iterator<Item = u32>,
    ) -> Result<()> {
        let bootstrap = self.bootstrap;
        let store = bootstrap.store(at).ok_or_else(|| Error::internal("a tree without its store"))?;
        let plain = Written { row, at, inode, layout: layout::LAYOUT_PLAIN, size: 0, union: 0, links };
        match inode.kind {
            Kind::File => {
                let chunks = store.chunks(inode, bootstrap.format.chunk_size);
                let union = self.chunk_format(inode.size, chunks.clone());
                let layout = layout::LAYOUT_CHUNKS;
                let body = self.inode(&Written { layout, size: inode.size, union, ..plain })?;
                self.chunk_index(body.next_multiple_of(8), chunks)?;
            }
            Kind::Symlink => {
                let data = symlinks.next().ok_or_else(|| Error::internal("a symlink has no place"))?;
                let inline = is_inline(inode_size(bootstrap, at, inode), inode.size);
                let layout = if inline { layout::LAYOUT_INLINE } else { layout::LAYOUT_PLAIN };
                let union = narrow(self.plan.meta / BLOCK_SIZE as u64 + u64::from(data))?;
                let body = self.inode(&Written { layout, size: inode.size, union, ..plain })?;
                // A target is shorter than a block, so it is inline or at the start of its block.
                let block = index(self.plan.meta + u64::from(data) * BLOCK_SIZE as u64);
                self.out.put(if inline { body } else { block }, store.target(inode));
            }
            Kind::Char | Kind::Block => {
                self.inode(&Written { union: inode.start, ..plain })?;
            }
            Kind::Fifo | Kind::Directory => {
                self.inode(&plain)?;
            }
        }
        Ok(())
    }

    /// Writes the inode and its xattrs; returns the offset of its body.
    fn inode(&mut self, written: &Written<'_>) -> Result<usize> {
        let Written { row, at, inode, layout, size, union, links } = *written;
        let base = index(self.plan.meta) + self.plan.nid(row) as usize * SLOT_SIZE;
        let store = self.bootstrap.store(at).filter(|_| inode.xattrs != NONE);
        let area = store.map_or(Ok(Vec::new()), |store| xattrs::encode(store.xattrs(inode)))?;
        let out = &mut self.out;
        out.u16(base + inode_extended::FORMAT, 1 | layout << 1);
        out.u16(base + inode_extended::XATTR_COUNT, narrow(xattrs::count(area.len()))?);
        out.u16(base + inode_extended::MODE, mode_of(inode.kind) | inode.mode);
        out.u64(base + inode_extended::SIZE_FIELD, size);
        out.u32(base + inode_extended::UNION, union);
        out.u32(base + inode_extended::INO, row + 1);
        out.u32(base + inode_extended::UID, inode.uid);
        out.u32(base + inode_extended::GID, inode.gid);
        out.u64(base + inode_extended::MTIME, inode.mtime.cast_unsigned());
        out.u32(base + inode_extended::MTIME_NSEC, inode.mtime_nsec);
        out.u32(base + inode_extended::NLINK, links);
        out.put(base + inode_extended::SIZE, &area);
        Ok(base + inode_extended::SIZE + area.len())
    }

    /// The word from which the kernel reads the size of a file's chunks. A file whose chunks follow each other in one blob counts
    /// as one extent: the kernel then reads only its first entry.
    fn chunk_format(&self, size: u64, chunks: FileChunks<'_>) -> u32 {
        let chunk_size = u64::from(self.bootstrap.format.chunk_size);
        let unit = if size > chunk_size && self.is_contiguous(chunks) {
            size.next_power_of_two()
        } else {
            chunk_size
        };
        layout::CHUNK_FORMAT_INDEXES | (unit.ilog2() - BLOCK_SIZE.ilog2())
    }

    /// True if the chunks lie in one blob, one after the other without a gap.
    fn is_contiguous(&self, mut chunks: FileChunks<'_>) -> bool {
        // A run is one chunk several times.
        let (Some(Stretch::Singles(places)), None) = (chunks.next(), chunks.next()) else { return false };
        let Some((first, blob)) = places.first().and_then(|first| {
            let blob = self.bootstrap.table.blob(first.layer)?;
            Some((first, blob))
        }) else {
            return false;
        };
        let Some(start) = blob.uncompressed_offset(first.index) else { return false };
        let step = u64::from(self.bootstrap.format.chunk_size);
        places.iter().zip(0u64..).all(|(place, number)| {
            place.layer == first.layer && blob.uncompressed_offset(place.index) == Some(start + number * step)
        })
    }

    /// Writes an entry for every chunk of a file.
    fn chunk_index(&mut self, base: usize, chunks: FileChunks<'_>) -> Result<()> {
        let mut at = base;
        for stretch in chunks {
            match stretch {
                Stretch::Singles(places) => {
                    for &place in places {
                        self.chunk_index_entry(at, place)?;
                        at += chunk_index_entry::SIZE;
                    }
                }
                Stretch::Run(place, count) => {
                    self.chunk_index_entry(at, place)?;
                    self.out.repeat(at, chunk_index_entry::SIZE, count as usize);
                    at += count as usize * chunk_index_entry::SIZE;
                }
            }
        }
        Ok(())
    }

    fn chunk_index_entry(&mut self, at: usize, Place { layer, index }: Place) -> Result<()> {
        let table = self.bootstrap.table;
        let missing = || Error::internal("a file refers to a chunk that the image does not have");
        let position = table.position(layer).ok_or_else(missing)?;
        let blob = table.blob(layer).ok_or_else(missing)?;
        let start = blob.uncompressed_offset(index).ok_or_else(missing)?;
        let index = blob.stored_index(index).ok_or_else(missing)?;
        self.out.u16(at + chunk_index_entry::INDEX_LOW, narrow(index & 0xFFFF)?);
        self.out.u8(at + chunk_index_entry::DEVICE, narrow(position + 1)?);
        self.out.u8(at + chunk_index_entry::INDEX_HIGH, narrow(index >> 16)?);
        self.out.u32(at + chunk_index_entry::BLOCK, narrow(start / BLOCK_SIZE as u64)?);
        Ok(())
    }

    fn chunk_table(&mut self) -> Result<()> {
        let mut at = index(self.plan.chunk_table);
        for UsedChunk { blob, index, position } in self.plan.chunks.iter() {
            let offset = u64::from(position) * u64::from(self.bootstrap.format.chunk_size);
            let Bootstrap { table, format, .. } = self.bootstrap;
            fields::chunk_record((&mut self.out, at), table, (blob, index), offset, format.reader)?;
            at += chunk_info::SIZE;
        }
        Ok(())
    }
}

/// The values that an inode is written from.
#[derive(Clone, Copy)]
struct Written<'a> {
    row: u32,
    at: At,
    inode: &'a Inode,
    layout: u16,
    size: u64,
    union: u32,
    links: u32,
}

fn flags_of(bootstrap: &Bootstrap<'_>, plan: &Plan) -> u32 {
    let digests = |features: u32| features & blob_features::INLINED_CHUNK_DIGEST != 0;
    let all = bootstrap.table.blobs.iter().all(|blob| digests(blob.record.features));
    let xattrs = plan.has_xattrs || bootstrap.force_xattr_flag;
    bootstrap.format.compressor_flag()
        | bootstrap.format.digester.super_flag()
        | super_flags::EXPLICIT_UID_GID
        | if xattrs { super_flags::HAS_XATTR } else { 0 }
        | if all { super_flags::INLINED_CHUNK_DIGEST } else { 0 }
        | super_flags::ENCRYPTION_NONE
}

fn index(offset: u64) -> usize {
    // An offset that does not fit lies outside every buffer, so the buffer refuses it.
    usize::try_from(offset).unwrap_or(usize::MAX / 2)
}
