//! The chunk table of a blob is held to its rules, and no blob makes the judge panic.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code: a panic is a failed test")]

use nydus_judge::{Blob, Finding, Judged, Section};
use nydus_layout::rules::Sentence;
use nydus_layout::wire::chunk_record;
use nydus_layout::{META_MAGIC, blob_features, blob_meta_header as header, toc_entry};
use proptest::prelude::*;

const HEADER: usize = 512;

/// A blob with two chunks, each stored raw in a block of its own.
struct Sample {
    data_size: u64,
    records: Vec<u8>,
    header: Vec<u8>,
    digests: Vec<u8>,
    /// Bytes of the uncompressed address space in the table of contents.
    uncompressed_size: u64,
    /// A byte behind the data that is not zero.
    dirty: Option<usize>,
    copy: Option<Vec<u8>>,
}

impl Sample {
    fn new() -> Self {
        let mut header = vec![0; header::SIZE];
        for (field, value) in
            [(header::MAGIC, META_MAGIC), (header::ENTRIES, 2), (header::MAGIC2, META_MAGIC)]
        {
            put(&mut header, field, value);
        }
        for (field, value) in
            [(header::OFFSET, 8192 + 512), (header::COMPRESSED_SIZE, 32), (header::UNCOMPRESSED_SIZE, 32)]
        {
            put(&mut header, field, value);
        }
        let records = [record(0, 0), record(4096, 4096)].concat();
        Self {
            data_size: 8192,
            records,
            header,
            digests: vec![7; 64],
            uncompressed_size: 8192,
            dirty: None,
            copy: None,
        }
    }

    fn judge(&self) -> (Vec<Finding>, usize) {
        let data = self.data_size;
        let mut sections = vec![section("image.blob", 0, data, self.uncompressed_size, None)];
        let records = data + HEADER as u64;
        let end = records + self.records.len() as u64;
        sections.push(section("blob.meta", records, 32, 32, Some(&self.records)));
        sections.push(section(
            "blob.meta.header",
            end,
            header::SIZE as u64,
            header::SIZE as u64,
            Some(&self.header),
        ));
        let digests = end + (header::SIZE + HEADER) as u64;
        let size = self.digests.len() as u64;
        sections.push(section("blob.digest", digests, size, size, Some(&self.digests)));
        let boot = digests + size + HEADER as u64;
        sections.push(section("image.boot", boot, 0, 0, None));
        let size = boot + (HEADER + sections.len() * toc_entry::SIZE + HEADER) as u64;
        let mut tail = vec![0; usize::try_from(size - data).unwrap()];
        let at = usize::try_from(end - data).unwrap();
        tail[at..at + self.header.len()].copy_from_slice(&self.header);
        if let Some(dirty) = self.dirty {
            tail[dirty] = 1;
        }
        let blob =
            Blob { id: "ab", size, data_size: data, tail: &tail, sections, copy: self.copy.as_deref() };
        let image: &[u8] = &[];
        let judged = Judged::read(image).judge_blob(&blob, None);
        (judged.findings, judged.chunks.records.len() / chunk_record::SIZE)
    }

    fn sentences(&self) -> Vec<Sentence> {
        self.judge().0.into_iter().map(|finding| finding.sentence).collect()
    }
}

fn section<'a>(
    name: &'a str,
    offset: u64,
    compressed_size: u64,
    uncompressed_size: u64,
    content: Option<&'a [u8]>,
) -> Section<'a> {
    Section { name, offset, compressed_size, uncompressed_size, content }
}

fn put(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

/// Packs the record of a chunk of 4096 bytes that is stored raw.
fn record(uncompressed: u32, stored: u32) -> Vec<u8> {
    [uncompressed, 4095 << 12, stored, 4095 << 12].into_iter().flat_map(u32::to_le_bytes).collect()
}

#[test]
fn a_sound_table_has_no_findings_and_without_a_bootstrap_no_chunk_is_verified() {
    assert_eq!(Sample::new().judge(), (Vec::new(), 0));
}

#[test]
fn every_rule_of_the_table_is_held() {
    type Change = dyn Fn(&mut Sample);
    let cases: [(&Change, &[Sentence]); 11] = [
        (&|blob| put(&mut blob.header, header::MAGIC2, 1), &[Sentence::SectionHeaderMagic]),
        (&|blob| blob.header.truncate(100), &[Sentence::SectionHeaderSize]),
        (&|blob| put(&mut blob.header, header::TABLE_SIZE + 4, u32::MAX), &[Sentence::SectionHeaderRange]),
        (&|blob| put(&mut blob.header, header::ENTRIES, 3), &[Sentence::SectionHeaderEntries]),
        (&|blob| put(&mut blob.header, header::OFFSET, 1), &[Sentence::SectionHeaderDiffers]),
        (&|blob| put(&mut blob.header, 0x3C, 1), &[Sentence::SectionReserved]),
        (&|blob| blob.digests.truncate(32), &[Sentence::SectionDigestsSize]),
        (
            &|blob| blob.records[16..].copy_from_slice(&record(8192, 4096)),
            &[Sentence::SectionChunkOrder, Sentence::SectionDataSize],
        ),
        (&|blob| blob.records[16..].copy_from_slice(&record(4096, 4097)), &[Sentence::SectionChunkEnd]),
        (&|blob| blob.uncompressed_size = 4096, &[Sentence::SectionDataSize]),
        // Reserved bytes follow the name in the section header behind the data.
        (&|blob| blob.dirty = Some(100), &[Sentence::SectionReserved]),
    ];
    for (number, (change, expected)) in cases.into_iter().enumerate() {
        let mut blob = Sample::new();
        change(&mut blob);
        assert_eq!(blob.sentences(), expected, "case {number}");
    }
}

#[test]
fn findings_have_offsets_in_the_blob() {
    let mut blob = Sample::new();
    put(&mut blob.header, header::MAGIC, 1);
    let (findings, _) = blob.judge();
    assert_eq!(findings[0].offset, Some(8192 + 512 + 32));
}

#[test]
fn a_copy_has_the_records_padded_to_a_block_and_the_header() {
    let mut blob = Sample::new();
    let mut copy = blob.records.clone();
    copy.resize(4096, 0);
    copy.extend(&blob.header);
    blob.copy = Some(copy.clone());
    assert_eq!(blob.sentences(), []);
    for at in [0, 100, 4096, copy.len() - 1] {
        let mut changed = copy.clone();
        changed[at] ^= 1;
        blob.copy = Some(changed);
        assert_eq!(blob.sentences(), [Sentence::SectionCopy], "byte {at}");
    }
    copy.push(0);
    blob.copy = Some(copy);
    assert_eq!(blob.sentences(), [Sentence::SectionCopy]);
}

#[test]
fn records_of_another_version_are_one_finding_and_no_chunks() {
    for (feature, sentence) in [
        (blob_features::CHUNK_INFO_V2, Sentence::SectionHeaderEntries),
        (blob_features::BATCH, Sentence::SectionLaterVersion),
        (blob_features::ZRAN, Sentence::SectionLaterVersion),
        (blob_features::ENCRYPTED, Sentence::SectionLaterVersion),
    ] {
        let mut blob = Sample::new();
        put(&mut blob.header, header::FEATURES, feature);
        assert_eq!(blob.sentences(), [sentence]);
        assert_eq!(blob.judge().1, 0);
    }
}

fn name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "image.blob",
        "blob.meta",
        "blob.meta.header",
        "blob.digest",
        "image.boot",
        "x",
    ])
}

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![0_u64..4096, any::<u64>()]
}

proptest! {
    #[test]
    fn any_blob_is_judged(
        size in number(),
        data_size in number(),
        tail in prop::collection::vec(any::<u8>(), 0..6000),
        sections in prop::collection::vec((name(), number(), number(), number(), prop::option::of(0_usize..6000)), 0..8),
        magic in any::<bool>(),
    ) {
        let mut tail = tail;
        if magic && tail.len() >= header::SIZE {
            put(&mut tail, header::MAGIC, META_MAGIC);
            put(&mut tail, header::MAGIC2, META_MAGIC);
            put(&mut tail, header::FEATURES, 0);
        }
        let sections = sections.into_iter().map(|(name, offset, compressed, uncompressed, content)| {
            let content = content.map(|len| if name == "blob.meta.header" { header::SIZE } else { len });
            section(name, offset, compressed, uncompressed, content.and_then(|len| tail.get(..len)))
        }).collect();
        let blob = Blob { id: "", size, data_size, tail: &tail, sections, copy: Some(&tail) };
        let image: &[u8] = &[];
        let _ = Judged::read(image).judge_blob(&blob, Some(0));
    }
}
