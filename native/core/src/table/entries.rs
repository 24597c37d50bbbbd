//! Entries and references of a layer, packed.

use super::{Promised, put_u32};
use crate::archive::{Entry, EntryKind};
use crate::dict::Place;

/// Collects the entries and references of a layer.
#[derive(Default)]
pub struct EntryTable {
    entries: Vec<u8>,
    references: Vec<u8>,
}

impl EntryTable {
    /// Appends an entry that has been let in; its references follow by `push_reference`, file after file.
    pub fn push(&mut self, entry: &Entry, promised: Promised) {
        let out = &mut self.entries;
        out.extend([kind_number(entry.kind), 0]);
        out.extend(entry.mode.to_le_bytes());
        put_u32(out, &[entry.uid, entry.gid, entry.mtime_nsec]);
        out.extend(entry.mtime.to_le_bytes());
        out.extend(entry.size.to_le_bytes());
        out.extend(entry.offset.to_le_bytes());
        put_u32(out, &[entry.major, entry.minor, len_u32(&entry.path), len_u32(&entry.link)]);
        put_u32(out, &[u32::try_from(entry.xattrs.len()).unwrap_or(u32::MAX), promised.count]);
        out.extend(&entry.path);
        out.extend(&entry.link);
        for (name, value) in &entry.xattrs {
            put_u32(out, &[len_u32(name), len_u32(value)]);
            out.extend(name);
            out.extend(value);
        }
    }

    /// The next reference, in file order.
    pub fn push_reference(&mut self, place: Place) {
        put_u32(&mut self.references, &[place.layer, place.index]);
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

/// The entry's total was checked against 2 GiB before.
fn len_u32(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::tests::file;

    #[test]
    fn an_entry_lies_where_the_layout_says() {
        let mut table = EntryTable::default();
        table.push(&file(4097), Promised { first: 0, count: 2 });
        table.push_reference(Place { layer: 3, index: 9 });
        table.push_reference(Place { layer: 0, index: 1 });
        let (entries, references) = table.into_parts();
        let word = |at: usize| u32::from_le_bytes(entries[at..at + 4].try_into().unwrap());
        assert_eq!((entries[0], u16::from_le_bytes([entries[2], entries[3]])), (0, 0o644));
        assert_eq!([4, 8, 12, 24, 32, 48, 52, 56, 60].map(word), [1, 2, 5, 4097, 1024, 3, 0, 1, 2]);
        assert_eq!(entries[16..24], (-1i64).to_le_bytes());
        assert_eq!(entries[64..], *b"a/b\x06\0\0\0\x02\0\0\0user.x\0v");
        assert_eq!(references, [3, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]);
    }
}
