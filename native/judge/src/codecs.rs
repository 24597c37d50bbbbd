//! Reads the compressor and the digester of an image from the super flags of either version.

use crate::finding::Refusal;
use crate::layout::rules::Sentence;
use crate::layout::{SUPER_FLAGS_RESERVED, compressor, digester, super_flags as flag};
use crate::view::View;

/// The algorithms that store and digest chunks.
#[derive(Debug, Clone, Copy)]
pub struct Codecs {
    /// The compressor of chunks, with the number that blob entries use.
    pub compressor: u32,
    /// The digester of chunks and inodes.
    pub digester: Digester,
}

/// An algorithm for digests of 32 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Digester {
    Blake3,
    Sha256,
}

const COMPRESSORS: u32 =
    flag::COMPRESSION_NONE | flag::COMPRESSION_LZ4 | flag::COMPRESSION_GZIP | flag::COMPRESSION_ZSTD;
const DIGESTERS: u32 = flag::HASH_BLAKE3 | flag::HASH_SHA256;
/// Nydus' readers accept reserved bits without a meaning.
const KNOWN: u32 = flag::KNOWN | SUPER_FLAGS_RESERVED;

impl Codecs {
    /// Reads the flags in a field of a super block: exactly one compressor, exactly one digester, nothing unknown.
    pub fn read(super_block: &View<'_>, field: usize) -> Result<Self, Refusal> {
        let flags = super_block.u64(field);
        let Some(bits) = u32::try_from(flags).ok().filter(|bits| bits & !KNOWN == 0) else {
            return super_block.refuse(field, Sentence::ReadFlagsUnknown, |finding| finding.arg(flags));
        };
        let compressor = match bits & COMPRESSORS {
            flag::COMPRESSION_NONE => compressor::NONE,
            flag::COMPRESSION_LZ4 => compressor::LZ4_BLOCK,
            flag::COMPRESSION_GZIP => compressor::GZIP,
            flag::COMPRESSION_ZSTD => compressor::ZSTD,
            _ => return super_block.refuse(field, Sentence::ReadFlagsCompressor, |finding| finding),
        };
        let digester = match bits & DIGESTERS {
            flag::HASH_BLAKE3 => Digester::Blake3,
            flag::HASH_SHA256 => Digester::Sha256,
            _ => return super_block.refuse(field, Sentence::ReadFlagsDigester, |finding| finding),
        };
        Ok(Self { compressor, digester })
    }

    /// True if chunks may be compressed.
    pub fn compresses(self) -> bool {
        self.compressor != compressor::NONE
    }
}

impl Digester {
    /// The number that blob entries use.
    pub fn number(self) -> u32 {
        match self {
            Self::Blake3 => digester::BLAKE3,
            Self::Sha256 => digester::SHA256,
        }
    }

    /// Digests all pieces, one after the other.
    pub fn digest<'a>(self, pieces: impl Iterator<Item = &'a [u8]>) -> [u8; 32] {
        use sha2::Digest;
        match self {
            Self::Blake3 => {
                let mut hasher = blake3::Hasher::new();
                for piece in pieces {
                    hasher.update(piece);
                }
                hasher.finalize().into()
            }
            Self::Sha256 => {
                let mut hasher = sha2::Sha256::new();
                for piece in pieces {
                    hasher.update(piece);
                }
                hasher.finalize().into()
            }
        }
    }
}
