//! The chunk codecs. One context a worker, reused: on small chunks a fresh one halves the speed. What comes out is that
//! of `ZSTD_compress`: one frame, content size present, no checksum; a new libzstd may change it, so it is pinned.

use std::io::Read;

use crate::error::{Error, Result};
use crate::lz4;

/// How new chunks are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// As they are.
    None,
    /// One zstd frame each, where that is strictly smaller.
    Zstd {
        /// libzstd's level; 3 is the reference's.
        level: i32,
    },
}

/// How stored chunks are decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// Frames of zstd.
    Zstd,
    /// One LZ4 block, without size or frame.
    Lz4Block,
    /// One member of gzip.
    Gzip,
}

impl Codec {
    /// By its name in the format; `None` for one that is not decoded here.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "zstd" => Some(Self::Zstd),
            "lz4_block" => Some(Self::Lz4Block),
            "gzip" => Some(Self::Gzip),
            _ => None,
        }
    }
}

/// The largest chunk of the format, and so the largest thing that one call decodes.
pub const MAX_CHUNK: usize = 16 << 20;

/// The levels that the pinned libzstd knows.
pub fn zstd_levels() -> std::ops::RangeInclusive<i32> {
    zstd_safe::min_c_level()..=zstd_safe::max_c_level()
}

/// Version of libzstd as `1.5.6`.
pub fn zstd_version() -> &'static str {
    zstd_safe::version_string()
}

/// A reused compression context.
pub struct Compressor {
    context: zstd_safe::CCtx<'static>,
}

impl Compressor {
    /// Fails only when there is no memory.
    pub fn new() -> Result<Self> {
        let context =
            zstd_safe::CCtx::try_create().ok_or_else(|| Error::internal("no memory for a zstd context"))?;
        Ok(Self { context })
    }

    /// Room that `compress` needs for `len` bytes.
    pub fn bound(len: usize) -> usize {
        zstd_safe::compress_bound(len)
    }

    /// Compresses into the start of `to`, which has room for `bound(from.len())` bytes. `None` when the result is not
    /// strictly smaller than `from`: such a chunk is stored raw.
    pub fn compress(&mut self, to: &mut [u8], from: &[u8], level: i32) -> Result<Option<usize>> {
        let len = self.context.compress(to, from, level).map_err(|code| zstd_error("compress", code))?;
        Ok((len < from.len()).then_some(len))
    }
}

/// A reused decompression context.
pub struct Decompressor {
    context: zstd_safe::DCtx<'static>,
}

impl Decompressor {
    /// Fails only when there is no memory.
    pub fn new() -> Result<Self> {
        let context =
            zstd_safe::DCtx::try_create().ok_or_else(|| Error::internal("no memory for a zstd context"))?;
        Ok(Self { context })
    }

    /// Decodes what must fill `to` exactly.
    pub fn decompress(&mut self, codec: Codec, to: &mut [u8], from: &[u8]) -> Result<()> {
        match codec {
            Codec::Zstd => self.zstd(to, from),
            Codec::Lz4Block => lz4::decompress(to, from),
            Codec::Gzip => gunzip(to, from),
        }
    }

    fn zstd(&mut self, to: &mut [u8], from: &[u8]) -> Result<()> {
        let expected = to.len();
        let len = self.context.decompress(to, from).map_err(|code| {
            Error::format(format!("zstd data does not decode: {}", zstd_safe::get_error_name(code)))
        })?;
        if len == expected {
            Ok(())
        } else {
            Err(Error::format(format!("zstd data decodes to {len} bytes instead of {expected}")))
        }
    }
}

fn gunzip(to: &mut [u8], from: &[u8]) -> Result<()> {
    let mut member = flate2::read::GzDecoder::new(from);
    let wrong = |error| Error::format(format!("gzip data does not decode: {error}"));
    member.read_exact(to).map_err(wrong)?;
    match member.read(&mut [0]).map_err(wrong)? {
        0 => Ok(()),
        _ => Err(Error::format(format!("gzip data decodes to more than {} bytes", to.len()))),
    }
}

fn zstd_error(verb: &str, code: usize) -> Error {
    Error::internal(format!("zstd cannot {verb}: {}", zstd_safe::get_error_name(code)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::sha256;
    use proptest::prelude::*;

    fn once(level: i32, from: &[u8]) -> Option<Vec<u8>> {
        let mut to = vec![0; Compressor::bound(from.len())];
        let len = zstd_safe::compress(to.as_mut_slice(), from, level).unwrap();
        to.truncate(len);
        (len < from.len()).then_some(to)
    }

    fn reused(compressor: &mut Compressor, level: i32, from: &[u8]) -> Option<Vec<u8>> {
        let mut to = vec![0; Compressor::bound(from.len())];
        let len = compressor.compress(&mut to, from, level).unwrap()?;
        to.truncate(len);
        Some(to)
    }

    /// Bytes between text and noise.
    fn sample(seed: u32, len: usize, noise: u8) -> Vec<u8> {
        let block = sha256(&seed.to_le_bytes());
        (0..len)
            .map(|at| {
                let random = sha256(&u32::try_from(at / 32).unwrap().to_le_bytes())[at % 32] ^ block[at % 32];
                if random < noise { random } else { block[(at / 7) % 5] }
            })
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn a_reused_context_writes_the_bytes_of_a_fresh_one(
            samples in prop::collection::vec((any::<u32>(), 0usize..60_000, any::<u8>(), 1i32..9), 1..12),
        ) {
            let mut compressor = Compressor::new().unwrap();
            let mut decompressor = Decompressor::new().unwrap();
            for (seed, len, noise, level) in samples {
                let from = sample(seed, len, noise);
                let to = reused(&mut compressor, level, &from);
                prop_assert_eq!(&to, &once(level, &from));
                if let Some(to) = to {
                    let mut back = vec![0; from.len()];
                    decompressor.decompress(Codec::Zstd, &mut back, &to).unwrap();
                    prop_assert_eq!(back, from);
                }
            }
        }
    }

    #[test]
    fn what_does_not_shrink_is_not_kept() {
        let mut compressor = Compressor::new().unwrap();
        assert_eq!(reused(&mut compressor, 3, b""), None);
        assert_eq!(reused(&mut compressor, 3, b"127.0.0.1 localhost\n"), None);
        assert_eq!(reused(&mut compressor, 3, &sample(1, 5000, 255)), None);
        assert!(reused(&mut compressor, 3, &[0; 5000]).is_some());
    }

    #[test]
    fn a_frame_of_another_length_is_a_format_error() {
        let mut compressor = Compressor::new().unwrap();
        let mut decompressor = Decompressor::new().unwrap();
        let frame = reused(&mut compressor, 3, &[7; 1000]).unwrap();
        for len in [0, 999, 1001] {
            let error = decompressor.decompress(Codec::Zstd, &mut vec![0; len], &frame).unwrap_err();
            assert_eq!(error.code(), "FORMAT");
        }
        let cut = decompressor.decompress(Codec::Zstd, &mut [0; 1000], &frame[..9]);
        assert_eq!(cut.unwrap_err().code(), "FORMAT");
        decompressor.decompress(Codec::Zstd, &mut [0; 1000], &frame).unwrap();
    }

    #[test]
    fn a_gzip_member_of_another_length_or_checksum_is_a_format_error() {
        let mut decompressor = Decompressor::new().unwrap();
        let from = [7; 1000];
        let member = crate::gzip::gzip([&from[..]]).unwrap();
        let mut to = [0; 1000];
        decompressor.decompress(Codec::Gzip, &mut to, &member).unwrap();
        assert_eq!(to, from);
        let mut wrong = member.clone();
        wrong[member.len() - 5] ^= 1;
        for (len, bytes) in [(999, &member[..]), (1001, &member), (1000, &member[..20]), (1000, &wrong)] {
            let error = decompressor.decompress(Codec::Gzip, &mut vec![0; len], bytes).unwrap_err();
            assert_eq!(error.code(), "FORMAT");
        }
    }
}
