//! Gzip for the small layer that holds the bootstrap. Its digest is part of the image's, so it must be the same on every
//! machine: zlib and its faster kin choose matches by what the processor can do, `miniz_oxide` does not.

use miniz_oxide::deflate::compress_to_vec;

/// RFC 1952, 2.3: magic, deflate, no flags, no time, no hint, system unknown.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// zlib's own default: smaller costs far more time.
const LEVEL: u8 = 6;

/// One gzip member; a function of `bytes` alone.
#[must_use]
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    let mut member = HEADER.to_vec();
    member.extend_from_slice(&compress_to_vec(bytes, LEVEL));
    member.extend_from_slice(&crc.sum().to_le_bytes());
    // The length counts modulo 2^32, which is what flate2's counter does.
    member.extend_from_slice(&crc.amount().to_le_bytes());
    member
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn decodes_to_what_went_in() {
        let bytes: Vec<u8> = (0..200_000_u32).flat_map(|i| (i / 7 % 251).to_le_bytes()).collect();
        for input in [&bytes[..], &[], b"x"] {
            let mut back = Vec::new();
            flate2::read::GzDecoder::new(&gzip(input)[..]).read_to_end(&mut back).unwrap();
            assert_eq!(back, input);
        }
        assert!(gzip(&bytes).len() < bytes.len() / 10);
    }

    #[test]
    fn its_bytes_are_a_promise() {
        // Manifest digests follow from them: a change here is a change of format output.
        assert_eq!(
            gzip(b"nydus nydus nydus nydus\n"),
            [
                &HEADER[..],
                &[0xcb, 0xab, 0x4c, 0x29, 0x2d, 0x56, 0xc8, 0x43, 0x27, 0xb9, 0x00],
                &[0x61, 0x76, 0xf1, 0x70, 24, 0, 0, 0]
            ]
            .concat()
        );
    }
}
