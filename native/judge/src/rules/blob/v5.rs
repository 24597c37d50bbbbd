//! Checks a blob of RAFS v5, which has no table of its chunks: the bootstrap in the blob and that of the image must agree,
//! and their chunks must lie inside the data.

use std::collections::HashMap;

use super::chunks::different_number;
use super::{Bootstraps, compare, judge_size, sections};
use crate::blob::{Blob, Chunk, UsedBlob, VerifiableChunks};
use crate::finding::Finding;
use crate::layout::rules::Sentence;

pub fn judge(blob: &Blob<'_>, bootstraps: Bootstraps<'_>, findings: &mut Vec<Finding>) -> VerifiableChunks {
    let Bootstraps { version, own_version, own, used } = bootstraps;
    if let Some(found) = own_version.filter(|&found| found != version) {
        let finding = Finding::new(Sentence::SectionVersion);
        findings.push(finding.differs(format_args!("v{version}"), format_args!("v{found}")));
    }
    sections::judge(blob, findings);
    for description in bootstraps.descriptions() {
        judge_size(blob, description, findings);
    }
    match (own, used) {
        (Some(own), Some(used)) => judge_agreement(own, used, findings),
        // A bootstrap that cannot be read is a finding already.
        (None, Some(_)) if own_version.is_some() => {
            findings.push(Finding::new(Sentence::SectionBootstrapWithout));
        }
        _ => {}
    }
    chunks_inside(blob, own.into_iter().chain(used), findings)
}

fn judge_agreement(own: &UsedBlob<'_>, used: &UsedBlob<'_>, findings: &mut Vec<Finding>) {
    compare(
        findings,
        || Finding::new(Sentence::SectionBootstrapsDiffer),
        &[
            ("number of chunks", own.record.chunk_count.into(), used.record.chunk_count.into()),
            ("uncompressed size", own.record.uncompressed_size, used.record.uncompressed_size),
        ],
    );
    let stored: HashMap<u32, Chunk<'_>> = own.chunks().collect();
    for (index, chunk) in used.chunks() {
        // A file of another layer may share a chunk of this blob, although no file of the blob's own layer uses it.
        let field = stored.get(&index).and_then(|stored| different_field(chunk, *stored));
        findings.extend(field.map(|field| Finding::new(Sentence::SectionChunkTwice).arg(index).arg(field)));
    }
}

fn different_field(a: Chunk<'_>, b: Chunk<'_>) -> Option<&'static str> {
    if a.digest() != b.digest() {
        return Some("digest");
    }
    // A chunk record without a checksum is no contradiction.
    if let (Some(a), Some(b)) = (a.crc32(), b.crc32())
        && a != b
    {
        return Some("crc32");
    }
    if a.is_compressed() != b.is_compressed() {
        return Some("compressed");
    }
    different_number(&a.extent(), &b.extent()).map(|(field, ..)| field)
}

/// Returns the chunks that a bootstrap knows and that lie inside the data, and reports those that do not. The bootstrap in the
/// blob is asked first.
fn chunks_inside<'a>(
    blob: &Blob<'_>,
    bootstraps: impl Iterator<Item = &'a UsedBlob<'a>>,
    findings: &mut Vec<Finding>,
) -> VerifiableChunks {
    let mut known = HashMap::new();
    for (index, chunk) in bootstraps.flat_map(UsedBlob::chunks) {
        let std::collections::hash_map::Entry::Vacant(vacant) = known.entry(index) else { continue };
        let extent = chunk.extent();
        vacant.insert((chunk, extent));
        if extent.end() > blob.data_size {
            let finding = Finding::new(Sentence::SectionChunkOutside).arg(index);
            findings.push(finding.differs(format_args!("at most {}", blob.data_size), extent.end()));
        }
    }
    known.retain(|_, (_, extent)| extent.end() <= blob.data_size);
    VerifiableChunks::of_chunks(known)
}
