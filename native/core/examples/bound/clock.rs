//! Measures the time that this thread has spent computing.

use std::sync::OnceLock;
use std::time::Instant;

/// Seconds since an arbitrary start; only differences have a meaning.
pub fn seconds() -> f64 {
    static START: OnceLock<Instant> = OnceLock::new();
    on_cpu().unwrap_or_else(|| START.get_or_init(Instant::now).elapsed().as_secs_f64())
}

/// On Linux the first number of schedstat is nanoseconds on a CPU.
fn on_cpu() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds: f64 = text.split_whitespace().next()?.parse().ok()?;
    Some(nanoseconds / 1e9)
}

/// Runs `work` and adds the time it took to `total`.
pub fn timed<T>(total: &mut f64, work: impl FnOnce() -> T) -> T {
    let start = seconds();
    let value = work();
    *total += seconds() - start;
    value
}
