//! The napi interface consists of thin classes over `nydus-core`. `src/native` is its only caller; the types that it uses
//! are generated from the declarations here.

// napi's macros and `ToNapiValue` are unsafe by nature; the data plane is in `nydus-core`, which forbids unsafe code.
#![allow(unsafe_code)]

mod budget;
mod codec;
mod dictionary;
mod digest;
mod extractor;
mod guard;
mod judge;
mod memory;
mod options;
mod outcome;
mod packer;
mod prefetch;
mod rebuilder;
mod scanner;
mod unpacker;
mod verifier;

/// Turns panics into errors of the call or layer in which they happen. None is printed.
#[napi_derive::module_init]
fn init() {
    nydus_core::pool::note_panics();
}
