//! Checks the inflate contexts of a blob that refers to a gzip layer, and the records that lead to them, against what clients
//! demand. Whether a context decodes is for the verifier to find.

use crate::blob::ChunkTable;
use crate::finding::Finding;
use crate::layout::rules::Sentence;

/// The most bytes that clients inflate at once.
const MAX_OUTPUT: u32 = 16 << 20;
/// The most bytes that a stream refers back to.
const MAX_DICTIONARY: u32 = 32 << 10;

/// `layer_size` are the bytes of the layer.
pub fn judge(layer_size: u64, table: &ChunkTable<'_>, findings: &mut Vec<Finding>) {
    let (count, chunks) = (table.context_count(), table.len());
    if count as usize > chunks {
        findings.push(Finding::new(Sentence::SectionContextCount).arg(count).arg(chunks));
    }
    let area = table.dictionaries();
    let mut last = 0;
    for number in 0..count {
        let Some(context) = table.context(number) else { continue };
        if context.out_size > MAX_OUTPUT {
            let finding = Finding::new(Sentence::SectionContextOutput).arg(number);
            findings.push(finding.arg(context.out_size));
        }
        if context.end() > layer_size {
            let finding = Finding::new(Sentence::SectionContextInput).arg(number);
            findings.push(finding.arg(context.start).arg(context.end()).arg(layer_size));
        }
        let size = context.dictionary_size;
        let end = context.dictionary_offset.saturating_add(size.into());
        if size > MAX_DICTIONARY || end > area {
            let finding = Finding::new(Sentence::SectionContextDictionary).arg(number);
            findings.push(finding.arg(size).arg(context.dictionary_offset).arg(area));
        }
        // Clients read from the first context of a request to the end of the last one.
        if context.start < last {
            findings.push(Finding::new(Sentence::SectionContextOrder).arg(number));
        }
        last = context.start;
        if !context.is_clean {
            findings.push(Finding::new(Sentence::SectionReserved).arg(format_args!("context {number}")));
        }
    }
    judge_records(table, findings);
}

/// Clients expect the chunks of a context side by side, and contexts in their order.
fn judge_records(table: &ChunkTable<'_>, findings: &mut Vec<Finding>) {
    let mut lowest = 0;
    for (index, extent) in (0u32..).zip(table.extents()) {
        let Some(place) = table.in_context(index) else { continue };
        let about = |value: &str| Finding::new(Sentence::SectionContextChunk).arg(index).arg(value);
        let Some(context) = table.context(place.number) else {
            let most = format_args!("less than {}", table.context_count()).to_string();
            findings.push(about("context").differs(most, place.number));
            continue;
        };
        if place.number < lowest {
            findings.push(about("context").differs(format_args!("{lowest} or more"), place.number));
        }
        lowest = lowest.max(place.number);
        let end = u64::from(place.offset) + u64::from(extent.uncompressed_size);
        if end > u64::from(context.out_size) {
            findings.push(about("end").differs(format_args!("at most {}", context.out_size), end));
        }
    }
}
