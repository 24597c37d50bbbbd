//! The quick verdicts of `check`: whether a v6 bootstrap keeps every rule, and whether it shows the tree that the layers of its
//! source unpack to. Each answer is "yes" or "in doubt"; in doubt the rules in TypeScript look again and tell what is wrong.
//!
//! Who judges shares no code with who writes: this crate has the overlay and the reading of inodes once more. Only offsets and flags
//! are the writer's: `nydus-layout`, generated from the tables in src/rafs-builder.
//!
//! `tree` reads, `sound` and `cover` hold to rules, `source` lays layers over each other, `same` compares. Doubt is `None`
//! all the way up: no offset is trusted, nothing panics.

#![forbid(unsafe_code)]

mod bytes;
mod chunks;
mod codecs;
mod cover;
mod finding;
mod inode;
mod layer;
mod overlay;
mod rules;
mod same;
mod sound;
mod source;
mod tree;
mod v5;
mod view;

use std::ops::Range;

use nydus_layout as layout;

pub use chunks::{ChunkTable, RecordLimits};
pub use finding::{Finding, latin1};
pub use source::ScannedLayer;
use tree::Tree;

/// What the tables of a bootstrap say, which have been read and judged already.
#[derive(Debug)]
pub struct Facts {
    /// Where nid 0 would be; bytes from the start of the file, as all places here.
    pub meta_offset: usize,
    /// Of the root directory.
    pub root_nid: u32,
    /// How many names the super block counts.
    pub names: u64,
    /// Bytes.
    pub chunk_size: u64,
    /// Inodes may have extended attributes.
    pub with_xattrs: bool,
    /// Super blocks and tables.
    pub tables: Vec<Range<usize>>,
    /// The file may go on to the end of the block of this place, though nothing stands there.
    pub reach: usize,
    /// Nids to read early.
    pub prefetch: Vec<u32>,
    /// The chunk table.
    pub chunks: ChunkTable,
}

/// Everything that is wrong with a bootstrap, in the order of the rules. What cannot be read is one finding.
pub fn judge(bytes: &[u8]) -> Vec<Finding> {
    if v5::is_v5(bytes) {
        return match v5::Image::read(bytes) {
            Ok(image) => rules::v5::judge(&image),
            Err(refusal) => vec![*refusal],
        };
    }
    let mut findings = Vec::new();
    if bytes.len() < layout::BLOCK_SIZE || !bytes.len().is_multiple_of(layout::BLOCK_SIZE) {
        findings.push(
            Finding::new(layout::rules::Sentence::ReadSize).arg(layout::BLOCK_SIZE).arg(bytes.len()).at(0),
        );
    }
    findings
}

/// Why no reader could follow a v5 bootstrap; nothing for one that can be read, whatever else is wrong with it.
pub fn refusal(bytes: &[u8]) -> Option<Finding> {
    v5::Image::read(bytes).err().map(|refusal| *refusal)
}

/// Whether a bootstrap keeps every rule over inodes, directories, chunks and places; false, too, when it looks as if it might not.
pub fn is_sound(bytes: &[u8], facts: &Facts) -> bool {
    let judge = || {
        let tree = Tree::read(bytes, facts)?;
        sound::is_sound(bytes, facts, &tree)?;
        cover::is_covered(bytes, facts, &tree)
    };
    judge().is_some()
}

/// Whether the layers, lowest first, unpack to the very tree that a sound bootstrap shows, contents included (by digest).
pub fn is_same(bytes: &[u8], facts: &Facts, layers: &[ScannedLayer<'_>]) -> bool {
    Tree::read(bytes, facts).and_then(|tree| same::is_same(bytes, facts, &tree, layers)).is_some()
}
