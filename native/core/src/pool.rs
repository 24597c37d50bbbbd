//! The pool holds the worker threads of one image, each with its own codec contexts, and the buffers that are used again.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use crossbeam_channel::{Receiver, Sender, unbounded};

use crate::codec::Contexts;
use crate::error::{Error, Result};
use crate::meter::{Meter, Wait, waiting};
use crate::sync::lock;

/// Work for the next free worker, which lends its codec contexts. A job reports its own failures and panics.
pub type Job = Box<dyn FnOnce(&mut Contexts) + Send>;

/// Worker threads that take jobs in the order in which they were queued. They end when the pool is closed or dropped and
/// no job is left.
pub struct Pool {
    /// `None` once the pool is closed.
    jobs: Mutex<Option<Sender<Job>>>,
}

impl Pool {
    /// Starts `threads` workers, at least one.
    pub fn new(threads: usize, meter: &Arc<Meter>) -> Result<Self> {
        Self::start(threads, meter, || {})
    }

    /// Starts workers that yield to other threads of the process.
    pub fn giving_way(threads: usize, meter: &Arc<Meter>) -> Result<Self> {
        Self::start(threads, meter, give_way)
    }

    fn start(threads: usize, meter: &Arc<Meter>, prepare: fn()) -> Result<Self> {
        let (jobs, queue) = unbounded();
        for number in 0..threads.max(1) {
            let (queue, meter) = (queue.clone(), Arc::clone(meter));
            spawn(&format!("nydus-pack-{number}"), move || {
                prepare();
                let _counted = meter.enter("compress");
                work(&queue);
            })?;
        }
        Ok(Self { jobs: Mutex::new(Some(jobs)) })
    }

    /// Queues a job. The budget of the threads that queue jobs bounds the queue.
    pub fn run(&self, job: Job) -> Result<()> {
        let jobs = lock(&self.jobs);
        let jobs = jobs.as_ref().ok_or(Error::Aborted)?;
        jobs.send(job).map_err(|_| Error::internal("every worker thread has ended"))
    }

    /// Ends the workers as soon as they have done the jobs that are queued. No job can be queued afterwards. An owner that
    /// a garbage collector frees calls this, since its threads would otherwise stay until the collector comes.
    pub fn close(&self) {
        lock(&self.jobs).take();
    }
}

fn work(queue: &Receiver<Job>) {
    let mut contexts = Contexts::default();
    while let Ok(job) = queue.try_recv().or_else(|_| waiting(Wait::Starved, || queue.recv())) {
        if catch_unwind(AssertUnwindSafe(|| job(&mut contexts))).is_err() {
            // A panic may have left a context in an inconsistent state, so it is not used again.
            contexts = Contexts::default();
        }
    }
}

/// Starts a named thread that is never joined.
pub fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<()> {
    let spawned = std::thread::Builder::new().name(name.to_owned()).spawn(body);
    spawned.map(drop).map_err(|source| Error::Io {
        message: format!("cannot start a thread: {source}"),
        path: None,
        source,
    })
}

/// The niceness of a thread that yields: its share of a core is a third of that of others.
#[cfg(target_os = "linux")]
const NICER: i32 = 5;

/// Lets other threads of the process go before this one from now on, if the system has a priority for each thread.
pub fn give_way() {
    // A failure is ignored, since only speed depends on it.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::nice(NICER);
}

/// Runs `body`; a panic inside becomes an internal error.
pub fn guarded<T>(body: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|panic| Err(panic_error(&*panic)))
}

thread_local! {
    /// The place where this thread panicked last; the error made from the panic names it.
    static PANICKED_AT: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Makes panics silent and records where they happen. Every thread of this crate turns them into errors.
pub fn note_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        PANICKED_AT.with(|at| at.replace(place));
    }));
}

/// The error that a caught panic becomes.
pub fn panic_error(panic: &(dyn Any + Send)) -> Error {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    let place = PANICKED_AT.with(RefCell::take).map(|place| format!(" at {place}")).unwrap_or_default();
    Error::internal(format!("the addon panicked{place}: {text}"))
}

/// Buffers that are used again, so that their pages stay warm and memory does not fragment.
pub struct Buffers {
    capacity: usize,
    keep: usize,
    free: Mutex<Vec<Vec<u8>>>,
}

impl Buffers {
    /// Makes room for buffers of `capacity` bytes, of which at most `keep` wait for their next use.
    pub fn new(capacity: usize, keep: usize) -> Self {
        Self { capacity, keep, free: Mutex::new(Vec::new()) }
    }

    /// Returns a used or a new buffer, with the length and content that its last use left.
    pub fn take(&self) -> Vec<u8> {
        lock(&self.free).pop().unwrap_or_else(|| Vec::with_capacity(self.capacity))
    }

    /// Returns a buffer without content.
    pub fn take_empty(&self) -> Vec<u8> {
        let mut buffer = self.take();
        buffer.clear();
        buffer
    }

    /// Takes a buffer back. A buffer that has grown far beyond the others is freed.
    pub fn give(&self, buffer: Vec<u8>) {
        let mut free = lock(&self.free);
        if free.len() < self.keep && buffer.capacity() <= self.capacity.saturating_mul(2) {
            free.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Compression;
    use std::sync::mpsc;

    #[test]
    fn a_panicking_job_does_not_end_its_worker() {
        let pool = Pool::new(1, &Arc::default()).unwrap();
        let (sender, receiver) = mpsc::channel();
        pool.run(Box::new(|_| panic!("on purpose"))).unwrap();
        let compressed = |contexts: &mut Contexts| contexts.compressed(Compression::default(), &[7; 100]);
        pool.run(Box::new(move |contexts| sender.send(compressed(contexts).unwrap().is_some()).unwrap()))
            .unwrap();
        assert_eq!(receiver.recv(), Ok(true));
    }

    #[test]
    fn the_workers_of_a_closed_pool_do_what_is_queued_and_end() {
        let meter = Arc::default();
        let pool = Pool::new(2, &meter).unwrap();
        let (sender, receiver) = mpsc::channel();
        for number in 0..8 {
            let sender = sender.clone();
            pool.run(Box::new(move |_| sender.send(number).unwrap())).unwrap();
        }
        drop(sender);
        pool.close();
        assert!(matches!(pool.run(Box::new(|_| ())), Err(Error::Aborted)));
        assert_eq!(receiver.iter().count(), 8);
        let ended = (0..1000).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(10));
            // Each worker holds the meter until its end.
            Arc::strong_count(&meter) == 1
        });
        assert!(ended, "a worker of a closed pool waits");
    }

    #[test]
    fn a_panic_becomes_an_internal_error_with_its_text() {
        let error = guarded::<()>(|| panic!("number {}", 7)).unwrap_err();
        assert_eq!(
            (error.code(), error.to_string()),
            ("INTERNAL", "the addon panicked: number 7".to_owned())
        );
    }

    #[test]
    fn buffers_are_used_again_unless_they_have_grown() {
        let buffers = Buffers::new(16, 1);
        let mut buffer = buffers.take();
        buffer.push(1);
        buffers.give(buffer);
        let buffer = buffers.take();
        assert_eq!(buffer, [1]);
        buffers.give(buffer);
        assert_eq!(buffers.take_empty(), []);
        buffers.give(Vec::with_capacity(1000));
        assert_eq!(buffers.take().capacity(), 16);
    }
}
