//! Entries and references of a layer, packed.

use super::{ENTRY_HEAD, MAX_CHUNKS, put_u32};
use crate::archive::{Entry, EntryKind};
use crate::dict::Place;
use crate::error::{Error, Result};

/// References of one layer: a tar of a few kilobytes can describe holes without end, and each of them is chunks.
const MAX_REFERENCES: u64 = 1 << 26;
/// Bytes of entries of one layer; Node's buffers end at 4 GiB.
const MAX_ENTRY_BYTES: usize = 2 << 30;
/// JavaScript's whole numbers.
const MAX_NUMBER: u64 = (1 << 53) - 1;

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
        let chunk_count = u32::try_from(chunks).ok().filter(|&count| count <= MAX_CHUNKS);
        let Some(chunk_count) = chunk_count else {
            return Err(too_much(entry, &format!("{} bytes are more than {MAX_CHUNKS} chunks", entry.size)));
        };
        self.promised += chunks;
        if self.promised > MAX_REFERENCES {
            return Err(too_much(entry, &format!("layer refers to more than {MAX_REFERENCES} chunks")));
        }
        if entry.mtime.unsigned_abs() > MAX_NUMBER {
            let message = format!("{}: modification time {} is out of range", place(entry), entry.mtime);
            return Err(Error::format_at(message, &entry.path, entry.offset));
        }
        let names: usize = entry.xattrs.iter().map(|(name, value)| 8 + name.len() + value.len()).sum();
        let len = ENTRY_HEAD + entry.path.len() + entry.link.len() + names;
        if len > MAX_ENTRY_BYTES - self.entries.len().min(MAX_ENTRY_BYTES) {
            return Err(too_much(
                entry,
                &format!("layer's names and attributes exceed {MAX_ENTRY_BYTES} bytes"),
            ));
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

fn place(entry: &Entry) -> String {
    format!("tar entry {:?} at offset {}", String::from_utf8_lossy(&entry.path), entry.offset)
}

fn too_much(entry: &Entry, reason: &str) -> Error {
    Error::unsupported_at(format!("{}: {reason}", place(entry)), &entry.path, entry.offset)
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

/// The entry's total was checked against 2 GiB before.
fn len_u32(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
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
        assert!(error.to_string().starts_with("tar entry \"a/b\" at offset 1024: "));
        let odd = Entry { mtime: i64::MIN, ..file(0) };
        assert_eq!(EntryTable::default().push(&odd, 4096).unwrap_err().code(), "FORMAT");
    }
}
