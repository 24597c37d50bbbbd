//! Each section of a RAFS blob is followed by 512 bytes that look like a tar header. They stand after their payload, which
//! is not padded, because readers begin at a blob's end. (Nydus builder/src/core/blob.rs, `write_tar_header`.)

use nydus_layout::{GNU_MAGIC, REGULAR, tar_header};

use crate::bytes::put as put_at;

/// Eleven octal digits hold any size below this; a bigger size is binary, big-endian, with the top bit of the field set.
const OCTAL_LIMIT: u64 = 1 << 33;

/// Makes the header that follows a section of `size` bytes.
pub fn tar_header(name: &[u8], size: u64) -> [u8; tar_header::SIZE] {
    let mut header = [0; tar_header::SIZE];
    let mut put = |at: usize, bytes: &[u8]| put_at(&mut header, at, bytes);
    put(tar_header::NAME, name);
    if size < OCTAL_LIMIT {
        put(tar_header::SIZE_FIELD, format!("{size:011o}").as_bytes());
    } else {
        put(tar_header::SIZE_FIELD, &[0x80]);
        put(tar_header::SIZE_FIELD + 4, &size.to_be_bytes());
    }
    put(tar_header::MTIME, b"00000000000");
    put(tar_header::CHECKSUM, b"        ");
    put(tar_header::TYPE, &[REGULAR]);
    put(tar_header::MAGIC, GNU_MAGIC);
    let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
    let digits = format!("{sum:07o}\0");
    put_at(&mut header, tar_header::CHECKSUM, digits.as_bytes());
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_sizes_are_binary() {
        let small = tar_header(b"image.blob", OCTAL_LIMIT - 1);
        assert_eq!(&small[124..136], b"77777777777\0");
        let large = tar_header(b"image.blob", OCTAL_LIMIT);
        assert_eq!(large[124..136], [0x80, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0]);
        assert_eq!(&small[148..156], b"0005734\0");
    }
}
