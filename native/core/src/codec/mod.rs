//! `CODECS` has a row for each codec. A row holds everything about a compressor: its names and numbers in the format, the
//! levels that users may choose, and how its bytes are written and read. A new compressor is a file and a line in `CODECS`.
//!
//! Chunks and sections go through the same two calls, `Contexts::compress` and `Contexts::decompress`. A thread keeps its
//! `Contexts`, because a new context for each chunk halves the speed on small chunks.

mod gzip;
mod lz4;
mod none;
mod zstd;

use crate::error::{Error, Result};

pub use gzip::gzip;
pub(crate) use gzip::{BLOCK as GZIP_BLOCK, HEADER as GZIP_HEADER, LEVEL as GZIP_LEVEL, deflate};
pub(crate) use zstd::CODEC as ZSTD;

/// The largest chunk of the format, and so the most bytes that one call decodes.
pub const MAX_CHUNK: usize = 16 << 20;

/// Every codec that the format names, by its number in the format.
pub static CODECS: [&Codec; 4] = [&none::CODEC, &lz4::CODEC, &gzip::CODEC, &zstd::CODEC];

/// The codec that is used unless the caller names another one. The bootstrap inside a blob is always compressed with it.
pub static DEFAULT: &Codec = &zstd::CODEC;

/// A compressor: a row of `CODECS`.
#[derive(Debug)]
pub struct Codec {
    /// Name in the format; users write it in options, too.
    pub name: &'static str,
    /// The codec's number in blob tables and in the header of `blob.meta`.
    pub number: u32,
    /// The codec's bit in the flags of the super block.
    pub super_flag: u32,
    /// The codec's bit in the table of contents of a blob. A section cannot be stored with a codec that has none.
    pub toc_flag: Option<u32>,
    /// The levels, if the codec has any.
    pub levels: Option<Levels>,
    /// Version of the library that writes the compressed bytes; the digests of images depend on it.
    pub version: Option<fn() -> &'static str>,
    /// How chunks are written.
    pub encoding: Encoding,
    /// Makes a context that decodes; `None` if the codec stores bytes as they are.
    pub decoder: Option<MakeDecoder>,
}

/// Makes a context; fails only when there is no memory.
pub type MakeDecoder = fn() -> Result<Box<dyn Decode>>;

/// The levels that users may choose.
#[derive(Clone, Copy, Debug)]
pub struct Levels {
    /// The fastest level.
    pub min: i32,
    /// The level with the smallest output.
    pub max: i32,
    /// The reference builder's level.
    pub default: i32,
}

/// How a codec writes.
#[derive(Debug)]
pub enum Encoding {
    /// Chunks are stored uncompressed.
    Raw,
    /// Chunks are compressed, each on its own.
    Compress(Encoder),
    /// Chunks of other builders are read; none is written with this codec.
    ReadOnly,
}

/// How a codec compresses.
#[derive(Debug)]
pub struct Encoder {
    /// The most bytes that an input of this many bytes can become.
    pub bound: fn(usize) -> usize,
    /// Makes a context; fails only when there is no memory.
    pub context: fn() -> Result<Box<dyn Encode>>,
}

/// A compression context, which its thread uses again for every chunk.
pub trait Encode {
    /// Compresses `from` into the start of `to`, which has room for `bound(from.len())` bytes. Returns the number of
    /// compressed bytes.
    fn compress(&mut self, to: &mut [u8], from: &[u8], level: i32) -> Result<usize>;
}

/// A decompression context, which its thread uses again for every chunk.
pub trait Decode {
    /// Decodes `from`, which must fill `to` exactly. `from` may hold any bytes.
    fn decompress(&mut self, to: &mut [u8], from: &[u8]) -> Result<()>;
}

impl Codec {
    /// The codec with this name in the format.
    pub fn named(name: &str) -> Option<&'static Self> {
        CODECS.into_iter().find(|codec| codec.name == name)
    }

    /// True if chunks can be stored with it.
    pub const fn is_written(&self) -> bool {
        !matches!(self.encoding, Encoding::ReadOnly)
    }

    /// The codec that decodes data called `name`; `Unsupported` for a name without a decoder.
    pub fn decoding(name: &str) -> Result<&'static Self> {
        let unknown = || Error::unsupported(format!("data cannot be decompressed from {name}"));
        Self::named(name).filter(|codec| codec.decoder.is_some()).ok_or_else(unknown)
    }
}

impl PartialEq for Codec {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Codec {}

/// A codec and its level decide how new chunks and the sections of blobs are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compression {
    /// The codec of the chunks and their records.
    pub codec: &'static Codec,
    /// The level of the codec, if it has levels. It also applies to bootstraps inside blobs, which `DEFAULT` compresses
    /// whatever the codec is.
    pub level: i32,
}

impl Default for Compression {
    fn default() -> Self {
        Self { codec: DEFAULT, level: DEFAULT.levels.map_or(0, |levels| levels.default) }
    }
}

impl Compression {
    /// The setting that stores chunks uncompressed.
    pub fn none() -> Self {
        Self { codec: &none::CODEC, ..Self::default() }
    }

    /// Checks a name and level: `InvalidArgument` for a name that no codec has; `Unsupported` for a codec that is not
    /// written, and for a level out of range.
    pub fn new(name: &str, level: i32) -> Result<Self> {
        let unknown = || Error::invalid_argument(format!("{name:?} is not the name of a compressor"));
        let codec = Codec::named(name).ok_or_else(unknown)?;
        if !codec.is_written() {
            return Err(Error::unsupported(format!("chunks cannot be compressed with {name}")));
        }
        let compression = Self { codec, level };
        for codec in [codec, DEFAULT] {
            compression.check_level(codec)?;
        }
        Ok(compression)
    }

    /// This level with the codec of bootstraps inside blobs.
    #[must_use]
    pub fn of_bootstraps(self) -> Self {
        Self { codec: DEFAULT, ..self }
    }

    /// The most bytes that `len` bytes can become when stored.
    pub fn bound(self, len: usize) -> usize {
        match &self.codec.encoding {
            Encoding::Compress(encoder) => (encoder.bound)(len).max(len),
            Encoding::Raw | Encoding::ReadOnly => len,
        }
    }

    /// True if chunks are stored uncompressed.
    pub const fn is_raw(self) -> bool {
        matches!(self.codec.encoding, Encoding::Raw)
    }

    fn check_level(self, codec: &Codec) -> Result<()> {
        let level = self.level;
        match codec.levels {
            Some(Levels { min, max, .. }) if !(min..=max).contains(&level) => {
                Err(Error::unsupported(format!("{} has no level {level}", codec.name)))
            }
            _ => Ok(()),
        }
    }
}

/// The contexts of one thread, each made at its first use.
#[derive(Default)]
pub struct Contexts {
    encoders: Vec<(u32, Box<dyn Encode>)>,
    decoders: Vec<(u32, Box<dyn Decode>)>,
}

impl Contexts {
    /// Compresses `from` into the start of `to`, which has room for `compression.bound(from.len())` bytes. Returns the
    /// number of compressed bytes, or `None` when it is not strictly smaller than `from`: then the caller stores `from` as
    /// it is.
    pub fn compress(
        &mut self,
        compression: Compression,
        to: &mut [u8],
        from: &[u8],
    ) -> Result<Option<usize>> {
        let Compression { codec, level } = compression;
        let Encoding::Compress(encoder) = &codec.encoding else { return Ok(None) };
        let context = reused(&mut self.encoders, codec.number, encoder.context)?;
        let len = context.compress(to, from, level)?;
        Ok((len < from.len()).then_some(len))
    }

    /// Compresses like `compress`, into a buffer of exactly the compressed size.
    pub fn compressed(&mut self, compression: Compression, from: &[u8]) -> Result<Option<Vec<u8>>> {
        let mut to = vec![0; compression.bound(from.len())];
        let len = self.compress(compression, &mut to, from)?;
        Ok(len.map(|len| {
            to.truncate(len);
            to.shrink_to_fit();
            to
        }))
    }

    /// Decodes `from`, which must fill `to` exactly.
    pub fn decompress(&mut self, codec: &Codec, to: &mut [u8], from: &[u8]) -> Result<()> {
        let missing = || Error::unsupported(format!("data cannot be decompressed from {}", codec.name));
        let decoder = codec.decoder.ok_or_else(missing)?;
        reused(&mut self.decoders, codec.number, decoder)?.decompress(to, from)
    }
}

/// Returns the context of a codec. There are few, so a list is searched.
fn reused<T: ?Sized>(
    contexts: &mut Vec<(u32, Box<T>)>,
    number: u32,
    make: fn() -> Result<Box<T>>,
) -> Result<&mut T> {
    let known = contexts.iter().position(|(other, _)| *other == number);
    let at = if let Some(at) = known {
        at
    } else {
        contexts.push((number, make()?));
        contexts.len() - 1
    };
    let lost = || Error::internal("a codec context was lost");
    contexts.get_mut(at).map(|(_, context)| &mut **context).ok_or_else(lost)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes one frame, block or member of `from`; `None` if the codec is never written.
    fn stored(codec: &'static Codec, from: &[u8]) -> Option<Vec<u8>> {
        let compression = Compression { codec, level: codec.levels.map_or(0, |levels| levels.default) };
        Contexts::default().compressed(compression, from).unwrap()
    }

    #[test]
    fn rows_stand_at_their_numbers_and_differ_in_every_name() {
        for (number, codec) in (0..).zip(CODECS) {
            assert_eq!((codec.number, Codec::named(codec.name)), (number, Some(codec)));
            assert!(codec.super_flag.is_power_of_two() && codec.toc_flag.is_none_or(u32::is_power_of_two));
        }
        let flags: u32 = CODECS.iter().map(|codec| codec.super_flag).sum();
        assert_eq!(flags.count_ones(), 4);
    }

    #[test]
    fn every_codec_that_compresses_reads_what_it_writes() {
        for codec in CODECS.into_iter().filter(|codec| matches!(codec.encoding, Encoding::Compress(_))) {
            let from = [7; 5000];
            let bytes = stored(codec, &from).unwrap();
            let mut to = [0; 5000];
            Contexts::default().decompress(codec, &mut to, &bytes).unwrap();
            assert_eq!(to, from, "{}", codec.name);
        }
    }

    #[test]
    fn data_that_does_not_shrink_is_not_compressed() {
        let noise: Vec<u8> = (0..157u32).flat_map(|n| crate::digest::sha256(&n.to_le_bytes())).collect();
        for codec in CODECS {
            for from in [&b""[..], b"127.0.0.1 localhost\n", &noise] {
                assert_eq!(stored(codec, from), None, "{}", codec.name);
            }
        }
    }

    #[test]
    fn unusable_names_and_levels_are_refused_with_a_sentence() {
        let refusal = |name, level| {
            let error = Compression::new(name, level).unwrap_err();
            (error.code(), error.to_string())
        };
        let wanted = |code, text: &str| (code, text.to_owned());
        assert_eq!(
            refusal("lzma", 3),
            wanted("INVALID_ARGUMENT", "\"lzma\" is not the name of a compressor")
        );
        assert_eq!(refusal("gzip", 3), wanted("UNSUPPORTED", "chunks cannot be compressed with gzip"));
        let last = format!("{} has no level 23", DEFAULT.name);
        assert_eq!(refusal(DEFAULT.name, 23), wanted("UNSUPPORTED", &last));
        // The bootstrap inside a blob is compressed even if chunks are not.
        assert_eq!(refusal("none", 23), wanted("UNSUPPORTED", &last));
        assert_eq!(Compression::new("none", 3).unwrap(), Compression::none());
    }

    #[test]
    fn names_without_a_decoder_are_unsupported() {
        for name in ["none", "lzma"] {
            let error = Codec::decoding(name).unwrap_err();
            assert_eq!(error.to_string(), format!("data cannot be decompressed from {name}"));
        }
    }
}
