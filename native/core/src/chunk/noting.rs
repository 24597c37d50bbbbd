//! The keeper of a scan: it writes down which chunks a conversion would store, and stores none.

use super::Contents;
use super::keeper::{Bytes, Cut, Keeper};
use crate::decide::{Counts, Decider, Ticket};
use crate::digest::{Digester, Fingerprint};
use crate::error::Result;
use crate::table::ChunkRecords;

/// Records the new chunks of one layer without storing them.
pub struct Noting<'a> {
    ticket: &'a Ticket,
    decider: Decider,
    /// Chunks with the numbers of times that they follow themselves.
    undecided: Vec<(Fingerprint, u32)>,
    /// The current chunk, if it arrives in several pieces.
    growing: Vec<u8>,
    records: ChunkRecords,
}

impl<'a> Noting<'a> {
    /// Makes a keeper at the start of a layer.
    pub fn new(ticket: &'a Ticket, decider: Decider) -> Self {
        let (undecided, growing) = (Vec::new(), Vec::new());
        Self { ticket, decider, undecided, growing, records: ChunkRecords::default() }
    }

    fn decide(&mut self, print: &Fingerprint, count: u32, contents: &mut impl Contents) -> Result<()> {
        if self.decider.decide(print, count, contents)? { self.records.push_scanned(print) } else { Ok(()) }
    }

    fn settle(&mut self, contents: &mut impl Contents) -> Result<()> {
        for (print, count) in std::mem::take(&mut self.undecided) {
            self.decide(&print, count, contents)?;
        }
        Ok(())
    }
}

impl Keeper for Noting<'_> {
    type Kept = ChunkRecords;

    /// Leaves the checksum out, since only stored chunks have one.
    fn print(bytes: &[u8], digester: Digester) -> Fingerprint {
        Fingerprint::unchecked(bytes, digester)
    }

    fn begin(&mut self, len: usize, _: &mut impl Contents) -> Result<()> {
        self.growing.clear();
        self.growing.reserve(len);
        Ok(())
    }

    fn tail(&mut self) -> Result<&mut Vec<u8>> {
        Ok(&mut self.growing)
    }

    fn complete(&mut self, chunk: Cut, _: &Bytes<'_>, contents: &mut impl Contents) -> Result<()> {
        let Cut { print, count, .. } = chunk;
        if !self.ticket.is_due() {
            self.undecided.push((print, count));
            return Ok(());
        }
        self.settle(contents)?;
        self.decide(&print, count, contents)
    }

    fn finish(mut self, contents: &mut impl Contents) -> Result<(ChunkRecords, Counts)> {
        self.ticket.wait()?;
        self.settle(contents)?;
        self.ticket.give_back();
        Ok((self.records, self.decider.counts()))
    }
}
