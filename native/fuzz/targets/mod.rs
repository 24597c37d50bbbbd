//! The readers that are fuzzed. Each takes any bytes; a panic, an assertion that fails, and an execution that takes long are faults.
//! None of them needs a fuzzer, so that `core/tests/fuzz_corpus.rs` runs the corpora in every `cargo test`.

mod blob;
mod bootstrap;
mod codec;
mod contexts;
mod layer;
mod members;
mod pack;
mod parts;
mod tar;
mod tree;
mod verify;

/// Takes one input.
type Target = fn(&[u8]);

/// Every target by its name, which is also that of its corpus.
pub const TARGETS: &[(&str, Target)] = &[
    ("layer", layer::execute),
    ("members", members::execute),
    ("tar", tar::execute),
    ("bootstrap-v5", bootstrap::execute_v5),
    ("bootstrap-v6", bootstrap::execute_v6),
    ("tree", tree::execute),
    ("blob", blob::execute),
    ("codec", codec::execute),
    ("verify", verify::execute),
    ("contexts", contexts::execute),
    ("pack", pack::execute),
];
