//! Measures how the threads of an image spend their time: they compute, or wait for a core, for work, or for room.
//!
//! The waiting thread records its wait in its own clock; computing time is read from the system when the thread ends or a
//! caller asks for it, so that a thread that does not wait pays nothing.

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::sync::lock;

/// The reason why a thread waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// The thread has nothing to do: the stage before it is slower.
    Starved,
    /// The thread's result finds no room: the stage after it is slower.
    Blocked,
}

/// The sums over the threads of one kind, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StageTimes {
    /// The number of threads.
    pub threads: u32,
    /// Time from start to end, or until now.
    pub alive: f64,
    /// Time on a core; 0 if the system does not report it.
    pub busy: f64,
    /// Time in which the thread was ready but all cores were taken; 0 if the system does not report it.
    pub ready: f64,
    /// Time in which the thread had nothing to do.
    pub starved: f64,
    /// Time in which the thread waited for room.
    pub blocked: f64,
}

#[derive(Clone, Copy)]
struct Ended {
    alive: Duration,
    busy: u64,
    ready: u64,
}

struct Clock {
    stage: &'static str,
    start: Instant,
    /// The file in which Linux counts this thread's scheduling.
    counts: Option<PathBuf>,
    starved: AtomicU64,
    blocked: AtomicU64,
    ended: Mutex<Option<Ended>>,
}

impl Clock {
    /// Nanoseconds on a core, and nanoseconds ready for one.
    fn scheduled(&self) -> Option<(u64, u64)> {
        let text = std::fs::read_to_string(self.counts.as_ref()?).ok()?;
        let mut words = text.split_whitespace().map(str::parse);
        Some((words.next()?.ok()?, words.next()?.ok()?))
    }

    fn now(&self) -> Ended {
        let (busy, ready) = self.scheduled().unwrap_or_default();
        Ended { alive: self.start.elapsed(), busy, ready }
    }

    fn add_to(&self, times: &mut StageTimes) {
        let Ended { alive, busy, ready } = lock(&self.ended).unwrap_or_else(|| self.now());
        times.threads += 1;
        times.alive += alive.as_secs_f64();
        times.busy += Duration::from_nanos(busy).as_secs_f64();
        times.ready += Duration::from_nanos(ready).as_secs_f64();
        times.starved += Duration::from_nanos(self.starved.load(Ordering::Relaxed)).as_secs_f64();
        times.blocked += Duration::from_nanos(self.blocked.load(Ordering::Relaxed)).as_secs_f64();
    }
}

thread_local! {
    static CURRENT: RefCell<Option<Arc<Clock>>> = const { RefCell::new(None) };
}

/// Runs `wait` and records how long it took.
pub fn waiting<T>(why: Wait, wait: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let value = wait();
    let nanoseconds = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
    CURRENT.with_borrow(|clock| {
        if let Some(clock) = clock {
            let total = match why {
                Wait::Starved => &clock.starved,
                Wait::Blocked => &clock.blocked,
            };
            total.fetch_add(nanoseconds, Ordering::Relaxed);
        }
    });
    value
}

/// The clocks of an image's threads.
#[derive(Default)]
pub struct Meter {
    clocks: Mutex<Vec<Arc<Clock>>>,
}

impl Meter {
    /// Counts the current thread as one of `stage` until the result is dropped.
    pub fn enter(&self, stage: &'static str) -> Counted {
        let counts = std::fs::read_link("/proc/thread-self").ok();
        let clock = Arc::new(Clock {
            stage,
            start: Instant::now(),
            counts: counts.map(|thread| PathBuf::from("/proc").join(thread).join("schedstat")),
            starved: AtomicU64::new(0),
            blocked: AtomicU64::new(0),
            ended: Mutex::new(None),
        });
        lock(&self.clocks).push(Arc::clone(&clock));
        CURRENT.set(Some(Arc::clone(&clock)));
        Counted { clock }
    }

    /// The times of each kind of thread so far, in the order in which the first thread of each kind began.
    pub fn stages(&self) -> Vec<(&'static str, StageTimes)> {
        let mut stages: Vec<(&'static str, StageTimes)> = Vec::new();
        for clock in lock(&self.clocks).iter() {
            let at = stages.iter().position(|(name, _)| *name == clock.stage).unwrap_or_else(|| {
                stages.push((clock.stage, StageTimes::default()));
                stages.len() - 1
            });
            if let Some((_, times)) = stages.get_mut(at) {
                clock.add_to(times);
            }
        }
        stages
    }
}

/// Counts a thread until it is dropped.
pub struct Counted {
    clock: Arc<Clock>,
}

impl Drop for Counted {
    fn drop(&mut self) {
        CURRENT.set(None);
        let now = self.clock.now();
        *lock(&self.clock.ended) = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_of_a_kind_are_added_up_and_waits_are_counted_by_reason() {
        let meter = Arc::new(Meter::default());
        let threads: Vec<_> = [Wait::Starved, Wait::Blocked]
            .into_iter()
            .map(|why| {
                let meter = Arc::clone(&meter);
                std::thread::spawn(move || {
                    let _counted = meter.enter("some");
                    waiting(why, || std::thread::sleep(Duration::from_millis(20)));
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        waiting(Wait::Starved, || ());
        let stages = meter.stages();
        let [("some", times)] = stages[..] else { panic!("{stages:?}") };
        assert_eq!(times.threads, 2);
        assert!(times.starved >= 0.02 && times.blocked >= 0.02, "{times:?}");
        assert!(times.alive >= times.starved + times.blocked, "{times:?}");
    }
}
