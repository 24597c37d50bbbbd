//! Merges layers in order into one tree. Whiteouts hide names of lower layers, wherever they stand in their tar, so each
//! layer is walked twice: first for everything that it hides, then for everything that it adds. (OCI image-spec, layer.md,
//! "Representing Changes")
//!
//! Ours deliberately differs from Nydus's merge in three places: an implied directory or a missing root entry does not reset
//! the attributes below, whiteouts of the lowest layer do not stay as files, and an implied directory over a symlink is the
//! directory that the symlink leads to.

use super::model::{At, Descent, Inode, Kind, MAX_DEPTH, Mark, NONE, ROOT, Store, Tree};
use super::model::{descend, display_name, inode_at, path_of};
use crate::error::{Error, Result};

const WHITEOUT: &[u8] = b".wh.";
/// Names with this prefix belong to AUFS and vanish; only the opaque marker has a meaning.
const RESERVED: &[u8] = b".wh..wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";

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
    pub fn new(mut stores: Vec<Store>) -> Result<Self> {
        let made =
            u16::try_from(stores.len()).map_err(|_| Error::unsupported("the image has too many layers"))?;
        let mut own = Store::default();
        let root = At { store: made, number: own.push(Inode::implied_directory())? };
        stores.push(own);
        Ok(Self { tree: Tree::new(root), stores, made })
    }

    /// Merges the next layer, lowest first: `upper` is its tree, `store` the number of its own store, `layer` its name in
    /// messages. The layer's tree does not change.
    pub fn add(&mut self, upper: &Tree, store: u16, layer: u32) -> Result<()> {
        let mut step = Step { overlay: self, upper, store, layer };
        step.hide(ROOT, ROOT)?;
        let root = At { store, ..upper.node(ROOT).inode() };
        if inode_at(&step.overlay.stores, root).mark != Mark::Implied {
            step.overlay.tree.set_inode(ROOT, root);
        }
        step.put(ROOT, ROOT)
    }
}

/// The merge of one layer with those below it.
struct Step<'a> {
    overlay: &'a mut Overlay,
    upper: &'a Tree,
    store: u16,
    layer: u32,
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
            if let Some(hidden) = name.strip_prefix(WHITEOUT) {
                if name == OPAQUE {
                    tree.clear(stores, place);
                } else if !name.starts_with(RESERVED) {
                    tree.remove(stores, place, hidden);
                }
            } else if above.node(child).dir != NONE {
                has_directories = true;
            }
        }
        if !has_directories {
            return Ok(());
        }
        for child in above.children(upper) {
            let dir = above.node(child).dir;
            if dir == NONE || self.name(child).starts_with(WHITEOUT) {
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
            if self.name(child).starts_with(WHITEOUT) {
                continue;
            }
            let inode = At { store: self.store, ..node.inode() };
            if node.dir == NONE {
                self.set(place, child, inode)?;
                continue;
            }
            let below = match self.lower_directory(place, child, Some(self.overlay.made))? {
                Some(below) => below,
                None => self.fresh_directory(place, child, inode)?,
            };
            if inode_at(&self.overlay.stores, inode).mark != Mark::Implied {
                let own = self.overlay.tree.dir(below).node;
                self.overlay.tree.set_inode(own, inode);
            }
            self.put(below, node.dir)?;
        }
        Ok(())
    }

    /// The lower directory that an upper one is merged with: the directory of the same name, or the one that a symlink of
    /// that name leads to if the upper layer has no entry for the name itself. With `None` the upper directory replaces the
    /// lower name.
    fn lower_directory(&mut self, place: u32, child: u32, make_in: Option<u16>) -> Result<Option<u32>> {
        let inode = At { store: self.store, ..self.upper.node(child).inode() };
        let Overlay { tree, stores, .. } = &mut *self.overlay;
        let name = name_in(stores, self.store, self.upper, child);
        let Some(present) = tree.find(stores, place, name) else { return Ok(None) };
        let present = *tree.node(present);
        if present.dir != NONE {
            return Ok(Some(present.dir));
        }
        let is_symlink = inode_at(stores, present.inode()).kind == Kind::Symlink;
        if !is_symlink || inode_at(stores, inode).mark != Mark::Implied {
            return Ok(None);
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

/// A name of a layer's own tree, whose store has another number in the merged tree.
fn name_in<'a>(stores: &'a [Store], store: u16, tree: &Tree, node: u32) -> &'a [u8] {
    stores.get(usize::from(store)).map_or(&[], |store| store.name(tree.node(node).name().number))
}
