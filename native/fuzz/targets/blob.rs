//! Judges a blob: sections, the table of its chunks and its copy, against the bootstrap inside it and that of the image.

use nydus_judge::{Blob, Judged, Section};

use super::parts::Parts;

const NAMES: [&str; 8] =
    ["image.blob", "blob.meta", "blob.meta.header", "blob.digest", "image.boot", "rafs.blob.toc", "", "x"];
const MAX_SECTIONS: u8 = 8;

/// The input: number of the blob, its size, size of its data, number of sections, the sections, the bootstrap of the image, a
/// copy of the table, and the bytes behind the data.
pub fn execute(input: &[u8]) {
    let mut parts = Parts(input);
    let number = parts.byte();
    let (size, data_size) = (parts.number(), parts.number());
    let count = parts.byte() % (MAX_SECTIONS + 1);
    let sections: Vec<Section<'_>> = (0..count).map(|_| section(&mut parts)).collect();
    let bootstrap = parts.part();
    let copy = Some(parts.part()).filter(|copy| !copy.is_empty());
    let blob = Blob { id: "ab", size, data_size, tail: parts.0, sections, copy };
    // The highest number means a blob that no file uses.
    let number = Some(usize::from(number)).filter(|&number| number < 0xff);
    let judged = Judged::read(bootstrap).judge_blob(&blob, number);
    let records = judged.chunks.records.len() / nydus_layout::wire::chunk_record::SIZE;
    assert!(judged.chunks.indexes.is_none_or(|indexes| indexes.len() == records));
}

fn section<'a>(parts: &mut Parts<'a>) -> Section<'a> {
    let kind = parts.byte();
    Section {
        name: NAMES.get(usize::from(kind & 7)).copied().unwrap_or_default(),
        offset: parts.number(),
        compressed_size: parts.number(),
        uncompressed_size: parts.number(),
        content: (kind & 8 == 0).then(|| parts.part()),
    }
}
