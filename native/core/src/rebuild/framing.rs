//! How a tar becomes a layer: as it is, as one gzip member, or as frames of zstd. Blocks are compressed each on its own, by any
//! number of threads, and their size is fixed, so equal tars give equal bytes on every machine.

use crate::codec::{GZIP_BLOCK, GZIP_HEADER, GZIP_LEVEL, ZSTD, deflate};
use crate::error::{Error, Result};

/// A frame begins without a window, as a block of gzip does, and its window is larger.
const ZSTD_BLOCK: usize = 4 << 20;

/// A compressor with its level.
#[derive(Clone, Copy, Debug)]
pub struct Framing {
    kind: Kind,
    level: i32,
    /// Bytes of a block.
    pub block: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    None,
    Gzip,
    Zstd,
}

impl Framing {
    /// `InvalidArgument` for a name that no compressor has, `Unsupported` for a level that it lacks.
    pub fn new(name: &str, level: Option<i32>) -> Result<Self> {
        let zstd = ZSTD.levels.map_or((1, 22, 3), |levels| (levels.min, levels.max, levels.default));
        let (kind, (min, max, default), block) = match name {
            "none" => (Kind::None, (0, 0, 0), GZIP_BLOCK),
            "gzip" => (Kind::Gzip, (1, 9, GZIP_LEVEL), GZIP_BLOCK),
            "zstd" => (Kind::Zstd, zstd, ZSTD_BLOCK),
            _ => {
                return Err(Error::invalid_argument(format!(
                    "{name:?} is not the name of a compressor of layers"
                )));
            }
        };
        let level = level.unwrap_or(default);
        if !(min..=max).contains(&level) {
            return Err(Error::unsupported(format!("{name} has no level {level}")));
        }
        Ok(Self { kind, level, block })
    }

    /// The bytes before the first block.
    pub fn head(self) -> Vec<u8> {
        if self.kind == Kind::Gzip { GZIP_HEADER.to_vec() } else { Vec::new() }
    }

    /// Compresses a block. The last one ends the stream.
    pub fn compress(self, block: Vec<u8>, is_last: bool) -> Result<Vec<u8>> {
        match self.kind {
            Kind::None => Ok(block),
            Kind::Gzip => deflate(&block, self.level, is_last),
            // A stream without any byte has one frame, so that it is one.
            Kind::Zstd => frame(&block, self.level),
        }
    }

    /// Begins to count the bytes of a tar.
    pub fn begin(self) -> Count {
        Count((self.kind == Kind::Gzip).then(flate2::Crc::new))
    }
}

/// What the end of a stream says of its bytes.
pub struct Count(Option<flate2::Crc>);

impl Count {
    /// Adds the next bytes of the tar.
    pub fn count(&mut self, bytes: &[u8]) {
        if let Some(crc) = &mut self.0 {
            crc.update(bytes);
        }
    }

    /// The bytes behind the last block: the checksum, and the length modulo 2^32.
    pub fn tail(&self) -> Vec<u8> {
        let words = self.0.as_ref().map(|crc| [crc.sum(), crc.amount()]);
        words.into_iter().flatten().flat_map(u32::to_le_bytes).collect()
    }
}

fn frame(block: &[u8], level: i32) -> Result<Vec<u8>> {
    let mut bytes = vec![0; zstd_safe::compress_bound(block.len())];
    let failed = |code| Error::internal(format!("zstd cannot compress: {}", zstd_safe::get_error_name(code)));
    let len = zstd_safe::compress(bytes.as_mut_slice(), block, level).map_err(failed)?;
    bytes.truncate(len);
    Ok(bytes)
}
