//! Checks the rules over inodes: their numbers and sizes, the names of one file, the names of a directory.

use super::at_field;
use crate::finding::Finding;
use crate::kind::Kind;
use crate::layout::rules::Sentence;
use crate::layout::v5::{COUNTED_BLOCK, NO_DEVICE, inode as field, inode_flags, xattr_total};
use crate::layout::{BLOCK_SIZE, chunk_info};
use crate::v5::{Image, Inode, padded};

pub fn judge(image: &Image<'_>, position: u32, inode: &Inode<'_>, findings: &mut Vec<Finding>) {
    judge_fields(image, position, inode, findings);
    judge_links(image, position, inode, findings);
    judge_small_fields(image, position, inode, findings);
    let first = image.links(inode.ino()).first;
    if first != position {
        judge_link(image, first, position, inode, findings);
    }
    if inode.kind == Kind::Directory {
        judge_names(image, position, inode, findings);
    }
}

/// Checks fields that follow from others.
fn judge_fields(image: &Image<'_>, position: u32, inode: &Inode<'_>, findings: &mut Vec<Finding>) {
    let view = &inode.view;
    let links = image.links(inode.ino());
    let stored_size = view.u64(field::SIZE_FIELD);
    let size = match inode.kind {
        Kind::Directory => directory_size(image.children(position)),
        Kind::Symlink => inode.target.len() as u64,
        Kind::File => stored_size,
        Kind::Char | Kind::Block | Kind::Fifo | Kind::Socket => 0,
    };
    let xattrs = inode.xattrs_size.saturating_sub(xattr_total::SIZE) as u64;
    let flags = view.u64(field::FLAGS);
    let flag = |flag: u32, is_set: bool| if is_set { u64::from(flag) } else { 0 };
    // One name of several may remain when higher layers hide the others.
    let is_linked = links.names > 1 || flags & u64::from(inode_flags::HARDLINK) != 0;
    let expected_flags = flag(inode_flags::SYMLINK, inode.kind == Kind::Symlink)
        | flag(inode_flags::HARDLINK, is_linked)
        | flag(inode_flags::XATTR, inode.has_xattrs);
    for (at, name, expected, found) in [
        (field::INO, "ino", links.lowest.into(), inode.ino()),
        (field::PROJECT, "project", 0, view.u32(field::PROJECT).into()),
        (field::SIZE_FIELD, "size", size, stored_size),
        (
            field::BLOCKS,
            "blocks",
            (stored_size + padded(xattrs)).div_ceil(COUNTED_BLOCK),
            view.u64(field::BLOCKS),
        ),
        (field::FLAGS, "flags", expected_flags, flags),
    ] {
        if expected != found {
            let finding = at_field(image, position, at, Sentence::V5Field).arg(name);
            findings.push(finding.differs(expected, found));
        }
    }
}

/// The bytes of a directory's names, each with the other bytes of a directory entry.
fn directory_size(children: &[Inode<'_>]) -> u64 {
    let size: usize = children.iter().map(|child| child.name.len() + 8).sum();
    size.next_multiple_of(BLOCK_SIZE).max(BLOCK_SIZE) as u64
}

fn judge_links(image: &Image<'_>, position: u32, inode: &Inode<'_>, findings: &mut Vec<Finding>) {
    let expected = if inode.kind == Kind::Directory {
        2 + image.children(position).iter().filter(|child| child.kind == Kind::Directory).count()
    } else {
        image.links(inode.ino()).names as usize
    };
    let found = inode.view.u32(field::NLINK);
    if expected != found as usize {
        findings.push(at_field(image, position, field::NLINK, Sentence::Links).differs(expected, found));
    }
}

/// Checks fields that have a meaning only for some kinds of files.
fn judge_small_fields(image: &Image<'_>, position: u32, inode: &Inode<'_>, findings: &mut Vec<Finding>) {
    let Inode { view, kind, .. } = inode;
    let rdev = view.u32(field::RDEV);
    let is_device = matches!(kind, Kind::Char | Kind::Block | Kind::Fifo | Kind::Socket);
    if view.u32(field::MTIME_NSEC) > 999_999_999 {
        let finding = at_field(image, position, field::MTIME_NSEC, Sentence::InodeNanoseconds);
        findings.push(finding.arg(view.u32(field::MTIME_NSEC)));
    }
    let mut report = |field: usize, sentence: Sentence, found: u32| {
        findings.push(at_field(image, position, field, sentence).arg(found).arg(kind.name()));
    };
    if !is_device && rdev != NO_DEVICE && rdev != 0 {
        report(field::RDEV, Sentence::V5Device, rdev);
    }
    let index = view.u32(field::CHILD_INDEX);
    if *kind != Kind::Directory && index != 0 {
        report(field::CHILD_INDEX, Sentence::V5ChildIndex, index);
    }
    let count = view.u32(field::CHILD_COUNT);
    if !matches!(kind, Kind::Directory | Kind::File) && count != 0 {
        report(field::CHILD_COUNT, Sentence::V5ChildCount, count);
    }
    let target_size = view.u16(field::SYMLINK_SIZE);
    if *kind != Kind::Symlink && target_size != 0 {
        report(field::SYMLINK_SIZE, Sentence::V5TargetSize, target_size.into());
    }
    if inode.target.contains(&0) {
        findings.push(at_field(image, position, field::SYMLINK_SIZE, Sentence::SymlinkNul));
    }
}

/// Every name of a file repeats all its fields, and readers use whichever name they find, so all must agree.
fn judge_link(image: &Image<'_>, first: u32, position: u32, inode: &Inode<'_>, findings: &mut Vec<Finding>) {
    let Some(first_name) = image.inodes.get(first as usize) else { return };
    if !has_same_content(image, first_name, inode) {
        findings
            .push(at_field(image, position, field::INO, Sentence::V5LinkContent).name(&image.path(first)));
    }
    let (expected, found) = (attributes(first_name), attributes(inode));
    let different: Vec<_> = expected.iter().zip(&found).filter(|(one, other)| one != other).collect();
    if different.is_empty() {
        return;
    }
    let names: Vec<_> = different.iter().map(|((name, _), _)| *name).collect();
    let text = |pairs: Vec<&(&str, i64)>| {
        pairs.iter().map(|(name, value)| format!("{name} {value}")).collect::<Vec<_>>().join(", ")
    };
    findings.push(
        at_field(image, position, field::INO, Sentence::V5LinkAttributes)
            .name(&image.path(first))
            .arg(names.join(", "))
            .differs(
                text(different.iter().map(|(one, _)| *one).collect()),
                text(different.iter().map(|(_, other)| *other).collect()),
            ),
    );
}

/// True if two inodes have the same size, and the same chunks by blob and index.
fn has_same_content(image: &Image<'_>, one: &Inode<'_>, other: &Inode<'_>) -> bool {
    let chunk = |place: usize| {
        let at = |field: usize| crate::bytes::u32_at(image.bytes, place + field);
        (at(chunk_info::BLOB_INDEX), at(chunk_info::INDEX))
    };
    one.view.u64(field::SIZE_FIELD) == other.view.u64(field::SIZE_FIELD)
        && one.records().map(chunk).eq(other.records().map(chunk))
}

fn attributes(inode: &Inode<'_>) -> [(&'static str, i64); 5] {
    let view = &inode.view;
    [
        ("mode", view.u32(field::MODE).into()),
        ("uid", view.u32(field::UID).into()),
        ("gid", view.u32(field::GID).into()),
        ("mtime", view.i64(field::MTIME)),
        ("mtimeNsec", view.u32(field::MTIME_NSEC).into()),
    ]
}

fn judge_names(image: &Image<'_>, position: u32, inode: &Inode<'_>, findings: &mut Vec<Finding>) {
    let children = image.children(position);
    let index = inode.view.u32(field::CHILD_INDEX);
    let names = image.inodes.len();
    // In an empty directory this is the number that was free next; no reader uses it.
    if children.is_empty() && (index <= inode.number || index as usize > names + 1) {
        let finding = at_field(image, position, field::CHILD_INDEX, Sentence::V5EmptyDirectory);
        findings.push(finding.arg(index).arg(names));
    }
    for (offset, (before, child)) in (0..).zip(children.iter().zip(children.iter().skip(1))) {
        if child.name > before.name {
            continue;
        }
        let path = image.path(image.first_child(position) + 1 + offset);
        let finding = Finding::new(Sentence::DirentOrder).name(child.name);
        findings.push(finding.of(path).at(child.name_at() as u64));
    }
}
