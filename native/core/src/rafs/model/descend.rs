//! Resolves a path in a tree: symlinks among the parents are followed inside the root, as container runtimes do when they
//! unpack, and directories without an entry are made on the way.

use super::names::display_name;
use super::store::{Inode, Kind, Mark, NONE, Store};
use super::tree::{At, ROOT, Tree, inode_at};
use crate::error::{Error, Result};
use crate::whiteout::is_whiteout;

/// The deepest directory. No path that Linux accepts is deeper (`PATH_MAX` is 4096), and recursion over trees stays within
/// the stack.
pub const MAX_DEPTH: u32 = 2048;
/// The most symlinks on one path, which is the kernel's limit (MAXSYMLINKS).
const MAX_LINKS: u32 = 40;
const MAX_NAME: usize = 255;

/// The result of resolving a path.
pub enum Descent {
    /// The path leads to this directory.
    Found(u32),
    /// A directory is missing, and the caller does not want it made.
    Missing,
    /// The path does not lead to a directory; the reason completes "entry X: …".
    Blocked(String),
}

/// The unresolved rest of a path or of a symlink's target.
#[derive(Clone, Copy)]
struct Rest {
    /// The store that holds the symlink's target; `None` for the caller's path.
    store: Option<u16>,
    at: u32,
    end: u32,
}

impl Rest {
    fn bytes<'a>(&self, path: &'a [u8], stores: &'a [Store]) -> &'a [u8] {
        match self.store {
            None => path.get(self.at as usize..self.end as usize).unwrap_or_default(),
            Some(store) => stores
                .get(usize::from(store))
                .map_or(&[], |store| store.bytes_at(self.at, self.end.saturating_sub(self.at) as usize)),
        }
    }
}

/// Resolves `path` from a directory. Missing directories are made in the store `make_in`; if it is `None`, the first missing
/// one ends the walk. `..` occurs in targets of symlinks and never leads above the root.
pub fn descend(
    tree: &mut Tree,
    stores: &mut [Store],
    from: u32,
    path: &[u8],
    make_in: Option<u16>,
) -> Result<Descent> {
    let mut place = from;
    let mut links = 0;
    let mut rest = Rest { store: None, at: 0, end: u32::try_from(path.len()).unwrap_or(u32::MAX) };
    // The rests of paths that continue after a symlink's target.
    let mut behind: Vec<Rest> = Vec::new();
    loop {
        let bytes = rest.bytes(path, stores);
        if bytes.is_empty() {
            let Some(next) = behind.pop() else { return Ok(Descent::Found(place)) };
            rest = next;
            continue;
        }
        let length = bytes.iter().position(|&byte| byte == b'/').unwrap_or(bytes.len());
        let name = bytes.get(..length).unwrap_or_default();
        if rest.store.is_some() {
            tree.link_steps += 1;
        }
        rest.at = rest.end.min(rest.at.saturating_add(u32::try_from(length + 1).unwrap_or(u32::MAX)));
        match name {
            b"" | b"." => continue,
            b".." => {
                place = tree.dir(place).parent;
                continue;
            }
            _ => {}
        }
        let hides = is_whiteout(name);
        let child = match (tree.find(stores, place, name), make_in) {
            (Some(child), _) => child,
            (None, None) => return Ok(Descent::Missing),
            (None, Some(_)) if length > MAX_NAME => {
                return Ok(Descent::Blocked(format!(
                    "a symlink on its path leads to a name of {length} bytes; {MAX_NAME} is the limit"
                )));
            }
            (None, Some(store)) => {
                let name = name.to_vec();
                make_implied(tree, stores, place, &name, store)?
            }
        };
        let node = *tree.node(child);
        if node.dir != NONE {
            if tree.dir(place).depth >= MAX_DEPTH {
                return Ok(Descent::Blocked(format!("it lies deeper than {MAX_DEPTH} directories")));
            }
            place = node.dir;
            continue;
        }
        let inode = inode_at(stores, node.inode());
        if inode.kind == Kind::File
            && hides
            && let Some(store) = make_in
        {
            place = place_beside_whiteout(tree, stores, child, store)?;
            continue;
        }
        if inode.kind != Kind::Symlink {
            let path = display_name(&path_of(tree, stores, child));
            let kind = inode.kind.word();
            return Ok(Descent::Blocked(format!("\"{path}\" on its path is not a directory but a {kind}")));
        }
        links += 1;
        if links > MAX_LINKS {
            return Ok(Descent::Blocked(format!("its path goes through more than {MAX_LINKS} symlinks")));
        }
        let size = u32::try_from(inode.size).unwrap_or(u32::MAX);
        let target =
            Rest { store: Some(node.inode().store), at: inode.start, end: inode.start.saturating_add(size) };
        if target.bytes(path, stores).first() == Some(&b'/') {
            place = ROOT;
        }
        behind.push(rest);
        rest = target;
    }
}

fn make_implied(tree: &mut Tree, stores: &mut [Store], dir: u32, name: &[u8], store: u16) -> Result<u32> {
    let here =
        stores.get_mut(usize::from(store)).ok_or_else(|| Error::internal("a tree without its store"))?;
    let name = At { store, number: here.put_name(name)? };
    let inode = At { store, number: here.push(Inode::implied_directory())? };
    let node = tree.add(stores, dir, name, inode)?;
    tree.make_dir(node)?;
    Ok(node)
}

/// Makes a whiteout a directory too. It keeps hiding a lower name, because its inode does not count as implied.
fn place_beside_whiteout(tree: &mut Tree, stores: &mut [Store], node: u32, store: u16) -> Result<u32> {
    let here =
        stores.get_mut(usize::from(store)).ok_or_else(|| Error::internal("a tree without its store"))?;
    let number = here.push(Inode { mark: Mark::None, ..Inode::implied_directory() })?;
    tree.replace(node, At { store, number });
    tree.make_dir(node)
}

/// The whole path of a node; empty for the root.
pub fn path_of(tree: &Tree, stores: &[Store], node: u32) -> Vec<u8> {
    let mut names = Vec::new();
    let mut at = node;
    while at != ROOT {
        names.push(tree.name(stores, at));
        at = tree.dir(tree.node(at).parent).node;
    }
    names.reverse();
    names.join(&b'/')
}
