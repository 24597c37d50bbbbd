//! A queue and a budget bound a pipeline. Both count bytes, and both end at once when killed.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex};

use crate::ending::Reply;
use crate::error::{Error, Result};
use crate::meter::{Wait, waiting};
use crate::sync::{lock, wait};

/// A first-in-first-out queue of byte blocks for one consumer.
pub struct ByteQueue<T> {
    limit: usize,
    state: Mutex<QueueState<T>>,
    changed: Condvar,
}

struct QueueState<T> {
    items: VecDeque<(T, usize)>,
    bytes: usize,
    closed: bool,
    killed: bool,
    waiting: Vec<Reply<()>>,
}

impl<T> ByteQueue<T> {
    /// Makes a queue that has room while it holds fewer than `limit` bytes.
    pub fn new(limit: usize) -> Self {
        let state = QueueState {
            items: VecDeque::new(),
            bytes: 0,
            closed: false,
            killed: false,
            waiting: Vec::new(),
        };
        Self { limit, state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Adds an item without waiting, even when the queue is full. Returns true if there is room for more.
    pub fn push_now(&self, item: T, bytes: usize) -> Result<bool> {
        let mut state = lock(&self.state);
        if state.killed {
            return Err(Error::Aborted);
        }
        if state.closed {
            return Err(Error::internal("write after finish"));
        }
        state.items.push_back((item, bytes));
        state.bytes += bytes;
        self.changed.notify_all();
        Ok(state.bytes < self.limit)
    }

    /// Waits for room, then adds an item.
    pub fn push(&self, item: T, bytes: usize) -> Result<()> {
        let mut state = lock(&self.state);
        if !state.killed && state.bytes >= self.limit {
            state = waiting(Wait::Blocked, || {
                while !state.killed && state.bytes >= self.limit {
                    state = wait(&self.changed, state);
                }
                state
            });
        }
        if state.killed {
            return Err(Error::Aborted);
        }
        state.items.push_back((item, bytes));
        state.bytes += bytes;
        self.changed.notify_all();
        Ok(())
    }

    /// Waits for an item; `None` when the queue is closed and empty.
    pub fn pop(&self) -> Result<Option<T>> {
        let mut state = lock(&self.state);
        loop {
            if state.killed {
                return Err(Error::Aborted);
            }
            if let Some((item, bytes)) = state.items.pop_front() {
                state.bytes -= bytes;
                let waiting =
                    if state.bytes < self.limit { std::mem::take(&mut state.waiting) } else { Vec::new() };
                self.changed.notify_all();
                drop(state);
                for callback in waiting {
                    callback(Ok(()));
                }
                return Ok(Some(item));
            }
            if state.closed {
                return Ok(None);
            }
            state = waiting(Wait::Starved, || wait(&self.changed, state));
        }
    }

    /// Calls back as soon as there is room: now, or from the consumer's thread; with `Aborted` when killed.
    pub fn on_room(&self, callback: Reply<()>) {
        let mut state = lock(&self.state);
        if state.killed {
            drop(state);
            callback(Err(Error::Aborted));
        } else if state.bytes < self.limit {
            drop(state);
            callback(Ok(()));
        } else {
            state.waiting.push(callback);
        }
    }

    /// Closes the queue: no item follows.
    pub fn close(&self) {
        lock(&self.state).closed = true;
        self.changed.notify_all();
    }

    /// Drops the queued items. Every caller that waits, now or later, gets `Aborted`.
    pub fn kill(&self) {
        let mut state = lock(&self.state);
        state.killed = true;
        state.bytes = 0;
        let items = std::mem::take(&mut state.items);
        let waiting = std::mem::take(&mut state.waiting);
        self.changed.notify_all();
        drop(state);
        drop(items);
        for callback in waiting {
            callback(Err(Error::Aborted));
        }
    }
}

/// A number of bytes that may be in flight at the same time.
pub struct Budget {
    limit: usize,
    state: Mutex<BudgetState>,
    changed: Condvar,
}

struct BudgetState {
    used: usize,
    killed: bool,
}

impl Budget {
    /// Makes a budget of `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self { limit, state: Mutex::new(BudgetState { used: 0, killed: false }), changed: Condvar::new() }
    }

    /// Takes bytes if they are available. Any number fits an unused budget.
    pub fn try_take(&self, bytes: usize) -> Result<bool> {
        let mut state = lock(&self.state);
        if state.killed {
            return Err(Error::Aborted);
        }
        let fits = state.used == 0 || state.used + bytes <= self.limit;
        if fits {
            state.used += bytes;
        }
        Ok(fits)
    }

    /// Waits until the bytes are available, and takes them.
    pub fn take(&self, bytes: usize) -> Result<()> {
        let mut state = lock(&self.state);
        let full = |state: &BudgetState| !state.killed && state.used != 0 && state.used + bytes > self.limit;
        if full(&state) {
            state = waiting(Wait::Blocked, || {
                while full(&state) {
                    state = wait(&self.changed, state);
                }
                state
            });
        }
        if state.killed {
            return Err(Error::Aborted);
        }
        state.used += bytes;
        Ok(())
    }

    /// Gives bytes back.
    pub fn give(&self, bytes: usize) {
        lock(&self.state).used -= bytes;
        self.changed.notify_all();
    }

    /// Waits until everything has been given back.
    pub fn wait_idle(&self) -> Result<()> {
        let mut state = lock(&self.state);
        while !state.killed && state.used != 0 {
            state = wait(&self.changed, state);
        }
        if state.killed { Err(Error::Aborted) } else { Ok(()) }
    }

    /// Kills the budget. Every caller that waits, now or later, gets `Aborted`.
    pub fn kill(&self) {
        lock(&self.state).killed = true;
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, mpsc};
    use std::time::Duration;

    #[test]
    fn items_come_out_in_order_and_room_is_reported() {
        let queue = ByteQueue::new(10);
        assert!(queue.push_now('a', 9).unwrap());
        assert!(!queue.push_now('b', 9).unwrap());
        let (sender, receiver) = mpsc::channel();
        queue.on_room(Box::new(move |result| sender.send(result.is_ok()).unwrap()));
        assert!(receiver.try_recv().is_err());
        assert_eq!(queue.pop().unwrap(), Some('a'));
        assert_eq!(receiver.try_recv(), Ok(true));
        queue.close();
        assert_eq!(queue.push_now('c', 1).unwrap_err().code(), "INTERNAL");
        assert_eq!(queue.pop().unwrap(), Some('b'));
        assert_eq!(queue.pop().unwrap(), None);
    }

    #[test]
    fn killing_wakes_every_waiting_thread() {
        let queue = Arc::new(ByteQueue::new(1));
        let budget = Arc::new(Budget::new(1));
        queue.push_now((), 5).unwrap();
        budget.take(5).unwrap();
        let (sender, receiver) = mpsc::channel();
        queue.on_room(Box::new(move |result| sender.send(result.is_err()).unwrap()));
        let producer = std::thread::spawn({
            let queue = Arc::clone(&queue);
            move || queue.push((), 1)
        });
        let taker = std::thread::spawn({
            let budget = Arc::clone(&budget);
            move || budget.take(1)
        });
        std::thread::sleep(Duration::from_millis(20));
        queue.kill();
        budget.kill();
        assert_eq!(receiver.recv(), Ok(true));
        assert!(matches!(producer.join().unwrap(), Err(Error::Aborted)));
        assert!(matches!(taker.join().unwrap(), Err(Error::Aborted)));
        assert!(matches!(queue.pop(), Err(Error::Aborted)));
        assert!(matches!(budget.wait_idle(), Err(Error::Aborted)));
    }

    #[test]
    fn an_unused_budget_admits_one_item_beyond_its_limit() {
        let budget = Budget::new(10);
        assert!(budget.try_take(50).unwrap());
        assert!(!budget.try_take(1).unwrap());
        budget.give(50);
        assert!(budget.try_take(6).unwrap());
        assert!(!budget.try_take(5).unwrap());
    }
}
