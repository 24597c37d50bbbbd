//! The parser's pieces to whole chunks.

use super::{Bytes, Chunker, MAX_WARNINGS, Units, Warning};
use crate::archive::{Entry, EntryKind, EntrySink};
use crate::digest::Fingerprint;
use crate::error::{Error, Result};

impl<U: Units> Chunker<'_, U> {
    /// Length of the chunk that comes next or is under way.
    fn chunk_len(&self) -> usize {
        // At most the chunk size, which is 16 MiB.
        usize::try_from(self.file_left.min(u64::from(self.options.chunk_size))).unwrap_or(usize::MAX)
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
        let print = self.options.print(&vec![0; len]);
        if len == self.options.chunk_size as usize {
            self.zeros = Some(print);
        }
        print
    }

    /// Lets the chunk under way grow by `count` bytes that `add` appends, and completes it when it is whole.
    fn grow(&mut self, len: usize, count: usize, add: impl FnOnce(&mut Vec<u8>)) -> Result<()> {
        if self.filled == 0 {
            self.unit_for(len)?.bytes.reserve(len);
        }
        let lost = || Error::internal("chunk under way has lost its unit");
        let unit = self.open.as_mut().ok_or_else(lost)?;
        add(&mut unit.bytes);
        self.filled += count;
        if self.filled < len {
            return Ok(());
        }
        let tail = unit.bytes.len().checked_sub(len).and_then(|start| unit.bytes.get(start..));
        let tail = tail.ok_or_else(lost)?;
        let print = self.options.print(tail);
        self.complete(print, &Bytes::Tail)?;
        self.filled = 0;
        self.file_left -= len as u64;
        Ok(())
    }
}

impl<U: Units> EntrySink for Chunker<'_, U> {
    fn entry(&mut self, entry: Entry) -> Result<()> {
        if self.file_left != 0 {
            return Err(Error::internal("the tar parser went on before the file was complete"));
        }
        self.contents.push(&entry, self.options.chunk_size)?;
        if entry.kind == EntryKind::File {
            self.file_left = entry.size;
        }
        Ok(())
    }

    fn data(&mut self, mut bytes: &[u8]) -> Result<()> {
        self.check_left(bytes.len() as u64)?;
        while !bytes.is_empty() {
            let len = self.chunk_len();
            let (now, rest) = bytes.split_at(bytes.len().min(len - self.filled));
            if now.len() == len {
                self.complete(self.options.print(now), &Bytes::Slice(now))?;
                self.file_left -= len as u64;
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
                self.complete(print, &Bytes::Zeros(len))?;
                self.file_left -= len as u64;
            } else {
                self.grow(len, now, |tail| tail.resize(tail.len() + now, 0))?;
            }
            count -= now as u64;
        }
        Ok(())
    }

    fn end_file(&mut self) -> Result<()> {
        if self.file_left == 0 { Ok(()) } else { Err(Error::internal("the tar parser ended a file early")) }
    }

    fn warn(&mut self, code: &'static str, message: String) {
        if self.warnings.len() < MAX_WARNINGS {
            self.warnings.push(Warning { code, message });
        }
    }
}
