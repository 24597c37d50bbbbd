//! Gzip decodes chunks of other builders and encodes the layer that holds the bootstrap, and layers that are made again. The
//! digests of these layers must be the same on every machine. zlib and its faster relatives choose matches according to the
//! processor; `miniz_oxide` does not. Deflate is cut into blocks of a fixed size, so any number of threads makes the same bytes.

use std::borrow::Cow;
use std::io::Read as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use miniz_oxide::deflate::core::{
    CompressorOxide, TDEFLFlush, TDEFLStatus, compress_to_output, create_comp_flags_from_zip_params,
};

use nydus_layout::{compressor, super_flags};

use super::{Codec, Decode, Encoding};
use crate::error::{Error, Result};
use crate::sync::lock;

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

/// Bytes of a block. It ends with a marker of five bytes and begins without a window, which costs less than a percent.
pub const BLOCK: usize = 1 << 20;

/// Makes one member of all parts, one after the other, on up to `threads` threads. Its bytes depend only on the bytes of the
/// parts, not on how they are cut, nor on the threads. The parts are not copied together, since the bootstrap among them may be
/// large.
pub fn gzip<'a>(parts: impl IntoIterator<Item = &'a [u8]>, threads: usize) -> Result<Vec<u8>> {
    let blocks = cut(parts);
    let bodies: Vec<Mutex<Option<Result<Vec<u8>>>>> = blocks.iter().map(|_| Mutex::new(None)).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some((block, body)) = blocks.get(number).zip(bodies.get(number)) else { break };
            *lock(body) = Some(deflate(block, LEVEL, number + 1 == blocks.len()));
        }
    };
    let mut crc = flate2::Crc::new();
    std::thread::scope(|scope| {
        for _ in 1..threads.min(blocks.len()) {
            // Without another thread this one does all the work.
            drop(std::thread::Builder::new().name("nydus-gzip".to_owned()).spawn_scoped(scope, work));
        }
        work();
        for block in &blocks {
            crc.update(block);
        }
    });
    let mut member = HEADER.to_vec();
    for body in bodies {
        let body = body.into_inner().ok().flatten();
        member.extend_from_slice(&body.ok_or_else(|| Error::internal("a block was not compressed"))??);
    }
    member.extend_from_slice(&crc.sum().to_le_bytes());
    // The trailer holds the length modulo 2^32, and flate2's counter wraps in the same way.
    member.extend_from_slice(&crc.amount().to_le_bytes());
    Ok(member)
}

/// Blocks of equal size but for the last one; one empty block if there is no byte. Only a block that lies in several parts is
/// copied.
fn cut<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Vec<Cow<'a, [u8]>> {
    let mut blocks = Vec::new();
    let mut open: Vec<u8> = Vec::new();
    for mut part in parts {
        if !open.is_empty() {
            let (first, rest) = part.split_at(part.len().min(BLOCK - open.len()));
            open.extend_from_slice(first);
            part = rest;
            if open.len() == BLOCK {
                blocks.push(Cow::Owned(std::mem::take(&mut open)));
            }
        }
        let whole = part.chunks_exact(BLOCK);
        open.extend_from_slice(whole.remainder());
        blocks.extend(whole.map(Cow::Borrowed));
    }
    if !open.is_empty() || blocks.is_empty() {
        blocks.push(Cow::Owned(open));
    }
    blocks
}

/// Bare deflate that ends at a whole byte, so that another block can follow. The last block ends the stream.
pub fn deflate(block: &[u8], level: i32, is_last: bool) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(block.len() / 2);
    // Without window bits the output is bare deflate.
    let mut deflate = CompressorOxide::new(create_comp_flags_from_zip_params(level, 0, 0));
    let flush = if is_last { TDEFLFlush::Finish } else { TDEFLFlush::Sync };
    let (status, _) = compress_to_output(&mut deflate, block, flush, |out| {
        bytes.extend_from_slice(out);
        true
    });
    let wanted = if is_last { TDEFLStatus::Done } else { TDEFLStatus::Okay };
    if status == wanted { Ok(bytes) } else { Err(Error::internal("deflate refused a block")) }
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
            flate2::read::GzDecoder::new(&gzip([input], 3).unwrap()[..]).read_to_end(&mut back).unwrap();
            assert_eq!(back, input);
        }
        assert!(gzip([&bytes[..]], 1).unwrap().len() < bytes.len() / 10);
    }

    #[test]
    fn a_members_bytes_depend_neither_on_how_the_input_is_cut_nor_on_the_threads() {
        let bytes: Vec<u8> =
            (0..900_000_u32).flat_map(|i| (i.wrapping_mul(2_654_435_761) >> 20).to_le_bytes()).collect();
        for len in [BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, bytes.len()] {
            let input = &bytes[..len];
            let whole = gzip([input], 1).unwrap();
            let mut back = Vec::new();
            flate2::read::GzDecoder::new(&whole[..]).read_to_end(&mut back).unwrap();
            assert!(back == input, "{len} bytes");
            for (size, threads) in [(511, 1), (65_537, 2), (BLOCK, 8), (BLOCK + 1, 3)] {
                assert!(
                    gzip(input.chunks(size), threads).unwrap() == whole,
                    "{len} bytes in parts of {size} on {threads} threads"
                );
            }
        }
    }

    #[test]
    fn the_bytes_of_a_member_never_change() {
        // Manifest digests depend on these bytes: a change here changes the format of the output.
        assert_eq!(
            gzip([&b"nydus nydus nydus nydus\n"[..]], 1).unwrap(),
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
        let member = gzip([&from[..]], 1).unwrap();
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
