//! Reads a gzip stream into segments. `None` means that the stream is damaged, or has a form that no record can hold; the
//! conversion itself says what is wrong with a damaged one.

use super::bits::{BitReader, BitWriter};
use super::huffman::{Decoder, Widths};
use super::segment::{Part, Segment};
use super::token::{MAX_LENGTH, Token, distance_of_code, length_of_code};
use super::{MAX_SEGMENT, SEGMENT, WINDOW};

/// The longest header of a member, or padding behind the last one.
const MAX_BETWEEN: usize = 64 << 10;
/// A segment with so many parts ends.
const MAX_PARTS: usize = 64 << 10;

/// Reads the pieces of a stream.
pub struct Segments<F> {
    input: BitReader<F>,
    current: Segment,
    /// Where the current member begins in the content.
    floor: usize,
    is_within_member: bool,
    is_done: bool,
}

impl<F: FnMut() -> Option<Vec<u8>>> Segments<F> {
    pub fn new(more: F) -> Self {
        Self {
            input: BitReader::new(more),
            current: Segment::behind(Vec::new(), 0),
            floor: 0,
            is_within_member: false,
            is_done: false,
        }
    }

    /// True when `next` has given the last segment.
    pub fn is_done(&self) -> bool {
        self.is_done
    }

    /// The next segment.
    pub fn next(&mut self) -> Option<Segment> {
        loop {
            if self.is_within_member {
                self.block()?;
            } else if self.input.is_at_end() {
                self.is_done = true;
            } else {
                self.between()?;
            }
            let current = &self.current;
            let is_full =
                current.content.len() - current.prefix >= SEGMENT || current.parts.len() >= MAX_PARTS;
            if is_full || self.is_done {
                return Some(self.cut());
            }
        }
    }

    fn cut(&mut self) -> Segment {
        let content = &self.current.content;
        let start = if self.is_within_member {
            self.floor.max(content.len().saturating_sub(WINDOW))
        } else {
            content.len()
        };
        let before = content.get(start..).unwrap_or_default().to_vec();
        self.floor = 0;
        let offset = self.input.begun();
        std::mem::replace(&mut self.current, Segment::behind(before, offset))
    }

    /// Takes the header of a member, or zeros behind the last one.
    fn between(&mut self) -> Option<()> {
        let start = self.current.headers.len();
        match self.byte(start)? {
            0x1f => {}
            0 => {
                while !self.input.is_at_end() {
                    (self.byte(start)? == 0).then_some(())?;
                }
                self.push(Part::Between(self.current.headers.len() - start));
                return Some(());
            }
            _ => return None,
        }
        (self.byte(start)? == 0x8b && self.byte(start)? == 8).then_some(())?;
        let flags = self.byte(start)?;
        for _ in 0..6 {
            self.byte(start)?;
        }
        if flags & 4 != 0 {
            let len = u16::from_le_bytes([self.byte(start)?, self.byte(start)?]);
            for _ in 0..len {
                self.byte(start)?;
            }
        }
        for text in [8, 16] {
            if flags & text != 0 {
                while self.byte(start)? != 0 {}
            }
        }
        if flags & 2 != 0 {
            self.byte(start)?;
            self.byte(start)?;
        }
        self.floor = self.current.content.len();
        self.is_within_member = true;
        self.push(Part::Begin(self.current.headers.len() - start));
        Some(())
    }

    /// Copies the next byte to the headers.
    fn byte(&mut self, start: usize) -> Option<u8> {
        let byte = self.input.byte()?;
        self.current.headers.push(byte);
        (self.current.headers.len() - start <= MAX_BETWEEN).then_some(byte)
    }

    fn push(&mut self, part: Part) {
        self.current.parts.push(part);
    }

    fn block(&mut self) -> Option<()> {
        let is_last = self.input.bits(1)? == 1;
        match self.input.bits(2)? {
            0 => self.stored(is_last)?,
            1 => self.coded(is_last, &Widths::fixed(), true)?,
            2 => {
                let mut copy = BitWriter::default();
                let widths = Widths::read(&mut self.input, &mut copy)?;
                self.current.headers.extend(copy.complete());
                self.coded(is_last, &widths, false)?;
            }
            _ => return None,
        }
        if is_last {
            self.input.align()?;
            let start = self.current.headers.len();
            for _ in 0..8 {
                self.byte(start)?;
            }
            self.push(Part::Between(8));
            self.is_within_member = false;
        }
        Some(())
    }

    fn stored(&mut self, is_last: bool) -> Option<()> {
        self.input.align()?;
        let (len, inverse) = (self.input.bits(16)?, self.input.bits(16)?);
        (len == !inverse & 0xffff).then_some(())?;
        for _ in 0..len {
            let byte = self.input.byte()?;
            self.current.content.push(byte);
        }
        self.bounded()?;
        self.push(Part::Stored { len: len as usize, is_last });
        Some(())
    }

    fn bounded(&self) -> Option<()> {
        (self.current.content.len() - self.current.prefix <= MAX_SEGMENT).then_some(())
    }

    fn coded(&mut self, is_last: bool, widths: &Widths, is_fixed: bool) -> Option<()> {
        let (symbols, distances) = (Decoder::new(&widths.symbols)?, Decoder::new(&widths.distances)?);
        let start = self.current.tokens.len();
        let mut is_literal = true;
        loop {
            let (symbol, _) = symbols.next(&mut self.input)?;
            if symbol == 256 {
                break;
            }
            if symbol < 256 {
                let byte = symbol as u8;
                self.current.content.push(byte);
                self.current.tokens.push(Token::byte(byte));
            } else {
                is_literal = false;
                let (base, width) = length_of_code(symbol)?;
                let length = base + self.input.bits(width)? as usize;
                // The longest reference has a code of its own; the other one is not written down.
                (length < MAX_LENGTH || symbol == 285).then_some(())?;
                let (code, _) = distances.next(&mut self.input)?;
                let (base, width) = distance_of_code(code)?;
                let distance = base + self.input.bits(width)? as usize;
                self.copy(length, distance)?;
                self.current.tokens.push(Token::reference(length, distance));
            }
            self.bounded()?;
        }
        let count = self.current.tokens.len() - start;
        self.push(Part::Coded { count, is_last, is_fixed, is_literal });
        Some(())
    }

    fn copy(&mut self, length: usize, distance: usize) -> Option<()> {
        let content = &mut self.current.content;
        let start = content.len().checked_sub(distance).filter(|&from| from >= self.floor)?;
        if distance >= length {
            content.extend_from_within(start..start + length);
            return Some(());
        }
        for from in start..start + length {
            content.push(*content.get(from)?);
        }
        Some(())
    }
}

impl Segment {
    fn behind(content: Vec<u8>, offset: u32) -> Self {
        let prefix = content.len();
        Self { content, prefix, offset, parts: Vec::new(), headers: Vec::new(), tokens: Vec::new() }
    }
}
