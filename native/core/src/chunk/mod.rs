//! Cuts the bytes of files into chunks, fingerprints them, and sends the new ones on in units.
//!
//! While another layer decides, chunks wait here undecided, as many as the budget of units allows. A chunk that lies
//! whole in the parser's piece is fingerprinted there and copied only if it is to be stored; one that spans several
//! pieces grows in the place in its unit where it will stay.

mod contents;
mod sink;

use std::collections::VecDeque;

pub use contents::Contents;

use crate::decide::{Counts, Decider, Ticket};
use crate::digest::Fingerprint;
use crate::error::{Error, Result};
use crate::table::ChunkRecords;
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
    /// What the layer holds.
    pub contents: Contents,
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

impl ChunkerOptions {
    /// Of a whole chunk.
    fn print(self, bytes: &[u8]) -> Fingerprint {
        if self.scan { Fingerprint::unchecked(bytes) } else { Fingerprint::of(bytes) }
    }
}

/// See the module.
pub struct Chunker<'a, U: Units> {
    options: ChunkerOptions,
    units: U,
    ticket: &'a Ticket,
    decider: Decider,
    contents: Contents,
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
    pub fn new(
        options: ChunkerOptions,
        contents: Contents,
        units: U,
        ticket: &'a Ticket,
        decider: Decider,
    ) -> Self {
        Self {
            options,
            units,
            ticket,
            decider,
            contents,
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
        let chunked =
            Chunked { contents: self.contents, records: self.records, counts, warnings: self.warnings };
        Ok((chunked, self.units))
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
            if !self.decider.decide(&print, &mut self.contents)? {
                self.drop_tail(print, bytes);
                return Ok(());
            }
        }
        if self.options.scan {
            self.drop_tail(print, bytes);
            if due {
                return self.records.push_scanned(&print);
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
            if self.decider.decide(&piece.print, &mut self.contents)? {
                if self.options.scan {
                    self.records.push_scanned(&piece.print)?;
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
}
