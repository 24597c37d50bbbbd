//! Trees of files, whatever version of the format they are written in.
//!
//! `store` holds inodes and bytes, `tree` the names that lead to them. `layer_tree` builds the tree of one layer from its
//! tar entries, `descend` resolves paths in it, and `walk` puts a tree in the order of the format.

mod descend;
mod layer_tree;
mod names;
mod references;
mod store;
mod tree;
mod walk;

pub use descend::{Descent, MAX_DEPTH, descend, path_of};
pub use layer_tree::LayerTree;
pub use names::display_name;
pub use references::{FileChunks, Stretch};
pub use store::{Inode, Kind, Mark, NONE, Store, Xattrs};
pub use tree::{At, ROOT, Tree, inode_at};
pub use walk::{Span, Walk};
