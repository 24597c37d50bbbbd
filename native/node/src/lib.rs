//! The whole napi surface: thin classes over `nydus-core`. `src/native/index.ts` is its only caller and its documentation.

// napi's macros and `ToNapiValue` are unsafe by nature; what is ours lies in `nydus-core`, which forbids it.
#![allow(unsafe_code)]

mod codec;
mod digest;
mod judge;
mod memory;
mod outcome;
mod packer;
mod verifier;

/// Panics become errors of the call or layer that they happen in; none is printed.
#[napi_derive::module_init]
fn init() {
    nydus_core::pool::note_panics();
}
