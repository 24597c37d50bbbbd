//! A sparse file stores only some of its bytes. Four formats (old GNU, GNU.sparse 0.0, 0.1, 1.0) are turned into one checked
//! `Map`, so that the stored bytes are never taken for the file itself.

use super::header::{BadNumber, number};
use super::map::Map;
use super::pax::{Field, Number, decimal};

/// The most pieces that a map may have, more than any real file has; each takes 16 bytes of memory.
const MAX_SEGMENTS: usize = 1 << 20;

/// The `GNU.sparse.*` records of one pax header.
#[derive(Debug, Clone, Default)]
pub(super) struct SparseRecords {
    major: Option<Number>,
    minor: Option<Number>,
    real_size: Option<Number>,
    count: Option<Number>,
    /// Offsets and lengths in turn (0.0 and 0.1).
    numbers: Vec<u64>,
    /// The file's real name; the header and `path` hold an invented one.
    pub(super) name: Field<Vec<u8>>,
    used: bool,
}

/// The version of `GNU.sparse` that a file uses, if any.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Version {
    /// The file is not sparse.
    None,
    /// In versions 0.0 and 0.1 the map is in the records.
    Records,
    /// In version 1.0 the map is text before the data.
    Data,
}

impl SparseRecords {
    /// Takes a record; `key` comes without its `GNU.sparse.` prefix.
    pub(super) fn apply(&mut self, key: &[u8], value: &[u8]) -> Result<(), String> {
        self.used = true;
        match key {
            b"major" => self.major = Some(decimal(value)),
            b"minor" => self.minor = Some(decimal(value)),
            b"size" | b"realsize" => self.real_size = Some(decimal(value)),
            b"numblocks" => self.count = Some(decimal(value)),
            b"name" => {
                self.name = if value.is_empty() { Field::Deleted } else { Field::Given(value.to_vec()) };
            }
            // Version 0.0 repeats the pair for each piece.
            b"offset" if self.numbers.len().is_multiple_of(2) => self.number(value)?,
            b"numbytes" if !self.numbers.len().is_multiple_of(2) => self.number(value)?,
            b"offset" | b"numbytes" => return Err("sparse map records are out of order".to_owned()),
            b"map" => {
                self.numbers.clear();
                for text in value.split(|&byte| byte == b',').filter(|_| !value.is_empty()) {
                    self.number(text)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    pub(super) fn is_used(&self) -> bool {
        self.used
    }

    pub(super) fn version(&self) -> Result<Version, String> {
        match (&self.major, &self.minor) {
            (None, None) | (Some(Ok(0)), Some(Ok(0 | 1))) => {
                let mapped = self.real_size.is_some() || self.count.is_some() || !self.numbers.is_empty();
                Ok(if mapped { Version::Records } else { Version::None })
            }
            (Some(Ok(1)), Some(Ok(0))) => Ok(Version::Data),
            _ => Err("this version of GNU.sparse is not known".to_owned()),
        }
    }

    /// The size of the file with its holes.
    pub(super) fn real_size(&self) -> Result<u64, String> {
        match &self.real_size {
            Some(Ok(size)) => u64::try_from(*size).map_err(|_| format!("the sparse file's size is {size}")),
            Some(Err(text)) => Err(format!("the sparse file's size is {text}")),
            None => Err("the sparse file's size is missing".to_owned()),
        }
    }

    /// The map of a 0.0 or 0.1 file.
    pub(super) fn map(&self, stored: u64) -> Result<Map, String> {
        let pieces = self.numbers.len() / 2;
        if self.count.as_ref().is_some_and(|count| *count != i64::try_from(pieces).map_err(|_| String::new()))
        {
            return Err("the sparse map does not have as many pieces as it says".to_owned());
        }
        Map::new(&self.numbers, self.real_size()?, stored)
    }

    fn number(&mut self, text: &[u8]) -> Result<(), String> {
        push_number(&mut self.numbers, decimal(text).ok())
    }
}

fn push_number(numbers: &mut Vec<u64>, value: Option<i64>) -> Result<(), String> {
    let value =
        value.and_then(|value| u64::try_from(value).ok()).ok_or("the sparse map holds a bad number")?;
    if numbers.len() >= 2 * MAX_SEGMENTS {
        return Err(format!("the sparse map has more than {MAX_SEGMENTS} pieces"));
    }
    numbers.push(value);
    Ok(())
}

/// Adds the used map slots of an old GNU header or extension block: 12 bytes of offset, 12 of length each.
pub(super) fn read_slots(slots: &[u8], numbers: &mut Vec<u64>) -> Result<(), String> {
    for slot in slots.chunks_exact(24) {
        let (offset, length) = slot.split_at(12);
        // The first empty slot ends the map, as in GNU and BSD tar.
        if offset.first() == Some(&0) {
            break;
        }
        for field in [offset, length] {
            let value = number(field).map_err(|BadNumber| "the sparse map holds a bad number")?;
            push_number(numbers, value)?;
        }
    }
    Ok(())
}

/// The text before the data of a 1.0 file: the count, then offset and length of each piece, every number on its own line.
#[derive(Debug, Default)]
pub(super) struct MapText {
    numbers: Vec<u64>,
    count: Option<u64>,
    digits: Vec<u8>,
}

impl MapText {
    /// Takes bytes up to the end of the map. Returns how many it took, and whether the map is complete.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(usize, bool), String> {
        for (index, &byte) in bytes.iter().enumerate() {
            if byte != b'\n' {
                if self.digits.len() == 20 {
                    return Err("the sparse map holds a bad number".to_owned());
                }
                self.digits.push(byte);
                continue;
            }
            let value = decimal(&self.digits).ok();
            self.digits.clear();
            if let Some(count) = self.count {
                push_number(&mut self.numbers, value)?;
                if self.numbers.len() as u64 == 2 * count {
                    return Ok((index + 1, true));
                }
                continue;
            }
            let count = value.and_then(|count| u64::try_from(count).ok());
            match count.filter(|&count| count <= MAX_SEGMENTS as u64) {
                Some(0) => return Ok((index + 1, true)),
                Some(count) => self.count = Some(count),
                None => return Err("the sparse map's number of pieces is bad".to_owned()),
            }
        }
        Ok((bytes.len(), false))
    }

    pub(super) fn numbers(&self) -> &[u64] {
        &self.numbers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn map_text_comes_in_any_pieces() {
        let text = b"2\n0\n512\n1024\n5\n\0\0\0";
        for split in 0..text.len() {
            let mut map = MapText::default();
            let (taken, done) = map.push(&text[..split]).unwrap();
            if !done {
                assert_eq!((taken, map.push(&text[split..]).unwrap()), (split, (15 - split, true)));
            }
            assert_eq!(map.numbers(), [0, 512, 1024, 5]);
        }
        assert_eq!(MapText::default().push(b"0\nrest").unwrap(), (2, true));
        for bad in [&b"-1\n"[..], b"1\nx\n", b"\n", b"99999999999\n", b"1\n111111111111111111111"] {
            assert!(MapText::default().push(bad).is_err(), "{}", bad.escape_ascii());
        }
    }
}
