//! Merges layers in order into one tree. Whiteouts hide names of lower layers, wherever they stand in their tar, so each
//! layer is walked twice: first for everything that it hides, then for everything that it adds. (OCI image-spec, layer.md,
//! "Representing Changes")
//!
//! Ours deliberately differs from Nydus's merge in three places: an implied directory or a missing root entry does not reset
//! the attributes below, whiteouts of the lowest layer do not stay as files, and an implied directory over a symlink is the
//! directory that the symlink leads to.
//!
//! A whiteout makes neither a name nor the directories on its path: a directory without an entry of its own is merged only if
//! it leads to something else. Where files lie in a directory that is named like a whiteout, runtimes make that directory, as
//! they make any other without an entry; so do we.

use std::collections::HashMap;

use super::model::{At, Descent, Inode, Kind, MAX_DEPTH, Mark, NONE, ROOT, Store, Tree};
use super::model::{descend, display_name, inode_at, path_of};
use crate::error::{Error, Result};
use crate::whiteout::{Whiteout, is_aufs_record, is_whiteout, whiteout};

/// A tree that grows layer by layer. Names and inodes stay in the layers' stores, so hard links stay hard links.
pub struct Overlay {
    /// The tree that a container sees of the layers so far.
    pub tree: Tree,
    /// The stores of the layers, and after them one for directories that no layer has and that are made on the way.
    pub stores: Vec<Store>,
    made: u16,
}

impl Overlay {
    /// An empty tree over the stores of layers.
    pub fn new(stores: Vec<Store>) -> Result<Self> {
        let (stores, made) = with_own(stores)?;
        let mut overlay = Self { tree: Tree::new(At { store: made, number: NONE }), stores, made };
        let root = overlay.implied_directory()?;
        overlay.tree.set_inode(ROOT, root);
        Ok(overlay)
    }

    /// The tree of an image that is merged already, whose store is the first of these.
    pub fn onto(tree: Tree, stores: Vec<Store>) -> Result<Self> {
        let (stores, made) = with_own(stores)?;
        Ok(Self { tree, stores, made })
    }

    /// Merges the next layer, lowest first: `upper` is its tree, `store` the number of its own store, `layer` its name in
    /// messages. The layer's tree does not change. A layer that `is_recalled` does not know the order of its entries:
    /// `Unsupported` where that matters.
    pub fn add(&mut self, upper: &Tree, (store, layer): (u16, u32), is_recalled: bool) -> Result<()> {
        let mut step = Step { overlay: self, upper, store, layer, is_recalled, known: HashMap::new() };
        step.hide(ROOT, ROOT)?;
        let root = At { store, ..upper.node(ROOT).inode() };
        if inode_at(&step.overlay.stores, root).mark != Mark::Implied {
            step.overlay.tree.set_inode(ROOT, root);
        }
        step.put(ROOT, ROOT)
    }

    /// The inode of a directory that no layer has an entry for.
    fn implied_directory(&mut self) -> Result<At> {
        let own = self.stores.get_mut(usize::from(self.made));
        let own = own.ok_or_else(|| Error::internal("a tree without its store"))?;
        Ok(At { store: self.made, number: own.push(Inode::implied_directory())? })
    }
}

/// Adds the store of directories that no layer has; returns its number, too.
fn with_own(mut stores: Vec<Store>) -> Result<(Vec<Store>, u16)> {
    let made =
        u16::try_from(stores.len()).map_err(|_| Error::unsupported("the image has too many layers"))?;
    stores.push(Store::default());
    Ok((stores, made))
}

/// The merge of one layer with those below it.
struct Step<'a> {
    overlay: &'a mut Overlay,
    upper: &'a Tree,
    store: u16,
    layer: u32,
    is_recalled: bool,
    /// Answers of `leads_to_names` about directories of the layer.
    known: HashMap<u32, bool>,
}

impl Step<'_> {
    /// Removes from the lower directory `place` every name that the whiteouts in the upper directory `upper` hide.
    fn hide(&mut self, place: u32, upper: u32) -> Result<()> {
        if self.overlay.tree.is_empty(place) {
            return Ok(());
        }
        let above = self.upper;
        let mut has_directories = false;
        for child in above.children(upper) {
            let Overlay { tree, stores, .. } = &mut *self.overlay;
            let name = name_in(stores, self.store, above, child);
            let node = above.node(child);
            has_directories |= node.dir != NONE;
            let Some(whiteout) = whiteout(name) else { continue };
            if is_implied(stores, self.store, above, child) {
                continue; // a directory on the path of other entries
            }
            match whiteout {
                Whiteout::Opaque => tree.clear(stores, place),
                Whiteout::Name(hidden) => tree.remove(stores, place, hidden),
                Whiteout::Reserved => {}
            }
        }
        if !has_directories {
            return Ok(());
        }
        for child in above.children(upper) {
            let dir = above.node(child).dir;
            if dir == NONE {
                continue;
            }
            if let Some(below) = self.lower_directory(place, child, None)? {
                self.hide(below, dir)?;
            }
        }
        Ok(())
    }

    /// Adds the names of the directory `upper` to the directory `place`.
    fn put(&mut self, place: u32, upper: u32) -> Result<()> {
        let above = self.upper;
        for child in above.children(upper) {
            let node = above.node(child);
            let name = self.name(child);
            let hides = is_whiteout(name);
            if (upper == ROOT && is_aufs_record(name)) || (hides && node.dir == NONE) {
                continue;
            }
            let own = At { store: self.store, ..node.inode() };
            if node.dir == NONE {
                self.set(place, child, own)?;
                continue;
            }
            let implied = hides || inode_at(&self.overlay.stores, own).mark == Mark::Implied;
            if implied && !self.leads_to_names(node.dir) {
                continue;
            }
            // A whiteout's own attributes belong to no directory.
            let inode = if hides { self.overlay.implied_directory()? } else { own };
            let below = match self.lower_directory(place, child, Some(self.overlay.made))? {
                Some(below) => below,
                None => self.fresh_directory(place, child, inode)?,
            };
            if !implied {
                let node = self.overlay.tree.dir(below).node;
                self.overlay.tree.set_inode(node, inode);
            }
            self.put(below, node.dir)?;
        }
        Ok(())
    }

    /// True if a directory of the layer leads to a name that the merged tree gets from the layer.
    fn leads_to_names(&mut self, dir: u32) -> bool {
        if let Some(&known) = self.known.get(&dir) {
            return known;
        }
        let above = self.upper;
        let found = above.children(dir).any(|child| {
            let below = above.node(child).dir;
            let hides = is_whiteout(self.name(child));
            match below {
                NONE => !hides,
                _ if hides || is_implied(&self.overlay.stores, self.store, above, child) => {
                    self.leads_to_names(below)
                }
                _ => true,
            }
        });
        self.known.insert(dir, found);
        found
    }

    /// The lower directory that an upper one is merged with: the directory of the same name, or the one that a symlink of
    /// that name leads to if the upper layer has no entry for the name itself. With `None` the upper directory replaces the
    /// lower name.
    fn lower_directory(&mut self, place: u32, child: u32, make_in: Option<u16>) -> Result<Option<u32>> {
        let Overlay { tree, stores, .. } = &mut *self.overlay;
        let name = name_in(stores, self.store, self.upper, child);
        let Some(present) = tree.find(stores, place, name) else { return Ok(None) };
        let present = *tree.node(present);
        if present.dir != NONE {
            return Ok(Some(present.dir));
        }
        let is_symlink = inode_at(stores, present.inode()).kind == Kind::Symlink;
        if !is_symlink || !is_implied(stores, self.store, self.upper, child) {
            return Ok(None);
        }
        if self.is_recalled {
            // Two paths may lead to one name here, and then the later entry wins.
            let reason = "its entries lead through a symlink of a lower layer, so that their order matters";
            return Err(Error::unsupported(format!("layer {}: {reason}", self.layer)));
        }
        // A symlink that does not lead to a directory is replaced, as a file is.
        let name = name.to_vec();
        match descend(tree, stores, place, &name, make_in)? {
            Descent::Found(dir) => Ok(Some(dir)),
            Descent::Missing | Descent::Blocked(_) => Ok(None),
        }
    }

    fn fresh_directory(&mut self, place: u32, child: u32, inode: At) -> Result<u32> {
        if self.overlay.tree.dir(place).depth >= MAX_DEPTH {
            let dir = self.overlay.tree.dir(place).node;
            let mut path = path_of(&self.overlay.tree, &self.overlay.stores, dir);
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend_from_slice(self.name(child));
            let path = display_name(&path);
            return Err(Error::format(format!(
                "\"{path}\" of layer {}: it lies deeper than {MAX_DEPTH} directories",
                self.layer
            )));
        }
        let node = self.set(place, child, inode)?;
        self.overlay.tree.make_dir(node)
    }

    /// Makes the upper name lead to an inode, whatever inode it led to before.
    fn set(&mut self, place: u32, child: u32, inode: At) -> Result<u32> {
        let Overlay { tree, stores, .. } = &mut *self.overlay;
        if let Some(present) = tree.find(stores, place, name_in(stores, self.store, self.upper, child)) {
            tree.replace(present, inode);
            return Ok(present);
        }
        let name = At { store: self.store, ..self.upper.node(child).name() };
        tree.add(stores, place, name, inode)
    }

    fn name(&self, child: u32) -> &[u8] {
        name_in(&self.overlay.stores, self.store, self.upper, child)
    }
}

/// True for a directory of a layer's own tree that has no entry.
fn is_implied(stores: &[Store], store: u16, tree: &Tree, node: u32) -> bool {
    let node = tree.node(node);
    node.dir != NONE && inode_at(stores, At { store, ..node.inode() }).mark == Mark::Implied
}

/// A name of a layer's own tree, whose store has another number in the merged tree.
fn name_in<'a>(stores: &'a [Store], store: u16, tree: &Tree, node: u32) -> &'a [u8] {
    stores.get(usize::from(store)).map_or(&[], |store| store.name(tree.node(node).name().number))
}
