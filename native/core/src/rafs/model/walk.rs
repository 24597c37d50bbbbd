//! The order in which RAFS numbers, stores and merges: all names of one directory sorted by bytes, then the directories
//! among them, each with all that is below it. (Nydus calls it breadth-first; it is not.)

use super::store::{Inode, NONE, Store};
use super::tree::{ROOT, Tree, inode_at};

/// A directory and the rows of its names.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// Its own row.
    pub row: u32,
    /// That of the directory above; the root's is its own.
    pub parent: u32,
    /// Its first name.
    pub first: u32,
    /// How many names it has.
    pub count: u32,
}

/// Every name once, the root first.
pub struct Walk {
    /// Nodes of the tree.
    pub rows: Vec<u32>,
    /// The directories, in the order in which their names come.
    pub spans: Vec<Span>,
}

impl Walk {
    /// As deep as the tree is, without recursion.
    pub fn new(tree: &Tree, stores: &[Store]) -> Self {
        let mut rows = Vec::with_capacity(tree.len());
        rows.push(ROOT);
        let mut spans = Vec::new();
        let mut pending: Vec<(u32, u32)> = vec![(0, 0)];
        while let Some((row, parent)) = pending.pop() {
            let node = rows.get(row as usize).copied().unwrap_or(NONE);
            let from = rows.len();
            rows.extend(tree.children(tree.node(node).dir));
            let names = rows.get_mut(from..).unwrap_or_default();
            // No two are equal.
            names.sort_unstable_by(|&one, &two| tree.name(stores, one).cmp(tree.name(stores, two)));
            let below = pending.len();
            for (number, &child) in (from..).zip(names.iter()) {
                if tree.node(child).dir != NONE {
                    pending.push((row_of(number), row));
                }
            }
            // The first directory in order is the next to be popped.
            pending.get_mut(below..).unwrap_or_default().reverse();
            spans.push(Span { row, parent, first: row_of(from), count: row_of(rows.len() - from) });
        }
        Self { rows, spans }
    }

    /// The node of a row.
    pub fn node(&self, row: u32) -> u32 {
        self.rows.get(row as usize).copied().unwrap_or(NONE)
    }

    /// The inode of every row but the root's, in order.
    pub fn inodes<'a>(
        &'a self,
        tree: &'a Tree,
        stores: &'a [Store],
    ) -> impl Iterator<Item = (u16, &'a Inode)> + 'a {
        self.rows.iter().skip(1).map(move |&node| {
            let at = tree.node(node).inode();
            (at.store, inode_at(stores, at))
        })
    }
}

/// Nodes are numbered with 32 bits, and there are no more rows than these.
fn row_of(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(NONE)
}
