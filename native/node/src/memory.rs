//! Limits the freed memory that the process keeps.

use napi_derive::napi;

/// The number of free bytes at the end of a heap that are kept, because returning fewer is not worth a system call.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const KEPT: libc::c_int = 1 << 20;

/// The size in bytes from which blocks are mapped one by one, so that every page of them costs a fault. Buffers of
/// connections and files are smaller.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const MAPPED: libc::c_int = 640 << 10;

/// Makes the allocator return free memory to the system at once, if it has such a setting. glibc otherwise adapts to the
/// sizes of freed blocks and keeps up to 64 MiB in each heap, and threads have heaps of their own.
#[napi(catch_unwind)]
pub fn return_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: the call takes two numbers, does its own locking, and may be made at any time.
    unsafe {
        libc::mallopt(libc::M_TRIM_THRESHOLD, KEPT);
        libc::mallopt(libc::M_MMAP_THRESHOLD, MAPPED);
    }
}
