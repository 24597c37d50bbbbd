//! The codec `none` stores chunks uncompressed.

use nydus_layout::{compressor, super_flags, toc_flags};

use super::{Codec, Encoding};

/// The row of `none` in the table of codecs.
pub static CODEC: Codec = Codec {
    name: "none",
    number: compressor::NONE,
    super_flag: super_flags::COMPRESSION_NONE,
    toc_flag: Some(toc_flags::NONE),
    levels: None,
    version: None,
    encoding: Encoding::Raw,
    decoder: None,
};
