//! The dictionary knows the chunks stored so far, and `Turns` orders the layers that decide.
//!
//! A chunk is new or a duplicate depending on everything before it in the image, so decisions are taken in the order of
//! layers, whatever the order in which bytes arrive. A layer that does not have its turn yet may do all other work.

use std::collections::BTreeSet;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use crate::digest::{Digest, Fingerprint};
use crate::error::{Error, Result};
use crate::meter::{Wait, waiting};
use crate::sync::{lock, wait};
use crate::table::ChunkRecord;

/// The place where a chunk is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// The number that the layer was opened with.
    pub layer: u32,
    /// Its index in the layer's blob.
    pub index: u32,
}

/// The first place of every chunk seen. Equal digests with different lengths are different chunks.
#[derive(Default)]
pub struct Dictionary {
    /// Chunks of other images, which come before those of this one.
    base: Option<Arc<Known>>,
    known: Mutex<Known>,
}

/// The chunks in the order in which they were found, and a hash table of their numbers. A map keyed by chunks would take
/// twice the memory.
#[derive(Default)]
pub struct Known {
    chunks: Vec<(Digest, u32, Place)>,
    index: HashTable<u32>,
    hasher: RandomState,
}

impl Dictionary {
    /// Begins with chunks of other images.
    pub fn over(base: Option<Arc<Known>>) -> Self {
        Self { base, known: Mutex::default() }
    }

    /// Returns the place of a known chunk, or `None` after recording that it is stored at `place`.
    pub fn find_or_insert(&self, chunk: &Fingerprint, place: Place) -> Result<Option<Place>> {
        if let Some(known) = self.base.as_ref().and_then(|base| base.find(chunk)) {
            return Ok(Some(known));
        }
        lock(&self.known).find_or_insert(chunk, place)
    }

    /// Returns the place of a known chunk.
    pub fn find(&self, chunk: &Fingerprint) -> Option<Place> {
        let base = self.base.as_ref().and_then(|base| base.find(chunk));
        base.or_else(|| lock(&self.known).find(chunk))
    }

    /// Records all chunks of a draft that are not known yet.
    pub fn take(&self, draft: &Known) -> Result<()> {
        let mut known = lock(&self.known);
        for &(digest, len, place) in &draft.chunks {
            known.find_or_insert(&Fingerprint { digest, crc32: 0, len }, place)?;
        }
        Ok(())
    }

    /// Records the chunks of a whole blob, whose packed records these are, as stored by `layer`. False, and nothing is recorded, if
    /// one of them is known already or has no record.
    pub fn adopt(&self, layer: u32, records: &[u8]) -> Result<bool> {
        let chunks =
            || {
                ChunkRecord::iter(records).map(|ChunkRecord { digest, uncompressed_size: len, .. }| {
                    Fingerprint { digest, crc32: 0, len }
                })
            };
        let mut known = lock(&self.known);
        let is_known = |chunk: &Fingerprint| {
            known.find(chunk).is_some() || self.base.as_ref().is_some_and(|base| base.find(chunk).is_some())
        };
        if chunks().any(|chunk| chunk.len == 0 || is_known(&chunk)) {
            return Ok(false);
        }
        for (chunk, index) in chunks().zip(0..) {
            known.find_or_insert(&chunk, Place { layer, index })?;
        }
        Ok(true)
    }
}

impl Known {
    /// Returns the place of a known chunk.
    pub fn find(&self, chunk: &Fingerprint) -> Option<Place> {
        let here = |number: u32| self.chunks.get(number as usize);
        let hash = self.hasher.hash_one((chunk.digest, chunk.len));
        let found = self.index.find(hash, |&number| {
            here(number).is_some_and(|(digest, len, _)| *digest == chunk.digest && *len == chunk.len)
        })?;
        here(*found).map(|(.., place)| *place)
    }

    /// Returns the place of a known chunk, or `None` after recording that it is stored at `place`.
    pub fn find_or_insert(&mut self, chunk: &Fingerprint, place: Place) -> Result<Option<Place>> {
        let Self { chunks, index, hasher } = self;
        let hash = hasher.hash_one((chunk.digest, chunk.len));
        let here = |number: &u32| chunks.get(*number as usize);
        let is_same = |number: &u32| {
            here(number).is_some_and(|(digest, len, _)| *digest == chunk.digest && *len == chunk.len)
        };
        let hash_of =
            |number: &u32| here(number).map_or(0, |(digest, len, _)| hasher.hash_one((digest, len)));
        match index.entry(hash, is_same, hash_of) {
            Entry::Occupied(known) => Ok(here(known.get()).map(|(.., place)| *place)),
            Entry::Vacant(free) => {
                let number = u32::try_from(chunks.len())
                    .map_err(|_| Error::unsupported("image has more than 2^32 different chunks"))?;
                free.insert(number);
                chunks.push((chunk.digest, chunk.len, place));
                Ok(None)
            }
        }
    }
}

/// Passes the right to decide from layer to layer, in the order in which they asked for a ticket.
#[derive(Default)]
pub struct Turns {
    /// The lowest ticket that has not been given back; its holder decides.
    current: AtomicU64,
    state: Mutex<TurnState>,
    changed: Condvar,
}

#[derive(Default)]
struct TurnState {
    next_ticket: u64,
    /// Tickets given back before their turn came.
    early: BTreeSet<u64>,
}

impl Turns {
    /// Returns the next ticket in line.
    pub fn take_ticket(&self) -> u64 {
        let mut state = lock(&self.state);
        let ticket = state.next_ticket;
        state.next_ticket += 1;
        ticket
    }

    /// True if the holder of `ticket` may decide now. It stays true until the ticket is given back.
    pub fn is_turn_of(&self, ticket: u64) -> bool {
        self.current.load(Ordering::Acquire) == ticket
    }

    /// Waits for the turn of `ticket`; `Aborted` when another thread gives the ticket back meanwhile.
    pub fn wait_for(&self, ticket: u64) -> Result<()> {
        let mut state = lock(&self.state);
        loop {
            let current = self.current.load(Ordering::Acquire);
            if state.early.contains(&ticket) || current > ticket {
                return Err(Error::Aborted);
            }
            if current == ticket {
                return Ok(());
            }
            state = waiting(Wait::Blocked, || wait(&self.changed, state));
        }
    }

    /// Gives the ticket back, in or before its turn. A second call does nothing.
    pub fn release(&self, ticket: u64) {
        let mut state = lock(&self.state);
        let mut current = self.current.load(Ordering::Acquire);
        if ticket < current {
            return;
        }
        state.early.insert(ticket);
        while state.early.remove(&current) {
            current += 1;
        }
        self.current.store(current, Ordering::Release);
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digester;
    use std::time::Duration;

    #[test]
    fn the_first_place_of_a_chunk_wins_and_length_counts() {
        let dictionary = Dictionary::default();
        let chunk = Fingerprint::of(b"abc", Digester::Blake3);
        let first = Place { layer: 0, index: 7 };
        assert_eq!(dictionary.find_or_insert(&chunk, first).unwrap(), None);
        assert_eq!(dictionary.find_or_insert(&chunk, Place { layer: 1, index: 0 }).unwrap(), Some(first));
        let longer = Fingerprint { len: 4, ..chunk };
        assert_eq!(dictionary.find_or_insert(&longer, Place { layer: 1, index: 0 }).unwrap(), None);
    }

    #[test]
    fn turns_pass_in_order_even_when_given_back_early() {
        let turns = Turns::default();
        let [a, b, c] = [turns.take_ticket(), turns.take_ticket(), turns.take_ticket()];
        assert!(turns.is_turn_of(a) && !turns.is_turn_of(b));
        turns.release(b);
        turns.release(b);
        assert!(turns.is_turn_of(a));
        turns.release(a);
        assert!(turns.is_turn_of(c));
        assert!(matches!(turns.wait_for(b), Err(Error::Aborted)));
        turns.release(a);
        assert!(turns.is_turn_of(c));
    }

    #[test]
    fn a_waiter_is_woken_by_its_turn_and_by_its_own_release() {
        let turns = Arc::new(Turns::default());
        let [a, b, c] = [turns.take_ticket(), turns.take_ticket(), turns.take_ticket()];
        let waiters: Vec<_> = [b, c]
            .into_iter()
            .map(|ticket| {
                let turns = Arc::clone(&turns);
                std::thread::spawn(move || turns.wait_for(ticket))
            })
            .collect();
        std::thread::sleep(Duration::from_millis(20));
        turns.release(c);
        turns.release(a);
        let results: Vec<_> = waiters.into_iter().map(|waiter| waiter.join().unwrap()).collect();
        assert!(matches!(results[..], [Ok(()), Err(Error::Aborted)]));
    }
}
