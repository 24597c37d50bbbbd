//! Digests that Node does not have.

use napi::bindgen_prelude::Buffer;
use napi_derive::napi;

/// The BLAKE3 of at most a few megabytes: the calling thread computes it.
#[napi(catch_unwind)]
#[allow(clippy::needless_pass_by_value)] // Arguments from JavaScript are owned.
pub fn blake3(bytes: Buffer) -> Buffer {
    blake3::hash(&bytes).as_bytes().to_vec().into()
}
