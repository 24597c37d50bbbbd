//! Checks the rules over the super block and the prefetch table.

use crate::finding::Finding;
use crate::layout::rules::Sentence;
use crate::layout::super_flags;
use crate::layout::v5::{ALIGNMENT, SUPER_SIZE, super_block};
use crate::v5::Image;

pub fn judge(image: &Image<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    judge_counts(image, &mut findings);
    judge_flags(image, &mut findings);
    for (place, ino) in image.tables.prefetch(image.bytes) {
        if image.links(ino.into()).names == 0 {
            findings.push(Finding::new(Sentence::V5PrefetchIno).arg(ino).at(place as u64));
        }
    }
    judge_empty_tables(image, &mut findings);
    findings
}

fn judge_counts(image: &Image<'_>, findings: &mut Vec<Finding>) {
    let sb = &image.tables.super_block;
    for (field, what, expected, found) in [
        (super_block::INODES, "inodes", image.inode_count(), sb.u64(super_block::INODES)),
        (super_block::INODE_TABLE_ENTRIES, "names", image.inodes.len(), image.tables.names.into()),
    ] {
        if expected as u64 != found {
            let finding = Finding::new(Sentence::V5Count).arg(what).at(field as u64);
            findings.push(finding.differs(expected, found));
        }
    }
}

fn judge_flags(image: &Image<'_>, findings: &mut Vec<Finding>) {
    let flags = image.tables.super_block.u64(super_block::FLAGS);
    let has = |flag: u32| flags & u64::from(flag) != 0;
    let offset = super_block::FLAGS as u64;
    if has(super_flags::ENCRYPTION_AES_128_XTS | super_flags::TARFS_MODE) {
        findings.push(Finding::new(Sentence::V5SuperFlags).arg(flags).at(offset));
    }
    let with_xattrs = (0..).zip(&image.inodes).find(|(_, inode)| inode.has_xattrs);
    if let Some((position, _)) = with_xattrs.filter(|_| !has(super_flags::HAS_XATTR)) {
        findings.push(Finding::new(Sentence::SuperXattrs).of(image.path(position)).at(offset));
    }
}

/// A table without entries may have any offset that a reader can use.
fn judge_empty_tables(image: &Image<'_>, findings: &mut Vec<Finding>) {
    let sb = &image.tables.super_block;
    for (name, place, entries) in [
        ("prefetch table", super_block::PREFETCH_TABLE_OFFSET, super_block::PREFETCH_TABLE_ENTRIES),
        ("blob table", super_block::BLOB_TABLE_OFFSET, super_block::BLOB_TABLE_SIZE),
        ("extended blob table", super_block::EXTENDED_OFFSET, super_block::EXTENDED_ENTRIES),
    ] {
        let place = sb.u64(place);
        let may_be = place == 0 || (place.is_multiple_of(ALIGNMENT as u64) && place >= SUPER_SIZE as u64);
        if sb.u32(entries) == 0 && !may_be {
            findings.push(Finding::new(Sentence::V5TableEmpty).arg(name).arg(place).at(0));
        }
    }
}
