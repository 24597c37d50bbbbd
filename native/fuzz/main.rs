//! Hands the inputs of libFuzzer to the target that the environment names: `NYDUS_FUZZ=layer fuzz FOLDER`. One program for all
//! targets is built once.

#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;

mod targets;

fn target() -> fn(&[u8]) {
    static TARGET: OnceLock<fn(&[u8])> = OnceLock::new();
    *TARGET.get_or_init(|| {
        let name = std::env::var("NYDUS_FUZZ").unwrap_or_default();
        let found = targets::TARGETS.iter().find(|(known, _)| *known == name);
        found.unwrap_or_else(|| panic!("NYDUS_FUZZ names no target: {name:?}")).1
    })
}

fuzz_target!(|input: &[u8]| target()(input));
