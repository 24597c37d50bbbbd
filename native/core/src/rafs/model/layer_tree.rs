//! The tree of one layer on its own, out of its tar entries in their order, as they come. Whiteouts are files here: what
//! they hide lies in other layers, and the layer's own bootstrap keeps them as they are.

use super::descend::{Descent, descend};
use super::names::display_name;
use super::store::{Inode, Kind, Mark, NONE, Store};
use super::tree::{At, ROOT, Tree};
use crate::archive::{Entry, EntryKind};
use crate::dict::Place;
use crate::error::{Error, Result};

/// The store of a layer's own tree.
const OWN: u16 = 0;

/// A layer's tree, growing or complete.
pub struct LayerTree {
    /// Names and directories.
    pub tree: Tree,
    /// What they are made of; always one.
    stores: Vec<Store>,
    /// Layers whose chunks the entries refer to: the first one used is the first.
    pub order: Vec<u32>,
    /// The directory that the last entry lay in.
    last_parent: Option<(Vec<u8>, u32)>,
    /// What no file system could hold. Told when the layer is complete and is known to be the right one.
    fault: Option<Error>,
}

impl LayerTree {
    /// A root that no entry has named.
    pub fn new() -> Result<Self> {
        let mut store = Store::default();
        let root = At { store: OWN, number: store.push(Inode::implied_directory())? };
        Ok(Self {
            tree: Tree::new(root),
            stores: vec![store],
            order: Vec::new(),
            last_parent: None,
            fault: None,
        })
    }

    /// Applies the next entry: the last one of a path wins, a directory keeps the children it has, a hard link is one more
    /// name of the inode that its target names at that moment. Parents without an entry become implied directories, parents
    /// that are symlinks are followed inside the root. The references of a file begin with number `reference`.
    pub fn apply(&mut self, entry: &Entry, reference: u32) {
        if self.fault.is_none() {
            self.fault = self.try_apply(entry, reference).err();
        }
    }

    /// The next reference, in file order.
    pub fn push_reference(&mut self, place: Place) {
        // Runs of one layer are long.
        if self.order.last() != Some(&place.layer) && !self.order.contains(&place.layer) {
            self.order.push(place.layer);
        }
        if let Some(store) = self.stores.first_mut() {
            store.references.push(place);
        }
    }

    /// No more entries come. Frees what only they needed.
    pub fn complete(&mut self) {
        self.last_parent = None;
        self.tree.freeze();
    }

    /// `Format`, with the entry and its offset in the tar, for what no file system could hold.
    pub fn check(&self) -> Result<()> {
        self.fault.as_ref().map_or(Ok(()), |fault| Err(fault.duplicate()))
    }

    /// What its nodes name.
    pub fn stores(&self) -> &[Store] {
        &self.stores
    }

    /// The two apart.
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
        // What stands here may have been on the way to the directory found before.
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

    /// The directory at `path`, which is that of most entries before and after this one.
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

    /// The inode that a hard link gives one more name to.
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
        let Some(found) = dir.and_then(|dir| self.tree.find(&self.stores, dir, last)) else {
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

/// 12 bits of major and 20 of minor, which is what the parser lets through, as Linux' `new_encode_dev` packs them.
const fn device(major: u32, minor: u32) -> u32 {
    (minor & 0xFF) | major << 8 | (minor & !0xFF) << 12
}

fn refusal(entry: &Entry, reason: impl std::fmt::Display, hint: Option<&'static str>) -> Error {
    let message = format!("tar entry \"{}\" at offset {}: {reason}", display_name(&entry.path), entry.offset);
    let error = Error::format_at(message, &entry.path, entry.offset);
    match hint {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}
