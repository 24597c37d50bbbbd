//! A bootstrap shows a directory without an entry as one with mode 0755, owner 0:0 and time 0, and so it shows a directory whose
//! entry says just that. A merge treats them differently. What tells them apart is kept beside the blob, as a text: one bit for
//! each directory that looks so, in walk order, set if the directory has an entry.

use super::super::model::{At, Inode, Kind, Mark, NONE, Store, Tree, Walk, inode_at};
use super::damaged;
use crate::digest::{hex, unhex};
use crate::error::Result;

/// No directory that looks implied has an entry: so it is in nearly all layers.
const NO_ENTRY: &str = "none";
/// All of them have one: so it is in layers whose times are all zero.
const ALL_ENTRIES: &str = "all";

/// Tells which directories that look implied have an entry of their own: `none`, `all`, or bits in hex.
pub fn entered_directories(walk: &Walk, tree: &Tree, stores: &[Store]) -> String {
    let mut bits = Vec::new();
    let (mut count, mut entered) = (0usize, 0usize);
    for at in lookalikes(walk, tree, stores) {
        if count.is_multiple_of(8) {
            bits.push(0u8);
        }
        if inode_at(stores, at).mark != Mark::Implied {
            entered += 1;
            if let Some(last) = bits.last_mut() {
                *last |= 1 << (count % 8);
            }
        }
        count += 1;
    }
    match entered {
        0 => NO_ENTRY.to_owned(),
        all if all == count => ALL_ENTRIES.to_owned(),
        _ => hex(&bits),
    }
}

/// Marks the directories that have no entry, after the text that `entered_directories` made.
pub fn mark_implied(walk: &Walk, tree: &Tree, stores: &mut [Store], entered: &str) -> Result<()> {
    let found: Vec<At> = lookalikes(walk, tree, stores).collect();
    let bits = match entered {
        NO_ENTRY => vec![0; found.len().div_ceil(8)],
        ALL_ENTRIES => vec![0xFF; found.len().div_ceil(8)],
        text => unhex(text.as_bytes())
            .filter(|bits| bits.len() == found.len().div_ceil(8))
            .ok_or_else(unfitting)?,
    };
    for (number, at) in found.into_iter().enumerate() {
        let byte = bits.get(number / 8).copied().unwrap_or_default();
        let has_entry = byte >> (number % 8) & 1 == 1;
        let inode = stores.get_mut(usize::from(at.store)).and_then(|store| store.inode_mut(at.number));
        if let Some(inode) = inode
            && !has_entry
        {
            inode.mark = Mark::Implied;
        }
    }
    Ok(())
}

/// The directories that look as if they had no entry, in walk order.
fn lookalikes<'a>(walk: &'a Walk, tree: &'a Tree, stores: &'a [Store]) -> impl Iterator<Item = At> + 'a {
    walk.spans.iter().map(|span| tree.node(walk.node(span.row)).inode()).filter(|&at| {
        let &Inode { mtime, uid, gid, mtime_nsec, xattrs, mode, kind, .. } = inode_at(stores, at);
        let times = (mtime, mtime_nsec, uid, gid) == (0, 0, 0, 0);
        times && xattrs == NONE && mode == 0o755 && kind == Kind::Directory
    })
}

fn unfitting() -> crate::Error {
    damaged("the marks of directories do not fit it")
}
