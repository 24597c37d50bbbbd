//! Announces the size of a blob file to callers that upload it while it grows. They register a callback, so that no thread
//! waits.

use std::sync::Mutex;

use crate::ending::Reply;
use crate::error::{Error, Result};
use crate::sync::lock;

/// The state of a blob file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grown {
    /// Bytes in the file.
    pub size: u64,
    /// True if the blob is sealed, so that no more bytes follow.
    pub complete: bool,
}

/// The size of one blob file. The threads that write the file announce it here.
#[derive(Default)]
pub struct Growth {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    size: u64,
    end: Option<Result<()>>,
    waiting: Vec<(u64, Reply<Grown>)>,
}

impl State {
    /// The answer for a caller that has `size` bytes already; `None` while the caller has to wait.
    fn answer(&self, size: u64) -> Option<Result<Grown>> {
        match &self.end {
            Some(Err(error)) => Some(Err(error.duplicate())),
            Some(Ok(())) => Some(Ok(Grown { size: self.size, complete: true })),
            None if self.size > size => Some(Ok(Grown { size: self.size, complete: false })),
            None => None,
        }
    }
}

impl Growth {
    /// Calls back as soon as the file has more than `size` bytes, is complete, or has failed: at once, or from the thread
    /// that changes the state. The check and the registration share one lock with the writer, so that no growth is missed.
    pub fn on_more_than(&self, size: u64, reply: Reply<Grown>) {
        let mut state = lock(&self.state);
        if let Some(answer) = state.answer(size) {
            drop(state);
            reply(answer);
        } else {
            state.waiting.push((size, reply));
        }
    }

    /// The file now has `size` bytes.
    pub fn reach(&self, size: u64) {
        self.change(|state| state.size = size);
    }

    /// The file now has `size` bytes, and those are all.
    pub fn complete(&self, size: u64) {
        self.change(|state| {
            state.size = size;
            state.end = Some(Ok(()));
        });
    }

    /// The blob will not be completed.
    pub fn fail(&self, error: Error) {
        self.change(|state| state.end = Some(Err(error)));
    }

    /// Changes the state, unless it is final, and answers the callers that waited for it.
    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = lock(&self.state);
        if state.end.is_some() {
            return;
        }
        change(&mut state);
        let mut answers = Vec::new();
        for (size, reply) in std::mem::take(&mut state.waiting) {
            match state.answer(size) {
                Some(answer) => answers.push((answer, reply)),
                None => state.waiting.push((size, reply)),
            }
        }
        drop(state);
        for (answer, reply) in answers {
            reply(answer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, channel};
    use std::sync::{Arc, mpsc};
    use std::time::Duration;

    fn wait_for(growth: &Growth, size: u64) -> Receiver<Result<Grown>> {
        let (answer, answered) = channel();
        growth.on_more_than(size, Box::new(move |result| answer.send(result).unwrap()));
        answered
    }

    #[test]
    fn a_caller_is_answered_when_the_file_has_grown_beyond_what_it_knows() {
        let growth = Growth::default();
        let (first, second) = (wait_for(&growth, 0), wait_for(&growth, 9));
        growth.reach(5);
        assert_eq!(first.try_recv().unwrap().unwrap(), Grown { size: 5, complete: false });
        assert!(second.try_recv().is_err());
        let known = wait_for(&growth, 4);
        assert_eq!(known.try_recv().unwrap().unwrap(), Grown { size: 5, complete: false });
        growth.complete(9);
        let end = Grown { size: 9, complete: true };
        assert_eq!(second.try_recv().unwrap().unwrap(), end);
        assert_eq!(wait_for(&growth, 9).try_recv().unwrap().unwrap(), end);
        // A packer is aborted when it is dropped, also after its blob is complete.
        growth.fail(Error::Aborted);
        assert_eq!(wait_for(&growth, 0).try_recv().unwrap().unwrap(), end);
    }

    #[test]
    fn a_failure_answers_callers_that_wait_and_those_that_come_later() {
        let growth = Growth::default();
        let waiting = wait_for(&growth, 0);
        growth.fail(Error::format("bad tar"));
        growth.reach(7);
        growth.complete(7);
        for answered in [waiting, wait_for(&growth, 0)] {
            assert_eq!(answered.try_recv().unwrap().unwrap_err().code(), "FORMAT");
        }
    }

    /// Registers again from each answer, as the uploader does, while the writer continues.
    fn follow(growth: &Arc<Growth>, size: u64, done: mpsc::Sender<u64>) {
        let next = Arc::clone(growth);
        growth.on_more_than(
            size,
            Box::new(move |result| {
                let grown = result.unwrap();
                assert!(grown.complete || grown.size > size);
                if grown.complete { done.send(grown.size).unwrap() } else { follow(&next, grown.size, done) }
            }),
        );
    }

    #[test]
    fn no_growth_is_missed_between_two_callbacks() {
        const END: u64 = 20_000;
        for _ in 0..20 {
            let growth = Arc::new(Growth::default());
            let (done, ended) = channel();
            let writer = std::thread::spawn({
                let growth = Arc::clone(&growth);
                move || {
                    for size in 1..END {
                        growth.reach(size);
                    }
                    growth.complete(END);
                }
            });
            // One caller registers again on the writer's thread, the other on its own thread.
            follow(&growth, 0, done);
            let mut at = 0;
            loop {
                let answer = wait_for(&growth, at).recv_timeout(Duration::from_mins(1));
                let grown = answer.expect("an answer comes").unwrap();
                at = grown.size;
                if grown.complete {
                    break;
                }
            }
            assert_eq!(at, END);
            assert_eq!(ended.recv_timeout(Duration::from_mins(1)), Ok(END));
            writer.join().unwrap();
        }
    }
}
