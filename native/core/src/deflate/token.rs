//! A symbol of deflate: a byte, or a reference to bytes before it.

/// The longest reference.
pub const MAX_LENGTH: usize = 258;

/// A byte, or the length and the distance of a reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token(u32);

/// A code of RFC 1951, 3.2.5, with its extra bits.
pub struct Coded {
    pub symbol: usize,
    pub extra: u32,
    pub width: u32,
}

impl Token {
    pub fn byte(byte: u8) -> Self {
        Self(u32::from(byte))
    }

    /// `length` is 3 to 258, `distance` 1 to 32,768.
    pub fn reference(length: usize, distance: usize) -> Self {
        Self((length as u32) << 16 | (distance as u32 & 0xffff))
    }

    /// Length and distance; `None` for a byte.
    pub fn pair(self) -> Option<(usize, usize)> {
        let length = self.0 >> 16;
        (length > 0).then_some((length as usize, (self.0 & 0xffff) as usize))
    }

    /// Bytes that it stands for.
    pub fn len(self) -> usize {
        (self.0 >> 16).max(1) as usize
    }

    pub fn literal(self) -> u8 {
        self.0 as u8
    }
}

pub fn code_of_length(length: usize) -> Coded {
    let value = (length as u32).saturating_sub(3);
    if value < 4 || value == 255 {
        let symbol = if value == 255 { 285 } else { 257 + value as usize };
        return Coded { symbol, extra: 0, width: 0 };
    }
    let width = value.ilog2() - 2;
    let symbol = 257 + (4 * width + 4 + ((value >> width) & 3)) as usize;
    Coded { symbol, extra: value & ((1 << width) - 1), width }
}

pub fn code_of_distance(distance: usize) -> Coded {
    let value = (distance as u32).saturating_sub(1);
    if value < 2 {
        return Coded { symbol: value as usize, extra: 0, width: 0 };
    }
    let width = value.ilog2() - 1;
    let symbol = (2 * width + 2 + ((value >> width) & 1)) as usize;
    Coded { symbol, extra: value & ((1 << width) - 1), width }
}

/// The shortest length of a code, and its number of extra bits.
pub fn length_of_code(symbol: usize) -> Option<(usize, u32)> {
    let code = symbol.checked_sub(257)?;
    match code {
        0..4 => Some((3 + code, 0)),
        4..28 => {
            let width = code / 4 - 1;
            Some((3 + ((4 + code % 4) << width), width as u32))
        }
        28 => Some((MAX_LENGTH, 0)),
        _ => None,
    }
}

/// The shortest distance of a code, and its number of extra bits.
pub fn distance_of_code(code: usize) -> Option<(usize, u32)> {
    match code {
        0..2 => Some((1 + code, 0)),
        2..30 => {
            let width = code / 2 - 1;
            Some((1 + ((2 + code % 2) << width), width as u32))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_and_distance_has_the_code_that_it_is_read_from() {
        for length in 3..=MAX_LENGTH {
            let Coded { symbol, extra, width } = code_of_length(length);
            let (base, bits) = length_of_code(symbol).unwrap();
            assert_eq!((base + extra as usize, bits), (length, width));
            assert_eq!(Token::reference(length, 32_768).pair(), Some((length, 32_768)));
        }
        for distance in 1..=32_768 {
            let Coded { symbol, extra, width } = code_of_distance(distance);
            let (base, bits) = distance_of_code(symbol).unwrap();
            assert_eq!((base + extra as usize, bits), (distance, width));
        }
        assert_eq!((code_of_length(11).symbol, code_of_length(257).symbol), (265, 284));
        assert_eq!((code_of_distance(5).symbol, code_of_distance(32_768).symbol), (4, 29));
    }
}
