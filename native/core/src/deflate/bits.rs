//! Bits of deflate, the lowest first.

/// Reads bits of pieces that `more` gives. `None` means that the pieces have ended.
pub struct BitReader<F> {
    piece: Vec<u8>,
    at: usize,
    held: u64,
    count: u32,
    more: F,
}

impl<F: FnMut() -> Option<Vec<u8>>> BitReader<F> {
    pub fn new(more: F) -> Self {
        Self { piece: Vec::new(), at: 0, held: 0, count: 0, more }
    }

    /// Holds at least `wanted` bits, at most 32, if there are so many.
    fn fill(&mut self, wanted: u32) {
        if self.count >= wanted {
            return;
        }
        if let Some(word) = self.piece.get(self.at..).and_then(|rest| rest.first_chunk::<4>()) {
            self.held |= u64::from(u32::from_le_bytes(*word)) << self.count;
            self.at += 4;
            self.count += 32;
            return;
        }
        while self.count < wanted {
            let Some(&byte) = self.piece.get(self.at) else {
                match (self.more)() {
                    Some(piece) => {
                        self.piece = piece;
                        self.at = 0;
                        continue;
                    }
                    None => return,
                }
            };
            self.held |= u64::from(byte) << self.count;
            self.at += 1;
            self.count += 8;
        }
    }

    /// The next bits, at most 16, with zeros behind the end.
    pub fn peek(&mut self, width: u32) -> u32 {
        self.fill(width);
        self.held as u32 & ((1 << width) - 1)
    }

    pub fn skip(&mut self, width: u32) -> Option<()> {
        self.count = self.count.checked_sub(width)?;
        self.held >>= width;
        Some(())
    }

    /// The next bits, at most 16.
    pub fn bits(&mut self, width: u32) -> Option<u32> {
        let value = self.peek(width);
        self.skip(width)?;
        Some(value)
    }

    pub fn byte(&mut self) -> Option<u8> {
        self.bits(8).map(|byte| byte as u8)
    }

    /// Goes on to the next whole byte. `None` if a bit before it is set.
    pub fn align(&mut self) -> Option<()> {
        let rest = self.count % 8;
        (self.bits(rest)? == 0).then_some(())
    }

    /// Bits of the current byte that are read.
    pub fn begun(&self) -> u32 {
        (8 - self.count % 8) % 8
    }

    /// True at the end, between bytes.
    pub fn is_at_end(&mut self) -> bool {
        self.fill(8);
        self.count == 0
    }
}

/// Takes bits.
pub trait Sink {
    /// Adds at most 32 bits.
    fn bits(&mut self, value: u32, width: u32);
}

/// Collects bits.
#[derive(Default)]
pub struct BitWriter {
    pub bytes: Vec<u8>,
    held: u64,
    count: u32,
}

impl BitWriter {
    /// Begins with `skipped` zeros, fewer than 8.
    pub fn behind(skipped: u32) -> Self {
        Self { bytes: Vec::new(), held: 0, count: skipped }
    }

    /// Fills the last byte with zeros.
    pub fn align(&mut self) {
        if self.count > 0 {
            self.bits(0, 8 - self.count);
        }
    }

    /// The bytes, the last one filled with zeros.
    pub fn complete(mut self) -> Vec<u8> {
        self.align();
        self.bytes
    }
}

impl Sink for BitWriter {
    fn bits(&mut self, value: u32, width: u32) {
        self.held |= u64::from(value) << self.count;
        self.count += width;
        while self.count >= 8 {
            self.bytes.push(self.held as u8);
            self.held >>= 8;
            self.count -= 8;
        }
    }
}
