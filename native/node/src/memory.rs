//! What the process keeps of memory that it has freed.

use napi_derive::napi;

/// Bytes at the end of a heap that are not worth a system call.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const KEPT: libc::c_int = 1 << 20;

/// Bytes: larger blocks are mapped one by one, and every page of them is a fault. Buffers of connections and files are smaller.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const MAPPED: libc::c_int = 640 << 10;

/// Gives memory back to the system as soon as it is free, where the allocator can be told so. glibc otherwise takes the
/// sizes of freed blocks for a habit and keeps up to 64 MiB a heap, of which threads have their own.
#[napi(catch_unwind)]
pub fn return_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: takes two numbers, locks for itself, and may be called at any time.
    unsafe {
        libc::mallopt(libc::M_TRIM_THRESHOLD, KEPT);
        libc::mallopt(libc::M_MMAP_THRESHOLD, MAPPED);
    }
}
