//! Computes SHA-256 of streams, and the fingerprint (BLAKE3, CRC-32C, length) that identifies a chunk.

use sha2::{Digest as _, Sha256};

/// A BLAKE3 or SHA-256 digest.
pub type Digest = [u8; 32];

/// A fingerprint identifies a chunk. Digest and checksum are over its uncompressed bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// The BLAKE3-256 digest.
    pub digest: Digest,
    /// The CRC-32C (Castagnoli), as the chunk table stores it.
    pub crc32: u32,
    /// The number of bytes; a chunk has at most 16 MiB.
    pub len: u32,
}

impl Fingerprint {
    /// Computes the fingerprint of one whole chunk. Chunks are at most 16 MiB, so the length always fits.
    pub fn of(bytes: &[u8]) -> Self {
        Self { crc32: crc32c::crc32c(bytes), ..Self::unchecked(bytes) }
    }

    /// Computes the fingerprint with checksum 0, because only stored chunks need the checksum.
    pub fn unchecked(bytes: &[u8]) -> Self {
        Self {
            digest: *blake3::hash(bytes).as_bytes(),
            crc32: 0,
            len: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes the file `app` of the format description's worked example: SHA-256 of the decimal counters 0, 1, 2, … one after
    /// another.
    pub fn app() -> Vec<u8> {
        let mut bytes: Vec<u8> = (0..157u32).flat_map(|n| sha256(n.to_string().as_bytes())).collect();
        bytes.truncate(5000);
        bytes
    }

    #[test]
    fn fingerprints_are_those_of_the_worked_example() {
        let hosts = Fingerprint::of(b"127.0.0.1 localhost\n");
        assert_eq!(hex(&hosts.digest), "f16092148f84b2eef72591be103e155d66601471464dfeb35590c334f45e85f0");
        assert_eq!((hosts.crc32, hosts.len), (0x7F99_742F, 20));
        let app = Fingerprint::of(&app());
        assert_eq!(hex(&app.digest), "e9f1fed651e88164ca88f65841f0de53737ee8cf4604fb1b9298f848b71411b6");
        assert_eq!((app.crc32, app.len), (0xADC4_4DC7, 5000));
        let new = Fingerprint::of(b"new file\n");
        assert_eq!(hex(&new.digest), "da1254268d771330f0de852c312bba5236a80b76ec01dfc680d0f56f71feab54");
        assert_eq!(new.crc32, 0xEA7E_3C75);
        assert_eq!(Fingerprint::of(b"123456789").crc32, 0xE306_9283);
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
