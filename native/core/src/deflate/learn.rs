//! Learns a stream while it passes by.

use std::collections::VecDeque;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::record::Writer;
use super::segment::learn;
use super::{FORMAT, read::Segments};
use crate::error::Result;
use crate::pool::{Pool, guarded, spawn};

/// Pieces of the stream that wait for the reader.
const PIECES: usize = 4;
/// Segments that are being learned at a time.
const SEGMENTS: usize = 3;
/// A record has at most this part of the stream's bytes, before it is compressed, and a bit more.
const PART: usize = 16;
const MORE: usize = 64 << 10;

/// The owner's end of a learner. It copies what it gets.
pub struct Learner {
    pieces: Option<Sender<Vec<u8>>>,
    record: Receiver<Option<Vec<u8>>>,
}

impl Learner {
    /// Starts a thread that reads; the pool searches.
    pub fn start(pool: Arc<Pool>) -> Result<Self> {
        let (pieces, coming) = bounded(PIECES);
        let (done, record) = bounded(1);
        spawn("nydus-learn", move || {
            let learned = guarded(|| Ok(record_of(&coming, &pool)));
            // The pieces that still come are dropped with the receiver.
            drop(coming);
            let _ = done.send(learned.unwrap_or(None));
        })?;
        Ok(Self { pieces: Some(pieces), record })
    }

    /// Takes the next bytes of the stream; waits while too many are not read yet.
    pub fn push(&mut self, bytes: &[u8]) {
        // A learner that has given up takes no more.
        if self.pieces.as_ref().is_some_and(|pieces| pieces.send(bytes.to_vec()).is_err()) {
            self.pieces = None;
        }
    }

    /// Ends the stream, and waits for its record. `None` if no record can be made of it.
    pub fn finish(mut self) -> Option<Vec<u8>> {
        self.pieces = None;
        self.record.recv().ok().flatten()
    }
}

type Learned = Option<(usize, Vec<u8>)>;

fn record_of(pieces: &Receiver<Vec<u8>>, pool: &Pool) -> Option<Vec<u8>> {
    let mut seen = 0_usize;
    let mut record = Writer(vec![FORMAT]);
    let mut hint = None;
    let mut waiting: VecDeque<Receiver<Learned>> = VecDeque::new();
    let mut segments = Segments::new(|| {
        let piece = pieces.recv().ok()?;
        seen += piece.len();
        Some(piece)
    });
    while !segments.is_done() {
        let segment = segments.next()?;
        let (done, learned) = bounded(1);
        pool.run(Box::new(move |_| drop(done.send(learn(&segment, hint))))).ok()?;
        waiting.push_back(learned);
        // The others begin with the model of the first one, whatever the number of threads.
        while waiting.len() >= SEGMENTS || (hint.is_none() && !waiting.is_empty()) {
            let (model, bytes) = waiting.pop_front()?.recv().ok()??;
            hint = hint.or(Some(model));
            record.string(&bytes);
        }
    }
    for learned in waiting {
        record.string(&learned.recv().ok()??.1);
    }
    drop(segments);
    (record.0.len() <= seen / PART + MORE).then_some(record.0)
}
