//! Computes SHA-256 of streams, and the fingerprint (digest, CRC-32C, length) that identifies a chunk.

use nydus_layout::{digester, super_flags};
use sha2::{Digest as _, Sha256};

use crate::error::{Error, Result};

/// A BLAKE3 or SHA-256 digest.
pub type Digest = [u8; 32];

/// The algorithm that digests the chunks of an image and, in RAFS v5, its inodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Digester {
    /// BLAKE3 with 256 bits.
    #[default]
    Blake3,
    /// SHA-256.
    Sha256,
}

impl Digester {
    /// Every digester of the format, by its number in the format.
    pub const ALL: [Self; 2] = [Self::Blake3, Self::Sha256];

    /// The digester with this name; `InvalidArgument` for a name that none has.
    pub fn named(name: &str) -> Result<Self> {
        let unknown = || Error::invalid_argument(format!("{name:?} is not the name of a digester"));
        Self::ALL.into_iter().find(|digester| digester.name() == name).ok_or_else(unknown)
    }

    /// Name in the format; users write it in options, too.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Blake3 => "blake3",
            Self::Sha256 => "sha256",
        }
    }

    /// The digester's number in blob tables.
    pub const fn number(self) -> u32 {
        match self {
            Self::Blake3 => digester::BLAKE3,
            Self::Sha256 => digester::SHA256,
        }
    }

    /// The digester's bit in the flags of the super block.
    pub const fn super_flag(self) -> u32 {
        match self {
            Self::Blake3 => super_flags::HASH_BLAKE3,
            Self::Sha256 => super_flags::HASH_SHA256,
        }
    }

    /// Digests bytes in memory.
    pub fn digest(self, bytes: &[u8]) -> Digest {
        match self {
            Self::Blake3 => *blake3::hash(bytes).as_bytes(),
            Self::Sha256 => sha256(bytes),
        }
    }

    /// Digests pieces, one after the other.
    pub fn digest_pieces<'a>(self, pieces: impl Iterator<Item = &'a [u8]>) -> Digest {
        match self {
            Self::Blake3 => {
                let mut hasher = blake3::Hasher::new();
                pieces.for_each(|piece| {
                    hasher.update(piece);
                });
                hasher.finalize().into()
            }
            Self::Sha256 => {
                let mut hasher = Sha256::new();
                pieces.for_each(|piece| hasher.update(piece));
                hasher.finalize().into()
            }
        }
    }
}

/// A fingerprint identifies a chunk. Digest and checksum are over its uncompressed bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// The digest, BLAKE3 or SHA-256.
    pub digest: Digest,
    /// The CRC-32C (Castagnoli), as the chunk table stores it.
    pub crc32: u32,
    /// The number of bytes; a chunk has at most 16 MiB.
    pub len: u32,
}

impl Fingerprint {
    /// Computes the fingerprint of one whole chunk. Chunks are at most 16 MiB, so the length always fits.
    pub fn of(bytes: &[u8], digester: Digester) -> Self {
        Self { crc32: crc32c::crc32c(bytes), ..Self::unchecked(bytes, digester) }
    }

    /// Computes the fingerprint with checksum 0, because only stored chunks need the checksum.
    pub fn unchecked(bytes: &[u8], digester: Digester) -> Self {
        Self { digest: digester.digest(bytes), crc32: 0, len: u32::try_from(bytes.len()).unwrap_or(u32::MAX) }
    }
}

/// A running SHA-256 that also counts its bytes.
#[derive(Clone, Default)]
pub struct Sha256Stream {
    hasher: Sha256,
    size: u64,
}

impl Sha256Stream {
    /// Adds the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.size += bytes.len() as u64;
    }

    /// The number of bytes so far.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The digest of the bytes so far. The stream can continue.
    pub fn digest(&self) -> Digest {
        self.hasher.clone().finalize().into()
    }

    /// The digest of the bytes so far followed by `suffix`. The stream does not change.
    pub fn digest_with(&self, suffix: &[u8]) -> Digest {
        self.hasher.clone().chain_update(suffix).finalize().into()
    }
}

/// Computes SHA-256 of bytes in memory.
pub fn sha256(bytes: &[u8]) -> Digest {
    Sha256::digest(bytes).into()
}

/// Writes bytes as lower-case hexadecimal digits, two for each byte.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Reads hexadecimal digits, two for each byte. `None` for other text.
pub fn unhex(text: &[u8]) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let bytes = pairs.iter().map(|&[high, low]| Some(digit(high)? << 4 | digit(low)?)).collect();
    if rest.is_empty() { bytes } else { None }
}

/// Reads a digest in hex.
pub fn digest_of_hex(text: &[u8]) -> Option<Digest> {
    unhex(text)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_read_from_their_hex_alone() {
        let digest = sha256(b"abc");
        let text = hex(&digest);
        assert_eq!(digest_of_hex(text.as_bytes()), Some(digest));
        for wrong in ["", "ab", &text[1..], &format!("{text}00"), &text.replace('b', "x")] {
            assert_eq!(digest_of_hex(wrong.as_bytes()), None, "{wrong}");
        }
    }

    /// Makes the file `app` of the format description's worked example: SHA-256 of the decimal counters 0, 1, 2, … one after
    /// another.
    pub fn app() -> Vec<u8> {
        let mut bytes: Vec<u8> = (0..157u32).flat_map(|n| sha256(n.to_string().as_bytes())).collect();
        bytes.truncate(5000);
        bytes
    }

    #[test]
    fn digesters_stand_at_their_numbers_and_digest_pieces_like_the_whole() {
        for (number, digester) in (0..).zip(Digester::ALL) {
            assert_eq!((digester.number(), Digester::named(digester.name()).unwrap()), (number, digester));
            let pieces = [&b"na"[..], b"", b"me"];
            assert_eq!(digester.digest_pieces(pieces.into_iter()), digester.digest(b"name"));
        }
        assert_eq!(Digester::Sha256.digest(b"abc"), sha256(b"abc"));
        assert_eq!(Digester::named("md5").unwrap_err().code(), "INVALID_ARGUMENT");
    }

    #[test]
    fn fingerprints_are_those_of_the_worked_example() {
        let of = |bytes: &[u8]| Fingerprint::of(bytes, Digester::Blake3);
        let hosts = of(b"127.0.0.1 localhost\n");
        assert_eq!(hex(&hosts.digest), "f16092148f84b2eef72591be103e155d66601471464dfeb35590c334f45e85f0");
        assert_eq!((hosts.crc32, hosts.len), (0x7F99_742F, 20));
        let app = of(&app());
        assert_eq!(hex(&app.digest), "e9f1fed651e88164ca88f65841f0de53737ee8cf4604fb1b9298f848b71411b6");
        assert_eq!((app.crc32, app.len), (0xADC4_4DC7, 5000));
        let new = of(b"new file\n");
        assert_eq!(hex(&new.digest), "da1254268d771330f0de852c312bba5236a80b76ec01dfc680d0f56f71feab54");
        assert_eq!(new.crc32, 0xEA7E_3C75);
        assert_eq!(of(b"123456789").crc32, 0xE306_9283);
    }

    #[test]
    fn a_running_digest_can_be_read_and_continued() {
        let mut stream = Sha256Stream::default();
        stream.update(b"ab");
        assert_eq!(stream.digest_with(b"c"), sha256(b"abc"));
        stream.update(b"c");
        assert_eq!((stream.digest(), stream.size()), (sha256(b"abc"), 3));
    }
}
