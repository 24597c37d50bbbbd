//! The end of a pipeline whose consumer waits in callbacks instead of in a thread.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex};

use crate::ending::Reply;
use crate::error::{Error, Result};
use crate::sync::{lock, wait};

/// Bytes for one consumer. Its producer waits while the consumer has not taken `limit` bytes.
pub struct Outlet {
    limit: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    pieces: VecDeque<Vec<u8>>,
    bytes: usize,
    closed: bool,
    killed: bool,
    waiting: Option<Reply<Option<Vec<u8>>>>,
}

impl Outlet {
    /// Makes an outlet that has room while it holds fewer than `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self { limit, state: Mutex::default(), changed: Condvar::new() }
    }

    /// Waits for room, then hands the bytes over.
    pub fn push(&self, bytes: Vec<u8>) -> Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let mut state = lock(&self.state);
        while !state.killed && state.bytes >= self.limit {
            state = wait(&self.changed, state);
        }
        if state.killed {
            return Err(Error::Aborted);
        }
        if let Some(reply) = state.waiting.take() {
            drop(state);
            reply(Ok(Some(bytes)));
            return Ok(());
        }
        state.bytes += bytes.len();
        state.pieces.push_back(bytes);
        Ok(())
    }

    /// Calls back with the next bytes, or with `None` when the outlet is closed and empty.
    pub fn on_bytes(&self, reply: Reply<Option<Vec<u8>>>) {
        let mut state = lock(&self.state);
        let answer = if state.killed {
            Err(Error::Aborted)
        } else if let Some(bytes) = state.pieces.pop_front() {
            state.bytes -= bytes.len();
            self.changed.notify_all();
            Ok(Some(bytes))
        } else if state.closed {
            Ok(None)
        } else if state.waiting.is_some() {
            Err(Error::internal("the layer is read twice at a time"))
        } else {
            state.waiting = Some(reply);
            return;
        };
        drop(state);
        reply(answer);
    }

    /// Closes the outlet: no bytes follow.
    pub fn close(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
        let waiting = state.waiting.take();
        drop(state);
        if let Some(reply) = waiting {
            reply(Ok(None));
        }
    }

    /// Drops the bytes. Every caller that waits, now or later, gets `Aborted`.
    pub fn kill(&self) {
        let mut state = lock(&self.state);
        state.killed = true;
        state.pieces.clear();
        let waiting = state.waiting.take();
        self.changed.notify_all();
        drop(state);
        if let Some(reply) = waiting {
            reply(Err(Error::Aborted));
        }
    }
}
