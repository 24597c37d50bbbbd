//! Checks the rules over a blob: its sections, its chunk table, the bootstrap inside it and the image's bootstrap describe
//! the same chunks.

mod batches;
mod chunks;
mod contexts;
mod sections;
mod v5;
mod v6;

use std::fmt::Display;

use crate::blob::{Blob, UsedBlob, VerifiableChunks};
use crate::finding::Finding;
use crate::layout::rules::Sentence;

/// A blob as a bootstrap describes it, and the name of the bootstrap in findings.
#[derive(Clone, Copy)]
struct Description<'a> {
    bootstrap: &'static str,
    blob: &'a UsedBlob<'a>,
}

/// Facts about a blob from two bootstraps: the one inside it, and that of the image.
#[derive(Clone, Copy)]
pub struct Bootstraps<'a> {
    /// The RAFS version of the image.
    pub version: u32,
    /// The RAFS version of the bootstrap inside the blob; `None` if there is none that can be read.
    pub own_version: Option<u32>,
    /// The blob in the bootstrap inside it; `None` if the layer has no chunk of its own.
    pub own: Option<&'a UsedBlob<'a>>,
    /// The blob in the image's bootstrap; `None` if no file uses it.
    pub used: Option<&'a UsedBlob<'a>>,
}

impl<'a> Bootstraps<'a> {
    /// Bytes of the layer that holds the chunks, if the blob does not.
    fn layer_size(&self) -> Option<u64> {
        self.used.or(self.own)?.record.layer_size()
    }

    fn descriptions(&self) -> impl Iterator<Item = Description<'a>> {
        let description =
            |bootstrap, blob: Option<&'a UsedBlob<'a>>| blob.map(|blob| Description { bootstrap, blob });
        [description("bootstrap in the blob", self.own), description("bootstrap", self.used)]
            .into_iter()
            .flatten()
    }
}

/// Adds the findings about a blob, and returns the chunks that can be verified.
pub fn judge(blob: &Blob<'_>, bootstraps: Bootstraps<'_>, findings: &mut Vec<Finding>) -> VerifiableChunks {
    if bootstraps.version == 5 {
        v5::judge(blob, bootstraps, findings)
    } else {
        v6::judge(blob, bootstraps, findings)
    }
}

/// Reports each value that differs from the expected one; `about` makes the finding, whose last argument names the value.
fn compare(findings: &mut Vec<Finding>, about: impl Fn() -> Finding, values: &[(&str, u64, u64)]) {
    let different = values.iter().filter(|(_, expected, found)| expected != found);
    findings.extend(different.map(|(what, expected, found)| about().arg(what).differs(expected, found)));
}

/// The blob size in a bootstrap counts either the whole blob, or its bytes up to the bootstrap inside, or those of the layer that
/// holds the chunks, which the caller looks at.
fn judge_size(blob: &Blob<'_>, description: Description<'_>, findings: &mut Vec<Finding>) {
    if description.blob.record.layer_size().is_some() {
        return;
    }
    let found = description.blob.record.compressed_size;
    let start = blob.bootstrap_offset();
    if Some(found) == start || found == blob.size {
        return;
    }
    let finding =
        Finding::new(Sentence::SectionRecordDiffers).arg(description.bootstrap).arg("compressed size");
    findings.push(finding.differs(start.unwrap_or(blob.size), found));
}

fn in_bytes(count: impl Display) -> String {
    format!("{count} bytes")
}
