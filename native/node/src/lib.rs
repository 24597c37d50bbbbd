//! The whole napi surface: thin classes over `nydus-core`. `src/native` is its only caller; the types that it sees are generated from
//! the declarations here.

// napi's macros and `ToNapiValue` are unsafe by nature; what is ours lies in `nydus-core`, which forbids it.
#![allow(unsafe_code)]

mod codec;
mod digest;
mod judge;
mod memory;
mod options;
mod outcome;
mod packer;
mod scanner;
mod verifier;

/// Panics become errors of the call or layer that they happen in; none is printed.
#[napi_derive::module_init]
fn init() {
    nydus_core::pool::note_panics();
}
