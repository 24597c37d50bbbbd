//! A pipeline ends with a value or with its first error, which the caller gets exactly once.

use std::sync::Mutex;

use crate::error::{Error, Result};
use crate::sync::lock;

/// A callback that is called exactly once, from a thread of this crate or during the call that takes it.
pub type Reply<T> = Box<dyn FnOnce(Result<T>) + Send>;

/// The end of a pipeline that produces a `T`.
pub struct Ending<T> {
    state: Mutex<State<T>>,
}

struct State<T> {
    failure: Option<Error>,
    asked: bool,
    delivered: bool,
    reply: Option<Reply<T>>,
    /// The value of a pipeline that has ended before the caller asked, as one does that needs nothing of the caller.
    early: Option<T>,
}

impl<T> Default for Ending<T> {
    fn default() -> Self {
        Self {
            state: Mutex::new(State {
                failure: None,
                asked: false,
                delivered: false,
                reply: None,
                early: None,
            }),
        }
    }
}

impl<T> Ending<T> {
    /// Records the first error. Then runs `release`, which wakes every waiting thread, and answers the caller if it has
    /// asked.
    pub fn fail(&self, error: Error, release: impl FnOnce()) {
        let mut state = lock(&self.state);
        if state.failure.is_some() {
            return;
        }
        let asked = state.reply.take().map(|reply| (reply, error.duplicate()));
        let early = state.early.take();
        state.failure = Some(error);
        drop(state);
        drop(early);
        release();
        if let Some((reply, error)) = asked {
            reply(Err(error));
        }
    }

    /// The error that ended the pipeline.
    pub fn failure(&self) -> Option<Error> {
        lock(&self.state).failure.as_ref().map(Error::duplicate)
    }

    /// Replaces `error`, which only reports the end, by the error that ended the pipeline.
    pub fn explain(&self, error: Error) -> Error {
        self.failure().unwrap_or(error)
    }

    /// Registers the caller's `reply`. Returns false when the value will not come; the caller then has its error already.
    pub fn ask(&self, reply: Reply<T>) -> bool {
        let mut state = lock(&self.state);
        let refusal = match &state.failure {
            Some(error) => Some(error.duplicate()),
            None if state.asked => Some(Error::internal("finished already")),
            None => None,
        };
        if let Some(error) = refusal {
            drop(state);
            reply(Err(error));
            return false;
        }
        state.asked = true;
        match state.early.take() {
            Some(value) => {
                drop(state);
                reply(Ok(value));
            }
            None => state.reply = Some(reply),
        }
        true
    }

    /// Gives the value to the caller, at once or as soon as it asks.
    pub fn deliver(&self, value: T) {
        let mut state = lock(&self.state);
        state.delivered = state.failure.is_none();
        match state.reply.take() {
            Some(reply) => {
                drop(state);
                reply(Ok(value));
            }
            None if state.delivered && !state.asked => state.early = Some(value),
            None => {}
        }
    }

    /// Returns `Ok` when the value was delivered, else the error that prevented it.
    pub fn check_delivered(&self) -> Result<()> {
        let state = lock(&self.state);
        match &state.failure {
            Some(error) => Err(error.duplicate()),
            None if state.delivered => Ok(()),
            None => Err(Error::internal("not finished")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn the_first_error_is_reported() {
        let ending = Ending::<u32>::default();
        let (sender, receiver) = mpsc::channel();
        assert!(ending.ask(Box::new(move |result| sender.send(result.unwrap_err().code()).unwrap())));
        let mut released = 0;
        ending.fail(Error::format("bad"), || released += 1);
        ending.fail(Error::Aborted, || released += 1);
        assert_eq!((receiver.recv(), released), (Ok("FORMAT"), 1));
        assert!(!ending.ask(Box::new(|result| assert_eq!(result.unwrap_err().code(), "FORMAT"))));
        assert_eq!(ending.check_delivered().unwrap_err().code(), "FORMAT");
    }

    #[test]
    fn the_value_is_delivered_once() {
        let ending = Ending::<u32>::default();
        assert_eq!(ending.check_delivered().unwrap_err().code(), "INTERNAL");
        let (sender, receiver) = mpsc::channel();
        assert!(ending.ask(Box::new(move |result| sender.send(result.ok()).unwrap())));
        assert!(!ending.ask(Box::new(|result| assert_eq!(result.unwrap_err().code(), "INTERNAL"))));
        ending.deliver(7);
        assert_eq!(receiver.recv(), Ok(Some(7)));
        ending.check_delivered().unwrap();
    }

    #[test]
    fn a_value_that_comes_before_the_question_waits_for_it() {
        let ending = Ending::<u32>::default();
        ending.deliver(7);
        ending.check_delivered().unwrap();
        let (sender, receiver) = mpsc::channel();
        let again = sender.clone();
        assert!(ending.ask(Box::new(move |result| sender.send(result.ok()).unwrap())));
        assert!(!ending.ask(Box::new(move |result| again.send(result.ok()).unwrap())));
        assert_eq!([receiver.recv(), receiver.recv()], [Ok(Some(7)), Ok(None)]);

        let failed = Ending::<u32>::default();
        failed.deliver(7);
        failed.fail(Error::Aborted, || ());
        assert!(!failed.ask(Box::new(|result| assert_eq!(result.unwrap_err().code(), "ABORTED"))));
    }
}
