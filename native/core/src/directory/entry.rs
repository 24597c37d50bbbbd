//! What an inode of the directory becomes in the layer.

use super::DirectoryOptions;
use super::attributes::Xattrs;
use super::facts::Facts;
use crate::archive::{Entry, EntryKind, NOT_IN_A_TAR};

impl DirectoryOptions {
    /// An entry with the attributes of the inode, as far as the options leave them.
    pub(super) fn entry(&self, path: &[u8], kind: EntryKind, facts: &Facts, xattrs: Xattrs) -> Entry {
        let (uid, gid) = self.owner.unwrap_or((facts.uid, facts.gid));
        let (mtime, mtime_nsec) = self.mtime.map_or(facts.mtime, |seconds| (seconds, 0));
        Entry {
            path: path.to_vec(),
            offset: NOT_IN_A_TAR,
            kind,
            mode: facts.mode,
            uid,
            gid,
            mtime,
            mtime_nsec,
            size: if kind == EntryKind::File { facts.size } else { 0 },
            major: 0,
            minor: 0,
            link: Vec::new(),
            xattrs,
        }
    }
}
