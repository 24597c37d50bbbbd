//! The plan of a bootstrap gives each record and each table its offset, and finds the names of each inode.

use std::collections::HashMap;

use nydus_layout::chunk_info;
use nydus_layout::v5::{self as layout, ALIGNMENT, extended_blob, inode, inode_table_entry, prefetch_entry};

use super::model::{At, Inode, Kind, Mark, NONE};
use super::{Bootstrap, xattrs};
use crate::error::{Error, Result};

/// Readers refuse a record that begins at or behind this offset.
const RECORDS_END: u64 = 1 << 32;

/// The names of an inode that hard links refer to.
#[derive(Clone, Copy)]
pub struct Names {
    /// The row of the first one.
    pub row: u32,
    /// Their number.
    pub count: u32,
}

/// The decisions that a bootstrap is written from.
pub struct Plan {
    /// The offset of each row's record in the file, in units.
    places: Vec<u32>,
    linked: HashMap<(u16, u32), Names>,
    /// The number of inodes, each counted once.
    pub inodes: usize,
    /// True if an inode has extended attributes.
    pub has_xattrs: bool,
    /// The numbers in the prefetch table.
    pub prefetched: Vec<u32>,
    /// Offset of the prefetch table in the file.
    pub prefetch: usize,
    /// Offset of the blob table.
    pub blob_table: usize,
    /// Bytes of the blob table, with padding.
    pub blob_table_size: usize,
    /// Offset of the extended blob table.
    pub extended: usize,
    /// Bytes of the whole file.
    pub file_size: usize,
}

impl Plan {
    /// Plans a bootstrap; `Unsupported` if the format cannot hold it.
    pub fn new(bootstrap: &Bootstrap<'_>) -> Result<Self> {
        let rows = bootstrap.walk.rows.len();
        let blobs = bootstrap.table.blobs.len();
        let prefetch = layout::SUPER_SIZE + padded(inode_table_entry::SIZE * rows);
        let blob_table = prefetch + padded(prefetch_entry::SIZE * bootstrap.prefetched.len());
        let blob_table_size = padded(blob_table_size(blobs));
        let extended = blob_table + blob_table_size;
        let mut plan = Self {
            places: vec![0; rows],
            linked: HashMap::new(),
            inodes: rows,
            has_xattrs: false,
            prefetched: Vec::new(),
            prefetch,
            blob_table,
            blob_table_size,
            extended,
            file_size: 0,
        };
        let end = plan.place(bootstrap, (extended + extended_blob::SIZE * blobs) as u64)?;
        // An inode has the number of its first row, from 1.
        let number = |&row: &u32| plan.names(row, bootstrap.inode(row).0).row + 1;
        plan.prefetched = bootstrap.prefetched.iter().map(number).collect();
        plan.file_size = usize::try_from(end).map_err(|_| too_large())?;
        plan.inodes -= plan.linked.values().map(|names| names.count as usize - 1).sum::<usize>();
        Ok(plan)
    }

    /// Places the records from the offset `at` on, each directory before everything below it. Returns the end of the last one.
    fn place(&mut self, bootstrap: &Bootstrap<'_>, mut at: u64) -> Result<u64> {
        for row in bootstrap.walk.depth_first() {
            if at >= RECORDS_END {
                return Err(too_large());
            }
            let (place, inode) = bootstrap.inode(row);
            if let Some(slot) = self.places.get_mut(row as usize) {
                *slot = u32::try_from(at / layout::INODE_UNIT as u64).map_err(|_| too_large())?;
            }
            self.has_xattrs |= inode.xattrs != NONE;
            at += record_size(bootstrap, row, place, inode);
        }
        // The first name is the first one in walk order, which is not the order of the records.
        for row in (0u32..).take(bootstrap.walk.rows.len()) {
            let (place, inode) = bootstrap.inode(row);
            if inode.mark == Mark::Linked {
                let names = self.linked.entry((place.store, place.number));
                names.or_insert(Names { row, count: 0 }).count += 1;
            }
        }
        Ok(at)
    }

    /// The offset of a row's record in the file, in units.
    pub fn place_in_units(&self, row: u32) -> u32 {
        self.places.get(row as usize).copied().unwrap_or(0)
    }

    /// The offset of a row's record in the file.
    pub fn offset(&self, row: u32) -> usize {
        self.place_in_units(row) as usize * layout::INODE_UNIT
    }

    /// The names of the inode that a row leads to.
    pub fn names(&self, row: u32, at: At) -> Names {
        let only = Names { row, count: 1 };
        self.linked.get(&(at.store, at.number)).copied().unwrap_or(only)
    }
}

/// Bytes of the blob table without padding: no NUL follows the last id.
const fn blob_table_size(blobs: usize) -> usize {
    let entry = layout::blob_prefix::SIZE + nydus_layout::OWN_BLOB_ID.len() + 1;
    if blobs == 0 { 0 } else { entry * blobs - 1 }
}

fn record_size(bootstrap: &Bootstrap<'_>, row: u32, at: At, inode: &Inode) -> u64 {
    let chunks = match inode.kind {
        Kind::File => inode.size.div_ceil(u64::from(bootstrap.format.chunk_size)),
        _ => 0,
    };
    let target = if inode.kind == Kind::Symlink { usize::try_from(inode.size).unwrap_or(0) } else { 0 };
    let fixed = inode::SIZE
        + padded(name_of(bootstrap, row).len())
        + padded(target)
        + xattrs::area_size(pairs_size(bootstrap, at, inode));
    fixed as u64 + chunks * chunk_info::SIZE as u64
}

/// Bytes of an inode's extended attributes; 0 without any.
pub fn pairs_size(bootstrap: &Bootstrap<'_>, at: At, inode: &Inode) -> usize {
    let store = bootstrap.store(at).filter(|_| inode.xattrs != NONE);
    store.map_or(0, |store| xattrs::pairs_size(store.xattrs(inode)))
}

/// The stored name of a row.
pub fn name_of<'a>(bootstrap: &Bootstrap<'a>, row: u32) -> &'a [u8] {
    if row == 0 { layout::ROOT_NAME } else { bootstrap.name(row) }
}

/// Rounds a size up to the alignment of everything in the file.
pub const fn padded(size: usize) -> usize {
    size.next_multiple_of(ALIGNMENT)
}

fn too_large() -> Error {
    let message = "the metadata of the image takes more than the 4 GiB that RAFS v5 has for it";
    Error::unsupported(message).with_hint("convert to RAFS v6, or with larger chunks")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::model::{LayerTree, Walk};
    use super::*;
    use crate::budget::{Account, Budget};
    use crate::format::Format;
    use crate::rafs::blob_table::BlobTable;

    #[test]
    fn a_record_behind_4_gib_is_refused() {
        let tree = LayerTree::new(Arc::new(Account::new(Arc::new(Budget::default()))), 0).unwrap();
        let walk = Walk::new(&tree.tree, tree.stores());
        let format = Format::of_version(5).unwrap();
        let bootstrap = Bootstrap {
            tree: &tree.tree,
            stores: tree.stores(),
            walk: &walk,
            table: &BlobTable::default(),
            format: &format,
            moved: &[],
            prefetched: &[0],
            force_xattr_flag: false,
        };
        let mut plan = Plan::new(&bootstrap).unwrap();
        // One record of 128 bytes and a name of 8 behind tables of 16.
        assert_eq!((plan.file_size, plan.inodes), (layout::SUPER_SIZE + 16 + 136, 1));
        assert_eq!(plan.place(&bootstrap, RECORDS_END - 8).unwrap(), RECORDS_END + 128);
        let error = plan.place(&bootstrap, RECORDS_END).unwrap_err();
        assert_eq!(error.code(), "UNSUPPORTED");
        assert!(error.to_string().contains("4 GiB that RAFS v5"), "{error}");
    }
}
