//! The packed tables that cross to TypeScript, little-endian; `src/native.ts` decodes them. Three buffers a layer:
//!
//! *Entries*, in tar order, one record after another without padding:
//!
//! | at | type | field |
//! | --- | --- | --- |
//! | 0 | u8 | kind: 0 file, 1 directory, 2 symlink, 3 hard link, 4 char, 5 block, 6 fifo |
//! | 1 | u8 | zero |
//! | 2 | u16 | mode, 0 … 0o7777 |
//! | 4, 8 | u32 | uid, gid |
//! | 12 | u32 | nanoseconds of mtime |
//! | 16 | i64 | mtime, seconds since 1970 |
//! | 24 | u64 | size |
//! | 32 | u64 | offset of the header in the uncompressed tar |
//! | 40, 44 | u32 | major, minor |
//! | 48, 52 | u32 | length of path, length of link |
//! | 56 | u32 | number of xattrs |
//! | 60 | u32 | number of chunk references |
//! | 64 | | path, link, then for each xattr: u32 length of name, u32 length of value, name, value |
//!
//! *References*, 8 bytes each, file after file: u32 layer, u32 index in that layer's blob.
//!
//! *Chunks* that the layer stores, 64 bytes each, by index: digest 32, u32 CRC-32C, u32 uncompressed size, u32 compressed
//! size, u32 flags (1 compressed, 2 has a CRC), u64 compressed offset, u64 uncompressed offset.

use crate::archive::{Entry, EntryKind};
use crate::dict::Place;
use crate::digest::{Digest, Fingerprint};
use crate::error::{Error, Result};

/// Bytes of an entry before its names.
pub const ENTRY_HEAD: usize = 64;
/// Bytes of a chunk reference.
pub const REFERENCE: usize = 8;
/// Bytes of a chunk record.
pub const CHUNK_RECORD: usize = 64;
/// The stored bytes are the compressor's.
pub const FLAG_COMPRESSED: u32 = 1;
/// The CRC-32C is known.
pub const FLAG_CRC: u32 = 2;

/// Indexes of 24 bits, the last of which Nydus does not hand out.
pub const MAX_CHUNKS: u32 = 0xFF_FFFF;
/// References of one layer: a tar of a few kilobytes can describe holes without end, and each of them is chunks.
const MAX_REFERENCES: u64 = 1 << 26;
/// Bytes of entries of one layer; Node's buffers end at 4 GiB.
const MAX_ENTRY_BYTES: usize = 2 << 30;
/// Readers take no blob beyond these (2^40 stored, 2^44 of address space).
const MAX_COMPRESSED: u64 = 1 << 40;
const MAX_UNCOMPRESSED: u64 = 1 << 44;
/// JavaScript's whole numbers.
const MAX_NUMBER: i64 = (1 << 53) - 1;

/// Every chunk starts at a multiple of this in the uncompressed address space.
const ALIGNMENT: u64 = 4096;

/// Collects the entries and references of a layer.
#[derive(Default)]
pub struct EntryTable {
    entries: Vec<u8>,
    count: u32,
    references: Vec<u8>,
    /// References that the entries so far will have, resolved or not.
    promised: u64,
}

impl EntryTable {
    /// Appends an entry; the references of a file follow by `push_reference`, file after file.
    pub fn push(&mut self, entry: &Entry, chunk_size: u32) -> Result<()> {
        let chunks =
            if entry.kind == EntryKind::File { entry.size.div_ceil(u64::from(chunk_size)) } else { 0 };
        let chunk_count =
            u32::try_from(chunks).ok().filter(|&count| count <= MAX_CHUNKS).ok_or_else(|| {
                let message = format!("file of {} bytes needs more than {MAX_CHUNKS} chunks", entry.size);
                Error::unsupported_at(message, &entry.path, entry.offset)
            })?;
        self.promised += chunks;
        if self.promised > MAX_REFERENCES {
            let message = format!("layer refers to more than {MAX_REFERENCES} chunks");
            return Err(Error::unsupported_at(message, &entry.path, entry.offset));
        }
        if entry.mtime.abs() > MAX_NUMBER {
            let message = format!("modification time {} is out of range", entry.mtime);
            return Err(Error::format_at(message, &entry.path, entry.offset));
        }
        let names: usize = entry.xattrs.iter().map(|(name, value)| 8 + name.len() + value.len()).sum();
        let len = ENTRY_HEAD + entry.path.len() + entry.link.len() + names;
        if len > MAX_ENTRY_BYTES - self.entries.len().min(MAX_ENTRY_BYTES) {
            let message = format!("names and attributes of the layer take more than {MAX_ENTRY_BYTES} bytes");
            return Err(Error::unsupported_at(message, &entry.path, entry.offset));
        }
        self.count = self
            .count
            .checked_add(1)
            .ok_or_else(|| Error::unsupported("layer has more than 2^32 entries"))?;

        let out = &mut self.entries;
        out.extend([kind_number(entry.kind), 0]);
        out.extend(entry.mode.to_le_bytes());
        put_u32(out, &[entry.uid, entry.gid, entry.mtime_nsec]);
        out.extend(entry.mtime.to_le_bytes());
        out.extend(entry.size.to_le_bytes());
        out.extend(entry.offset.to_le_bytes());
        put_u32(out, &[entry.major, entry.minor, len_u32(&entry.path), len_u32(&entry.link)]);
        put_u32(out, &[u32::try_from(entry.xattrs.len()).unwrap_or(u32::MAX), chunk_count]);
        out.extend(&entry.path);
        out.extend(&entry.link);
        for (name, value) in &entry.xattrs {
            put_u32(out, &[len_u32(name), len_u32(value)]);
            out.extend(name);
            out.extend(value);
        }
        Ok(())
    }

    /// The next reference, in file order.
    pub fn push_reference(&mut self, place: Place) {
        put_u32(&mut self.references, &[place.layer, place.index]);
    }

    /// Number of entries.
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// Entries and references as they cross.
    pub fn into_parts(self) -> (Vec<u8>, Vec<u8>) {
        (self.entries, self.references)
    }
}

const fn kind_number(kind: EntryKind) -> u8 {
    match kind {
        EntryKind::File => 0,
        EntryKind::Directory => 1,
        EntryKind::Symlink => 2,
        EntryKind::Hardlink => 3,
        EntryKind::Char => 4,
        EntryKind::Block => 5,
        EntryKind::Fifo => 6,
    }
}

fn put_u32(out: &mut Vec<u8>, values: &[u32]) {
    for value in values {
        out.extend(value.to_le_bytes());
    }
}

/// The entry's total was checked against 2 GiB before.
fn len_u32(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

/// Collects the chunks that a layer stores and keeps the cursors of both address spaces.
#[derive(Default)]
pub struct ChunkRecords {
    records: Vec<u8>,
    compressed_end: u64,
    uncompressed_end: u64,
}

impl ChunkRecords {
    /// The next chunk in index order: `stored` bytes of it follow the chunk before.
    pub fn push(&mut self, chunk: &Fingerprint, stored: u32, compressed: bool) -> Result<()> {
        let flags = if compressed { FLAG_CRC | FLAG_COMPRESSED } else { FLAG_CRC };
        self.records.extend(chunk.digest);
        put_u32(&mut self.records, &[chunk.crc32, chunk.len, stored, flags]);
        self.records.extend(self.compressed_end.to_le_bytes());
        self.records.extend(self.uncompressed_end.to_le_bytes());
        self.compressed_end += u64::from(stored);
        self.uncompressed_end += u64::from(chunk.len).next_multiple_of(ALIGNMENT);
        if self.compressed_end > MAX_COMPRESSED || self.uncompressed_end > MAX_UNCOMPRESSED {
            return Err(Error::unsupported(
                "layer holds more data than a blob can (2^40 bytes stored, 2^44 unpacked)",
            ));
        }
        Ok(())
    }

    /// Bytes of all stored chunks.
    pub const fn compressed_end(&self) -> u64 {
        self.compressed_end
    }

    /// Bytes of the uncompressed address space.
    pub const fn uncompressed_end(&self) -> u64 {
        self.uncompressed_end
    }

    /// Number of chunks.
    pub const fn count(&self) -> usize {
        self.records.len() / CHUNK_RECORD
    }

    /// The records as they cross, taken out.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.records)
    }
}

/// A chunk record read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkRecord {
    /// BLAKE3 or SHA-256 of the uncompressed bytes.
    pub digest: Digest,
    /// CRC-32C of the same, where it is known.
    pub crc32: Option<u32>,
    /// Bytes when unpacked; 0 stands for "no such chunk".
    pub uncompressed_size: u32,
    /// Bytes as stored.
    pub compressed_size: u32,
    /// False: stored raw.
    pub compressed: bool,
    /// Where the stored bytes start in the blob.
    pub compressed_offset: u64,
    /// Where the chunk starts in the uncompressed address space.
    pub uncompressed_offset: u64,
}

impl ChunkRecord {
    /// All records of a packed table; what does not fill a record at its end is left out.
    pub fn iter(table: &[u8]) -> impl Iterator<Item = Self> + '_ {
        table.as_chunks::<CHUNK_RECORD>().0.iter().map(Self::decode)
    }

    fn decode(record: &[u8; CHUNK_RECORD]) -> Self {
        let (words, _) = record.as_chunks::<4>();
        let word = |at: usize| words.get(at).map_or(0, |word| u32::from_le_bytes(*word));
        let long = |at: usize| u64::from(word(at)) | u64::from(word(at + 1)) << 32;
        let mut digest = Digest::default();
        digest.copy_from_slice(record.split_at(32).0);
        let flags = word(11);
        Self {
            digest,
            crc32: (flags & FLAG_CRC != 0).then(|| word(8)),
            uncompressed_size: word(9),
            compressed_size: word(10),
            compressed: flags & FLAG_COMPRESSED != 0,
            compressed_offset: long(12),
            uncompressed_offset: long(14),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(size: u64) -> Entry {
        Entry {
            path: b"a/b".to_vec(),
            offset: 1024,
            kind: EntryKind::File,
            mode: 0o644,
            uid: 1,
            gid: 2,
            mtime: -1,
            mtime_nsec: 5,
            size,
            major: 0,
            minor: 0,
            link: Vec::new(),
            xattrs: vec![(b"user.x".to_vec(), b"\0v".to_vec())],
        }
    }

    #[test]
    fn an_entry_lies_where_the_layout_says() {
        let mut table = EntryTable::default();
        table.push(&file(4097), 4096).unwrap();
        table.push_reference(Place { layer: 3, index: 9 });
        table.push_reference(Place { layer: 0, index: 1 });
        assert_eq!(table.count(), 1);
        let (entries, references) = table.into_parts();
        let word = |at: usize| u32::from_le_bytes(entries[at..at + 4].try_into().unwrap());
        assert_eq!((entries[0], u16::from_le_bytes([entries[2], entries[3]])), (0, 0o644));
        assert_eq!([4, 8, 12, 24, 32, 48, 52, 56, 60].map(word), [1, 2, 5, 4097, 1024, 3, 0, 1, 2]);
        assert_eq!(entries[16..24], (-1i64).to_le_bytes());
        assert_eq!(entries[64..], *b"a/b\x06\0\0\0\x02\0\0\0user.x\0v");
        assert_eq!(references, [3, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]);
    }

    #[test]
    fn holes_without_end_are_refused() {
        let mut table = EntryTable::default();
        let most = u64::from(MAX_CHUNKS) * 4096;
        assert_eq!(table.push(&file(most + 1), 4096).unwrap_err().code(), "UNSUPPORTED");
        for _ in 0..4 {
            table.push(&file(most), 4096).unwrap();
        }
        let error = table.push(&file(most), 4096).unwrap_err();
        assert_eq!((error.code(), error.offset()), ("UNSUPPORTED", Some(1024)));
    }

    #[test]
    fn chunk_records_come_back_and_addresses_are_those_of_the_worked_example() {
        let hosts = Fingerprint { digest: [1; 32], crc32: 7, len: 20 };
        let app = Fingerprint { digest: [2; 32], crc32: 8, len: 5000 };
        let mut records = ChunkRecords::default();
        records.push(&hosts, 20, false).unwrap();
        records.push(&app, 5000, false).unwrap();
        records.push(&app, 100, true).unwrap();
        assert_eq!((records.compressed_end(), records.uncompressed_end(), records.count()), (5120, 20480, 3));
        let back: Vec<_> = ChunkRecord::iter(&records.take()).collect();
        assert_eq!(back[0].uncompressed_offset, 0);
        assert_eq!((back[1].compressed_offset, back[1].uncompressed_offset), (20, 4096));
        let last = ChunkRecord {
            digest: [2; 32],
            crc32: Some(8),
            uncompressed_size: 5000,
            compressed_size: 100,
            compressed: true,
            compressed_offset: 5020,
            uncompressed_offset: 12288,
        };
        assert_eq!(back[2], last);
    }
}
