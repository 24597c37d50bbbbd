//! RAFS numbers, stores and merges names in this order: all names of one directory sorted by bytes, then its subdirectories,
//! each with everything below it. (Nydus calls the order breadth-first; it is not.)

use super::store::{Inode, NONE, Store};
use super::tree::{ROOT, Tree, inode_at};

/// A directory and the rows of its names.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// The directory's own row.
    pub row: u32,
    /// The row of the parent directory; the root is its own parent.
    pub parent: u32,
    /// The row of its first name.
    pub first: u32,
    /// The number of its names.
    pub count: u32,
}

/// The rows of a tree: every name once, the root first.
pub struct Walk {
    /// The node of each row.
    pub rows: Vec<u32>,
    /// The directories, in the order in which their names come.
    pub spans: Vec<Span>,
}

impl Walk {
    /// Walks a tree without recursion.
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
            // No two names are equal, so an unstable sort does.
            names.sort_unstable_by(|&one, &two| tree.name(stores, one).cmp(tree.name(stores, two)));
            let below = pending.len();
            for (number, &child) in (from..).zip(names.iter()) {
                if tree.node(child).dir != NONE {
                    pending.push((row_of(number), row));
                }
            }
            // The directories are reversed, so that the first in order is popped next.
            pending.get_mut(below..).unwrap_or_default().reverse();
            spans.push(Span { row, parent, first: row_of(from), count: row_of(rows.len() - from) });
        }
        Self { rows, spans }
    }

    /// Every row, a directory directly before everything below it.
    pub fn depth_first(&self) -> impl Iterator<Item = u32> + '_ {
        // Directories have their spans in this order.
        let mut spans = self.spans.iter().peekable();
        // The rows that are left of each directory on the way. The root lies in none.
        let mut left: Vec<_> = std::iter::once(0..1).collect();
        std::iter::from_fn(move || {
            while let Some(rows) = left.last_mut() {
                let Some(row) = rows.next() else {
                    left.pop();
                    continue;
                };
                if let Some(span) = spans.next_if(|span| span.row == row) {
                    left.push(span.first..span.first + span.count);
                }
                return Some(row);
            }
            None
        })
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

/// The row with this number. Nodes are numbered with 32 bits, and there are no more rows than nodes.
fn row_of(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(NONE)
}
