//! The bytes of a record: its version, and each segment behind its length.

use super::FORMAT;

/// Writes numbers and byte strings, one after the other.
#[derive(Default)]
pub struct Writer(pub Vec<u8>);

impl Writer {
    /// Seven bits a byte, the lowest first.
    pub fn number(&mut self, mut value: usize) {
        while value > 0x7f {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    /// Bytes behind their length.
    pub fn string(&mut self, bytes: &[u8]) {
        self.number(bytes.len());
        self.0.extend_from_slice(bytes);
    }
}

/// Reads what a `Writer` has written. `None` at the end, or for a number that no writer makes.
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    pub fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    pub fn number(&mut self) -> Option<usize> {
        let mut value = 0;
        for shift in (0..35).step_by(7) {
            let byte = self.byte()?;
            value |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    pub fn bytes(&mut self, len: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(bytes)
    }

    pub fn string(&mut self) -> Option<&'a [u8]> {
        let len = self.number()?;
        self.bytes(len)
    }
}

/// A segment of a record. The lists are one for each kind of fact, since they compress better so.
pub struct Record<'a> {
    pub model: usize,
    /// Bytes before the content that its references reach.
    pub prefix: usize,
    /// Bits of the first byte that belong to the segment before.
    pub offset: u32,
    /// Bytes of content.
    pub len: usize,
    pub parts: &'a [u8],
    /// Headers of members and blocks, and the bytes behind members.
    pub headers: &'a [u8],
    /// The numbers of symbols that are foretold rightly before each one that is not.
    pub runs: &'a [u8],
    /// The symbols that are not.
    pub misses: &'a [u8],
}

impl<'a> Record<'a> {
    pub fn write(&self) -> Vec<u8> {
        let mut out = Writer::default();
        for number in [self.model, self.prefix, self.offset as usize, self.len] {
            out.number(number);
        }
        for list in [self.parts, self.headers, self.runs, self.misses] {
            out.string(list);
        }
        out.0
    }

    /// `None` for bytes that are no segment.
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut input = Reader(bytes);
        let (model, prefix) = (input.number()?, input.number()?);
        let (offset, len) = (u32::try_from(input.number()?).ok()?, input.number()?);
        let (parts, headers) = (input.string()?, input.string()?);
        let (runs, misses) = (input.string()?, input.string()?);
        input.0.is_empty().then_some(Self { model, prefix, offset, len, parts, headers, runs, misses })
    }
}

/// The segments of a record. `None` for another version, or for bytes that are no record.
pub fn segments(record: &[u8]) -> Option<Vec<&[u8]>> {
    let mut input = Reader(record);
    (input.byte()? == FORMAT).then_some(())?;
    let mut found = Vec::new();
    while !input.0.is_empty() {
        found.push(input.string()?);
    }
    Some(found)
}
