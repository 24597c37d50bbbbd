//! Gzip decodes chunks of other builders and encodes the small layer that holds the bootstrap. The digest of that layer is
//! part of the image's digest, so its bytes must be the same on every machine. zlib and its faster relatives choose matches
//! according to the processor; `miniz_oxide` does not.

use std::io::Read as _;

use miniz_oxide::deflate::core::{
    CompressorOxide, TDEFLFlush, TDEFLStatus, compress_to_output, create_comp_flags_from_zip_params,
};

use nydus_layout::{compressor, super_flags};

use super::{Codec, Decode, Encoding};
use crate::error::{Error, Result};

/// Gzip's row in the table of codecs.
pub static CODEC: Codec = Codec {
    name: "gzip",
    number: compressor::GZIP,
    super_flag: super_flags::COMPRESSION_GZIP,
    toc_flag: None,
    levels: None,
    version: None,
    encoding: Encoding::ReadOnly,
    decoder: Some(|| Ok(Box::new(Members))),
};

/// Decodes chunks, each of which is a gzip member of its own.
struct Members;

impl Decode for Members {
    fn decompress(&mut self, to: &mut [u8], from: &[u8]) -> Result<()> {
        let mut member = flate2::read::GzDecoder::new(from);
        let wrong = |error| Error::format(format!("gzip data does not decode: {error}"));
        member.read_exact(to).map_err(wrong)?;
        match member.read(&mut [0]).map_err(wrong)? {
            0 => Ok(()),
            _ => Err(Error::format(format!("gzip data decodes to more than {} bytes", to.len()))),
        }
    }
}

/// The member header of RFC 1952, 2.3: magic, deflate, no flags, no time, no hint, system unknown.
pub const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// zlib's own default level; higher levels save few bytes and cost far more time.
pub const LEVEL: i32 = 6;

/// Makes one member of all parts, one after the other. Its bytes depend only on the bytes of the parts, not on how they are
/// cut. The parts are not copied together, since the bootstrap among them may be large.
pub fn gzip<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<u8>> {
    let mut crc = flate2::Crc::new();
    let mut member = HEADER.to_vec();
    // Without window bits the output is bare deflate.
    let mut deflate = CompressorOxide::new(create_comp_flags_from_zip_params(LEVEL, 0, 0));
    let mut feed = |bytes: &[u8], flush| {
        let (status, _) = compress_to_output(&mut deflate, bytes, flush, |out| {
            member.extend_from_slice(out);
            true
        });
        status
    };
    for part in parts {
        crc.update(part);
        if feed(part, TDEFLFlush::None) != TDEFLStatus::Okay {
            return Err(Error::internal("deflate refused its input"));
        }
    }
    if feed(&[], TDEFLFlush::Finish) != TDEFLStatus::Done {
        return Err(Error::internal("deflate did not end"));
    }
    member.extend_from_slice(&crc.sum().to_le_bytes());
    // The trailer holds the length modulo 2^32, and flate2's counter wraps in the same way.
    member.extend_from_slice(&crc.amount().to_le_bytes());
    Ok(member)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Contexts;

    #[test]
    fn a_member_decodes_to_its_input() {
        let bytes: Vec<u8> = (0..200_000_u32).flat_map(|i| (i / 7 % 251).to_le_bytes()).collect();
        for input in [&bytes[..], &[], b"x"] {
            let mut back = Vec::new();
            flate2::read::GzDecoder::new(&gzip([input]).unwrap()[..]).read_to_end(&mut back).unwrap();
            assert_eq!(back, input);
        }
        assert!(gzip([&bytes[..]]).unwrap().len() < bytes.len() / 10);
    }

    #[test]
    fn a_members_bytes_do_not_depend_on_how_the_input_is_cut() {
        let bytes: Vec<u8> =
            (0..300_000_u32).flat_map(|i| (i.wrapping_mul(2_654_435_761) >> 20).to_le_bytes()).collect();
        let whole = [&HEADER[..], &miniz_oxide::deflate::compress_to_vec(&bytes, 6)].concat();
        for size in [1, 511, 512, 65_537, bytes.len()] {
            // Pieces of one byte are slow, so only the beginning is cut into them.
            let (first, rest) = bytes.split_at(bytes.len().min(size * 10_000));
            let member = gzip(first.chunks(size).chain(rest.chunks(1 << 20))).unwrap();
            assert_eq!(member[..whole.len()], whole[..], "pieces of {size} bytes");
        }
    }

    #[test]
    fn the_bytes_of_a_member_never_change() {
        // Manifest digests depend on these bytes: a change here changes the format of the output.
        assert_eq!(
            gzip([&b"nydus nydus nydus nydus\n"[..]]).unwrap(),
            [
                &HEADER[..],
                &[0xcb, 0xab, 0x4c, 0x29, 0x2d, 0x56, 0xc8, 0x43, 0x27, 0xb9, 0x00],
                &[0x61, 0x76, 0xf1, 0x70, 24, 0, 0, 0]
            ]
            .concat()
        );
    }

    #[test]
    fn a_member_of_another_length_or_checksum_is_a_format_error() {
        let mut contexts = Contexts::default();
        let from = [7; 1000];
        let member = gzip([&from[..]]).unwrap();
        let mut to = [0; 1000];
        contexts.decompress(&CODEC, &mut to, &member).unwrap();
        assert_eq!(to, from);
        let mut wrong = member.clone();
        wrong[member.len() - 5] ^= 1;
        for (len, bytes) in [(999, &member[..]), (1001, &member), (1000, &member[..20]), (1000, &wrong)] {
            let error = contexts.decompress(&CODEC, &mut vec![0; len], bytes).unwrap_err();
            assert_eq!(error.code(), "FORMAT");
        }
    }
}
