//! Checks the rules over a v6 bootstrap: tables, chunk records, the tree in the order in which names led to inodes, then
//! places.

mod chunks;
mod places;
mod tables;
mod tree;

use crate::finding::Finding;
use crate::v6::Image;

/// Finds everything that is wrong with a bootstrap that can be followed.
pub fn judge(image: &Image<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    tables::judge(image, &mut findings);
    chunks::judge(image, &mut findings);
    tree::judge(image, &mut findings);
    places::judge(image, &mut findings);
    findings
}
