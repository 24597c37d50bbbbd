//! Computes digests that Node does not have.

use napi::bindgen_prelude::Buffer;
use napi_derive::napi;

/// Computes BLAKE3 on the calling thread, so the input should have at most a few megabytes.
#[napi(catch_unwind)]
#[allow(clippy::needless_pass_by_value)] // Arguments from JavaScript are owned.
pub fn blake3(bytes: Buffer) -> Buffer {
    blake3::hash(&bytes).as_bytes().to_vec().into()
}
