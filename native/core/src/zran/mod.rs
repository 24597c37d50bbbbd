//! Layers whose chunks stay where they are: a blob holds places of the original layer instead of data.
//!
//! In a gzip layer a place is a context, from which inflating can begin, and an offset in what it makes. `track` inflates the
//! layer with stops between blocks and finds where each chunk lies (`ends` knows where chunks begin and end), `contexts`
//! opens contexts at stops, `decode` is the decoder of the format's readers, `dictionary` makes windows small, and `table` reads
//! contexts back. In a plain tar a place is an offset.

mod contexts;
mod decode;
mod dictionary;
mod ends;
mod history;
mod table;
mod track;

use std::sync::Arc;

pub use contexts::{Contexts, Refused, Table};
pub use decode::Decoder;
pub use history::History;
pub use table::{Context, ContextTable, MAX_INPUT, MAX_OUTPUT, inflate_context};
pub use track::{Places, Tracker};

/// The usual span of contexts: a read of one chunk decodes this much, and contexts take half a percent of the layer.
pub const DEFAULT_SPAN: u32 = 2 << 20;

/// How chunks are referred to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Referring {
    /// The most uncompressed bytes of a context, unless a block or a chunk takes more.
    pub span: u32,
    /// True if contexts are those of the reference builder, byte for byte, with all their faults.
    pub is_compatible: bool,
}

/// A place in a gzip file from which inflating can begin.
#[derive(Debug, Default)]
pub struct Stop {
    /// Bytes of the file before it.
    pub in_offset: u64,
    /// Uncompressed bytes before it, of all members.
    pub out_offset: u64,
    /// The byte before it if bits of that are pending, else 0.
    pub byte: u8,
    /// The number of these bits, from the top of the byte.
    pub bits: u8,
    /// The uncompressed bytes before it, at most 32 KiB and only of its member.
    pub window: Vec<u8>,
}

/// Where a chunk lies in a layer.
#[derive(Clone, Debug)]
pub struct Place {
    /// Bytes of the file that are consumed when the chunk begins.
    pub in_start: u64,
    /// Bytes of the file that are consumed when its last byte is made.
    pub in_end: u64,
    /// Offset of its first byte in the uncompressed layer.
    pub out_start: u64,
    /// Offset behind its last byte.
    pub out_end: u64,
    /// The last stop before the chunk; `None` in a plain tar.
    pub stop: Option<Arc<Stop>>,
    /// True if the last block of a member ends with the chunk.
    pub ends_member: bool,
}
