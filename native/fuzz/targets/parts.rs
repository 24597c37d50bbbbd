//! Takes an input apart: numbers and parts with their length in front. Where the input ends, everything is zero and empty.

/// The bytes of an input that have not been taken.
pub struct Parts<'a>(pub &'a [u8]);

impl<'a> Parts<'a> {
    /// Takes at most `len` bytes.
    pub fn take(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        taken
    }

    pub fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or_default()
    }

    /// A number of two bytes, the lower one first.
    pub fn short(&mut self) -> u16 {
        u16::from_le_bytes([self.byte(), self.byte()])
    }

    /// A number of four bytes. An input has hardly a reason to hold larger ones, so that the highest bit means the largest number.
    pub fn number(&mut self) -> u64 {
        let (low, high) = (self.short(), self.short());
        let number = u64::from(high) << 16 | u64::from(low);
        if number >> 31 == 0 { number } else { u64::MAX - (number & 0x7fff_ffff) }
    }

    /// A part with its length in two bytes in front.
    pub fn part(&mut self) -> &'a [u8] {
        let len = self.short();
        self.take(len.into())
    }
}

/// Splits bytes as the owner of a layer may: into pieces of one size, which the first byte of an input chooses.
pub fn piece_size(choice: u8) -> usize {
    usize::from(choice & 0x7f) * 8 + 1
}
