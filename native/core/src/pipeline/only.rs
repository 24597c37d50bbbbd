//! Passes one entry of a layer on and drops the others, so that reading one file takes no room for the rest of its layer.

use crate::archive::{Entry, EntrySink};
use crate::error::Result;

/// A sink in front of another one.
pub struct Only<'a, S> {
    sink: &'a mut S,
    /// Offset of the header of the entry to pass on; `None` passes on all.
    wanted: Option<u64>,
    passing: bool,
}

impl<'a, S: EntrySink> Only<'a, S> {
    /// Passes on the entry whose header lies at the offset `wanted`, or every entry.
    pub fn new(sink: &'a mut S, wanted: Option<u64>) -> Self {
        Self { sink, wanted, passing: wanted.is_none() }
    }
}

impl<S: EntrySink> EntrySink for Only<'_, S> {
    fn entry(&mut self, entry: Entry) -> Result<()> {
        self.passing = self.wanted.is_none_or(|wanted| wanted == entry.offset);
        if self.passing { self.sink.entry(entry) } else { Ok(()) }
    }

    fn data(&mut self, bytes: &[u8]) -> Result<()> {
        if self.passing { self.sink.data(bytes) } else { Ok(()) }
    }

    fn zeros(&mut self, count: u64) -> Result<()> {
        if self.passing { self.sink.zeros(count) } else { Ok(()) }
    }

    fn end_file(&mut self) -> Result<()> {
        if self.passing { self.sink.end_file() } else { Ok(()) }
    }

    fn warn(&mut self, code: &'static str, message: String) {
        self.sink.warn(code, message);
    }
}
