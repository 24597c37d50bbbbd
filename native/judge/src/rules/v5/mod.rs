//! Checks the rules over a v5 bootstrap: numbers and names, hard links, digests, blobs and the chunks of files.

mod blobs;
mod files;
mod inodes;
mod tables;

use super::regions::{Inside, Places, Region};
use crate::finding::Finding;
use crate::layout::rules::Sentence;
use crate::layout::v5::{
    ALIGNMENT, blob_prefix, extended_blob, inode, inode_table_entry, prefetch_entry, super_block,
};
use crate::v5::{Image, Inode};

/// Finds everything that is wrong with a bootstrap that can be followed.
pub fn judge(image: &Image<'_>) -> Vec<Finding> {
    let mut findings = tables::judge(image);
    findings.extend(blobs::judge(image));
    for (position, inode) in (0..).zip(&image.inodes) {
        inodes::judge(image, position, inode, &mut findings);
        files::judge(image, position, inode, &mut findings);
    }
    findings.extend(digests(image));
    let places = Places {
        bytes: image.bytes,
        regions: regions(image),
        reach: 0,
        unit: ALIGNMENT,
        path_of: |owner| image.path(owner),
        padding_of: |_: &Region| Vec::new(),
    };
    places.judge(&mut findings);
    findings
}

/// Makes a finding at a field of an inode.
fn at_field(image: &Image<'_>, position: u32, field: usize, sentence: Sentence) -> Finding {
    let place = image.inodes.get(position as usize).map_or(0, |inode| inode.view.place());
    Finding::new(sentence).of(image.path(position)).at((place + field) as u64)
}

/// Each inode is compared with the stored digests below it, so that a wrong digest is reported once.
fn digests(image: &Image<'_>) -> impl Iterator<Item = Finding> {
    let digester = image.tables.codecs.digester;
    (0..).zip(&image.inodes).filter_map(move |(position, stored)| {
        let target = std::iter::once(stored.target);
        let below = image.children(position).iter().map(Inode::digest);
        let chunks = stored.records().filter_map(|place| image.bytes.get(place..place + 32));
        // A directory has neither target nor chunks, and every other inode has at most one of them.
        let expected = digester.digest(target.chain(below).chain(chunks));
        let found = stored.digest();
        (expected != found).then(|| {
            at_field(image, position, inode::DIGEST, Sentence::V5Digest).differs(hex(&expected), hex(found))
        })
    })
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn regions(image: &Image<'_>) -> Vec<Region> {
    let sb = &image.tables.super_block;
    let array = |name, place: usize, count: usize, size: usize| Region {
        name,
        start: usize::try_from(sb.u64(place)).unwrap_or(usize::MAX),
        size: sb.u32(count) as usize * size,
        inside: Inside::Full,
        owner: None,
    };
    let mut regions = vec![
        Region::one(&super_block::TABLE, 0, None),
        array(
            "inode table",
            super_block::INODE_TABLE_OFFSET,
            super_block::INODE_TABLE_ENTRIES,
            inode_table_entry::SIZE,
        ),
        array(
            "prefetch table",
            super_block::PREFETCH_TABLE_OFFSET,
            super_block::PREFETCH_TABLE_ENTRIES,
            prefetch_entry::SIZE,
        ),
    ];
    regions.extend(image.tables.blobs.iter().map(|blob| Region {
        name: "blob table",
        start: blob.prefix.place(),
        size: blob_prefix::SIZE + blob.id.len(),
        inside: Inside::Full,
        owner: None,
    }));
    regions.push(Region {
        inside: Inside::Records(&extended_blob::TABLE, sb.u32(super_block::EXTENDED_ENTRIES) as usize),
        ..array(
            "extended blob table",
            super_block::EXTENDED_OFFSET,
            super_block::EXTENDED_ENTRIES,
            extended_blob::SIZE,
        )
    });
    regions.extend((0..).zip(&image.inodes).flat_map(|(position, stored)| inode_regions(position, stored)));
    regions
}

fn inode_regions(position: u32, stored: &Inode<'_>) -> [Region; 5] {
    let owner = Some(position);
    let run = |name, start, size| Region { name, start, size, inside: Inside::Full, owner };
    [
        Region::one(&inode::TABLE, stored.view.place(), owner),
        run("name", stored.name_at(), stored.name.len()),
        run("symlink target", stored.target_at(), stored.target.len()),
        run("xattrs", stored.xattrs, stored.xattrs_size),
        run("chunk records", stored.chunks, stored.end() - stored.chunks),
    ]
}
