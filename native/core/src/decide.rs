//! A layer decides for each chunk whether it is new, and which place the files that contain it refer to.

use std::sync::Arc;

use crate::chunk::Contents;
use crate::dict::{Dictionary, Known, Place, Turns};
use crate::digest::Fingerprint;
use crate::error::{Error, Result};
use crate::table::MAX_CHUNKS;

/// The right to decide. A layer with a dictionary of its own always has it.
pub struct Ticket {
    line: Option<(Arc<Turns>, u64)>,
}

impl Ticket {
    /// Takes the next place in line, after the layers that took a ticket before.
    pub fn take(turns: &Arc<Turns>) -> Self {
        Self { line: Some((Arc::clone(turns), turns.take_ticket())) }
    }

    /// Makes a ticket that is always due.
    pub const fn always() -> Self {
        Self { line: None }
    }

    /// True if this layer may decide now.
    pub fn is_due(&self) -> bool {
        self.line.as_ref().is_none_or(|(turns, number)| turns.is_turn_of(*number))
    }

    /// Waits until this layer may decide; `Aborted` when the ticket is given back meanwhile.
    pub fn wait(&self) -> Result<()> {
        self.line.as_ref().map_or(Ok(()), |(turns, number)| turns.wait_for(*number))
    }

    /// Lets the next layer decide. A second call does nothing.
    pub fn give_back(&self) {
        if let Some((turns, number)) = &self.line {
            turns.release(*number);
        }
    }
}

/// Counts that a summary reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Chunks that files refer to.
    pub chunks: u64,
    /// Chunks that this layer stores.
    pub new_chunks: u32,
    /// Uncompressed bytes of chunks that are known already, and so are not stored again.
    pub duplicate_bytes: u64,
}

/// Takes the decisions of one layer.
pub struct Decider {
    dictionary: Arc<Dictionary>,
    /// The new chunks of a layer that may have to be read again: no other layer knows them before its end.
    draft: Option<Known>,
    layer: u32,
    counts: Counts,
}

impl Decider {
    /// Makes the decider of the layer that references call `layer`.
    pub fn new(dictionary: Arc<Dictionary>, layer: u32) -> Self {
        Self { dictionary, draft: None, layer, counts: Counts::default() }
    }

    /// Makes the decider of a layer whose decisions do not count until `publish`.
    pub fn drafting(dictionary: Arc<Dictionary>, layer: u32) -> Self {
        Self { draft: Some(Known::default()), ..Self::new(dictionary, layer) }
    }

    /// Makes the chunks of a drafting layer known to the layers that decide after it.
    pub fn publish(&mut self) -> Result<()> {
        self.draft.take().map_or(Ok(()), |draft| self.dictionary.take(&draft))
    }

    /// Adds the next chunk of the layer to `contents`, where it follows itself `count` times in all; true when it is new and
    /// must be stored.
    pub fn decide(&mut self, chunk: &Fingerprint, count: u32, contents: &mut impl Contents) -> Result<bool> {
        let place = Place { layer: self.layer, index: self.counts.new_chunks };
        let known = match &mut self.draft {
            Some(draft) => match self.dictionary.find(chunk) {
                Some(known) => Some(known),
                None => draft.find_or_insert(chunk, place)?,
            },
            None => self.dictionary.find_or_insert(chunk, place)?,
        };
        contents.push_references(known.unwrap_or(place), count);
        self.counts.chunks += u64::from(count);
        let again = if known.is_some() { count } else { count.saturating_sub(1) };
        self.counts.duplicate_bytes += u64::from(chunk.len) * u64::from(again);
        if known.is_some() {
            return Ok(false);
        }
        if place.index >= MAX_CHUNKS {
            return Err(Error::unsupported(format!(
                "layer holds more than {MAX_CHUNKS} different chunks; a larger chunk size would do"
            )));
        }
        self.counts.new_chunks += 1;
        Ok(true)
    }

    /// The counts so far.
    pub const fn counts(&self) -> Counts {
        self.counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::Account;
    use crate::digest::Digester;
    use crate::rafs::LayerTree;

    #[test]
    fn the_chunks_of_a_draft_are_known_to_itself_and_to_others_only_when_it_is_published() {
        let dictionary = Arc::new(Dictionary::default());
        let [known, own] = [b"known", b"own__"].map(|bytes| Fingerprint::of(bytes, Digester::Blake3));
        let mut contents = LayerTree::new(Arc::new(Account::new(Arc::default())), 0).unwrap();
        assert!(Decider::new(Arc::clone(&dictionary), 0).decide(&known, 1, &mut contents).unwrap());
        let mut draft = Decider::drafting(Arc::clone(&dictionary), 1);
        let mut decide = |chunk| draft.decide(chunk, 1, &mut contents).unwrap();
        assert_eq!([decide(&known), decide(&own), decide(&own)], [false, true, false]);
        assert_eq!(dictionary.find(&own), None, "it may still be given up");
        draft.publish().unwrap();
        assert_eq!(dictionary.find(&own), Some(Place { layer: 1, index: 0 }));
        assert_eq!(draft.counts().new_chunks, 1);
    }
}
