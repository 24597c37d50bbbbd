//! Lists the regions of a v6 bootstrap.

use crate::finding::Finding;
use crate::kind::Kind;
use crate::layout::{
    BLOCK_SIZE, EXTENDED_SUPER_OFFSET, SUPER_OFFSET, blob_entry, chunk_index_entry, device_slot, dirent,
    extended_super_block, inode_compact, inode_extended, super_block, xattr_header,
};
use crate::rules::regions::{Inside, Places, Region};
use crate::v6::Image;
use crate::v6::inode::Fields;
use crate::v6::tables::{Run, Tables};
use crate::v6::tree::Row;
use crate::v6::xattrs;

pub fn judge(image: &Image<'_>, findings: &mut Vec<Finding>) {
    let bytes = image.bytes;
    // An empty chunk table may stand in a block of its own.
    let (reach, _) = Tables::chunk_table(bytes);
    let padding_of = |region: &Region| {
        let mut end = region.start + xattr_header::SIZE;
        let mut padding = Vec::new();
        for xattr in xattrs::read(bytes, region.start, region.start + region.size).unwrap_or_default() {
            padding.push(end..xattr.at);
            end = xattr.end;
        }
        padding.push(end..region.start + region.size);
        padding
    };
    let path_of = |number| image.tree.path(bytes, number);
    Places { bytes, regions: regions(image), reach, unit: BLOCK_SIZE, path_of, padding_of }.judge(findings);
}

fn regions(image: &Image<'_>) -> Vec<Region> {
    let Image { bytes, tables, tree, .. } = image;
    let of_run = |name, run: Run, inside| Region {
        name,
        start: run.start,
        size: run.count * run.size,
        inside,
        owner: None,
    };
    let (devices, blobs) = (tables.devices, tables.blobs);
    let mut regions = vec![
        Region::one(&super_block::TABLE, SUPER_OFFSET, None),
        Region::one(&extended_super_block::TABLE, EXTENDED_SUPER_OFFSET, None),
        of_run("device table", devices, Inside::Records(&device_slot::TABLE, devices.count)),
        of_run("blob table", blobs, Inside::Records(&blob_entry::TABLE, blobs.count)),
        of_run("prefetch table", tables.prefetch, Inside::Full),
        of_run("chunk table", tables.records, Inside::Full),
    ];
    regions.reserve(3 * tree.inodes.len());
    for number in tree.by_place() {
        if let Some(inode) = tree.inode(number) {
            add_inode(image, number, inode.place(), &inode.fields(bytes), &mut regions);
        }
    }
    regions
}

fn add_inode(image: &Image<'_>, number: u32, at: usize, fields: &Fields, regions: &mut Vec<Region>) {
    let owner = Some(number);
    let mut add = |name, start, end, inside| {
        regions.push(Region { name, start, size: end - start, inside, owner });
    };
    let table = if fields.compact { &inode_compact::TABLE } else { &inode_extended::TABLE };
    add(table.name, at, fields.xattrs, Inside::Records(table, 1));
    add("xattrs", fields.xattrs, fields.body, Inside::Padded(&xattr_header::TABLE));
    match fields.kind {
        Kind::File => {
            let start = fields.chunk_entries();
            let count = fields.chunk_count(image.tables.chunk_size);
            add("chunk entries", start, start + count * chunk_index_entry::SIZE, Inside::Full);
        }
        Kind::Symlink => {
            for (start, size) in data_blocks(fields) {
                add("symlink target", start, start + size, Inside::Full);
            }
        }
        Kind::Directory => {
            // The used part of each block is a region: its entries, then their names.
            let mut rows = image.tree.rows_of(number);
            for (start, size) in data_blocks(fields) {
                let is_within = |row: &&Row| (start..start + size).contains(&row.place());
                let (within, after) = rows.split_at(rows.iter().take_while(is_within).count());
                if let Some(last) = within.last() {
                    let inside = Inside::Records(&dirent::TABLE, within.len());
                    add("directory entries", start, last.end(), inside);
                }
                rows = after;
            }
        }
        Kind::Char | Kind::Block | Kind::Fifo | Kind::Socket => {}
    }
}

/// The data of a directory or symlink: offset and size of each block, the inline one last.
fn data_blocks(fields: &Fields) -> impl Iterator<Item = (usize, usize)> {
    let (start, len) = fields.blocks();
    let blocks = (0..len).step_by(BLOCK_SIZE).map(move |done| (start + done, BLOCK_SIZE.min(len - done)));
    let inline = (fields.tail() > 0).then_some((fields.body, fields.tail()));
    blocks.chain(inline)
}
