//! Compares the tree of a bootstrap with layers. Each comes as it is, so that neither is what the scanner or the writer makes.

use nydus_judge::{Judged, ScannedLayer};

use super::parts::Parts;

const MAX_LAYERS: usize = 4;

/// The input is a list of parts: the bootstrap, then entries, references and chunks of each layer.
pub fn execute(input: &[u8]) {
    let mut parts = Parts(input);
    let judged = Judged::read(parts.part());
    let mut layers = Vec::new();
    while !parts.0.is_empty() && layers.len() < MAX_LAYERS {
        layers.push(ScannedLayer { entries: parts.part(), references: parts.part(), chunks: parts.part() });
    }
    judged.is_tree_of(&layers);
}
