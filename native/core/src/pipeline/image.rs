//! The layers of one image share a dictionary of chunks, the order of decisions, a pool of workers, and buffers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, Weak};

use super::layer::{Layer, LayerFeed, Role, SharedBuffers};
use crate::budget::Budget;
use crate::decide::{Decider, Ticket};
use crate::dict::{Dictionary, Known, Place, Turns};
use crate::digest::Fingerprint;
use crate::error::{Error, Result};
use crate::format::check_chunk_size;
use crate::meter::Meter;
use crate::pool::Pool;
use crate::sync::lock;

/// The chunks that count as known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dedup {
    /// The chunks of lower layers, and earlier ones of the same layer.
    Image,
    /// Only earlier chunks of the same layer: every layer stands alone, as in the reference.
    Layer,
}

/// The layers of one image, and the parts that they share.
pub struct Image<R: Role> {
    chunk_size: u32,
    dedup: Dedup,
    /// Chunks of other images.
    base: Option<Arc<Known>>,
    dictionary: Mutex<SharedDictionary>,
    turns: Arc<Turns>,
    pool: Arc<Pool>,
    budget: Arc<Budget>,
    meter: Arc<Meter>,
    buffers: SharedBuffers,
    /// The layers whose place in line is taken, and that are not open yet.
    reserved: Arc<Reserved>,
    layers: Mutex<Option<Vec<Weak<Layer<R>>>>>,
}

type Reserved = Mutex<BTreeMap<u32, Reservation>>;

/// The place in line of a layer that may have to be opened again. It is kept from the beginning, so that the owner, which may learn of
/// the failure before the layer's other threads have ended, finds it.
pub struct KeptPlace {
    number: u32,
    reserved: Arc<Reserved>,
}

impl KeptPlace {
    fn new(number: u32, place: Reservation, reserved: &Arc<Reserved>) -> Self {
        lock(reserved).insert(number, place);
        Self { number, reserved: Arc::clone(reserved) }
    }

    /// Ends keeping the place, since the layer will not be opened again.
    pub fn forget(&self) {
        lock(&self.reserved).remove(&self.number);
    }
}

/// The place in line of a layer, and the chunks that count as known to it.
#[derive(Clone)]
pub struct Reservation {
    ticket: Arc<Ticket>,
    dictionary: Arc<Dictionary>,
}

impl Reservation {
    /// Waits for the layer's turn and makes the chunks of its blob known, as deciding about them would have. False, and nothing
    /// is changed, if deciding would have led to another blob: a chunk is known already, or is not described by its record.
    pub fn adopt(&self, number: u32, records: &[u8]) -> Result<bool> {
        self.ticket.wait()?;
        self.dictionary.adopt(number, records)
    }
}

impl<R: Role> Image<R> {
    /// Starts the workers. The chunks that count as known are those of the scope, and of other images; `layers` is the number of layers that will be opened, if it is known.
    pub fn new(
        chunk_size: u32,
        (dedup, base): (Dedup, Option<Arc<Known>>),
        layers: Option<u32>,
        threads: usize,
        budget: Arc<Budget>,
    ) -> Result<Self> {
        check_chunk_size(chunk_size)?;
        let meter = Arc::new(Meter::default());
        let dictionary = SharedDictionary { chunks: Some(Arc::new(Dictionary::over(base.clone()))), layers };
        Ok(Self {
            chunk_size,
            dedup,
            base,
            dictionary: Mutex::new(dictionary),
            turns: Arc::default(),
            pool: Arc::new(Pool::new(threads, &meter)?),
            budget,
            meter,
            buffers: SharedBuffers::default(),
            reserved: Arc::default(),
            layers: Mutex::new(Some(Vec::new())),
        })
    }

    /// Opens the next layer, lowest first; references will call it `number`. `role` is called after the layer has taken its
    /// place in line.
    ///
    /// Layers that are open at the same time must be fed at the same time: a later one waits for the decisions of an
    /// earlier one when it has used up its budget.
    pub fn open(&self, number: u32, role: impl FnOnce() -> Result<R>) -> Result<LayerFeed<R>> {
        let mut layers = lock(&self.layers);
        let Some(layers) = layers.as_mut() else {
            return Err(Error::internal("layer opened after the image was disposed of"));
        };
        let reserved = lock(&self.reserved).remove(&number);
        let place = reserved.map_or_else(|| self.place_in_line(), Ok)?;
        let Reservation { ticket, dictionary } = place.clone();
        let role = role().inspect_err(|_| ticket.give_back())?;
        // Without common decisions a layer that is opened again begins anew.
        let is_draft = role.tracked().is_some() && self.dedup == Dedup::Image;
        let decider = if is_draft { Decider::drafting } else { Decider::new }(dictionary, number);
        let kept_place = is_draft.then(|| KeptPlace::new(number, place, &self.reserved));
        let layer = Arc::new(Layer::new(
            role,
            self.chunk_size,
            (ticket, kept_place),
            (Arc::clone(&self.pool), Arc::clone(&self.budget)),
            Arc::clone(&self.buffers),
        ));
        layers.retain(|layer| layer.strong_count() > 0);
        layers.push(Arc::downgrade(&layer));
        LayerFeed::start(layer, decider, &self.meter)
    }

    /// Makes chunks known that no layer of this run stores. Only with common decisions, and before a layer is opened.
    pub fn know(&self, chunks: impl Iterator<Item = (Fingerprint, Place)>) -> Result<()> {
        let dictionary = lock(&self.dictionary).chunks.clone();
        let dictionary =
            dictionary.ok_or_else(|| Error::internal("an image was read back after its layers"))?;
        for (chunk, place) in chunks {
            dictionary.find_or_insert(&chunk, place)?;
        }
        Ok(())
    }

    /// Takes the next layer's place in line, lowest first. The layer is opened later, or `settle` ends its part.
    pub fn reserve(&self, number: u32) -> Result<()> {
        let layers = lock(&self.layers);
        if layers.is_none() {
            return Err(Error::internal("layer reserved after the image was disposed of"));
        }
        let place = self.place_in_line()?;
        lock(&self.reserved).insert(number, place);
        Ok(())
    }

    /// The place in line of a layer that is reserved.
    pub fn reservation(&self, number: u32) -> Option<Reservation> {
        lock(&self.reserved).get(&number).cloned()
    }

    /// Gives the place of a reserved layer back, so that the next layer decides.
    pub fn settle(&self, number: u32) {
        let place = lock(&self.reserved).remove(&number);
        if let Some(Reservation { ticket, .. }) = place {
            ticket.give_back();
        }
    }

    fn place_in_line(&self) -> Result<Reservation> {
        let (ticket, dictionary) = match self.dedup {
            Dedup::Image => (Ticket::take(&self.turns), lock(&self.dictionary).next()?),
            Dedup::Layer => (Ticket::always(), Arc::new(Dictionary::over(self.base.clone()))),
        };
        Ok(Reservation { ticket: Arc::new(ticket), dictionary })
    }

    /// What the images of the run may take.
    pub const fn budget(&self) -> &Arc<Budget> {
        &self.budget
    }

    /// The clocks of the threads.
    pub const fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }

    /// Aborts the layers that are not sealed, and ends the workers. No layer can be opened afterwards.
    pub fn dispose(&self) {
        let layers = lock(&self.layers).take();
        for Reservation { ticket, .. } in std::mem::take(&mut *lock(&self.reserved)).into_values() {
            ticket.give_back();
        }
        for layer in layers.into_iter().flatten().filter_map(|layer| layer.upgrade()) {
            layer.fail(Error::Aborted);
        }
        self.pool.close();
    }
}

/// The dictionary that layers share, until the last layer takes it.
struct SharedDictionary {
    chunks: Option<Arc<Dictionary>>,
    /// The number of layers that will still be opened.
    layers: Option<u32>,
}

impl SharedDictionary {
    fn next(&mut self) -> Result<Arc<Dictionary>> {
        self.layers = self.layers.map(|layers| layers.saturating_sub(1));
        let chunks = if self.layers == Some(0) { self.chunks.take() } else { self.chunks.clone() };
        chunks.ok_or_else(|| Error::internal("more layers are opened than were announced"))
    }
}
