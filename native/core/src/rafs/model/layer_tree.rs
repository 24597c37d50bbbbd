//! Builds the tree of one layer from its tar entries as these arrive. Whiteouts are files here: the names that they hide are
//! in other layers, and the layer's own bootstrap keeps whiteouts as they are.

use std::sync::Arc;

use super::descend::{Descent, descend};
use super::names::display_name;
use super::store::{Inode, Kind, Mark, NONE, Store};
use super::tree::{At, ROOT, Tree};
use crate::archive::{Entry, EntryKind, NOT_IN_A_TAR};
use crate::budget::Account;
use crate::dict::Place;
use crate::error::{Error, Result};
use crate::whiteout::is_whiteout;

/// The number of the only store of a layer's own tree.
const OWN: u16 = 0;

/// A layer's tree, while it grows and when it is complete.
pub struct LayerTree {
    /// Names and directories.
    pub tree: Tree,
    /// The store of names and inodes; there is always exactly one.
    stores: Vec<Store>,
    /// The layers whose chunks the entries refer to, in the order of first use.
    pub order: Vec<u32>,
    /// Path and number of the directory of the last entry.
    last_parent: Option<(Vec<u8>, u32)>,
    account: Arc<Account>,
    /// Bytes that the version of the format takes for each chunk of a file, in the layer's bootstrap and in the image's.
    pub chunk_bytes: u64,
    /// The first entry that no file system could hold. The fault is reported when the layer is complete, and so is known to
    /// be the right one.
    fault: Option<Error>,
}

impl LayerTree {
    /// Makes a tree with a root for which there is no entry. What no entry describes is charged to the account.
    pub fn new(account: Arc<Account>, chunk_bytes: u64) -> Result<Self> {
        let mut store = Store::default();
        let root = At { store: OWN, number: store.push(Inode::implied_directory())? };
        Ok(Self {
            tree: Tree::new(root),
            stores: vec![store],
            order: Vec::new(),
            last_parent: None,
            account,
            chunk_bytes,
            fault: None,
        })
    }

    /// A complete tree that was read back.
    pub const fn recalled(
        tree: Tree,
        stores: Vec<Store>,
        order: Vec<u32>,
        account: Arc<Account>,
        chunk_bytes: u64,
    ) -> Self {
        Self { tree, stores, order, last_parent: None, account, chunk_bytes, fault: None }
    }

    /// Applies the next entry: the last entry of a path wins, a directory keeps the children it has, and a hard link adds a
    /// name to the inode that its target names at that moment. Parents without an entry become implied directories, parents
    /// that are symlinks are followed inside the root. The references of a file begin with number `reference`.
    pub fn apply(&mut self, entry: &Entry, reference: u32) {
        if self.fault.is_none() {
            let (inodes, steps) = (self.inodes(), self.tree.link_steps);
            self.fault = self.try_apply(entry, reference).and_then(|()| self.charge(inodes, steps)).err();
        }
    }

    /// Charges what the last entry took besides its own inode.
    fn charge(&self, inodes: usize, steps: u64) -> Result<()> {
        let implied = self.inodes().saturating_sub(inodes + 1);
        if implied > 0 {
            self.account.implied(implied as u64)?;
        }
        let steps = self.tree.link_steps - steps;
        if steps > 0 { self.account.link_steps(steps) } else { Ok(()) }
    }

    /// The number of inodes so far.
    pub fn inodes(&self) -> usize {
        self.stores.first().map_or(0, Store::len)
    }

    /// Adds the next reference, in file order, `count` times.
    pub fn push_references(&mut self, place: Place, count: u32) {
        // Runs of references to one layer are long, so the last one is checked first.
        if self.order.last() != Some(&place.layer) && !self.order.contains(&place.layer) {
            self.order.push(place.layer);
        }
        if let Some(store) = self.stores.first_mut() {
            store.references.push(place, count);
        }
    }

    /// Ends the entries and frees the memory that only they needed.
    pub fn complete(&mut self) {
        self.last_parent = None;
        self.tree.freeze();
        self.stores.iter_mut().for_each(Store::freeze);
    }

    /// Returns `Format`, with the entry and its offset in the tar, if an entry was one that no file system could hold.
    pub fn check(&self) -> Result<()> {
        self.fault.as_ref().map_or(Ok(()), |fault| Err(fault.duplicate()))
    }

    /// The stores that the nodes refer to.
    pub fn stores(&self) -> &[Store] {
        &self.stores
    }

    /// Separates the tree from its store.
    pub fn into_parts(self) -> (Tree, Option<Store>) {
        (self.tree, self.stores.into_iter().next())
    }

    fn try_apply(&mut self, entry: &Entry, reference: u32) -> Result<()> {
        let path = entry.path.as_slice();
        if path.is_empty() {
            if entry.kind != EntryKind::Directory {
                let word = inode_kind(entry.kind).map_or("hardlink", Kind::word);
                return Err(refusal(entry, format!("the root must be a directory, not a {word}"), None));
            }
            let root = self.tree.node(ROOT).inode();
            return self.overwrite(root, entry);
        }
        let cut = path.iter().rposition(|&byte| byte == b'/');
        let (above, name) = cut.map_or((&[][..], path), |cut| {
            (path.get(..cut).unwrap_or_default(), path.get(cut + 1..).unwrap_or_default())
        });
        let parent = self.parent(entry, above)?;
        let present = self.tree.find(&self.stores, parent, name);
        let was = present.map(|number| *self.tree.node(number));
        if let Some(node) = was
            && node.dir != NONE
            && entry.kind == EntryKind::Directory
        {
            return self.overwrite(node.inode(), entry);
        }
        if let Some(node) = was
            && node.dir != NONE
            && is_whiteout(name)
        {
            // Files in a directory named like a whiteout stay beside the whiteout.
            if let Some(inode) = self.store()?.inode_mut(node.inode().number) {
                inode.mark = Mark::None;
            }
            return Ok(());
        }
        // The replaced name may have been on the way to the directory that was found before.
        if was.is_some_and(|node| node.dir != NONE || self.inode(node.inode()).kind == Kind::Symlink) {
            self.last_parent = None;
        }
        let inode = match inode_kind(entry.kind) {
            Some(kind) => {
                let inode = self.made(entry, kind, reference)?;
                At { store: OWN, number: self.store()?.push(inode)? }
            }
            None => self.linked(entry, parent, name)?,
        };
        let node = if let Some(number) = present {
            self.tree.replace(number, inode);
            number
        } else {
            let name = At { store: OWN, number: self.store()?.put_name(name)? };
            self.tree.add(&self.stores, parent, name, inode)?
        };
        if entry.kind == EntryKind::Directory {
            self.tree.make_dir(node)?;
        }
        Ok(())
    }

    /// Finds the directory at `path`. Most entries lie in the directory of the entry before.
    fn parent(&mut self, entry: &Entry, path: &[u8]) -> Result<u32> {
        if let Some((known, dir)) = &self.last_parent
            && known == path
        {
            return Ok(*dir);
        }
        match descend(&mut self.tree, &mut self.stores, ROOT, path, Some(OWN))? {
            Descent::Found(dir) => {
                self.last_parent = Some((path.to_vec(), dir));
                Ok(dir)
            }
            Descent::Missing => Err(refusal(entry, "its directory is missing", None)),
            Descent::Blocked(reason) => Err(refusal(entry, reason, None)),
        }
    }

    /// Finds the inode that a hard link adds a name to.
    fn linked(&mut self, entry: &Entry, parent: u32, name: &[u8]) -> Result<At> {
        let target = entry.link.as_slice();
        let shown = format!("a hard link to \"{}\"", display_name(target));
        let cut = target.iter().rposition(|&byte| byte == b'/');
        let (above, last) = cut.map_or((&[][..], target), |cut| {
            (target.get(..cut).unwrap_or_default(), target.get(cut + 1..).unwrap_or_default())
        });
        let dir = match descend(&mut self.tree, &mut self.stores, ROOT, above, None)? {
            Descent::Blocked(reason) => return Err(refusal(entry, format!("{shown}: {reason}"), None)),
            Descent::Found(dir) => Some(dir),
            Descent::Missing => None,
        };
        if dir == Some(parent) && last == name {
            return Err(refusal(entry, format!("{shown}, which is itself"), None));
        }
        let found = dir.and_then(|dir| self.tree.find(&self.stores, dir, last));
        // A whiteout is no file that could have a second name.
        let Some(found) = found.filter(|_| !is_whiteout(last)) else {
            let hint = "a layer must hold every file that its hard links name; build the image again with another tool";
            let reason = format!("{shown}, which has no entry before it in this layer");
            return Err(refusal(entry, reason, Some(hint)));
        };
        let node = *self.tree.node(found);
        if node.dir != NONE {
            return Err(refusal(entry, format!("{shown}, which is a directory"), None));
        }
        if let Some(inode) = self.store()?.inode_mut(node.inode().number) {
            inode.mark = Mark::Linked;
        }
        Ok(node.inode())
    }

    fn made(&mut self, entry: &Entry, kind: Kind, reference: u32) -> Result<Inode> {
        let store = self.store()?;
        let start = match kind {
            Kind::File => reference,
            Kind::Symlink => store.put_target(&entry.link)?,
            Kind::Char | Kind::Block => device(entry.major, entry.minor),
            Kind::Directory | Kind::Fifo => NONE,
        };
        Ok(Inode {
            mtime: entry.mtime,
            size: if kind == Kind::Symlink { entry.link.len() as u64 } else { entry.size },
            uid: entry.uid,
            gid: entry.gid,
            mtime_nsec: entry.mtime_nsec,
            start,
            xattrs: store.put_xattrs(&entry.xattrs)?,
            mode: entry.mode,
            kind,
            mark: Mark::None,
        })
    }

    fn overwrite(&mut self, at: At, entry: &Entry) -> Result<()> {
        let made = self.made(entry, Kind::Directory, NONE)?;
        if let Some(inode) = self.store()?.inode_mut(at.number) {
            *inode = made;
        }
        Ok(())
    }

    fn inode(&self, at: At) -> &Inode {
        super::tree::inode_at(&self.stores, at)
    }

    fn store(&mut self) -> Result<&mut Store> {
        self.stores.first_mut().ok_or_else(|| Error::internal("a tree without its store"))
    }
}

/// `None` for a hard link, which has no inode of its own.
const fn inode_kind(kind: EntryKind) -> Option<Kind> {
    Some(match kind {
        EntryKind::File => Kind::File,
        EntryKind::Directory => Kind::Directory,
        EntryKind::Symlink => Kind::Symlink,
        EntryKind::Char => Kind::Char,
        EntryKind::Block => Kind::Block,
        EntryKind::Fifo => Kind::Fifo,
        EntryKind::Hardlink => return None,
    })
}

/// Packs 12 bits of major and 20 of minor, which are the parser's limits, as Linux' `new_encode_dev` does.
const fn device(major: u32, minor: u32) -> u32 {
    (minor & 0xFF) | major << 8 | (minor & !0xFF) << 12
}

fn refusal(entry: &Entry, reason: impl std::fmt::Display, hint: Option<&'static str>) -> Error {
    let error = match entry.offset {
        NOT_IN_A_TAR => entry.format(reason),
        offset => {
            let message = format!("tar entry \"{}\" at offset {offset}: {reason}", display_name(&entry.path));
            Error::format_at(message, &entry.path, offset)
        }
    };
    match hint {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}
