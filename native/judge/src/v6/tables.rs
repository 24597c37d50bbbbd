//! Reads the fixed part of a v6 bootstrap: super blocks, device table, blob table, chunk table, prefetch table.

use std::collections::HashSet;

use super::chunks::ChunkPlaces;
use crate::bytes::{half, index, slice, wide, word};
use crate::codecs::Codecs;
use crate::finding::{Finding, Refusal};
use crate::layout::rules::Sentence;
use crate::layout::{
    BLOB_FEATURES_REFUSED, BLOCK_SIZE, CIPHER_AES_128_XTS, CIPHER_NONE, DEVICE_TABLE_OFFSET,
    EXTENDED_SUPER_OFFSET, FEATURE_COMPAT_RAFS_V6, FEATURE_INCOMPAT, MAX_BLOBS, MAX_CHUNK_SIZE,
    MAX_COMPRESSED_SIZE, MAX_UNCOMPRESSED_SIZE, MIN_CHUNK_SIZE, SUPER_MAGIC, SUPER_OFFSET, blob_entry,
    blob_features, chunk_info, compressor, device_slot, digester, extended_super_block as extended,
    prefetch_entry, super_block,
};
use crate::view::View;

/// The places of the tables. Other fields of the super blocks are read by the code that needs them.
#[derive(Debug)]
pub struct Tables {
    /// The super flags; they fit 32 bits.
    pub flags: u32,
    /// The codecs that the super flags name.
    pub codecs: Codecs,
    /// The offset that nid 0 would have.
    pub meta_offset: usize,
    pub root_nid: u64,
    /// Bytes of every chunk of a file but its last.
    pub chunk_size: u64,
    /// The runs of device slots, blob entries, chunk records and prefetch entries.
    pub devices: Run,
    pub blobs: Run,
    pub records: Run,
    pub prefetch: Run,
}

/// Records of one kind, one after the other.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    pub start: usize,
    pub count: usize,
    /// Bytes of one record.
    pub size: usize,
}

impl Run {
    /// The offset of a record.
    pub fn place(&self, position: usize) -> usize {
        self.start + position * self.size
    }

    /// The offsets of all records.
    pub fn places(self) -> impl Iterator<Item = usize> {
        (0..self.count).map(move |position| self.place(position))
    }
}

impl Tables {
    /// Reads the tables. Chunk records are read before the tables after them, since the first fault in the file is reported.
    pub fn read(bytes: &[u8]) -> Result<(Self, ChunkPlaces), Refusal> {
        if bytes.len() < BLOCK_SIZE || !bytes.len().is_multiple_of(BLOCK_SIZE) {
            return Err(Finding::new(Sentence::ReadSize).arg(BLOCK_SIZE).arg(bytes.len()).at(0).into());
        }
        // Offsets are kept in 32 bits.
        if u32::try_from(bytes.len()).is_err() {
            return Err(Finding::new(Sentence::ReadTooLong).arg(bytes.len()).arg(u32::MAX).at(0).into());
        }
        let devices = read_super(bytes)?;
        let extended_block = View::read(bytes, &extended::TABLE, EXTENDED_SUPER_OFFSET)?;
        let codecs = Codecs::read(&extended_block, extended::FLAGS)?;
        let [blobs, records, prefetch] = read_ranges(bytes, devices)?;
        read_devices(bytes, devices)?;
        let chunk_size = u64::from(word(bytes, EXTENDED_SUPER_OFFSET + extended::CHUNK_SIZE));
        let tables = Self {
            flags: word(bytes, EXTENDED_SUPER_OFFSET + extended::FLAGS),
            codecs,
            meta_offset: index(word(bytes, SUPER_OFFSET + super_block::META_BLOCK)) * BLOCK_SIZE,
            root_nid: u64::from(half(bytes, SUPER_OFFSET + super_block::ROOT_NID)),
            chunk_size,
            devices: Run { start: DEVICE_TABLE_OFFSET, count: devices, size: device_slot::SIZE },
            blobs,
            records,
            prefetch,
        };
        read_blobs(bytes, &tables)?;
        let chunks = ChunkPlaces::read(bytes, &tables)?;
        for place in tables.blobs.places() {
            read_numbers(bytes, place)?;
        }
        Ok((tables, chunks))
    }

    /// The super block's count of names.
    pub fn names(bytes: &[u8]) -> u64 {
        wide(bytes, SUPER_OFFSET + super_block::INOS)
    }

    /// Offset and size of the chunk table in the super block; an empty table may have any offset.
    pub fn chunk_table(bytes: &[u8]) -> (u64, u64) {
        (
            wide(bytes, EXTENDED_SUPER_OFFSET + extended::CHUNK_TABLE_OFFSET),
            wide(bytes, EXTENDED_SUPER_OFFSET + extended::CHUNK_TABLE_SIZE),
        )
    }

    /// Offset and size of the prefetch table in the super block.
    pub fn prefetch_table(bytes: &[u8]) -> (u64, u32) {
        (
            wide(bytes, EXTENDED_SUPER_OFFSET + extended::PREFETCH_TABLE_OFFSET),
            word(bytes, EXTENDED_SUPER_OFFSET + extended::PREFETCH_TABLE_SIZE),
        )
    }

    /// True if the super flags have this bit.
    pub fn has(&self, flag: u32) -> bool {
        self.flags & flag != 0
    }
}

/// Reads the super block and returns the number of devices.
fn read_super(bytes: &[u8]) -> Result<usize, Refusal> {
    View::read(bytes, &super_block::TABLE, SUPER_OFFSET)?;
    let at = |field: usize| SUPER_OFFSET + field;
    let fault = |field: usize, sentence: Sentence| {
        Finding::of_field(sentence, &super_block::TABLE, field, SUPER_OFFSET)
    };
    let expect = |field: usize, found: u32, wanted: u32| {
        if found == wanted {
            return Ok(());
        }
        Err(Box::new(fault(field, Sentence::ReadNot).arg(found).arg(wanted)))
    };
    let byte = |field: usize| u32::from(crate::bytes::byte(bytes, at(field)));
    let half = |field: usize| u32::from(half(bytes, at(field)));
    let word = |field: usize| word(bytes, at(field));
    expect(super_block::MAGIC, word(super_block::MAGIC), SUPER_MAGIC)?;
    expect(super_block::CHECKSUM, word(super_block::CHECKSUM), 0)?;
    if word(super_block::FEATURE_COMPAT) & FEATURE_COMPAT_RAFS_V6 == 0 {
        return Err(fault(super_block::FEATURE_COMPAT, Sentence::ReadNotRafs).into());
    }
    if byte(super_block::BLOCK_BITS) == TARFS_BLOCK_BITS {
        return Err(Finding::new(Sentence::ReadTarfs).into());
    }
    expect(super_block::BLOCK_BITS, byte(super_block::BLOCK_BITS), BLOCK_SIZE.ilog2())?;
    expect(super_block::EXT_SLOTS, byte(super_block::EXT_SLOTS), 0)?;
    expect(super_block::XATTR_BLOCK, word(super_block::XATTR_BLOCK), 0)?;
    expect(super_block::FEATURE_INCOMPAT, word(super_block::FEATURE_INCOMPAT), FEATURE_INCOMPAT)?;
    expect(super_block::UNION, half(super_block::UNION), 0)?;
    let slot = DEVICE_TABLE_OFFSET / device_slot::SIZE;
    expect(
        super_block::DEVICE_SLOT_OFFSET,
        half(super_block::DEVICE_SLOT_OFFSET),
        u32::try_from(slot).unwrap_or_default(),
    )?;
    if Tables::names(bytes) == 0 {
        return Err(fault(super_block::INOS, Sentence::ReadNoInodes).into());
    }
    if half(super_block::ROOT_NID) == 0 {
        return Err(fault(super_block::ROOT_NID, Sentence::ReadRootZero).into());
    }
    let meta_block = word(super_block::META_BLOCK);
    if u64::from(meta_block) * BLOCK_SIZE as u64 > bytes.len() as u64 {
        return Err(fault(super_block::META_BLOCK, Sentence::ReadMetaBlock).arg(meta_block).into());
    }
    let devices = index(half(super_block::EXTRA_DEVICES));
    let blocks = word(super_block::BLOCKS);
    if devices == 0 && blocks != 0 && index(blocks) != BLOCK_SIZE {
        return Err(fault(super_block::BLOCKS, Sentence::ReadBlocksWithoutBlob).arg(blocks).into());
    }
    if devices > MAX_BLOBS {
        let finding = fault(super_block::EXTRA_DEVICES, Sentence::ReadTooManyBlobs);
        return Err(finding.arg(devices).arg(MAX_BLOBS).into());
    }
    if DEVICE_TABLE_OFFSET + devices * device_slot::SIZE > bytes.len() {
        return Err(fault(super_block::EXTRA_DEVICES, Sentence::ReadDeviceSlots).arg(devices).into());
    }
    Ok(devices)
}

/// The block size of 512 bytes, which marks a tar with a file system in front.
const TARFS_BLOCK_BITS: u32 = 9;

fn extended_fault(field: usize, sentence: Sentence) -> Finding {
    Finding::of_field(sentence, &extended::TABLE, field, EXTENDED_SUPER_OFFSET)
}

/// The place of a table in the extended super block.
#[derive(Clone, Copy)]
struct Announced {
    name: &'static str,
    offset_field: usize,
    size_field: usize,
    offset: u64,
    size: u64,
    record: usize,
}

/// Reads the runs of blobs, chunk records and prefetch entries. Tables must be aligned, inside the file, after the device
/// table, and must not overlap.
fn read_ranges(bytes: &[u8], devices: usize) -> Result<[Run; 3], Refusal> {
    let chunk_size = word(bytes, EXTENDED_SUPER_OFFSET + extended::CHUNK_SIZE);
    if !chunk_size.is_power_of_two() || !(MIN_CHUNK_SIZE..=MAX_CHUNK_SIZE).contains(&chunk_size) {
        return Err(extended_fault(extended::CHUNK_SIZE, Sentence::ReadChunkSize).arg(chunk_size).into());
    }
    let (chunk_offset, chunk_bytes) = Tables::chunk_table(bytes);
    let (prefetch_offset, prefetch_bytes) = Tables::prefetch_table(bytes);
    let blobs = Announced {
        name: "blob table",
        offset_field: extended::BLOB_TABLE_OFFSET,
        size_field: extended::BLOB_TABLE_SIZE,
        offset: wide(bytes, EXTENDED_SUPER_OFFSET + extended::BLOB_TABLE_OFFSET),
        size: u64::from(word(bytes, EXTENDED_SUPER_OFFSET + extended::BLOB_TABLE_SIZE)),
        record: blob_entry::SIZE,
    };
    let records = Announced {
        name: "chunk table",
        offset_field: extended::CHUNK_TABLE_OFFSET,
        size_field: extended::CHUNK_TABLE_SIZE,
        offset: chunk_offset,
        size: chunk_bytes,
        record: chunk_info::SIZE,
    };
    let prefetch = Announced {
        name: "prefetch table",
        offset_field: extended::PREFETCH_TABLE_OFFSET,
        size_field: extended::PREFETCH_TABLE_SIZE,
        offset: prefetch_offset,
        size: u64::from(prefetch_bytes),
        record: prefetch_entry::SIZE,
    };
    let lowest = (DEVICE_TABLE_OFFSET + devices * device_slot::SIZE).max(BLOCK_SIZE);
    let inside = |table: &Announced, alignment: u64| {
        let Announced { offset, size, offset_field, .. } = *table;
        if offset % alignment != 0 || offset < lowest as u64 {
            return Err(Box::new(extended_fault(offset_field, Sentence::ReadTableStart).arg(offset)));
        }
        if offset + size > bytes.len() as u64 {
            let finding = extended_fault(offset_field, Sentence::ReadTableEnd);
            return Err(finding.arg(size).arg(offset).arg(bytes.len()).into());
        }
        Ok(())
    };
    let whole = |table: &Announced| {
        if table.size.is_multiple_of(table.record as u64) {
            return Ok(());
        }
        let finding = extended_fault(table.size_field, Sentence::ReadTableMultiple);
        Err(Box::new(finding.arg(table.size).arg(table.record)))
    };
    inside(&blobs, BLOCK_SIZE as u64)?;
    whole(&blobs)?;
    whole(&records)?;
    if records.size > 0 {
        inside(&records, BLOCK_SIZE as u64)?;
    }
    whole(&prefetch)?;
    if prefetch.size > 0 && prefetch.offset != 0 {
        inside(&prefetch, PREFETCH_ALIGNMENT)?;
    }
    let tables = [blobs, records, prefetch];
    for (number, a) in tables.iter().enumerate() {
        for b in tables.iter().take(number) {
            let apart = a.offset >= b.offset + b.size || b.offset >= a.offset + a.size;
            if a.size > 0 && b.size > 0 && !apart {
                let finding = extended_fault(a.offset_field, Sentence::ReadTableOverlap);
                return Err(finding.arg(a.name).arg(b.name).into());
            }
        }
    }
    let count = |table: &Announced| index(table.size) / table.record;
    let run = |table: &Announced, count| Run { start: index(table.offset), count, size: table.record };
    let prefetched = if prefetch.offset == 0 { 0 } else { count(&prefetch) };
    Ok([run(&blobs, count(&blobs)), run(&records, count(&records)), run(&prefetch, prefetched)])
}

const PREFETCH_ALIGNMENT: u64 = 8;

fn read_devices(bytes: &[u8], count: usize) -> Result<(), Refusal> {
    let mut ids = HashSet::new();
    for position in 0..count {
        let at = DEVICE_TABLE_OFFSET + position * device_slot::SIZE;
        let fault = |field, sentence| Finding::of_field(sentence, &device_slot::TABLE, field, at);
        if word(bytes, at + device_slot::BLOCKS) == 0 {
            return Err(fault(device_slot::BLOCKS, Sentence::ReadDeviceEmpty).into());
        }
        let id = text(bytes, at + device_slot::BLOB_ID);
        if !is_blob_id(id) {
            return Err(fault(device_slot::BLOB_ID, Sentence::ReadIdText).into());
        }
        if !ids.insert(id) {
            return Err(fault(device_slot::BLOB_ID, Sentence::ReadIdTwice).name(id).into());
        }
    }
    Ok(())
}

const ID_SIZE: usize = 64;

/// The id of a blob: one byte for each character, filled up with NULs.
pub fn text(bytes: &[u8], at: usize) -> &[u8] {
    let raw = slice(bytes, at, ID_SIZE).unwrap_or_default();
    let len = raw.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    raw.get(..len).unwrap_or_default()
}

/// True if an id is printable and not empty.
fn is_blob_id(id: &[u8]) -> bool {
    !id.is_empty() && id.iter().all(u8::is_ascii_graphic)
}

fn read_blobs(bytes: &[u8], tables: &Tables) -> Result<(), Refusal> {
    if tables.blobs.count != tables.devices.count {
        let finding = extended_fault(extended::BLOB_TABLE_SIZE, Sentence::ReadBlobsDevices);
        return Err(finding.arg(tables.blobs.count).arg(tables.devices.count).into());
    }
    for (position, at) in tables.blobs.places().enumerate() {
        View::read(bytes, &blob_entry::TABLE, at)?;
        read_blob(bytes, at, position, tables.chunk_size)?;
    }
    Ok(())
}

/// One entry of the blob table.
#[derive(Clone, Copy)]
pub struct Blob<'a> {
    bytes: &'a [u8],
    /// Offset of the entry in the file.
    pub at: usize,
}

impl<'a> Blob<'a> {
    pub fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    pub fn id(&self) -> &'a [u8] {
        text(self.bytes, self.at + blob_entry::BLOB_ID)
    }

    /// A field of 32 bits.
    pub fn word(&self, field: usize) -> u32 {
        word(self.bytes, self.at + field)
    }

    /// A field of 64 bits.
    pub fn wide(&self, field: usize) -> u64 {
        wide(self.bytes, self.at + field)
    }

    /// True if the blob has any of these features.
    pub fn has(&self, features: u32) -> bool {
        self.word(blob_entry::FEATURES) & features != 0
    }

    /// A field of 32 bytes.
    pub fn digest(&self, field: usize) -> [u8; 32] {
        slice(self.bytes, self.at + field, 32).and_then(|bytes| bytes.try_into().ok()).unwrap_or_default()
    }

    /// True if all bytes of a field are zero.
    pub fn is_zero(&self, field: usize, size: usize) -> bool {
        slice(self.bytes, self.at + field, size).is_some_and(crate::bytes::is_zero)
    }
}

/// Features of blobs whose chunk records are only in blob.meta.
pub const WITH_CONTEXTS: u32 = blob_features::BATCH | blob_features::ZRAN | blob_features::ENCRYPTED;

fn read_blob(bytes: &[u8], at: usize, position: usize, chunk_size: u64) -> Result<(), Refusal> {
    let blob = Blob::new(bytes, at);
    let fault = |field, sentence| Finding::of_field(sentence, &blob_entry::TABLE, field, at);
    let features = blob.word(blob_entry::FEATURES);
    if !is_blob_id(blob.id()) {
        return Err(fault(blob_entry::BLOB_ID, Sentence::ReadIdText).into());
    }
    let number = blob.word(blob_entry::BLOB_INDEX);
    if index(number) != position {
        let finding = fault(blob_entry::BLOB_INDEX, Sentence::ReadBlobIndex);
        return Err(finding.arg(number).arg(position).into());
    }
    let size = blob.word(blob_entry::CHUNK_SIZE);
    if u64::from(size) != chunk_size {
        let finding = fault(blob_entry::CHUNK_SIZE, Sentence::ReadBlobChunkSize);
        return Err(finding.arg(size).arg(chunk_size).into());
    }
    let count = blob.word(blob_entry::CHUNK_COUNT);
    if count == 0 || count > MAX_CHUNKS {
        return Err(fault(blob_entry::CHUNK_COUNT, Sentence::ReadBlobChunkCount).arg(count).into());
    }
    if features & BLOB_FEATURES_REFUSED != 0 {
        return Err(fault(blob_entry::FEATURES, Sentence::ReadBlobRefused).arg(features).into());
    }
    if blob.has(blob_features::ALIGNED) == blob.has(blob_features::TARFS) {
        return Err(fault(blob_entry::FEATURES, Sentence::ReadBlobAligned).into());
    }
    if blob.has(WITH_CONTEXTS) && !blob.has(blob_features::CHUNK_INFO_V2) {
        return Err(fault(blob_entry::FEATURES, Sentence::ReadBlobInfoV2).into());
    }
    for (field, most) in [
        (blob_entry::UNCOMPRESSED_SIZE, MAX_UNCOMPRESSED_SIZE),
        (blob_entry::COMPRESSED_SIZE, MAX_COMPRESSED_SIZE),
    ] {
        if blob.wide(field) > most {
            return Err(fault(field, Sentence::ReadBlobBytes).arg(blob.wide(field)).into());
        }
    }
    let cipher = blob.word(blob_entry::CIPHER);
    let wanted = if blob.has(blob_features::ENCRYPTED) { CIPHER_AES_128_XTS } else { CIPHER_NONE };
    if cipher != wanted {
        return Err(fault(blob_entry::CIPHER, Sentence::ReadBlobNumber).arg(cipher).into());
    }
    if blob.has(blob_features::TARFS | blob_features::IS_CHUNKDICT_GENERATED) {
        return Ok(());
    }
    let meta = blob.wide(blob_entry::META_UNCOMPRESSED_SIZE);
    let record = if blob.has(blob_features::CHUNK_INFO_V2) { META_RECORD_V2 } else { META_RECORD };
    let records = u64::from(count) * record;
    if if blob.has(WITH_CONTEXTS) { meta < records } else { meta != records } {
        let finding = fault(blob_entry::META_UNCOMPRESSED_SIZE, Sentence::ReadMetaSize);
        return Err(finding.arg(meta).arg(count).into());
    }
    let compressed = blob.wide(blob_entry::META_COMPRESSED_SIZE);
    if compressed > meta {
        let finding = fault(blob_entry::META_COMPRESSED_SIZE, Sentence::ReadMetaCompressed);
        return Err(finding.arg(compressed).arg(meta).into());
    }
    if blob.wide(blob_entry::META_OFFSET) + compressed >= crate::bytes::EXACT {
        return Err(fault(blob_entry::META_OFFSET, Sentence::ReadMetaEnd).into());
    }
    Ok(())
}

const MAX_CHUNKS: u32 = 1 << 24;
/// Bytes of a chunk's record in blob.meta.
const META_RECORD: u64 = 16;
const META_RECORD_V2: u64 = 24;

/// Checks that compressor and digester of a blob are known.
fn read_numbers(bytes: &[u8], at: usize) -> Result<(), Refusal> {
    let blob = Blob::new(bytes, at);
    for (field, highest) in [
        (blob_entry::COMPRESSOR, compressor::ZSTD),
        (blob_entry::DIGESTER, digester::SHA256),
        (blob_entry::META_COMPRESSOR, compressor::ZSTD),
    ] {
        let number = blob.word(field);
        if number > highest {
            let finding = Finding::of_field(Sentence::ReadBlobUnknown, &blob_entry::TABLE, field, at);
            return Err(finding.arg(number).into());
        }
    }
    Ok(())
}
