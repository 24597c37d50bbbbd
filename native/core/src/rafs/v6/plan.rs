//! The plan of a bootstrap gives each inode its number, place and layout, and each table its offset. Everything is decided
//! here; `write` only writes the bytes.
//!
//! A plan is columns of numbers, a few bytes for each name, and refers to the tree for everything else, because a layer may
//! hold a million files.

use std::collections::HashMap;

use nydus_layout::{self as layout, BLOCK_SIZE, SLOT_SIZE, blob_entry, chunk_index_entry, chunk_info};
use nydus_layout::{device_slot, inode_extended, prefetch_entry};

use super::directory::{Row, size_of, with_dots};
use super::model::{At, Inode, Kind, Mark, NONE, Span, display_name, path_of};
use super::placement::Placement;
use super::used_chunks::{UsedChunks, UsedRows};
use super::{Bootstrap, Moved, xattrs};
use crate::error::{Error, Result};

/// An inode that hard links refer to.
#[derive(Clone, Copy)]
pub struct Linked {
    /// The row of its first name.
    pub row: u32,
    /// The number of its names.
    pub names: u32,
    nid: u32,
}

/// The decisions that a bootstrap is written from.
pub struct Plan {
    /// The place of each row's inode.
    nids: Vec<u32>,
    /// The block of each directory's data, by span.
    pub directory_data: Vec<u32>,
    /// The blocks of symlinks' data, in the order in which they are placed.
    pub symlink_data: Vec<u32>,
    linked: HashMap<(u16, u32), Linked>,
    /// True if an inode has extended attributes.
    pub has_xattrs: bool,
    /// The rows of the chunk table.
    pub chunks: UsedRows,
    /// Offset of the blob table in the file.
    pub blob_table: u64,
    /// Offset of the prefetch table; 0 when it is empty.
    pub prefetch: u64,
    /// The nids in the prefetch table.
    pub prefetched: Vec<u32>,
    /// Offset of the metadata area in the file.
    pub meta: u64,
    /// Offset of the chunk table in the file.
    pub chunk_table: u64,
    /// Bytes of the whole file.
    pub file_size: u64,
}

impl Plan {
    /// Plans a bootstrap. `Format` if the format cannot hold the tree, `Unsupported` for too many blobs. The second value is
    /// the moved chunks, which a merge needs to know of a layer's own bootstrap.
    pub fn new(bootstrap: &Bootstrap<'_>) -> Result<(Self, Moved)> {
        let blobs = bootstrap.table.blobs.len();
        if blobs > layout::MAX_BLOBS {
            let limit = layout::MAX_BLOBS;
            let message = format!("the image has {blobs} blobs with data; RAFS v6 holds {limit}");
            return Err(Error::unsupported(message)
                .with_hint("squash some layers of the source image, or convert to RAFS v5"));
        }
        let mut planner = Planner::new(bootstrap);
        planner.number()?;
        planner.place()?;
        let moved = planner.used.moved(bootstrap.table);
        let chunks = planner.used.into_rows(bootstrap.table);
        let block = BLOCK_SIZE as u64;
        let blob_table = if blobs == 0 {
            block
        } else {
            ((layout::DEVICE_TABLE_OFFSET + device_slot::SIZE * blobs) as u64).next_multiple_of(block)
        };
        // Without blobs there is nothing to load.
        let rows = if blobs == 0 { &[] } else { bootstrap.prefetched };
        let nid = |row: &u32| planner.nids.get(*row as usize).copied().unwrap_or(layout::ROOT_NID);
        let prefetched: Vec<u32> = rows.iter().map(nid).collect();
        let prefetch = blob_table + (blob_entry::SIZE * blobs) as u64;
        let tables_end = prefetch + (prefetch_entry::SIZE * prefetched.len()) as u64;
        let meta = if blobs == 0 { 0 } else { tables_end.next_multiple_of(block) };
        let chunk_table = (meta + planner.placement.end()).next_multiple_of(block);
        let plan = Self {
            nids: planner.nids,
            directory_data: planner.directory_data,
            symlink_data: planner.symlink_data,
            linked: planner.linked,
            has_xattrs: planner.has_xattrs,
            blob_table,
            prefetch: if prefetched.is_empty() { 0 } else { prefetch },
            prefetched,
            meta,
            chunk_table,
            file_size: (chunk_table + (chunk_info::SIZE * chunks.len()) as u64).next_multiple_of(block),
            chunks,
        };
        Ok((plan, moved))
    }

    /// The place of a row's inode.
    pub fn nid(&self, row: u32) -> u32 {
        self.nids.get(row as usize).copied().unwrap_or(0)
    }

    /// The first row and the number of names of an inode that hard links refer to.
    pub fn linked(&self, at: At) -> Option<Linked> {
        self.linked.get(&(at.store, at.number)).copied()
    }

    /// Collects the rows of a directory, including both dots, in `rows`.
    pub fn directory<'a>(&self, bootstrap: &Bootstrap<'a>, span: &Span, rows: &mut Vec<Row<'a>>) {
        rows.clear();
        let dot = |name, row| Row { name, nid: self.nid(row), file_type: layout::dirent_type::DIRECTORY };
        let children = (span.first..span.first + span.count).map(|row| Row {
            name: bootstrap.name(row),
            nid: self.nid(row),
            file_type: file_type(bootstrap.inode(row).1.kind),
        });
        with_dots(rows, children, [dot(b".", span.row), dot(b"..", span.parent)]);
    }
}

struct Planner<'a> {
    bootstrap: &'a Bootstrap<'a>,
    nids: Vec<u32>,
    directory_data: Vec<u32>,
    symlink_data: Vec<u32>,
    linked: HashMap<(u16, u32), Linked>,
    used: UsedChunks,
    placement: Placement,
    has_xattrs: bool,
}

impl<'a> Planner<'a> {
    fn new(bootstrap: &'a Bootstrap<'a>) -> Self {
        Self {
            bootstrap,
            nids: vec![0; bootstrap.walk.rows.len()],
            directory_data: Vec::with_capacity(bootstrap.walk.spans.len()),
            symlink_data: Vec::new(),
            linked: HashMap::new(),
            used: UsedChunks::new(bootstrap.table),
            placement: Placement::new(u64::from(layout::ROOT_NID) * SLOT_SIZE as u64),
            has_xattrs: false,
        }
    }

    /// Walks all names: counts links, collects chunks, finds faults.
    fn number(&mut self) -> Result<()> {
        let bootstrap = self.bootstrap;
        for row in (0u32..).take(bootstrap.walk.rows.len()) {
            let (at, inode) = bootstrap.inode(row);
            if inode.xattrs != NONE {
                self.has_xattrs = true;
                self.check_xattrs(row, at, inode)?;
            }
            if inode.mark == Mark::Linked {
                let first = Linked { row, names: 0, nid: 0 };
                self.linked.entry((at.store, at.number)).or_insert(first).names += 1;
            }
            if inode.kind == Kind::File && inode.size > 0 {
                let chunks =
                    bootstrap.store(at).map(|store| store.chunks(inode, bootstrap.format.chunk_size));
                let Some(chunks) = chunks.filter(|chunks| !chunks.is_empty()) else {
                    return Err(Error::internal(format!("a file of {} bytes has no chunks", inode.size)));
                };
                let moved = bootstrap.moved.get(usize::from(at.store)).filter(|moved| !moved.is_empty());
                self.used.add(bootstrap.table, chunks, moved)?;
            }
        }
        Ok(())
    }

    fn check_xattrs(&self, row: u32, at: At, inode: &Inode) -> Result<()> {
        let size = xattrs_size(self.bootstrap, at, inode);
        if u16::try_from(xattrs::count(size)).is_ok() {
            return Ok(());
        }
        let path = path_of(self.bootstrap.tree, self.bootstrap.stores, self.bootstrap.walk.node(row));
        let path = if path.is_empty() { "/".to_owned() } else { display_name(&path) };
        Err(Error::format(format!(
            "{path}: its xattrs take more than the 262 KB that RAFS v6 has for one file"
        )))
    }

    /// Places directories in order, and after each the other inodes in it.
    fn place(&mut self) -> Result<()> {
        let bootstrap = self.bootstrap;
        let mut names = Vec::new();
        for span in &bootstrap.walk.spans {
            let rows = span.first..span.first + span.count;
            names.clear();
            let dot = |name| Row { name, nid: 0, file_type: 0 };
            let children = rows.clone().map(|row| dot(bootstrap.name(row)));
            with_dots(&mut names, children, [dot(b"."), dot(b"..")]);
            let size = size_of(names.iter().map(|row| row.name));
            let (at, inode) = bootstrap.inode(span.row);
            let place = self.placement.place_with_data(inode_size(bootstrap, at, inode), size);
            self.directory_data.push(block_of(place.data)?);
            self.set_nid(span.row, place.offset)?;
            for row in rows {
                self.place_row(row)?;
            }
        }
        Ok(())
    }

    fn place_row(&mut self, row: u32) -> Result<()> {
        let bootstrap = self.bootstrap;
        let (at, inode) = bootstrap.inode(row);
        let known = self.linked.get(&(at.store, at.number)).map_or(0, |linked| linked.nid);
        if known != 0 && inode.mark == Mark::Linked {
            return self.set_nid(row, u64::from(known) * SLOT_SIZE as u64);
        }
        let size = inode_size(bootstrap, at, inode);
        let offset = match inode.kind {
            Kind::Directory => return Ok(()),
            Kind::File => {
                let chunks = inode.size.div_ceil(u64::from(bootstrap.format.chunk_size));
                self.placement.place_file(size.next_multiple_of(8) + chunk_index_entry::SIZE as u64 * chunks)
            }
            Kind::Symlink => {
                let place = self.placement.place_with_data(size, inode.size);
                self.symlink_data.push(block_of(place.data)?);
                place.offset
            }
            Kind::Char | Kind::Block | Kind::Fifo => self.placement.place_special(size),
        };
        self.set_nid(row, offset)?;
        if inode.mark == Mark::Linked
            && let Some(linked) = self.linked.get_mut(&(at.store, at.number))
        {
            linked.nid = self.nids.get(row as usize).copied().unwrap_or(0);
        }
        Ok(())
    }

    fn set_nid(&mut self, row: u32, offset: u64) -> Result<()> {
        let nid = u32::try_from(offset / SLOT_SIZE as u64).map_err(|_| too_large())?;
        if let Some(slot) = self.nids.get_mut(row as usize) {
            *slot = nid;
        }
        Ok(())
    }
}

/// Bytes that an inode takes before its body.
pub fn inode_size(bootstrap: &Bootstrap<'_>, at: At, inode: &Inode) -> u64 {
    let xattrs = if inode.xattrs == NONE { 0 } else { xattrs_size(bootstrap, at, inode) };
    (inode_extended::SIZE + xattrs) as u64
}

fn xattrs_size(bootstrap: &Bootstrap<'_>, at: At, inode: &Inode) -> usize {
    bootstrap.store(at).map_or(0, |store| xattrs::area_size(store.xattrs(inode)))
}

fn block_of(offset: u64) -> Result<u32> {
    u32::try_from(offset / BLOCK_SIZE as u64).map_err(|_| too_large())
}

fn too_large() -> Error {
    Error::unsupported("the metadata of the image takes more than 128 GiB")
}

/// The type in a directory entry.
const fn file_type(kind: Kind) -> u8 {
    match kind {
        Kind::File => layout::dirent_type::FILE,
        Kind::Directory => layout::dirent_type::DIRECTORY,
        Kind::Symlink => layout::dirent_type::SYMLINK,
        Kind::Char => layout::dirent_type::CHAR,
        Kind::Block => layout::dirent_type::BLOCK,
        Kind::Fifo => layout::dirent_type::FIFO,
    }
}
