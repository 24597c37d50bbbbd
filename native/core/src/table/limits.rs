//! What one layer may hold, whoever keeps it.

use nydus_layout::wire::{entry_head, xattr_head};

use super::MAX_CHUNKS;
use crate::archive::{Entry, EntryKind};
use crate::error::{Error, Result};

/// References of one layer: a tar of a few kilobytes can describe holes without end, and each of them is chunks.
const MAX_REFERENCES: u64 = 1 << 26;
/// Bytes of entries of one layer; Node's buffers end at 4 GiB.
const MAX_ENTRY_BYTES: usize = 2 << 30;
/// JavaScript's whole numbers.
const MAX_NUMBER: u64 = (1 << 53) - 1;

/// References that an entry will have, resolved or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Promised {
    /// How many there are before them.
    pub first: u32,
    /// How many there are of them.
    pub count: u32,
}

/// Counts what a layer's entries take.
#[derive(Default)]
pub struct EntryLimits {
    count: u32,
    bytes: usize,
    promised: u64,
}

impl EntryLimits {
    /// Lets the next entry in.
    pub fn admit(&mut self, entry: &Entry, chunk_size: u32) -> Result<Promised> {
        let chunks =
            if entry.kind == EntryKind::File { entry.size.div_ceil(u64::from(chunk_size)) } else { 0 };
        let count = u32::try_from(chunks).ok().filter(|&count| count <= MAX_CHUNKS);
        let Some(count) = count else {
            return Err(too_much(entry, &format!("{} bytes are more than {MAX_CHUNKS} chunks", entry.size)));
        };
        let first = u32::try_from(self.promised).unwrap_or(u32::MAX);
        self.promised += chunks;
        if self.promised > MAX_REFERENCES {
            return Err(too_much(entry, &format!("layer refers to more than {MAX_REFERENCES} chunks")));
        }
        if entry.mtime.unsigned_abs() > MAX_NUMBER {
            let message = format!("{}: modification time {} is out of range", place(entry), entry.mtime);
            return Err(Error::format_at(message, &entry.path, entry.offset));
        }
        let names: usize =
            entry.xattrs.iter().map(|(name, value)| xattr_head::SIZE + name.len() + value.len()).sum();
        self.bytes += entry_head::SIZE + entry.path.len() + entry.link.len() + names;
        if self.bytes > MAX_ENTRY_BYTES {
            let reason = format!("layer's names and attributes exceed {MAX_ENTRY_BYTES} bytes");
            return Err(too_much(entry, &reason));
        }
        self.count = self
            .count
            .checked_add(1)
            .ok_or_else(|| Error::unsupported("layer has more than 2^32 entries"))?;
        Ok(Promised { first, count })
    }

    /// Entries let in.
    pub const fn count(&self) -> u32 {
        self.count
    }
}

fn place(entry: &Entry) -> String {
    format!("tar entry {:?} at offset {}", String::from_utf8_lossy(&entry.path), entry.offset)
}

fn too_much(entry: &Entry, reason: &str) -> Error {
    Error::unsupported_at(format!("{}: {reason}", place(entry)), &entry.path, entry.offset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::tests::file;

    #[test]
    fn holes_without_end_are_refused() {
        let mut limits = EntryLimits::default();
        let most = u64::from(MAX_CHUNKS) * 4096;
        assert_eq!(limits.admit(&file(most + 1), 4096).unwrap_err().code(), "UNSUPPORTED");
        for _ in 0..4 {
            limits.admit(&file(most), 4096).unwrap();
        }
        let error = limits.admit(&file(most), 4096).unwrap_err();
        assert_eq!((error.code(), error.offset()), ("UNSUPPORTED", Some(1024)));
        assert!(error.to_string().starts_with("tar entry \"a/b\" at offset 1024: "));
        let odd = Entry { mtime: i64::MIN, ..file(0) };
        assert_eq!(EntryLimits::default().admit(&odd, 4096).unwrap_err().code(), "FORMAT");
    }
}
