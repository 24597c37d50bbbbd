//! A header is a block of 512 bytes. Fields that an entry does not use are often blank or garbage, so each field is parsed
//! only when the interpreter asks for it.

/// Size of a block in bytes.
/// The bytes of a block, the unit of an archive.
pub const BLOCK: usize = 512;

/// The writer's rules that the block follows, recognised by its magic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Before POSIX: no magic, no prefix.
    V7,
    /// POSIX ustar and pax: `ustar\0`.
    Ustar,
    /// Old GNU: `ustar `.
    Gnu,
}

/// A numeric field that is neither octal digits nor base-256 within 63 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BadNumber;

/// A view of one header block.
#[derive(Clone, Copy)]
pub(super) struct Header<'a>(pub(super) &'a [u8; BLOCK]);

impl<'a> Header<'a> {
    /// True if the checksum is right, summed as unsigned bytes (POSIX) or as signed ones (old Sun and other writers).
    pub(super) fn is_valid(self) -> bool {
        let Ok(Some(stored)) = number(self.field(148, 8)) else {
            return false;
        };
        // The field itself counts as eight blanks: 8 · 0x20 = 256.
        let unsigned = sum(self.0.iter()) - sum(self.field(148, 8).iter()) + 256;
        if stored == i64::from(unsigned) {
            return true;
        }
        // A byte of 128 or more weighs 256 less when taken as signed.
        let high = |bytes: &[u8]| bytes.iter().map(|&byte| i64::from(byte >> 7)).sum::<i64>();
        stored == i64::from(unsigned) - 256 * (high(self.0) - high(self.field(148, 8)))
    }

    pub(super) fn dialect(self) -> Dialect {
        let magic = self.field(257, 6);
        if magic == b"ustar\0" {
            Dialect::Ustar
        } else if magic == b"ustar " {
            Dialect::Gnu
        } else {
            Dialect::V7
        }
    }

    /// The path that the header itself holds: prefix (POSIX only), slash, name.
    pub(super) fn path(self) -> Vec<u8> {
        let name = text(self.field(0, 100));
        if self.dialect() != Dialect::Ustar {
            return name.to_vec();
        }
        // Schily's old star has 131 bytes of prefix, then times; its mark stands in the last four bytes.
        let prefix = text(self.field(345, if self.field(508, 4) == b"tar\0" { 131 } else { 155 }));
        if prefix.is_empty() {
            return name.to_vec();
        }
        [prefix, b"/", name].concat()
    }

    pub(super) fn link(self) -> &'a [u8] {
        text(self.field(157, 100))
    }

    pub(super) fn typeflag(self) -> u8 {
        self.0[156]
    }

    pub(super) fn mode(self) -> Result<Option<i64>, BadNumber> {
        number(self.field(100, 8))
    }

    pub(super) fn uid(self) -> Result<Option<i64>, BadNumber> {
        number(self.field(108, 8))
    }

    pub(super) fn gid(self) -> Result<Option<i64>, BadNumber> {
        number(self.field(116, 8))
    }

    pub(super) fn size(self) -> Result<Option<i64>, BadNumber> {
        number(self.field(124, 12))
    }

    pub(super) fn mtime(self) -> Result<Option<i64>, BadNumber> {
        number(self.field(136, 12))
    }

    pub(super) fn major(self) -> Result<Option<i64>, BadNumber> {
        number(self.field(329, 8))
    }

    pub(super) fn minor(self) -> Result<Option<i64>, BadNumber> {
        number(self.field(337, 8))
    }

    /// The four map slots of an old GNU sparse header: 24 bytes each.
    pub(super) fn sparse_slots(self) -> &'a [u8] {
        self.field(386, 96)
    }

    /// True if a block with more of the map follows an old GNU sparse header.
    pub(super) fn sparse_continues(self) -> bool {
        self.0[482] != 0
    }

    pub(super) fn sparse_real_size(self) -> Result<Option<i64>, BadNumber> {
        number(self.field(483, 12))
    }

    fn field(self, start: usize, length: usize) -> &'a [u8] {
        self.0.get(start..start + length).unwrap_or_default()
    }
}

/// The bytes before the first NUL.
pub(super) fn text(field: &[u8]) -> &[u8] {
    field.split(|&byte| byte == 0).next().unwrap_or_default()
}

fn sum<'a>(bytes: impl Iterator<Item = &'a u8>) -> u32 {
    bytes.map(|&byte| u32::from(byte)).sum()
}

/// Parses a numeric field: octal between blanks or NULs (`None` when there is nothing else), or GNU's base-256 when the
/// first bit is set, two's complement in the bits after it.
pub(super) fn number(field: &[u8]) -> Result<Option<i64>, BadNumber> {
    match field.first() {
        Some(first) if first & 0x80 != 0 => base256(field).map(Some),
        _ => octal(field),
    }
}

fn base256(field: &[u8]) -> Result<i64, BadNumber> {
    let mut bytes = field.iter().copied();
    let first = bytes.next().unwrap_or_default();
    // Bit 7 is the mark and bit 6 the sign: shifting the mark out lets the sign fill in.
    let mut value = i64::from((first << 1).cast_signed() >> 1);
    for byte in bytes {
        value = value.checked_mul(256).ok_or(BadNumber)? | i64::from(byte);
    }
    Ok(value)
}

fn octal(field: &[u8]) -> Result<Option<i64>, BadNumber> {
    let digits = field.trim_ascii_start();
    // After an overflow some writers left a NUL in front; GNU tar skips it too.
    let digits = digits.strip_prefix(b"\0").unwrap_or(digits).trim_ascii_start();
    let (negative, digits) = digits.strip_prefix(b"-").map_or((false, digits), |rest| (true, rest));
    let mut value = None;
    for &byte in digits {
        match byte {
            b'0'..=b'7' => {
                let shifted = value.unwrap_or(0i64).checked_mul(8).ok_or(BadNumber)?;
                value = Some(shifted | i64::from(byte - b'0'));
            }
            0 | b' ' => break,
            _ => return Err(BadNumber),
        }
    }
    if negative && value.is_none() {
        return Err(BadNumber);
    }
    Ok(value.map(|value| if negative { -value } else { value }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octal_fields_end_at_a_blank_or_nul_and_may_be_empty() {
        assert_eq!(number(b"0000644\0"), Ok(Some(0o644)));
        assert_eq!(number(b"   644 \0"), Ok(Some(0o644)));
        assert_eq!(number(b"644 junk"), Ok(Some(0o644)));
        assert_eq!(number(b"\x00000644\0"), Ok(Some(0o644)));
        assert_eq!(number(b"77777777"), Ok(Some(0o7777_7777)));
        assert_eq!(number(b"-5\0\0\0\0\0\0"), Ok(Some(-5)));
        assert_eq!(number(b"        "), Ok(None));
        assert_eq!(number(b"\0\0\0\0\0\0\0\0"), Ok(None));
        assert_eq!(number(b"0000648\0"), Err(BadNumber));
        assert_eq!(number(b"-\0\0\0\0\0\0\0"), Err(BadNumber));
        assert_eq!(number(b"yesterday"), Err(BadNumber));
    }

    #[test]
    fn base_256_is_twos_complement_within_63_bits() {
        assert_eq!(number(b"\x80\0\0\0\0\0\x01\0"), Ok(Some(256)));
        assert_eq!(number(b"\xff\xff\xff\xff\xff\xff\xff\xfb"), Ok(Some(-5)));
        assert_eq!(number(b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff"), Ok(Some(i64::MAX)));
        assert_eq!(number(b"\x80\0\0\0\x80\0\0\0\0\0\0\0"), Err(BadNumber));
        assert_eq!(number(b"\xff\xff\xff\xff\x80\0\0\0\0\0\0\0"), Ok(Some(i64::MIN)));
        assert_eq!(number(b"\xff\xff\xff\xff\x7f\xff\xff\xff\xff\xff\xff\xff"), Err(BadNumber));
    }

    #[test]
    fn either_kind_of_checksum_is_accepted() {
        let mut block = [0u8; BLOCK];
        block[..4].copy_from_slice(b"\xe9\xe9xy");
        for (sum, valid) in
            [(2 * 0xe9 + 0x78 + 0x79 + 256, true), (2 * 0xe9 + 0x78 + 0x79 + 256 - 512, true), (1234, false)]
        {
            block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
            assert_eq!(Header(&block).is_valid(), valid, "{sum}");
        }
        assert!(!Header(&[0; BLOCK]).is_valid());
    }

    #[test]
    fn the_prefix_counts_for_posix_headers_only() {
        let mut block = [0u8; BLOCK];
        block[..1].copy_from_slice(b"n");
        block[345..348].copy_from_slice(b"a/b");
        assert_eq!(Header(&block).path(), b"n");
        block[257..263].copy_from_slice(b"ustar\0");
        assert_eq!(Header(&block).path(), b"a/b/n");
        block[257..263].copy_from_slice(b"ustar ");
        assert_eq!(Header(&block).path(), b"n");
    }
}
