//! Runs every input of the fuzzer's corpus again, with a stable compiler. `fuzz/harness.rs` holds the assertions.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code: a panic is a failed test")]

use miniz_oxide::inflate::decompress_to_vec;

#[path = "../../fuzz/harness.rs"]
mod harness;

/// Each line is one input, deflated, in base64.
const CORPUS: &str = include_str!("../../fuzz/corpus.txt");
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

#[test]
fn every_input_of_the_fuzz_corpus_passes() {
    let mut inputs = 0;
    for line in CORPUS.lines() {
        harness::execute(&decompress_to_vec(&from_base64(line)).unwrap());
        inputs += 1;
    }
    assert!(inputs > 500, "only {inputs} inputs");
}
