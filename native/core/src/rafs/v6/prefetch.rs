//! The prefetch table holds the nids that a reader loads directly after it has mounted the image.

use nydus_layout::ROOT_NID;

use super::Bootstrap;

/// The nids of the table, in order. The pattern "/" matches the root, so everything is loaded; without blobs there is
/// nothing to load.
pub fn nids(bootstrap: &Bootstrap<'_>) -> Vec<u32> {
    if bootstrap.table.blobs.is_empty() { Vec::new() } else { vec![ROOT_NID] }
}
