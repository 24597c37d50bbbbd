//! zstd writes the bytes of `ZSTD_compress`: one frame with the content size and no checksum. Another libzstd may write
//! other bytes, so the library's version is pinned.

use nydus_layout::{compressor, super_flags, toc_flags};
use zstd_safe::{CCtx, DCtx};

use super::{Codec, Decode, Encode, Encoder, Encoding, Levels};
use crate::error::{Error, Result};

/// zstd's row in the table of codecs.
pub static CODEC: Codec = Codec {
    name: "zstd",
    number: compressor::ZSTD,
    super_flag: super_flags::COMPRESSION_ZSTD,
    toc_flag: Some(toc_flags::ZSTD),
    levels: Some(Levels { min: 1, max: 22, default: 3 }),
    version: Some(zstd_safe::version_string),
    encoding: Encoding::Compress(Encoder {
        bound: zstd_safe::compress_bound,
        context: || Ok(Box::new(CCtx::try_create().ok_or_else(no_memory)?)),
    }),
    decoder: Some(|| Ok(Box::new(DCtx::try_create().ok_or_else(no_memory)?))),
};

impl Encode for CCtx<'static> {
    fn compress(&mut self, to: &mut [u8], from: &[u8], level: i32) -> Result<usize> {
        CCtx::compress(self, to, from, level)
            .map_err(|code| Error::internal(format!("zstd cannot compress: {}", reason(code))))
    }
}

impl Decode for DCtx<'static> {
    fn decompress(&mut self, to: &mut [u8], from: &[u8]) -> Result<()> {
        let expected = to.len();
        let len = DCtx::decompress(self, to, from)
            .map_err(|code| Error::format(format!("zstd data does not decode: {}", reason(code))))?;
        if len == expected {
            Ok(())
        } else {
            Err(Error::format(format!("zstd data decodes to {len} bytes instead of {expected}")))
        }
    }
}

fn no_memory() -> Error {
    Error::internal("no memory for a zstd context")
}

fn reason(code: usize) -> &'static str {
    zstd_safe::get_error_name(code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Compression, Contexts};
    use crate::digest::sha256;
    use proptest::prelude::*;

    fn once(level: i32, from: &[u8]) -> Option<Vec<u8>> {
        let mut to = vec![0; zstd_safe::compress_bound(from.len())];
        let len = zstd_safe::compress(to.as_mut_slice(), from, level).unwrap();
        to.truncate(len);
        (len < from.len()).then_some(to)
    }

    fn reused(contexts: &mut Contexts, level: i32, from: &[u8]) -> Option<Vec<u8>> {
        contexts.compressed(Compression { codec: &CODEC, level }, from).unwrap()
    }

    /// Makes bytes between text and noise.
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
            let mut contexts = Contexts::default();
            for (seed, len, noise, level) in samples {
                let from = sample(seed, len, noise);
                let to = reused(&mut contexts, level, &from);
                prop_assert_eq!(&to, &once(level, &from));
                if let Some(to) = to {
                    let mut back = vec![0; from.len()];
                    contexts.decompress(&CODEC, &mut back, &to).unwrap();
                    prop_assert_eq!(back, from);
                }
            }
        }
    }

    #[test]
    fn the_library_has_every_level_that_users_may_choose() {
        let levels = CODEC.levels.unwrap();
        let known = zstd_safe::min_c_level()..=zstd_safe::max_c_level();
        assert!(known.contains(&levels.min) && levels.max == *known.end());
    }

    #[test]
    fn a_frame_of_another_length_is_a_format_error() {
        let mut contexts = Contexts::default();
        let frame = reused(&mut contexts, 3, &[7; 1000]).unwrap();
        for len in [0, 999, 1001] {
            let error = contexts.decompress(&CODEC, &mut vec![0; len], &frame).unwrap_err();
            assert_eq!(error.code(), "FORMAT");
        }
        let cut = contexts.decompress(&CODEC, &mut [0; 1000], &frame[..9]);
        assert_eq!(cut.unwrap_err().code(), "FORMAT");
        contexts.decompress(&CODEC, &mut [0; 1000], &frame).unwrap();
    }
}
