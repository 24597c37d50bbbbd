//! Replays the record of a stream.

use std::ops::Range;

use super::record::{Record, segments};
use super::{MAX_SEGMENT, WINDOW, segment};
use crate::error::{Error, Result};

/// A record whose segments have been looked at, but not replayed.
#[derive(Debug)]
pub struct Recorded {
    bytes: Vec<u8>,
    places: Vec<Place>,
}

/// Where a segment is in the record, and what it needs.
#[derive(Clone, Debug)]
struct Place {
    range: Range<usize>,
    prefix: usize,
    offset: u32,
    len: usize,
}

impl Recorded {
    /// `Format` for bytes that are no record of this version.
    pub fn read(bytes: Vec<u8>) -> Result<Self> {
        let places = places(&bytes).ok_or_else(|| wrong("it is damaged, or its version is not known"))?;
        Ok(Self { bytes, places })
    }

    /// Bytes of content of a segment; `None` behind the last one.
    pub fn len(&self, number: usize) -> Option<usize> {
        self.places.get(number).map(|place| place.len)
    }

    /// Bytes that a segment needs before its own.
    pub fn prefix(&self, number: usize) -> usize {
        self.places.get(number).map_or(0, |place| place.prefix)
    }

    /// True if the first byte of a segment belongs to the one before, too.
    pub fn is_joined(&self, number: usize) -> bool {
        self.places.get(number).is_some_and(|place| place.offset > 0)
    }

    /// Makes a segment of its content behind its prefix. `Format` if they do not go together.
    pub fn replay(&self, number: usize, content: &[u8]) -> Result<Vec<u8>> {
        let place = self.places.get(number);
        let bytes = place.and_then(|place| self.bytes.get(place.range.clone()));
        let made = bytes.and_then(Record::read).and_then(|record| segment::replay(&record, content));
        made.ok_or_else(|| wrong(&format!("segment {number} is not that of the tar")))
    }
}

fn places(bytes: &[u8]) -> Option<Vec<Place>> {
    let mut before = 0_usize;
    let mut places = Vec::new();
    for segment in segments(bytes)? {
        let Record { prefix, offset, len, .. } = Record::read(segment)?;
        (prefix <= WINDOW.min(before) && offset < 8 && len <= MAX_SEGMENT).then_some(())?;
        before = before.saturating_add(len);
        let start = segment.as_ptr().addr() - bytes.as_ptr().addr();
        places.push(Place { range: start..start + segment.len(), prefix, offset, len });
    }
    Some(places)
}

fn wrong(why: &str) -> Error {
    Error::format(format!("the record of the layer's compression cannot be followed: {why}"))
}
