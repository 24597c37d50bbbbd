//! Reads numbers from bytes that may be anything.

use super::damaged;
use crate::error::Result;

/// Bytes in which every offset is checked.
#[derive(Clone, Copy)]
pub struct Input<'a>(pub &'a [u8]);

impl<'a> Input<'a> {
    /// The bytes from `at` on.
    pub fn slice(self, at: u64, len: u64) -> Result<&'a [u8]> {
        let (Ok(at), Ok(len)) = (usize::try_from(at), usize::try_from(len)) else { return Err(short()) };
        self.0.get(at..).and_then(|rest| rest.get(..len)).ok_or_else(short)
    }

    /// The byte at an offset.
    pub fn u8(self, at: u64) -> Result<u8> {
        self.array::<1>(at).map(|[byte]| byte)
    }

    /// The number at an offset.
    pub fn u16(self, at: u64) -> Result<u16> {
        self.array(at).map(u16::from_le_bytes)
    }

    /// The number at an offset.
    pub fn u32(self, at: u64) -> Result<u32> {
        self.array(at).map(u32::from_le_bytes)
    }

    /// The number at an offset.
    pub fn u64(self, at: u64) -> Result<u64> {
        self.array(at).map(u64::from_le_bytes)
    }

    /// The bytes of a field.
    pub fn array<const N: usize>(self, at: u64) -> Result<[u8; N]> {
        self.slice(at, N as u64)?.first_chunk().copied().ok_or_else(short)
    }
}

fn short() -> crate::Error {
    damaged("it ends too early")
}
