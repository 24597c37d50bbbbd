//! Packs the entries and references of a layer.

use nydus_layout::wire::{REPEATED, entry_head, entry_kind, reference, xattr_head};

use super::{Promised, set};
use crate::archive::{Entry, EntryKind};
use crate::dict::Place;

/// Collects the entries and references of a layer.
#[derive(Default)]
pub struct EntryTable {
    entries: Vec<u8>,
    references: Vec<u8>,
}

impl EntryTable {
    /// Appends an entry that `EntryLimits` has admitted; its references follow by `push_references`, file after file.
    pub fn push(&mut self, entry: &Entry, promised: Promised) {
        let mut head = [0; entry_head::SIZE];
        set(&mut head, entry_head::KIND, [kind_number(entry.kind)]);
        set(&mut head, entry_head::MODE, entry.mode.to_le_bytes());
        set(&mut head, entry_head::UID, entry.uid.to_le_bytes());
        set(&mut head, entry_head::GID, entry.gid.to_le_bytes());
        set(&mut head, entry_head::MTIME_NSEC, entry.mtime_nsec.to_le_bytes());
        set(&mut head, entry_head::MTIME, entry.mtime.to_le_bytes());
        set(&mut head, entry_head::SIZE_FIELD, entry.size.to_le_bytes());
        set(&mut head, entry_head::OFFSET, entry.offset.to_le_bytes());
        set(&mut head, entry_head::MAJOR, entry.major.to_le_bytes());
        set(&mut head, entry_head::MINOR, entry.minor.to_le_bytes());
        set(&mut head, entry_head::PATH_LENGTH, len_bytes(&entry.path));
        set(&mut head, entry_head::LINK_LENGTH, len_bytes(&entry.link));
        let xattrs = u32::try_from(entry.xattrs.len()).unwrap_or(u32::MAX);
        set(&mut head, entry_head::XATTR_COUNT, xattrs.to_le_bytes());
        set(&mut head, entry_head::REFERENCE_COUNT, promised.count.to_le_bytes());
        let out = &mut self.entries;
        out.extend_from_slice(&head);
        out.extend_from_slice(&entry.path);
        out.extend_from_slice(&entry.link);
        for (name, value) in &entry.xattrs {
            let mut head = [0; xattr_head::SIZE];
            set(&mut head, xattr_head::NAME_LENGTH, len_bytes(name));
            set(&mut head, xattr_head::VALUE_LENGTH, len_bytes(value));
            out.extend_from_slice(&head);
            out.extend_from_slice(name);
            out.extend_from_slice(value);
        }
    }

    /// Adds the next reference, in file order, `count` times.
    pub fn push_references(&mut self, place: Place, count: u32) {
        self.push_record(place.layer, place.index);
        match count {
            0 | 1 => {}
            2 => self.push_record(place.layer, place.index),
            _ => self.push_record(REPEATED, count - 1),
        }
    }

    fn push_record(&mut self, layer: u32, index: u32) {
        let mut packed = [0; reference::SIZE];
        set(&mut packed, reference::LAYER, layer.to_le_bytes());
        set(&mut packed, reference::INDEX, index.to_le_bytes());
        self.references.extend_from_slice(&packed);
    }

    /// Returns the packed entries and the packed references.
    pub fn into_parts(self) -> (Vec<u8>, Vec<u8>) {
        (self.entries, self.references)
    }
}

const fn kind_number(kind: EntryKind) -> u8 {
    match kind {
        EntryKind::File => entry_kind::FILE,
        EntryKind::Directory => entry_kind::DIRECTORY,
        EntryKind::Symlink => entry_kind::SYMLINK,
        EntryKind::Hardlink => entry_kind::HARDLINK,
        EntryKind::Char => entry_kind::CHAR,
        EntryKind::Block => entry_kind::BLOCK,
        EntryKind::Fifo => entry_kind::FIFO,
    }
}

/// The length of a field of an entry. `EntryLimits` has bounded an entry's bytes together at 2 GiB, so each length fits.
fn len_bytes(bytes: &[u8]) -> [u8; 4] {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::tests::file;

    #[test]
    fn an_entry_lies_where_the_layout_says() {
        let mut table = EntryTable::default();
        table.push(&file(4097), Promised { first: 0, count: 2 });
        table.push_references(Place { layer: 3, index: 9 }, 1);
        table.push_references(Place { layer: 0, index: 1 }, 4);
        let (entries, references) = table.into_parts();
        let word = |at: usize| u32::from_le_bytes(entries[at..at + 4].try_into().unwrap());
        assert_eq!((entries[0], u16::from_le_bytes([entries[2], entries[3]])), (0, 0o644));
        assert_eq!([4, 8, 12, 24, 32, 48, 52, 56, 60].map(word), [1, 2, 5, 4097, 1024, 3, 0, 1, 2]);
        assert_eq!(entries[16..24], (-1i64).to_le_bytes());
        assert_eq!(entries[64..], *b"a/b\x06\0\0\0\x02\0\0\0user.x\0v");
        assert_eq!(references[..16], [3, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]);
        assert_eq!(references[16..], [255, 255, 255, 255, 3, 0, 0, 0], "the last one three times more");
    }
}
