//! Lays files of an image out in a directory.
//!
//! A lane makes the entries that its caller sends, one after the other, in a thread of its own; a caller has several lanes. A regular
//! file has another name until its bytes are complete, so a run that is killed leaves no file that looks whole. What lies in the
//! directory before, links included, leads no write out of it.

mod attributes;
mod descent;
mod existing;
mod making;

use std::path::Path;

use crossbeam_channel::{Sender, bounded};

use crate::ending::Reply;
use crate::error::{Error, Result};
use crate::pool::{guarded, spawn};
use crate::sync::lock;

pub use attributes::Attributes;
pub use existing::Existing;
pub use making::{NodeKind, Step};

/// Batches that wait for a lane.
const WAITING: usize = 2;

/// How entries are made.
#[derive(Clone, Copy, Debug, Default)]
pub struct ExtractOptions {
    /// Whether files get the owners of the image, which takes root. Without, set-user-ID bits are dropped, too.
    pub owners: bool,
    /// Whether a file with another content, or an entry of another kind, is replaced. A directory never is.
    pub overwrite: bool,
}

/// A part of an entry that this user, or this file system, cannot make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Path in the image.
    pub path: Vec<u8>,
    /// The part: `char`, `block`, `fifo`, `socket`, `mode and time`, or `xattr` and the attribute's name.
    pub what: String,
    /// The system's reason.
    pub reason: String,
}

type Answer = Vec<LeftOut>;
enum Order {
    Make(Vec<Step>, Reply<Answer>),
    Compare(Vec<Existing>, Reply<Vec<bool>>),
}

/// A thread that makes entries in one directory.
pub struct Lane(std::sync::Mutex<Option<Sender<Order>>>);

impl Lane {
    /// Starts a lane. Fails when `directory` is none, or a link.
    pub fn start(directory: &Path, options: ExtractOptions) -> Result<Self> {
        let mut maker = making::Maker::new(directory, options)?;
        let (sender, orders) = bounded::<Order>(WAITING);
        spawn("nydus-extract", move || {
            let mut has_failed = false;
            while let Ok(order) = orders.recv() {
                match order {
                    // Entries behind a failure may need what it did not make.
                    Order::Make(_, reply) if has_failed => reply(Err(Error::Aborted)),
                    Order::Make(steps, reply) => {
                        let made = guarded(|| maker.make(steps));
                        has_failed = made.is_err();
                        reply(made);
                    }
                    Order::Compare(files, reply) => reply(guarded(|| maker.compare(&files))),
                }
            }
        })?;
        Ok(Self(std::sync::Mutex::new(Some(sender))))
    }

    /// Makes entries; the reply has what was left out. It blocks while two batches wait, so callers await each reply but the last.
    pub fn make(&self, steps: Vec<Step>, reply: Reply<Vec<LeftOut>>) {
        self.send(|| Order::Make(steps, reply));
    }

    /// Compares files that are there with what they shall be. A file that is missing, or that cannot be read, is not equal.
    pub fn compare(&self, files: Vec<Existing>, reply: Reply<Vec<bool>>) {
        self.send(|| Order::Compare(files, reply));
    }

    /// Ends the thread once it has done what waits, and removes a file that was not completed.
    pub fn close(&self) {
        lock(&self.0).take();
    }

    fn send(&self, order: impl FnOnce() -> Order) {
        let sender = lock(&self.0).clone();
        let order = order();
        let refused = match sender {
            Some(sender) => sender.send(order).err().map(|unsent| unsent.0),
            None => Some(order),
        };
        match refused {
            Some(Order::Make(_, reply)) => reply(Err(Error::Aborted)),
            Some(Order::Compare(_, reply)) => reply(Err(Error::Aborted)),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests;
