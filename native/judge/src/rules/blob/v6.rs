//! Checks a blob of RAFS v6, which has a table of its chunks: the table, its header, the table of contents, the copy beside
//! the image's bootstrap and both bootstraps must agree.

use super::chunks::{self, next_block};
use super::{Bootstraps, compare, in_bytes, judge_size, sections};
use super::{batches, contexts};
use crate::blob::{Blob, ChunkHeader, ChunkTable, UsedBlob, VerifiableChunks};
use crate::finding::Finding;
use crate::layout::rules::Sentence;
use crate::layout::{BLOCK_SIZE, blob_meta_header as header, section};

/// The chunk table of a blob.
enum Table<'a> {
    Read(ChunkTable<'a>),
    /// There is none, or none that can be read.
    Absent,
    /// Its records are of a version that the judge does not read.
    Later,
}

pub fn judge(blob: &Blob<'_>, bootstraps: Bootstraps<'_>, findings: &mut Vec<Finding>) -> VerifiableChunks {
    if blob.section(section::BOOTSTRAP).is_none() {
        findings.push(Finding::new(Sentence::SectionNoBootstrap));
    }
    let data = Data::of(blob, bootstraps);
    let table = chunk_table(blob, data, findings);
    sections::judge(blob, findings);
    findings.extend(copy(blob));
    for description in bootstraps.descriptions() {
        match &table {
            Table::Read(table) => chunks::judge(table, description, findings),
            Table::Later => {}
            Table::Absent => {
                findings.push(Finding::new(Sentence::SectionNoTableUsed).arg(description.bootstrap));
            }
        }
        judge_size(blob, description, findings);
        sections::judge_toc(blob, description, findings);
    }
    // Only a bootstrap says how chunks are compressed. A blob without one is never read by clients either.
    let known: Vec<&UsedBlob<'_>> = bootstraps.used.into_iter().chain(bootstraps.own).collect();
    match table {
        Table::Read(table) if !known.is_empty() => VerifiableChunks::of_table(&table, &known),
        _ => VerifiableChunks::default(),
    }
}

/// Where chunks lie.
#[derive(Clone, Copy)]
struct Data {
    /// Bytes of the chunk data, in the blob or in the layer that it refers to.
    size: u64,
    is_elsewhere: bool,
}

impl Data {
    fn of(blob: &Blob<'_>, bootstraps: Bootstraps<'_>) -> Self {
        match bootstraps.layer_size() {
            Some(size) => Self { size, is_elsewhere: true },
            None => Self { size: blob.data_size, is_elsewhere: false },
        }
    }
}

fn chunk_table<'a>(blob: &Blob<'a>, data: Data, findings: &mut Vec<Finding>) -> Table<'a> {
    let (records, own) = (blob.section(section::META), blob.section(section::META_HEADER));
    let (Some(records), Some(own)) = (records, own) else {
        if blob.data_size > 0 || data.is_elsewhere || records.is_some() || own.is_some() {
            findings.push(Finding::new(Sentence::SectionNoTable));
        }
        return Table::Absent;
    };
    let Some(content) = own.content else { return Table::Absent };
    let header = match ChunkHeader::read(own, content) {
        Ok(header) => header,
        Err(refusal) => {
            findings.push(*refusal);
            return Table::Absent;
        }
    };
    if let Err(refusal) = header.demand_version() {
        findings.push(*refusal);
        return Table::Later;
    }
    let Some(content) = records.content else { return Table::Absent };
    let mut table = match ChunkTable::read(header, content) {
        Ok(table) => table,
        Err(refusal) => {
            findings.push(*refusal);
            return Table::Absent;
        }
    };
    compare(
        findings,
        || Finding::new(Sentence::SectionHeaderDiffers),
        &[
            ("offset", records.offset, header.wide(header::OFFSET)),
            ("compressed size", records.compressed_size, header.wide(header::COMPRESSED_SIZE)),
            ("uncompressed size", records.uncompressed_size, header.wide(header::UNCOMPRESSED_SIZE)),
        ],
    );
    table.digests = digests(blob, table.len(), findings);
    judge_extents(blob, data, &table, findings);
    batches::judge(blob, &table, findings);
    contexts::judge(data.size, &table, findings);
    Table::Read(table)
}

/// The digests of the chunks, if there is one for each.
fn digests<'a>(blob: &Blob<'a>, chunks: usize, findings: &mut Vec<Finding>) -> Option<&'a [u8]> {
    let content = blob.section(section::DIGESTS)?.content?;
    let expected = chunks * 32;
    if content.len() == expected {
        return Some(content);
    }
    let finding = Finding::new(Sentence::SectionDigestsSize);
    findings.push(finding.differs(in_bytes(expected), in_bytes(content.len())));
    None
}

/// Chunks follow one another, and their stored bytes lie inside the data.
fn judge_extents(blob: &Blob<'_>, data: Data, table: &ChunkTable<'_>, findings: &mut Vec<Finding>) {
    let mut next = 0;
    for (index, extent) in table.extents().enumerate() {
        let start = extent.uncompressed_offset;
        if start != next {
            let finding = Finding::new(Sentence::SectionChunkOrder).arg(index);
            findings.push(finding.differs(format_args!("uncompressed offset {next}"), start));
        }
        next = next_block(&extent);
        if extent.end() > data.size {
            let finding = Finding::new(Sentence::SectionChunkEnd).arg(index);
            findings.push(finding.differs(format_args!("at most {}", data.size), extent.end()));
        }
    }
    if let Some(data) = blob.section(section::DATA)
        && data.uncompressed_size != next
    {
        findings.push(Finding::new(Sentence::SectionDataSize).differs(next, data.uncompressed_size));
    }
}

/// nydusd uses the copy beside the image's bootstrap instead of the blob's own table.
fn copy(blob: &Blob<'_>) -> Option<Finding> {
    let found = blob.copy?;
    let empty = [].as_slice();
    let (records, header) = match (blob.section(section::META), blob.section(section::META_HEADER)) {
        (Some(records), Some(header)) => (records.content?, blob.stored(header)?),
        _ => (empty, empty),
    };
    let size = records.len().next_multiple_of(BLOCK_SIZE) + header.len();
    let is_copy = found.len() == size
        && found
            .strip_prefix(records)
            .and_then(|rest| rest.strip_suffix(header))
            .is_some_and(crate::bytes::is_zero);
    (!is_copy).then(|| {
        let expected = format_args!("the {size} bytes of the blob");
        // Upstream's converter cannot unpack the tables of every compressor, and then writes the header alone.
        let sentence = if found == header { Sentence::SectionCopyHeader } else { Sentence::SectionCopy };
        Finding::new(sentence).arg(blob.id).differs(expected, in_bytes(found.len()))
    })
}
