//! Layers of an image wait for each other when their blobs are completed.
//!
//! A layer's own bootstrap names the blobs of lower layers that it refers to, and a blob has a name only when it is sealed.
//! Sealing therefore waits, on a thread of its own, so that it never delays one that compresses. A layer that ends early
//! wakes every thread that waits, and a layer that waits for it ends with its error.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex};

use crate::error::{Error, Result};
use crate::meter::{Wait, waiting};
use crate::rafs::{SealedChunks, SealedLayer};
use crate::sync::{lock, wait};

/// The state of a layer.
enum State {
    /// The layer is not sealed yet; this is the number of its opening.
    Open(u64),
    /// The layer's blob is complete.
    Sealed(Box<SealedLayer>),
    /// The layer has failed and is never sealed.
    Ended(Error),
}

/// The layers of one image by number.
#[derive(Default)]
pub struct Sealing {
    layers: Mutex<BTreeMap<u32, State>>,
    openings: AtomicU64,
    changed: Condvar,
    /// The blobs of an image that was read back as the lowest layer.
    kept: Mutex<Vec<(u32, SealedChunks)>>,
}

impl Sealing {
    /// Records that a layer is open or reserved, so that others may wait for it. Returns the number of this opening: a layer whose
    /// chunks cannot stay in it is opened twice, and so is one that was reserved.
    pub fn open(&self, number: u32) -> u64 {
        let opening = self.openings.fetch_add(1, Ordering::Relaxed);
        lock(&self.layers).insert(number, State::Open(opening));
        opening
    }

    /// Records that a layer that was only reserved has ended early.
    pub fn give_up(&self, number: u32) {
        if let Some(state @ State::Open(_)) = lock(&self.layers).get_mut(&number) {
            *state = State::Ended(Error::Aborted);
        }
        self.changed.notify_all();
    }

    /// Records that a layer has ended early. A layer that is sealed, or was opened again, stays as it is.
    pub fn end(&self, number: u32, opening: u64, error: Error) {
        let mut layers = lock(&self.layers);
        if let Some(state) = layers.get_mut(&number)
            && matches!(state, State::Open(open) if *open == opening)
        {
            *state = State::Ended(error);
        }
        self.changed.notify_all();
    }

    /// Records that a layer is sealed.
    pub fn seal(&self, layer: SealedLayer) {
        lock(&self.kept).extend(layer.kept());
        lock(&self.layers).insert(layer.number, State::Sealed(Box::new(layer)));
        self.changed.notify_all();
    }

    /// Returns the blobs of the lower layers that a layer refers to; waits until they are sealed. `check` returns the error
    /// of the layer that waits, if it has failed.
    pub fn lower(
        &self,
        numbers: &[u32],
        check: impl Fn() -> Result<()>,
    ) -> Result<Vec<(u32, Option<SealedChunks>)>> {
        let kept = lock(&self.kept).clone();
        let (mut found, mut waited) = (Vec::with_capacity(numbers.len()), Vec::new());
        for number in numbers {
            match kept.iter().find(|(other, _)| other == number) {
                Some((_, chunks)) => found.push((*number, Some(chunks.clone()))),
                None => waited.push(*number),
            }
        }
        let mut layers = lock(&self.layers);
        loop {
            check()?;
            if are_sealed(&layers, &waited)? {
                found.extend(blobs_of(&layers, &waited));
                return Ok(found);
            }
            layers = waiting(Wait::Blocked, || wait(&self.changed, layers));
        }
    }

    /// Returns the blobs of all layers below `number` as `lower` does; `Aborted` when the layer itself or one of them has ended.
    pub fn all_below(&self, number: u32) -> Result<Vec<(u32, Option<SealedChunks>)>> {
        let mut layers = lock(&self.layers);
        loop {
            let below: Vec<u32> = layers.range(..number).map(|(&below, _)| below).collect();
            let has_ended = matches!(layers.get(&number), Some(State::Ended(_)));
            // A failure below is reported by the layer that has failed.
            if has_ended || are_sealed(&layers, &below).map_err(|_| Error::Aborted)? {
                return if has_ended { Err(Error::Aborted) } else { Ok(blobs_of(&layers, &below)) };
            }
            layers = waiting(Wait::Blocked, || wait(&self.changed, layers));
        }
    }

    /// Takes layers out when all of these are sealed.
    pub fn take(&self, numbers: &[u32]) -> Result<Vec<SealedLayer>> {
        let mut layers = lock(&self.layers);
        while !are_sealed(&layers, numbers)? {
            layers = waiting(Wait::Blocked, || wait(&self.changed, layers));
        }
        let mut taken = Vec::with_capacity(layers.len());
        for number in numbers {
            if let Some(State::Sealed(layer)) = layers.remove(number) {
                taken.push(*layer);
            }
        }
        Ok(taken)
    }

    /// Gives the image up: no layer is sealed any more.
    pub fn abort(&self) {
        for state in lock(&self.layers).values_mut() {
            *state = State::Ended(Error::Aborted);
        }
        self.changed.notify_all();
    }
}

fn blobs_of(layers: &BTreeMap<u32, State>, numbers: &[u32]) -> Vec<(u32, Option<SealedChunks>)> {
    let blob = |number: &u32| match layers.get(number) {
        Some(State::Sealed(layer)) => (*number, layer.blob()),
        _ => (*number, None),
    };
    numbers.iter().map(blob).collect()
}

fn are_sealed(layers: &BTreeMap<u32, State>, numbers: &[u32]) -> Result<bool> {
    let mut all = true;
    for number in numbers {
        match layers.get(number) {
            Some(State::Sealed(_)) => {}
            Some(State::Open(_)) => all = false,
            Some(State::Ended(error)) => return Err(error.duplicate()),
            None => return Err(Error::internal(format!("layer {number} is not there to be sealed"))),
        }
    }
    Ok(all)
}
