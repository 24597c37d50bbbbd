//! Reads little-endian numbers at untrusted offsets.

/// 64-bit numbers are read only within the range in which JavaScript counts exactly: below this, and above its negative.
pub const EXACT: u64 = 1 << 53;

/// Reads `N` bytes.
pub fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

pub fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    array(bytes, at).map(u16::from_le_bytes)
}

pub fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_le_bytes)
}

/// Reads 8 bytes; `None` for a number that is not exact in JavaScript.
pub fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    array(bytes, at).map(u64::from_le_bytes).filter(|&value| value < EXACT)
}

/// Reads 8 bytes; `None` for a number that is not exact in JavaScript.
pub fn i64_at(bytes: &[u8], at: usize) -> Option<i64> {
    array(bytes, at).map(i64::from_le_bytes).filter(|value| value.unsigned_abs() < EXACT)
}

/// Reads a byte of a structure that has been found readable; 0 outside of the file.
pub fn byte(bytes: &[u8], at: usize) -> u8 {
    bytes.get(at).copied().unwrap_or_default()
}

/// Reads 16 bits of such a structure.
pub fn half(bytes: &[u8], at: usize) -> u16 {
    u16_at(bytes, at).unwrap_or_default()
}

/// Reads 32 bits of such a structure.
pub fn word(bytes: &[u8], at: usize) -> u32 {
    u32_at(bytes, at).unwrap_or_default()
}

/// Reads 64 bits of such a structure.
pub fn wide(bytes: &[u8], at: usize) -> u64 {
    u64_at(bytes, at).unwrap_or_default()
}

/// Reads `len` bytes at `at`.
pub fn slice(bytes: &[u8], at: usize, len: usize) -> Option<&[u8]> {
    bytes.get(at..)?.get(..len)
}

/// Converts a number to an index. A number beyond memory becomes an index beyond every file.
pub fn index(number: impl TryInto<usize>) -> usize {
    number.try_into().unwrap_or(usize::MAX)
}

pub fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| byte == 0)
}

/// `Some` when the condition holds, so that `?` ends a comparison at the first difference.
pub fn holds(condition: bool) -> Option<()> {
    condition.then_some(())
}
