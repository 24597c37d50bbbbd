//! Checks that the reserved bytes of a blob's structures are zero. Old builders left garbage there, and readers ignore it.

use crate::blob::Blob;
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
    let header_size = tar_header::SIZE as u64;
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
    let ends = blob.sections.iter().map(|section| section.end().saturating_add(header_size));
    // A table of contents lies between the last of these sections and its own header, which ends the blob.
    let last = blob.data_size.saturating_add(blob.tail.len() as u64).saturating_sub(header_size);
    if let Some(toc) = ends.max().filter(|toc| (blob.data_size..last).contains(toc)) {
        structures.extend((toc..last).step_by(toc_entry::SIZE).map(|at| (&toc_entry::TABLE, at)));
        structures.push((&tar_header::TABLE, last));
    }
    structures
}
