//! Cuts a tar into the segments of a recorded stream, and joins what they become.

use std::sync::Arc;

use crate::deflate::replay::Recorded;
use crate::error::{Error, Result};

/// A segment's content behind the bytes before it that it needs.
pub struct Cut {
    pub number: usize,
    pub content: Vec<u8>,
}

/// Cuts the bytes of a tar.
pub struct Cutter {
    recorded: Arc<Recorded>,
    next: Cut,
    /// Bytes of the content that lie before the segment.
    before: usize,
}

impl Cutter {
    pub fn new(recorded: Arc<Recorded>) -> Self {
        Self { recorded, next: Cut { number: 0, content: Vec::new() }, before: 0 }
    }

    /// Takes the first of these bytes, and leaves the others. Returns a segment that is complete, if there is one; before the end
    /// of the tar only if there are bytes. `Format` for a tar that is too long.
    pub fn take(&mut self, rest: &mut &[u8]) -> Result<Option<Cut>> {
        let len = self.recorded.len(self.next.number).ok_or_else(|| other("a shorter"))?;
        let room = (self.before + len).saturating_sub(self.next.content.len());
        let (now, later) = rest.split_at(room.min(rest.len()));
        self.next.content.extend_from_slice(now);
        *rest = later;
        if now.len() < room { Ok(None) } else { self.complete().map(Some) }
    }

    /// The next of the segments that need no more bytes, at the end of the tar. `Format` for a tar that is too short.
    pub fn end(&mut self) -> Result<Option<Cut>> {
        if self.recorded.len(self.next.number).is_none() {
            return Ok(None);
        }
        self.take(&mut &[][..])?.map_or_else(|| Err(other("a longer")), |cut| Ok(Some(cut)))
    }

    fn complete(&mut self) -> Result<Cut> {
        let content = &self.next.content;
        let number = self.next.number + 1;
        self.before = self.recorded.prefix(number);
        let start = content.len().checked_sub(self.before).ok_or_else(|| other("another"))?;
        let next = Cut { number, content: content.get(start..).unwrap_or_default().to_vec() };
        Ok(std::mem::replace(&mut self.next, next))
    }
}

/// Joins segments where they share a byte.
pub struct Joiner {
    recorded: Arc<Recorded>,
    number: usize,
    /// The last byte, which the next segment completes.
    held: u8,
}

impl Joiner {
    pub fn new(recorded: Arc<Recorded>) -> Self {
        Self { recorded, number: 0, held: 0 }
    }

    /// Takes the bytes of the next segment, and returns those that are complete.
    pub fn join(&mut self, mut bytes: Vec<u8>) -> Vec<u8> {
        if let Some(first) = bytes.first_mut() {
            *first |= std::mem::take(&mut self.held);
        }
        self.number += 1;
        if self.recorded.is_joined(self.number) {
            self.held = bytes.pop().unwrap_or(0);
        }
        bytes
    }
}

fn other(which: &str) -> Error {
    Error::format(format!("the layer's compression is recorded for {which} tar"))
}
