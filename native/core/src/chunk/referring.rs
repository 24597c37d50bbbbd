//! The keeper of a conversion whose chunks stay in the layer: it stores no data, only where each new chunk lies.

use super::Contents;
use super::keeper::{Bytes, Cut, Keeper};
use crate::decide::{Counts, Decider, Ticket};
use crate::digest::{Digester, Fingerprint};
use crate::error::{Error, Result};
use crate::table::ChunkRecords;
use crate::zran::{Contexts, Place, Refused, Table};

/// The source of places of chunks.
pub trait Placed {
    /// Returns the place of the next chunk, which is in the output of the inflater already.
    fn next(&mut self) -> Option<Place>;
    /// Compressed bytes before this offset are not needed any more.
    fn forget(&mut self, before: u64);
}

/// What a layer's chunks come to.
pub struct Referred {
    /// Packed records.
    pub records: ChunkRecords,
    /// The contexts that lead to the chunks; `None` in a plain tar.
    pub contexts: Option<Table>,
}

/// Records the places of the new chunks of one layer.
pub struct ReferringKeeper<'a, P: Placed> {
    ticket: &'a Ticket,
    decider: Decider,
    places: P,
    contexts: Contexts,
    records: ChunkRecords,
    /// The current chunk, if it arrives in several pieces.
    growing: Vec<u8>,
}

impl<'a, P: Placed> ReferringKeeper<'a, P> {
    /// Makes a keeper at the start of a layer.
    pub fn new(ticket: &'a Ticket, decider: Decider, places: P, contexts: Contexts) -> Self {
        let records = ChunkRecords::default();
        Self { ticket, decider, places, contexts, records, growing: Vec::new() }
    }
}

impl<P: Placed> Keeper for ReferringKeeper<'_, P> {
    type Kept = Referred;

    fn print(bytes: &[u8], digester: Digester) -> Fingerprint {
        Fingerprint::of(bytes, digester)
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
        // Waiting costs nothing but time here: no chunk is held, and the inflater waits, too.
        self.ticket.wait()?;
        let is_new = self.decider.decide(&print, count, contents)?;
        let place = self.places.next().ok_or_else(|| Error::internal("a chunk has no place in its layer"))?;
        if place.out_end - place.out_start != u64::from(print.len) {
            return Err(Error::internal("a chunk lies elsewhere in its layer"));
        }
        self.contexts.add(&place, is_new).map_err(unreferable)?;
        if is_new {
            self.records.push_at(&print, place.in_start..place.in_end, place.stop.is_some())?;
        }
        let stop = place.stop.as_ref().map_or(place.in_end, |stop| stop.in_offset);
        self.places.forget(self.contexts.needs_from().map_or(stop, |open| open.min(stop)));
        Ok(())
    }

    fn finish(mut self, _: &mut impl Contents) -> Result<(Referred, Counts)> {
        self.ticket.wait()?;
        // Only now is it certain that the chunks stay in the layer, so that it is not decided about again.
        let contexts = self.contexts.finish().map_err(unreferable)?;
        self.decider.publish()?;
        self.ticket.give_back();
        Ok((Referred { records: self.records, contexts }, self.decider.counts()))
    }
}

fn unreferable(Refused(reason): Refused) -> Error {
    Error::unreferable(reason)
}
