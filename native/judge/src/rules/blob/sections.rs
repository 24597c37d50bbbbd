//! Checks that the reserved bytes of a blob's structures are zero, since old builders left garbage there, and that bootstraps know the
//! size of the table of contents.

use std::ops::Range;

use super::{Description, compare};
use crate::blob::Blob;
use crate::bytes::index;
use crate::codecs::Digester;
use crate::finding::Finding;
use crate::layout::rules::Sentence;
use crate::layout::table::Table;
use crate::layout::{blob_meta_header, section, tar_header, toc_entry};
use crate::rules::regions::dirty_field;

pub fn judge(blob: &Blob<'_>, findings: &mut Vec<Finding>) {
    for (table, offset) in structures(blob) {
        let place = offset.checked_sub(blob.data_size).and_then(|at| usize::try_from(at).ok());
        let Some(place) = place.filter(|at| at.saturating_add(table.size) <= blob.tail.len()) else {
            continue;
        };
        let Some(field) = dirty_field(blob.tail, table, place) else { continue };
        let finding = Finding::of_field(Sentence::SectionReserved, table, field.offset, place);
        findings.push(finding.at(offset + field.offset as u64));
    }
}

/// The structures behind the data, with their offsets: headers of sections, the header of the chunk records, and the table
/// of contents if there is one.
fn structures(blob: &Blob<'_>) -> Vec<(&'static Table, u64)> {
    let mut structures = Vec::new();
    for section in &blob.sections {
        if section.is(section::META_HEADER) && section.compressed_size == blob_meta_header::SIZE as u64 {
            structures.push((&blob_meta_header::TABLE, section.offset));
        }
        // The chunk records and their header share the section header behind both.
        if !section.is(section::META) {
            structures.push((&tar_header::TABLE, section.end()));
        }
    }
    if let Some(toc) = table_of_contents(blob) {
        structures.extend(toc.clone().step_by(toc_entry::SIZE).map(|at| (&toc_entry::TABLE, at)));
        structures.push((&tar_header::TABLE, toc.end));
    }
    structures
}

/// The places of the entries of the table of contents, which lies between the last section and its own header, which ends the
/// blob.
fn table_of_contents(blob: &Blob<'_>) -> Option<Range<u64>> {
    let header_size = tar_header::SIZE as u64;
    let start = blob.sections.iter().map(|section| section.end().saturating_add(header_size)).max()?;
    let end = blob.data_size.saturating_add(blob.tail.len() as u64).saturating_sub(header_size);
    (blob.data_size..end).contains(&start).then_some(start..end)
}

/// Clients read as many bytes at the end of the blob as the bootstrap says, and refuse them if they have another digest.
pub fn judge_toc(blob: &Blob<'_>, description: Description<'_>, findings: &mut Vec<Finding>) {
    let record = description.blob.record;
    if record.toc_size == 0 {
        return;
    }
    let about = || Finding::new(Sentence::SectionRecordDiffers).arg(description.bootstrap);
    let stored = table_of_contents(blob).map_or(0, |toc| toc.end - toc.start + tar_header::SIZE as u64);
    compare(findings, about, &[("size of the table of contents", stored, record.toc_size.into())]);
    // Clients take a digest of zeros for none.
    if stored != record.toc_size.into() || record.toc_digest == [0; 32] {
        return;
    }
    let bytes = blob.tail.len().checked_sub(index(record.toc_size)).and_then(|at| blob.tail.get(at..));
    if Digester::Sha256.digest(bytes.into_iter()) != record.toc_digest {
        findings.push(about().arg("digest of the table of contents"));
    }
}
