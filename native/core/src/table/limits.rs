//! Limits the size of one layer, whether a scan or a conversion keeps it.

use nydus_layout::wire::{entry_head, xattr_head};

use std::sync::Arc;

use crate::archive::{Entry, EntryKind};
use crate::budget::Account;
use crate::error::{Error, Result};

/// The most references of one layer. A tar of a few kilobytes can describe holes of any length, and each of them is chunks.
const MAX_REFERENCES: u64 = 1 << 26;
/// The most bytes of entries of one layer; Node's buffers end at 4 GiB.
const MAX_ENTRY_BYTES: usize = 2 << 30;
/// The largest whole number that JavaScript represents exactly.
const MAX_NUMBER: u64 = (1 << 53) - 1;

/// The references that an entry will have once its chunks are decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Promised {
    /// The number of references before them.
    pub first: u32,
    /// The number of the entry's references.
    pub count: u32,
}

/// Counts the references and bytes of a layer's entries, and charges them to the layer's account.
pub struct EntryLimits {
    account: Arc<Account>,
    count: u32,
    bytes: usize,
    promised: u64,
}

impl EntryLimits {
    /// Counts from zero.
    pub const fn new(account: Arc<Account>) -> Self {
        Self { account, count: 0, bytes: 0, promised: 0 }
    }

    /// Admits the next entry, or refuses it when it exceeds a limit. Each of its chunks takes `chunk_bytes` in the end.
    pub fn admit(&mut self, entry: &Entry, chunk_size: u32, chunk_bytes: u64) -> Result<Promised> {
        let chunks =
            if entry.kind == EntryKind::File { entry.size.div_ceil(u64::from(chunk_size)) } else { 0 };
        let first = u32::try_from(self.promised).unwrap_or(u32::MAX);
        self.promised = self.promised.saturating_add(chunks);
        let Some(count) = u32::try_from(chunks).ok().filter(|_| self.promised <= MAX_REFERENCES) else {
            return Err(entry.unsupported(format!("layer refers to more than {MAX_REFERENCES} chunks")));
        };
        if entry.mtime.unsigned_abs() > MAX_NUMBER {
            return Err(entry.format(format!("modification time {} is out of range", entry.mtime)));
        }
        let names: usize =
            entry.xattrs.iter().map(|(name, value)| xattr_head::SIZE + name.len() + value.len()).sum();
        let bytes = entry.path.len() + entry.link.len() + names;
        self.account.entry((bytes as u64).saturating_add(chunks.saturating_mul(chunk_bytes)))?;
        self.bytes += entry_head::SIZE + bytes;
        if self.bytes > MAX_ENTRY_BYTES {
            let reason = format!("layer's names and attributes exceed {MAX_ENTRY_BYTES} bytes");
            return Err(entry.unsupported(reason));
        }
        self.count = self
            .count
            .checked_add(1)
            .ok_or_else(|| Error::unsupported("layer has more than 2^32 entries"))?;
        Ok(Promised { first, count })
    }

    /// Charges the bytes of a file's references.
    pub fn refer(&self, bytes: u64) -> Result<()> {
        self.account.metadata(bytes)
    }

    /// The number of entries admitted.
    pub const fn count(&self) -> u32 {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::{Budget, Limits};
    use crate::table::tests::file;

    #[test]
    fn holes_beyond_the_limit_are_refused() {
        let budget = Budget::new(Limits { metadata: u64::MAX, ..Limits::default() });
        let account = Arc::new(Account::new(Arc::new(budget)));
        let mut limits = EntryLimits::new(Arc::clone(&account));
        limits.admit(&file(16 << 40), 1 << 20, 16).unwrap();
        let most = (MAX_REFERENCES - (1 << 24)) * 4096;
        limits.admit(&file(most), 4096, 16).unwrap();
        let error = limits.admit(&file(1), 4096, 16).unwrap_err();
        assert_eq!((error.code(), error.offset()), ("UNSUPPORTED", Some(1024)));
        assert!(error.to_string().starts_with("tar entry \"a/b\" at offset 1024: "));
        let odd = Entry { mtime: i64::MIN, ..file(0) };
        assert_eq!(EntryLimits::new(account).admit(&odd, 4096, 16).unwrap_err().code(), "FORMAT");
    }
}
