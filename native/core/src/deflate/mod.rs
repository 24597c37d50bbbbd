//! Makes a gzip stream again, byte for byte, from what it decompresses to and from the choices of its encoder.
//!
//! A decoder needs the symbols of a stream, and an encoder has chosen them by rules. [`learn`] reads a stream, looks for the rules in
//! [`models`] that foretell its symbols best, and writes down the rest: headers of members and blocks, how many symbols a block has,
//! and the symbols that the rules foretell wrongly. [`replay`] follows the same rules, and so needs nothing else. Where blocks end, and
//! what their tables of codes are, is not foretold but written down, so one set of rules serves all programs that search in the
//! same way, whatever their blocks, members and flushes are.
//!
//! The record of a stream consists of segments, each with a megabyte of content, which can be learned and replayed by
//! themselves, given the 32 KiB before. So memory is bounded, and any number of threads gives equal records. `FORMAT` is the version of the
//! record: other rules under the same number would make other bytes of it.

// Codes, lengths and distances have few bits, and segments at most 2^24 bytes.
#![allow(clippy::cast_possible_truncation)]

mod bits;
mod guess;
mod huffman;
pub mod learn;
mod models;
mod read;
mod record;
pub mod replay;
mod segment;
mod token;

/// The version of a record, its first byte.
pub const FORMAT: u8 = 1;

/// The farthest that a symbol refers back.
const WINDOW: usize = 32 << 10;
/// A segment with so many bytes of content ends with its block.
const SEGMENT: usize = if cfg!(test) { 64 << 10 } else { 1 << 20 };
/// A segment with more is not followed: no encoder that is known makes so large a block.
const MAX_SEGMENT: usize = 8 << 20;

#[cfg(test)]
mod tests;
