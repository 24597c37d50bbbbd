//! LZ4 writes the bytes of `LZ4_compress_default`: one block, with neither a size in front nor a frame around it. Another
//! liblz4 may write other bytes, so the library's version is pinned. The format is that of `lz4_Block_format.md` of the LZ4
//! project.

use nydus_layout::{compressor, super_flags, toc_flags};

use super::{Codec, Decode, Encode, Encoder, Encoding};
use crate::error::{Error, Result};

/// LZ4's row in the table of codecs.
pub static CODEC: Codec = Codec {
    name: "lz4_block",
    number: compressor::LZ4_BLOCK,
    super_flag: super_flags::COMPRESSION_LZ4,
    toc_flag: Some(toc_flags::LZ4_BLOCK),
    levels: None,
    version: Some(|| VERSION),
    encoding: Encoding::Compress(Encoder {
        bound: |len| len + len / 255 + 16,
        context: || Ok(Box::new(Blocks)),
    }),
    decoder: Some(|| Ok(Box::new(Blocks))),
};

/// The version of liblz4, which knows it as a number.
const VERSION: &str = "1.10.0";

/// Blocks need no memory besides input and output, neither to write nor to read.
struct Blocks;

impl Encode for Blocks {
    fn compress(&mut self, to: &mut [u8], from: &[u8], _: i32) -> Result<usize> {
        lz4::block::compress_to_buffer(from, None, false, to)
            .map_err(|error| Error::internal(format!("lz4 cannot compress: {error}")))
    }
}

impl Decode for Blocks {
    fn decompress(&mut self, to: &mut [u8], from: &[u8]) -> Result<()> {
        decompress(to, from)
    }
}

/// The shortest match; a token holds the length beyond it.
const MIN_MATCH: usize = 4;

/// Decodes one block that must fill `to` exactly.
fn decompress(to: &mut [u8], from: &[u8]) -> Result<()> {
    let size = to.len();
    let len = decode(to, from).ok_or_else(|| Error::format("lz4 data does not decode"))?;
    if len == size {
        Ok(())
    } else {
        Err(Error::format(format!("lz4 data decodes to {len} bytes instead of {size}")))
    }
}

/// Returns how many bytes were decoded, or `None` for a block that is cut short, reaches back before its start, or does not
/// fit `to`.
fn decode(to: &mut [u8], mut from: &[u8]) -> Option<usize> {
    let mut at = 0_usize;
    loop {
        let token = take(&mut from)?;
        let literals = length(usize::from(token >> 4), &mut from)?;
        let (bytes, rest) = from.split_at_checked(literals)?;
        to.get_mut(at..at.checked_add(literals)?)?.copy_from_slice(bytes);
        at += literals;
        from = rest;
        // The last sequence has no match.
        if from.is_empty() {
            return Some(at);
        }
        let back = usize::from(u16::from_le_bytes([take(&mut from)?, take(&mut from)?]));
        let count = length(usize::from(token & 15), &mut from)?.checked_add(MIN_MATCH)?;
        let start = at.checked_sub(back).filter(|_| back > 0)?;
        let end = at.checked_add(count).filter(|&end| end <= to.len())?;
        // A match may overlap its own output, so each copy makes the repeated part longer.
        while at < end {
            let step = (end - at).min(at - start);
            to.copy_within(start..start + step, at);
            at += step;
        }
    }
}

fn take(from: &mut &[u8]) -> Option<u8> {
    let (&first, rest) = from.split_first()?;
    *from = rest;
    Some(first)
}

/// A nibble of 15 is followed by bytes to add, up to and including the first that is not 255.
fn length(nibble: usize, from: &mut &[u8]) -> Option<usize> {
    let mut length = nibble;
    if nibble == 15 {
        loop {
            let more = take(from)?;
            length = length.checked_add(usize::from(more))?;
            if more != u8::MAX {
                break;
            }
        }
    }
    Some(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decoded(from: &[u8], size: usize) -> Option<Vec<u8>> {
        let mut to = vec![0; size];
        decompress(&mut to, from).ok().map(|()| to)
    }

    #[test]
    fn the_library_has_the_version_that_is_reported() {
        let number = VERSION.split('.').fold(0, |number, part| number * 100 + part.parse::<i32>().unwrap());
        assert_eq!(lz4::version(), number);
    }

    #[test]
    fn the_room_for_a_block_is_what_the_library_asks_for() {
        let Encoding::Compress(encoder) = &CODEC.encoding else { panic!("blocks are written") };
        for len in [0, 1, 254, 255, 256, 4096, 1 << 20, super::super::MAX_CHUNK] {
            assert_eq!((encoder.bound)(len), lz4::block::compress_bound(len).unwrap());
        }
    }

    #[test]
    fn literals_matches_and_matches_into_themselves_are_decoded() {
        assert_eq!(decoded(b"\x30abc", 3).unwrap(), b"abc");
        assert_eq!(decoded(b"\x35abc\x03\x00\x10!", 13).unwrap(), b"abcabcabcabc!");
        assert_eq!(decoded(b"\x1fa\x01\x00\xff\x00\x10b", 276).unwrap(), [&[b'a'; 275][..], b"b"].concat());
        let long = [&[0xf0, 0xff, 0x01][..], &[7; 271]].concat();
        assert_eq!(decoded(&long, 271).unwrap(), [7; 271]);
        assert_eq!(decoded(b"\0", 0).unwrap(), b"");
    }

    #[test]
    fn a_block_that_is_short_or_long_or_reaches_outside_is_a_format_error() {
        for (from, size) in [
            (&b""[..], 0),
            (b"\x30ab", 3),
            (b"\x30abc", 2),
            (b"\x30abc", 4),
            (b"\x35abc\x04\x00\x10!", 13),
            (b"\x35abc\x00\x00\x10!", 13),
            (b"\x35abc\x03\x00", 13),
            (b"\xf0\xff", 600),
        ] {
            let error = decompress(&mut vec![0; size], from).unwrap_err();
            assert_eq!(error.code(), "FORMAT", "{from:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_decoded_or_refused(from in prop::collection::vec(any::<u8>(), 0..300), size in 0usize..5000) {
            decoded(&from, size);
        }
    }
}
