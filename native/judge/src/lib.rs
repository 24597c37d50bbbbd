//! The judge checks every rule over a bootstrap, and whether it shows the tree that the layers of its source unpack to.
//!
//! The judge shares no code with the writer (`nydus-core`): it has its own ways to read inodes and to merge layers, so that
//! a mistake of the writer cannot look right. Both use only the offsets and flags of `nydus-layout`, which is generated from
//! the tables in src/rafs-builder; the words of all findings are there, too.
//!
//! `v5` and `v6` read a bootstrap, `blob` reads the chunk table of a blob, and `rules` finds the faults of both; `source`,
//! `layer` and `overlay` unpack a source, and `same` compares. No offset is trusted, and no input causes a panic.

#![forbid(unsafe_code)]

mod blob;
mod bytes;
mod codecs;
mod finding;
mod judged;
mod kind;
mod layer;
mod overlay;
mod paths;
mod rules;
mod same;
mod shown;
mod source;
mod v5;
mod v6;
mod view;

use nydus_layout as layout;

pub use blob::{Blob, Section, VerifiableChunks};
pub use finding::{Finding, latin1};
pub use judged::{Judged, JudgedBlob};
pub use source::ScannedLayer;

/// Finds everything that is wrong with a bootstrap, in the order of the rules. If it cannot be read, that is the only
/// finding.
pub fn judge(bytes: &[u8]) -> Vec<Finding> {
    Judged::read(bytes).into_findings()
}

/// Returns the reason why no reader could follow a bootstrap, or nothing if it can be read, whatever other faults it has.
pub fn refusal(bytes: &[u8]) -> Option<Finding> {
    let refusal =
        if v5::is_v5(bytes) { v5::Image::read(bytes).err() } else { v6::Contents::read(bytes).err() };
    refusal.map(|refusal| *refusal)
}
