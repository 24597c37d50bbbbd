//! Every rule over a bootstrap: what is wrong with one, and whether it shows the tree that the layers of its source unpack to.
//!
//! The judge shares no code with the writer (`nydus-core`): it reads inodes and lays layers over each other in its own way, so
//! that a mistake of the writer cannot look right. Only offsets and flags are common: `nydus-layout`, generated from the
//! tables in src/rafs-builder, where the words of all findings stand too.
//!
//! `v5` and `v6` read, `rules` find; `source`, `layer` and `overlay` unpack a source, and `same` compares. No offset is trusted,
//! and nothing panics.

#![forbid(unsafe_code)]

mod bytes;
mod codecs;
mod finding;
mod kind;
mod layer;
mod overlay;
mod paths;
mod rules;
mod same;
mod source;
mod v5;
mod v6;
mod view;

use nydus_layout as layout;

pub use finding::{Finding, latin1};
pub use source::ScannedLayer;

/// Everything that is wrong with a bootstrap, in the order of the rules. What cannot be read is one finding.
pub fn judge(bytes: &[u8]) -> Vec<Finding> {
    let findings = if v5::is_v5(bytes) {
        v5::Image::read(bytes).map(|image| rules::v5::judge(&image))
    } else {
        v6::Image::read(bytes).map(|image| rules::v6::judge(&image))
    };
    findings.unwrap_or_else(|refusal| vec![*refusal])
}

/// Why no reader could follow a bootstrap; nothing for one that can be read, whatever else is wrong with it.
pub fn refusal(bytes: &[u8]) -> Option<Finding> {
    let refusal = if v5::is_v5(bytes) { v5::Image::read(bytes).err() } else { v6::Image::read(bytes).err() };
    refusal.map(|refusal| *refusal)
}

/// Whether the layers, lowest first, unpack to the very tree that a v6 bootstrap shows, contents included (by digest). The
/// bootstrap may break rules, as long as it can be read.
pub fn is_same(bytes: &[u8], layers: &[ScannedLayer<'_>]) -> bool {
    v6::Image::read(bytes).is_ok_and(|image| same::is_same(&image, layers).is_some())
}
