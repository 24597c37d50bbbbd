//! What the two threads of a layer share whose chunks stay in it: the inflater writes down the places of chunks, and the keeper
//! of chunks takes them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use super::layer::{Layer, Role};
use crate::chunk::Placed;
use crate::error::Result;
use crate::format::Referring;
use crate::inflate::{Inflater, Output};
use crate::sync::lock;
use crate::zran::{Contexts, History, Place, Places, Tracker};

/// Places of chunks, and the compressed bytes that contexts are tried on.
pub struct Tracked {
    rule: Referring,
    history: Arc<History>,
    places: Mutex<VecDeque<Place>>,
}

impl Tracked {
    /// Begins with a layer of which nothing is read.
    pub fn new(rule: Referring) -> Self {
        Self { rule, history: Arc::default(), places: Mutex::default() }
    }

    /// The contexts of a layer whose files are cut into chunks of this size.
    pub fn contexts(&self, chunk_size: u32) -> Contexts {
        Contexts::new(self.rule, chunk_size, Arc::clone(&self.history))
    }
}

/// The keeper's side.
pub struct LayerPlaces<R: Role>(pub Arc<Layer<R>>);

impl<R: Role> Placed for LayerPlaces<R> {
    fn next(&mut self) -> Option<Place> {
        lock(&self.0.role.tracked()?.places).pop_front()
    }

    fn forget(&mut self, before: u64) {
        if let Some(tracked) = self.0.role.tracked() {
            tracked.history.forget(before);
        }
    }
}

/// The decompressor of a layer: one that only inflates, or one that finds places, too.
pub enum LayerInflater<'a> {
    /// Chunks are stored or only counted.
    Plain(Inflater),
    /// Chunks stay in the layer.
    Tracking(Box<Tracker>, &'a Tracked),
}

impl<'a> LayerInflater<'a> {
    /// Begins at the start of a layer.
    pub fn new<R: Role>(layer: &'a Layer<R>) -> Self {
        match layer.role.tracked() {
            Some(tracked) => Self::Tracking(Box::new(Tracker::new(layer.chunk_size, tracked.rule)), tracked),
            None => Self::Plain(Inflater::new()),
        }
    }

    /// Takes compressed bytes and writes the uncompressed ones to `out`.
    pub fn push(&mut self, input: &[u8], out: &mut impl Output) -> Result<()> {
        match self {
            Self::Plain(inflater) => inflater.push(input, out),
            Self::Tracking(tracker, shared) => {
                // The reference's contexts are not tried.
                if !shared.rule.is_compatible {
                    shared.history.add(input);
                }
                tracker.push(input, &mut Noting { out, tracked: shared })
            }
        }
    }

    /// Ends the input; an error when it is incomplete.
    pub fn finish(&mut self, out: &mut impl Output) -> Result<()> {
        match self {
            Self::Plain(inflater) => inflater.finish(out),
            Self::Tracking(tracker, shared) => tracker.finish(&mut Noting { out, tracked: shared }),
        }
    }
}

/// Writes places down beside the output.
struct Noting<'a, O> {
    out: &'a mut O,
    tracked: &'a Tracked,
}

impl<O: Output> Output for Noting<'_, O> {
    fn room(&mut self) -> Result<&mut [u8]> {
        self.out.room()
    }

    fn filled(&mut self, len: usize) -> Result<()> {
        self.out.filled(len)
    }
}

impl<O: Output> Places for Noting<'_, O> {
    fn place(&mut self, place: Place) {
        lock(&self.tracked.places).push_back(place);
    }
}
