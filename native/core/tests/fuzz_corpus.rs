//! Runs every input of the fuzzer's corpora again, without the fuzzer. `fuzz/targets` holds the assertions.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code: a panic is a failed test"
)]

use std::path::Path;

use miniz_oxide::inflate::decompress_to_vec;

#[path = "../../fuzz/targets/mod.rs"]
mod targets;

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn from_base64(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text
        .trim_end_matches('=')
        .bytes()
        .map(|byte| u32::try_from(DIGITS.iter().position(|&digit| digit == byte).unwrap()).unwrap())
        .collect();
    let quad = |four: &[u32]| {
        let bits = four.iter().enumerate().fold(0, |bits, (i, digit)| bits | digit << (18 - 6 * i));
        bits.to_be_bytes()[1..four.len()].to_vec()
    };
    digits.chunks(4).flat_map(quad).collect()
}

/// Each line of a corpus is one input, deflated, in base64.
#[test]
fn every_input_of_the_fuzz_corpora_passes() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpora");
    for (name, execute) in targets::TARGETS {
        let corpus = std::fs::read_to_string(corpora.join(format!("{name}.txt"))).unwrap();
        for line in corpus.lines() {
            execute(&decompress_to_vec(&from_base64(line)).unwrap());
        }
        assert!(corpus.lines().count() >= 5, "{name} has only a few inputs");
    }
}
