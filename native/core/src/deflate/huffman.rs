//! The codes of a block.

use super::bits::{BitReader, BitWriter, Sink};

/// The longest code.
const MAX_WIDTH: usize = 15;
/// The order of the widths in a header: RFC 1951, 3.2.7.
const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// The widths of the codes of a block.
pub struct Widths {
    /// Of bytes, the end, and lengths.
    pub symbols: Vec<u8>,
    pub distances: Vec<u8>,
}

impl Widths {
    /// Those that need no header.
    pub fn fixed() -> Self {
        let symbols = [[8; 144].as_slice(), &[9; 112], &[7; 24], &[8; 8]].concat();
        Self { symbols, distances: vec![5; 30] }
    }

    /// Reads a header, and copies its bits.
    pub fn read<F: FnMut() -> Option<Vec<u8>>>(
        input: &mut BitReader<F>,
        copy: &mut impl Sink,
    ) -> Option<Self> {
        let symbols = copied(input, copy, 5)? + 257;
        let distances = copied(input, copy, 5)? + 1;
        let listed = copied(input, copy, 4)? + 4;
        let mut widths = [0; ORDER.len()];
        for &place in ORDER.get(..listed)? {
            *widths.get_mut(place)? = copied(input, copy, 3)? as u8;
        }
        let decoder = Decoder::new(&widths)?;
        let mut all: Vec<u8> = Vec::with_capacity(symbols + distances);
        while all.len() < symbols + distances {
            let (symbol, width) = decoder.next(input)?;
            copy.bits(decoder.bits(symbol)?, width);
            let (value, count) = match symbol {
                0..16 => (symbol as u8, 1),
                16 => (*all.last()?, 3 + copied(input, copy, 2)?),
                17 => (0, 3 + copied(input, copy, 3)?),
                _ => (0, 11 + copied(input, copy, 7)?),
            };
            all.resize(all.len() + count, value);
        }
        (all.len() == symbols + distances).then_some(())?;
        let distances = all.split_off(symbols);
        Some(Self { symbols: all, distances })
    }
}

fn copied<F: FnMut() -> Option<Vec<u8>>>(
    input: &mut BitReader<F>,
    copy: &mut impl Sink,
    width: u32,
) -> Option<usize> {
    let value = input.bits(width)?;
    copy.bits(value, width);
    Some(value as usize)
}

/// The codes of an alphabet by their symbols, the first bit lowest, and their widths.
pub struct Codes(Vec<(u16, u8)>);

impl Codes {
    /// `None` for widths of which there are too many.
    pub fn new(widths: &[u8]) -> Option<Self> {
        let mut counts = [0_u32; MAX_WIDTH + 1];
        for &width in widths {
            *counts.get_mut(usize::from(width))? += 1;
        }
        let mut next = [0_u32; MAX_WIDTH + 1];
        let mut code = 0;
        for width in 1..=MAX_WIDTH {
            *next.get_mut(width)? = code;
            code += *counts.get(width)?;
            (code <= 1 << width).then_some(())?;
            code <<= 1;
        }
        let mut codes = Vec::with_capacity(widths.len());
        for &width in widths {
            let free = next.get_mut(usize::from(width))?;
            let reversed = if width == 0 { 0 } else { (*free as u16).reverse_bits() >> (16 - width) };
            *free += 1;
            codes.push((reversed, width));
        }
        Some(Self(codes))
    }

    /// Adds the code of a symbol. `None` for one that has none.
    pub fn write(&self, symbol: usize, out: &mut BitWriter) -> Option<()> {
        let &(code, width) = self.0.get(symbol)?;
        (width > 0).then(|| out.bits(u32::from(code), u32::from(width)))
    }
}

/// Finds symbols by their codes.
pub struct Decoder {
    codes: Codes,
    /// For the next bits a symbol and the width of its code, 4 bits; 0 for bits that are no code.
    table: Vec<u16>,
    width: u32,
}

impl Decoder {
    pub fn new(widths: &[u8]) -> Option<Self> {
        let codes = Codes::new(widths)?;
        let width = u32::from(widths.iter().copied().max().unwrap_or(0));
        let mut table = vec![0; 1 << width];
        for (symbol, &(code, bits)) in codes.0.iter().enumerate() {
            if bits == 0 {
                continue;
            }
            for entry in table.iter_mut().skip(usize::from(code)).step_by(1 << bits) {
                *entry = (symbol as u16) << 4 | u16::from(bits);
            }
        }
        Some(Self { codes, table, width })
    }

    /// The next symbol, and the width of its code.
    #[inline]
    pub fn next<F: FnMut() -> Option<Vec<u8>>>(&self, input: &mut BitReader<F>) -> Option<(usize, u32)> {
        let entry = *self.table.get(input.peek(self.width) as usize)?;
        let width = u32::from(entry & 15);
        (width > 0).then_some(())?;
        input.skip(width)?;
        Some((usize::from(entry >> 4), width))
    }

    fn bits(&self, symbol: usize) -> Option<u32> {
        self.codes.0.get(symbol).map(|&(code, _)| u32::from(code))
    }
}
