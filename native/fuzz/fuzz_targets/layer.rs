//! Runs decompression and the tar parser on any bytes. `harness.rs` holds the assertions.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../harness.rs"]
mod harness;

fuzz_target!(|input: &[u8]| harness::execute(input));
