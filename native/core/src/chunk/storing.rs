//! The keeper of a conversion: it sends new chunks on in units.
//!
//! While another layer has the right to decide, chunks wait in units that are held back, as many as the budget of units
//! allows. A chunk that lies wholly in the parser's piece is fingerprinted there and copied only if it may be stored; one
//! that spans several pieces grows at its final place in a unit.

use std::collections::VecDeque;

use super::Contents;
use super::keeper::{Bytes, Cut, Keeper};
use crate::blob::{ALONE, Piece, UNIT, Unit};
use crate::decide::{Counts, Decider, Ticket};
use crate::digest::{Digester, Fingerprint};
use crate::error::{Error, Result};

/// The source and the destination of units.
pub trait Units {
    /// Returns an empty unit, or `None` when the budget has none and `wait` is false.
    fn open(&self, wait: bool) -> Result<Option<Unit>>;
    /// Takes a unit in which every chunk is new; chunks are stored in the order of these calls.
    fn submit(&mut self, unit: Unit) -> Result<()>;
    /// The compressed bytes that stand behind what is read now.
    fn earned(&self) -> u64;
    /// Takes back a unit in which no chunk is new.
    fn discard(&self, unit: Unit) -> Result<()>;
}

/// Stores the new chunks of one layer.
pub struct Storing<'a, U: Units> {
    units: U,
    ticket: &'a Ticket,
    decider: Decider,
    /// The unit being filled.
    open: Option<Unit>,
    /// Full units with undecided chunks.
    held: VecDeque<Unit>,
}

impl<'a, U: Units> Storing<'a, U> {
    /// Makes a keeper at the start of a layer.
    pub fn new(units: U, ticket: &'a Ticket, decider: Decider) -> Self {
        Self { units, ticket, decider, open: None, held: VecDeque::new() }
    }

    /// Returns the open unit, with room for a chunk of `len` bytes.
    fn unit_for(&mut self, len: usize, contents: &mut impl Contents) -> Result<&mut Unit> {
        let full = |unit: &Unit| !unit.bytes.is_empty() && unit.bytes.len() + len > UNIT;
        if self.open.as_ref().is_some_and(full) {
            self.close_unit()?;
        }
        let unit = match self.open.take() {
            Some(unit) => unit,
            None => self.new_unit(contents)?,
        };
        Ok(self.open.insert(unit))
    }

    fn new_unit(&mut self, contents: &mut impl Contents) -> Result<Unit> {
        if let Some(unit) = self.units.open(false)? {
            return Ok(unit);
        }
        // Units that are held leave the budget only after decisions; units at the workers leave it without them.
        if !self.held.is_empty() {
            self.ticket.wait()?;
            self.settle(contents)?;
        }
        self.units.open(true)?.ok_or_else(|| Error::internal("no unit after waiting for one"))
    }

    fn drop_tail(&mut self, print: Fingerprint, bytes: &Bytes<'_>) {
        if let (Bytes::Tail, Some(unit)) = (bytes, &mut self.open) {
            unit.bytes.truncate(unit.bytes.len().saturating_sub(print.len as usize));
        }
    }

    fn store(
        &mut self,
        chunk: Cut,
        bytes: &Bytes<'_>,
        decided: bool,
        contents: &mut impl Contents,
    ) -> Result<()> {
        let Cut { print, count, is_file } = chunk;
        let len = print.len as usize;
        let earned = self.units.earned();
        let unit = match (bytes, &mut self.open) {
            (Bytes::Tail, Some(unit)) => unit,
            _ => self.unit_for(len, contents)?,
        };
        match bytes {
            Bytes::Slice(slice) => unit.bytes.extend_from_slice(slice),
            Bytes::Zeros(count) => unit.bytes.resize(unit.bytes.len() + count, 0),
            Bytes::Tail => {}
        }
        let start = unit.bytes.len().saturating_sub(len);
        unit.pieces.push(Piece { start, print, count, is_file, earned, batch: ALONE });
        if decided {
            unit.decided = unit.pieces.len();
        }
        if unit.bytes.len() >= UNIT { self.close_unit() } else { Ok(()) }
    }

    /// Decides about the chunks that have waited, now that the layer has its turn.
    fn settle(&mut self, contents: &mut impl Contents) -> Result<()> {
        while let Some(mut unit) = self.held.pop_front() {
            self.settle_unit(&mut unit, contents)?;
            self.send(unit)?;
        }
        if let Some(mut unit) = self.open.take() {
            self.settle_unit(&mut unit, contents)?;
            self.open = Some(unit);
        }
        Ok(())
    }

    fn settle_unit(&mut self, unit: &mut Unit, contents: &mut impl Contents) -> Result<()> {
        if unit.decided == unit.pieces.len() {
            return Ok(());
        }
        for piece in unit.pieces.split_off(unit.decided) {
            if self.decider.decide(&piece.print, piece.count, contents)? {
                unit.pieces.push(piece);
            }
        }
        unit.decided = unit.pieces.len();
        Ok(())
    }

    fn send(&mut self, unit: Unit) -> Result<()> {
        if unit.pieces.is_empty() { self.units.discard(unit) } else { self.units.submit(unit) }
    }

    fn close_unit(&mut self) -> Result<()> {
        match self.open.take() {
            Some(unit) if unit.decided == unit.pieces.len() => self.send(unit),
            Some(unit) => {
                self.held.push_back(unit);
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl<U: Units> Keeper for Storing<'_, U> {
    type Kept = U;

    fn print(bytes: &[u8], digester: Digester) -> Fingerprint {
        Fingerprint::of(bytes, digester)
    }

    fn begin(&mut self, len: usize, contents: &mut impl Contents) -> Result<()> {
        self.unit_for(len, contents)?.bytes.reserve(len);
        Ok(())
    }

    fn tail(&mut self) -> Result<&mut Vec<u8>> {
        let lost = || Error::internal("chunk under way has lost its unit");
        Ok(&mut self.open.as_mut().ok_or_else(lost)?.bytes)
    }

    fn complete(&mut self, chunk: Cut, bytes: &Bytes<'_>, contents: &mut impl Contents) -> Result<()> {
        let Cut { print, count, .. } = chunk;
        let due = self.ticket.is_due();
        if due {
            self.settle(contents)?;
            if !self.decider.decide(&print, count, contents)? {
                self.drop_tail(print, bytes);
                return Ok(());
            }
        }
        self.store(chunk, bytes, due, contents)
    }

    fn finish(mut self, contents: &mut impl Contents) -> Result<(U, Counts)> {
        self.ticket.wait()?;
        self.settle(contents)?;
        self.ticket.give_back();
        self.close_unit()?;
        Ok((self.units, self.decider.counts()))
    }
}
