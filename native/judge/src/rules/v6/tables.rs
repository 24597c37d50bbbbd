//! Checks the rules over super blocks, device table, blob table and prefetch table.

use crate::bytes::word;
use crate::finding::{Finding, latin1};
use crate::layout::rules::Sentence;
use crate::layout::{
    BLOCK_SIZE, EXTENDED_SUPER_OFFSET, OWN_BLOB_ID, SUPER_OFFSET, blob_entry, blob_features, device_slot,
    extended_super_block as extended, super_block, super_flags,
};
use crate::v6::Image;
use crate::v6::tables::{Blob, Tables, text};

pub fn judge(image: &Image<'_>, findings: &mut Vec<Finding>) {
    judge_super(image, findings);
    judge_devices(image, findings);
    for (position, at) in image.tables.blobs.places().enumerate() {
        judge_blob(image, position, Blob::new(image.bytes, at), findings);
    }
}

/// Bit 0 of `feature_compat`.
const HAS_CHECKSUM: u32 = 1;

fn judge_super(image: &Image<'_>, findings: &mut Vec<Finding>) {
    let Image { bytes, tables, tree, .. } = image;
    let at = |sentence, base: usize, field: usize| Finding::new(sentence).at((base + field) as u64);
    if word(bytes, SUPER_OFFSET + super_block::FEATURE_COMPAT) & HAS_CHECKSUM != 0 {
        findings.push(at(Sentence::SuperChecksum, SUPER_OFFSET, super_block::FEATURE_COMPAT));
    }
    if tables.has(super_flags::ENCRYPTION_NONE) && tables.has(super_flags::ENCRYPTION_AES_128_XTS) {
        findings.push(at(Sentence::SuperEncryption, EXTENDED_SUPER_OFFSET, extended::FLAGS));
    }
    if !tables.has(super_flags::HAS_XATTR) {
        let with_xattrs = tree.inodes.iter().position(|inode| {
            let fields = inode.fields(bytes);
            fields.body > fields.xattrs
        });
        if let Some(number) = with_xattrs {
            let path = tree.path(bytes, u32::try_from(number).unwrap_or_default());
            findings.push(at(Sentence::SuperXattrs, EXTENDED_SUPER_OFFSET, extended::FLAGS).of(path));
        }
    }
    let (offset, size) = Tables::prefetch_table(bytes);
    if (offset == 0) != (size == 0) {
        let finding = at(Sentence::PrefetchTable, EXTENDED_SUPER_OFFSET, extended::PREFETCH_TABLE_OFFSET);
        findings.push(finding.arg(size).arg(offset));
    }
    let (offset, size) = Tables::chunk_table(bytes);
    if size == 0 && (!offset.is_multiple_of(BLOCK_SIZE as u64) || offset > bytes.len() as u64) {
        let finding = at(Sentence::TableEmpty, EXTENDED_SUPER_OFFSET, extended::CHUNK_TABLE_OFFSET);
        findings.push(finding.arg(offset));
    }
    for at in tables.prefetch.places() {
        let nid = word(bytes, at);
        if tree.at_nid(u64::from(nid)).is_none() {
            findings.push(Finding::new(Sentence::PrefetchNid).arg(nid).at(at as u64));
        }
    }
}

/// The unit of mapped addresses in blocks: 512 KiB; older builders use 2 MiB.
const MAPPED_UNIT: u64 = 128;

fn judge_devices(image: &Image<'_>, findings: &mut Vec<Finding>) {
    let Image { bytes, tables, .. } = image;
    let blocks_of = |at: usize| u64::from(word(bytes, at + device_slot::BLOCKS));
    let all = tables.devices.places().map(blocks_of).sum::<u64>();
    let announced = u64::from(word(bytes, SUPER_OFFSET + super_block::BLOCKS));
    if tables.devices.count > 0 && announced != all {
        let at = (SUPER_OFFSET + super_block::BLOCKS) as u64;
        findings.push(Finding::new(Sentence::SuperBlocks).at(at).differs(all, announced));
    }
    let mut free = (bytes.len() / BLOCK_SIZE) as u64;
    for (position, (at, entry)) in tables.devices.places().zip(tables.blobs.places()).enumerate() {
        let of = |sentence, field: usize| Finding::new(sentence).arg(position).at((at + field) as u64);
        let blob = Blob::new(bytes, entry);
        let id = text(bytes, at + device_slot::BLOB_ID);
        if blob.id() != id {
            let finding = of(Sentence::DeviceId, device_slot::BLOB_ID).arg(position);
            findings.push(finding.differs(latin1(blob.id()), latin1(id)));
        }
        let size = blob.wide(blob_entry::UNCOMPRESSED_SIZE);
        let blocks = blocks_of(at);
        if blocks * BLOCK_SIZE as u64 != size {
            let finding = of(Sentence::DeviceSize, device_slot::BLOCKS).arg(position);
            findings.push(finding.differs(size, blocks * BLOCK_SIZE as u64));
        }
        let mapped = u64::from(word(bytes, at + device_slot::MAPPED_BLOCK));
        if mapped < free {
            let finding = of(Sentence::MappedTaken, device_slot::MAPPED_BLOCK);
            findings.push(finding.differs(format_args!("{free} or more"), mapped));
        }
        if !mapped.is_multiple_of(MAPPED_UNIT) || mapped + blocks > u64::from(u32::MAX) {
            let finding = of(Sentence::MappedOdd, device_slot::MAPPED_BLOCK).arg(mapped);
            findings.push(
                finding.differs(format_args!("a multiple of {MAPPED_UNIT}, and an end below 2^32"), mapped),
            );
        }
        free = mapped + blocks;
    }
}

/// Bytes of an entry of a table of contents, and of the whole, from five entries on.
const TOC_ENTRY: u32 = 128;
const TOC_SIZES: std::ops::RangeInclusive<u32> = 640..=0x1_0000;

/// True if the chunks of a blob lie in an original layer.
fn refers(blob: Blob<'_>) -> bool {
    blob.has(blob_features::SEPARATE)
        && blob.has(blob_features::CHUNK_INFO_V2)
        && !blob.has(blob_features::TARFS)
}

fn judge_blob(image: &Image<'_>, position: usize, blob: Blob<'_>, findings: &mut Vec<Finding>) {
    let mut report = |sentence, args: &[u64]| {
        let finding = Finding::new(sentence).arg(position).at(blob.at as u64);
        findings.push(args.iter().fold(finding, Finding::arg));
    };
    let unknown = blob.word(blob_entry::FEATURES) & !blob_features::KNOWN;
    if unknown != 0 {
        report(Sentence::BlobFeatures, &[unknown.into()]);
    }
    let refers = refers(blob);
    let is_own = blob.has(blob_features::INLINED_FS_META);
    // A bootstrap inside a blob that refers to a layer knows the layer's id.
    if !(refers && is_own) && is_own != (blob.id() == OWN_BLOB_ID) {
        report(Sentence::BlobInlined, &[]);
    }
    // Blobs that refer to layers and others stand side by side in one image, and clients go by each.
    let is_mixed = || image.tables.blobs.places().any(|at| self::refers(Blob::new(image.bytes, at)));
    if blob.word(blob_entry::COMPRESSOR) != image.tables.codecs.compressor && !is_mixed() {
        report(Sentence::BlobCompressor, &[]);
    }
    if blob.word(blob_entry::DIGESTER) != image.tables.codecs.digester.number() && !is_mixed() {
        report(Sentence::BlobDigester, &[]);
    }
    let size = blob.wide(blob_entry::UNCOMPRESSED_SIZE);
    if !size.is_multiple_of(BLOCK_SIZE as u64) {
        report(Sentence::BlobUncompressedSize, &[size]);
    }
    let toc = blob.word(blob_entry::TOC_SIZE);
    if toc != 0 && (!toc.is_multiple_of(TOC_ENTRY) || !TOC_SIZES.contains(&toc)) {
        report(Sentence::BlobTocSize, &[toc.into()]);
    }
    let names_blob = !blob.is_zero(blob_entry::META_DIGEST, DIGEST_SIZE);
    if refers && !is_own && !names_blob {
        report(Sentence::BlobLayer, &[]);
    }
    let has_key = !blob.is_zero(blob_entry::CIPHER_IV, IV_SIZE);
    if has_key && blob.has(blob_features::SEPARATE) && !blob.has(blob_features::ENCRYPTED) {
        report(Sentence::BlobCipher, &[]);
    }
    if !blob.has(blob_features::SEPARATE | blob_features::ENCRYPTED) {
        if names_blob || has_key || blob.wide(blob_entry::META_SIZE) != 0 {
            report(Sentence::BlobKeys, &[]);
        }
        let is_zero = blob.is_zero(blob_entry::TOC_DIGEST, DIGEST_SIZE);
        if is_zero != (toc == 0) {
            let sentence = if is_zero { Sentence::BlobTocDigestZero } else { Sentence::BlobTocDigest };
            report(sentence, &[toc.into()]);
        }
    }
    if !blob.has(blob_features::SEPARATE) {
        let sections = blob.wide(blob_entry::META_OFFSET) + blob.wide(blob_entry::META_COMPRESSED_SIZE);
        let end = sections + BLOCK_SIZE as u64;
        let size = blob.wide(blob_entry::COMPRESSED_SIZE);
        if size < end {
            report(Sentence::BlobSections, &[end, size]);
        }
    }
}

const DIGEST_SIZE: usize = 32;
const IV_SIZE: usize = 8;
