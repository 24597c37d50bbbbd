//! Cuts the parser's pieces into whole chunks.

use std::sync::Arc;

use super::contents::{Contents, REFERENCE_BYTES};
use super::keeper::{Bytes, Cut, Keeper};
use crate::archive::{Entry, EntryKind, EntrySink};
use crate::budget::Account;
use crate::decide::Counts;
use crate::digest::{Digester, Fingerprint};
use crate::error::{Error, Result};
use crate::table::EntryLimits;

/// A warning about something that the parser has dropped or corrected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The stable name of this kind of warning.
    pub code: &'static str,
    /// The sentence for the user.
    pub message: String,
}

/// The most warnings that are kept: a damaged tar can cause one for each of a million entries.
const MAX_WARNINGS: usize = 1000;

/// The chunker's result at the end of a layer.
pub struct Chunked<C, K> {
    /// The entries and their references.
    pub contents: C,
    /// The keeper's own result.
    pub kept: K,
    /// Number of entries.
    pub entry_count: u32,
    /// Counts of new and known chunks.
    pub counts: Counts,
    /// Warnings in the order in which they were given.
    pub warnings: Vec<Warning>,
}

/// Cuts the files of one layer into chunks and passes these to a keeper.
pub struct Chunker<C: Contents, K: Keeper> {
    chunk_size: u32,
    digester: Digester,
    limits: EntryLimits,
    contents: C,
    keeper: K,
    warnings: Vec<Warning>,
    /// Bytes of the current file that are not part of a complete chunk yet.
    file_left: u64,
    /// The number of these bytes that are already in the keeper's tail.
    filled: usize,
    /// True if the current file has only one chunk.
    is_file: bool,
    /// References of the current file, of which a run counts as one.
    references: u64,
    /// Fingerprint of a whole chunk of zeros, computed at its first use.
    zeros: Option<Fingerprint>,
}

impl<C: Contents, K: Keeper> Chunker<C, K> {
    /// Makes a chunker at the start of the layer that has this account. `cut` is the size of chunks and their digester.
    pub fn new(cut: (u32, Digester), account: Arc<Account>, contents: C, keeper: K) -> Self {
        let (chunk_size, digester) = cut;
        Self {
            chunk_size,
            digester,
            limits: EntryLimits::new(account),
            contents,
            keeper,
            warnings: Vec::new(),
            file_left: 0,
            filled: 0,
            is_file: false,
            references: 0,
            zeros: None,
        }
    }

    /// Ends the layer.
    pub fn finish(self) -> Result<Chunked<C, K::Kept>> {
        let Self { mut contents, keeper, limits, warnings, .. } = self;
        let (kept, counts) = keeper.finish(&mut contents)?;
        Ok(Chunked { contents, kept, entry_count: limits.count(), counts, warnings })
    }

    /// Length of the current chunk, or of the next one when none is under way.
    fn chunk_len(&self) -> usize {
        // The length is at most the chunk size, which is at most 16 MiB.
        usize::try_from(self.file_left.min(u64::from(self.chunk_size))).unwrap_or(usize::MAX)
    }

    fn check_left(&self, count: u64) -> Result<()> {
        if count <= self.file_left - self.filled as u64 {
            return Ok(());
        }
        Err(Error::internal("the tar parser gave more bytes than the file has"))
    }

    fn zero_print(&mut self, len: usize) -> Fingerprint {
        if let Some(print) = self.zeros.filter(|print| print.len as usize == len) {
            return print;
        }
        let print = K::print(&vec![0; len], self.digester);
        if len == self.chunk_size as usize {
            self.zeros = Some(print);
        }
        print
    }

    /// Takes a chunk that lies wholly in the parser's piece or in a hole, and follows itself `count` times in all.
    fn whole(&mut self, print: Fingerprint, count: u32, bytes: &Bytes<'_>) -> Result<()> {
        let chunk = Cut { print, count, is_file: self.is_file };
        self.keeper.complete(chunk, bytes, &mut self.contents)?;
        self.file_left -= u64::from(print.len) * u64::from(count);
        self.references += 1;
        Ok(())
    }

    /// Extends the current chunk by `count` bytes that `add` appends, and completes it when it has its full length.
    fn grow(&mut self, len: usize, count: usize, add: impl FnOnce(&mut Vec<u8>)) -> Result<()> {
        if self.filled == 0 {
            self.keeper.begin(len, &mut self.contents)?;
        }
        add(self.keeper.tail()?);
        self.filled += count;
        if self.filled < len {
            return Ok(());
        }
        let grown = self.keeper.tail()?;
        let chunk = grown.len().checked_sub(len).and_then(|start| grown.get(start..));
        let chunk = chunk.ok_or_else(|| Error::internal("chunk under way is not where it grew"))?;
        let print = K::print(chunk, self.digester);
        self.whole(print, 1, &Bytes::Tail)?;
        self.filled = 0;
        Ok(())
    }
}

impl<C: Contents, K: Keeper> EntrySink for Chunker<C, K> {
    fn entry(&mut self, entry: Entry) -> Result<()> {
        if self.file_left != 0 {
            return Err(Error::internal("the tar parser went on before the file was complete"));
        }
        let promised = self.limits.admit(&entry, self.chunk_size, self.contents.chunk_bytes())?;
        self.contents.push(&entry, promised);
        if entry.kind == EntryKind::File {
            self.file_left = entry.size;
            self.is_file = entry.size <= u64::from(self.chunk_size);
        }
        Ok(())
    }

    fn data(&mut self, mut bytes: &[u8]) -> Result<()> {
        self.check_left(bytes.len() as u64)?;
        while !bytes.is_empty() {
            let len = self.chunk_len();
            let (now, rest) = bytes.split_at(bytes.len().min(len - self.filled));
            if now.len() == len {
                self.whole(K::print(now, self.digester), 1, &Bytes::Slice(now))?;
            } else {
                self.grow(len, now.len(), |tail| tail.extend_from_slice(now))?;
            }
            bytes = rest;
        }
        Ok(())
    }

    fn zeros(&mut self, mut count: u64) -> Result<()> {
        self.check_left(count)?;
        while count > 0 {
            let len = self.chunk_len();
            let now = usize::try_from(count).unwrap_or(usize::MAX).min(len - self.filled);
            if now == len {
                let print = self.zero_print(len);
                // Only the last chunk of a file is shorter than others, and it is the last of the hole.
                let times = u32::try_from(count / len as u64).unwrap_or(u32::MAX);
                self.whole(print, times, &Bytes::Zeros(len))?;
                count -= len as u64 * u64::from(times);
            } else {
                self.grow(len, now, |tail| tail.resize(tail.len() + now, 0))?;
                count -= now as u64;
            }
        }
        Ok(())
    }

    fn end_file(&mut self) -> Result<()> {
        if self.file_left != 0 {
            return Err(Error::internal("the tar parser ended a file early"));
        }
        self.limits.refer(std::mem::take(&mut self.references) * REFERENCE_BYTES)
    }

    fn warn(&mut self, code: &'static str, message: String) {
        if self.warnings.len() < MAX_WARNINGS {
            self.warnings.push(Warning { code, message });
        }
    }
}
