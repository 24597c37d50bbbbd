//! Cuts the bytes of files into chunks, fingerprints them, and sends the new ones on in units.
//!
//! While another layer decides, chunks wait here undecided, as many as the budget of units allows. A chunk that lies
//! whole in the parser's piece is fingerprinted there and copied only if it is to be stored; one that spans several
//! pieces grows in the place in its unit where it will stay.

use std::collections::VecDeque;

use crate::archive::{Entry, EntryKind, EntrySink};
use crate::decide::{Counts, Decider, Ticket};
use crate::digest::Fingerprint;
use crate::error::{Error, Result};
use crate::table::{ChunkRecords, EntryTable};
use crate::unit::{Piece, UNIT, Unit};

/// Where units come from and go to.
pub trait Units {
    /// An empty unit. `None` when the budget has none and `wait` is false.
    fn open(&self, wait: bool) -> Result<Option<Unit>>;
    /// Takes a unit of which every chunk is new; they are stored in the order of these calls.
    fn submit(&mut self, unit: Unit) -> Result<()>;
    /// Takes a unit of which nothing is left.
    fn discard(&self, unit: Unit);
}

/// Something that was dropped or mended on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Stable name.
    pub code: &'static str,
    /// The sentence.
    pub message: String,
}

/// A damaged tar can warn for each of a million entries; nobody reads more than these.
const MAX_WARNINGS: usize = 1000;

/// What the chunker knows at the end.
pub struct Chunked {
    /// Entries and references.
    pub table: EntryTable,
    /// In a scan, the chunks that would be stored; else none, since the blob keeps them.
    pub records: ChunkRecords,
    /// Counts for a person.
    pub counts: Counts,
    /// In the order in which they came.
    pub warnings: Vec<Warning>,
}

/// Where the bytes of a complete chunk are.
enum Bytes<'a> {
    /// Not in a unit yet.
    Slice(&'a [u8]),
    /// The last bytes of the open unit.
    Tail,
    /// Nowhere: this many zeros.
    Zeros(usize),
}

/// Chunk sizes and whether anything is stored.
#[derive(Clone, Copy)]
pub struct ChunkerOptions {
    /// Bytes of every chunk of a file but its last.
    pub chunk_size: u32,
    /// Fingerprint and decide, but store nothing.
    pub scan: bool,
}

/// See the module.
pub struct Chunker<'a, U: Units> {
    options: ChunkerOptions,
    units: U,
    ticket: &'a Ticket,
    decider: Decider,
    table: EntryTable,
    records: ChunkRecords,
    warnings: Vec<Warning>,
    /// The unit being filled.
    open: Option<Unit>,
    /// Full units with undecided chunks.
    held: VecDeque<Unit>,
    /// Bytes of the current file that are not in a complete chunk yet.
    file_left: u64,
    /// Of these, the bytes that lie at the end of the open unit.
    filled: usize,
    /// Fingerprint of a whole chunk of zeros, once it has been asked for.
    zeros: Option<Fingerprint>,
}

impl<'a, U: Units> Chunker<'a, U> {
    /// A chunker at the start of a layer.
    pub fn new(options: ChunkerOptions, units: U, ticket: &'a Ticket, decider: Decider) -> Self {
        Self {
            options,
            units,
            ticket,
            decider,
            table: EntryTable::default(),
            records: ChunkRecords::default(),
            warnings: Vec::new(),
            open: None,
            held: VecDeque::new(),
            file_left: 0,
            filled: 0,
            zeros: None,
        }
    }

    /// The layer has ended: takes the last decisions and lets the next layer take its own.
    pub fn finish(mut self) -> Result<(Chunked, U)> {
        self.ticket.wait()?;
        self.settle()?;
        self.ticket.give_back();
        self.close_unit()?;
        let counts = self.decider.counts();
        let chunked = Chunked { table: self.table, records: self.records, counts, warnings: self.warnings };
        Ok((chunked, self.units))
    }

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

    /// The open unit, with room for a chunk of `len` bytes.
    fn unit_for(&mut self, len: usize) -> Result<&mut Unit> {
        let full = |unit: &Unit| !unit.bytes.is_empty() && unit.bytes.len() + len > UNIT;
        if !self.options.scan && self.open.as_ref().is_some_and(full) {
            self.close_unit()?;
        }
        let unit = match self.open.take() {
            Some(unit) => unit,
            None if self.options.scan => Unit::default(),
            None => self.new_unit()?,
        };
        Ok(self.open.insert(unit))
    }

    fn new_unit(&mut self) -> Result<Unit> {
        if let Some(unit) = self.units.open(false)? {
            return Ok(unit);
        }
        // What we hold undecided comes back only after decisions; what is with the workers comes back by itself.
        if !self.held.is_empty() {
            self.ticket.wait()?;
            self.settle()?;
        }
        self.units.open(true)?.ok_or_else(|| Error::internal("no unit after waiting for one"))
    }

    /// A chunk is complete.
    fn complete(&mut self, print: Fingerprint, bytes: &Bytes<'_>) -> Result<()> {
        let due = self.ticket.is_due();
        if due {
            self.settle()?;
            if !self.decider.decide(&print, &mut self.table)? {
                self.drop_tail(print, bytes);
                return Ok(());
            }
        }
        if self.options.scan {
            self.drop_tail(print, bytes);
            if due {
                return self.records.push(&print, 0, false);
            }
        }
        self.store(print, bytes, due)
    }

    fn drop_tail(&mut self, print: Fingerprint, bytes: &Bytes<'_>) {
        if let (Bytes::Tail, Some(unit)) = (bytes, &mut self.open) {
            unit.bytes.truncate(unit.bytes.len().saturating_sub(print.len as usize));
        }
    }

    fn store(&mut self, print: Fingerprint, bytes: &Bytes<'_>, decided: bool) -> Result<()> {
        let len = print.len as usize;
        let scan = self.options.scan;
        let unit = match (bytes, &mut self.open) {
            (Bytes::Tail, Some(unit)) => unit,
            _ => self.unit_for(len)?,
        };
        if !scan {
            match bytes {
                Bytes::Slice(slice) => unit.bytes.extend_from_slice(slice),
                Bytes::Zeros(count) => unit.bytes.resize(unit.bytes.len() + count, 0),
                Bytes::Tail => {}
            }
        }
        unit.pieces.push(Piece { start: unit.bytes.len().saturating_sub(len), print });
        if decided {
            unit.decided = unit.pieces.len();
        }
        if !scan && unit.bytes.len() >= UNIT {
            self.close_unit()?;
        }
        Ok(())
    }

    /// Decides what was held, now that it is our turn.
    fn settle(&mut self) -> Result<()> {
        while let Some(mut unit) = self.held.pop_front() {
            self.settle_unit(&mut unit)?;
            self.send(unit)?;
        }
        if let Some(mut unit) = self.open.take() {
            self.settle_unit(&mut unit)?;
            self.open = Some(unit);
        }
        Ok(())
    }

    fn settle_unit(&mut self, unit: &mut Unit) -> Result<()> {
        if unit.decided == unit.pieces.len() {
            return Ok(());
        }
        for piece in unit.pieces.split_off(unit.decided) {
            if self.decider.decide(&piece.print, &mut self.table)? {
                if self.options.scan {
                    self.records.push(&piece.print, 0, false)?;
                } else {
                    unit.pieces.push(piece);
                }
            }
        }
        unit.decided = unit.pieces.len();
        Ok(())
    }

    fn send(&mut self, unit: Unit) -> Result<()> {
        if unit.pieces.is_empty() {
            self.units.discard(unit);
            Ok(())
        } else {
            self.units.submit(unit)
        }
    }

    fn close_unit(&mut self) -> Result<()> {
        match self.open.take() {
            Some(_) if self.options.scan => Ok(()),
            Some(unit) if unit.decided == unit.pieces.len() => self.send(unit),
            Some(unit) => {
                self.held.push_back(unit);
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn zero_print(&mut self, len: usize) -> Fingerprint {
        if let Some(print) = self.zeros.filter(|print| print.len as usize == len) {
            return print;
        }
        let print = Fingerprint::of(&vec![0; len]);
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
        let print = Fingerprint::of(tail.ok_or_else(lost)?);
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
        self.table.push(&entry, self.options.chunk_size)?;
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
                self.complete(Fingerprint::of(now), &Bytes::Slice(now))?;
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
