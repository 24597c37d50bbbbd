//! The parser is a state machine that takes any number of bytes and reports entries and data. It keeps at most one header,
//! the extensions of one entry and one sparse map; file data goes through as slices of the input.

use super::entry::EntrySink;
use super::fault::{Place, archive_fault};
use super::header::BLOCK;
use super::interpret::Extensions;
use super::map::{Map, Piece};
use super::pax::Records;
use super::sparse::MapText;
use crate::error::Error;

/// The number of zero blocks that end an archive.
pub(super) const END_BLOCKS: u64 = 2;

/// The kind of extension header that a body belongs to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Body {
    Local,
    Global,
    LongName,
    LongLink,
}

/// The meaning of the next bytes.
pub(super) enum State {
    /// The next block is a header or the end marker.
    Header,
    /// The next bytes are the body of an extension header.
    Body { body: Body, left: u64, pad: u64 },
    /// The next block holds more of an old GNU sparse map.
    MapBlock { stored: u64, real_size: u64, numbers: Vec<u64> },
    /// The next bytes are the map before the data of a GNU.sparse 1.0 file; `left` of its `stored` bytes are still to come.
    MapText { stored: u64, left: u64, real_size: u64, map: MapText },
    /// The next bytes are padding between such a map and the data.
    MapGap { left: u64, pad: u64, map: Box<Map> },
    /// The next bytes are file data; in a sparse file they are one piece.
    Data { left: u64, pad: u64, map: Option<Box<Map>> },
    /// The next bytes are skipped. The last `pad` of them may be missing at the end of the archive.
    Skip { left: u64, pad: u64 },
    /// Garbage followed the end marker, and all further bytes are ignored.
    Trailing,
    /// The parser has returned an error, or the caller has called `finish`.
    Done,
}

/// A push parser for tar archives as found in container layers.
///
/// The caller feeds the uncompressed bytes with [`push`](Self::push) in pieces of any size, then calls
/// [`finish`](Self::finish) once. After an error the parser cannot be used any more.
///
pub struct Archive {
    state: State,
    /// The number of bytes consumed so far.
    pub(super) offset: u64,
    /// The block under way, of which the first `filled` bytes have arrived.
    partial: [u8; BLOCK],
    filled: usize,
    /// Data of the extension header being read.
    pub(super) body: Vec<u8>,
    /// The extensions that apply to the next entry.
    pub(super) extensions: Option<Extensions>,
    pub(super) global: Records,
    /// The number of zero blocks seen in a row.
    pub(super) zero_blocks: u64,
    /// The data size that the last entry's header claims although its kind has no data.
    pub(super) claimed: u64,
    /// The entry that data belongs to, for error messages.
    pub(super) path: Vec<u8>,
    pub(super) path_offset: u64,
}

impl Default for Archive {
    fn default() -> Self {
        Self::new()
    }
}

impl Archive {
    /// Makes a parser at the start of an archive.
    pub fn new() -> Self {
        Self {
            state: State::Header,
            offset: 0,
            partial: [0; BLOCK],
            filled: 0,
            body: Vec::new(),
            extensions: None,
            global: Records::default(),
            zero_blocks: 0,
            claimed: 0,
            path: Vec::new(),
            path_offset: 0,
        }
    }

    /// The number of bytes from here to the end of the header, body, data or padding that is being read.
    pub(crate) fn unit_left(&self) -> u64 {
        match &self.state {
            State::Header | State::MapBlock { .. } | State::Skip { left: 0, .. } => {
                (BLOCK - self.filled) as u64
            }
            State::Body { left, .. }
            | State::MapText { left, .. }
            | State::MapGap { left, .. }
            | State::Data { left, .. }
            | State::Skip { left, .. } => *left,
            State::Trailing | State::Done => u64::MAX,
        }
    }

    /// Takes the next bytes of the archive.
    pub fn push<S: EntrySink>(&mut self, bytes: &[u8], sink: &mut S) -> Result<(), Error> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let before = rest;
            let state = std::mem::replace(&mut self.state, State::Done);
            let is_data = matches!(state, State::Data { .. });
            self.state = self.step(state, &mut rest, sink)?;
            if !is_data {
                sink.structure(before.get(..before.len() - rest.len()).unwrap_or_default())?;
            }
        }
        Ok(())
    }

    /// Ends the archive. End blocks and the last padding may be missing; if anything else is missing, the result is an
    /// error.
    pub fn finish<S: EntrySink>(&mut self, sink: &mut S) -> Result<(), Error> {
        let place = Place { path: &self.path, offset: self.path_offset };
        match std::mem::replace(&mut self.state, State::Done) {
            State::Header => self.finish_at_header(sink),
            State::Skip { left, pad } if left <= pad => self.no_extension_waits(self.offset),
            State::Skip { left, pad } => {
                let missing = left - pad;
                Err(place.format(format!("the archive ends {missing} bytes before the end of its data")))
            }
            State::Data { left, map: None, .. } => {
                Err(place.format(format!("the archive ends {left} bytes before the end of its data")))
            }
            State::Data { .. } | State::MapText { .. } | State::MapGap { .. } | State::MapBlock { .. } => {
                Err(place.format("the archive ends within the sparse file"))
            }
            State::Body { .. } => {
                Err(archive_fault(self.offset, "the archive ends within an extended header"))
            }
            State::Trailing => Ok(()),
            State::Done => Err(used_after_end()),
        }
    }

    fn finish_at_header<S: EntrySink>(&mut self, sink: &mut S) -> Result<(), Error> {
        let start = self.offset - self.filled as u64;
        let rest = self.partial.get(..self.filled).unwrap_or_default();
        if rest.iter().any(|&byte| byte != 0) {
            if self.zero_blocks < END_BLOCKS {
                return Err(archive_fault(start, "the archive ends within a header"));
            }
            warn_trailing(start, sink);
        }
        self.no_extension_waits(start)
    }

    fn step<S: EntrySink>(&mut self, state: State, rest: &mut &[u8], sink: &mut S) -> Result<State, Error> {
        match state {
            State::Header => match self.block(rest) {
                Some(block) => self.header(&block, sink),
                None => Ok(State::Header),
            },
            State::Body { body, left, pad } => {
                let bytes = self.take(rest, left);
                self.body.extend_from_slice(bytes);
                match left - bytes.len() as u64 {
                    0 => self.extension(body).map(|()| State::Skip { left: pad, pad }),
                    left => Ok(State::Body { body, left, pad }),
                }
            }
            State::MapBlock { stored, real_size, numbers } => match self.block(rest) {
                Some(block) => self.map_block(&block, stored, real_size, numbers, sink),
                None => Ok(State::MapBlock { stored, real_size, numbers }),
            },
            State::MapText { stored, left, real_size, map } => {
                self.map_text(rest, stored, left, real_size, map, sink)
            }
            State::MapGap { left, pad, map } => match left - self.take(rest, left).len() as u64 {
                0 => advance(map, pad, sink),
                left => Ok(State::MapGap { left, pad, map }),
            },
            State::Data { left, pad, map } => {
                let bytes = self.take(rest, left);
                sink.data(bytes)?;
                match (left - bytes.len() as u64, map) {
                    (0, None) => sink.end_file().map(|()| State::Skip { left: pad, pad }),
                    (0, Some(map)) => advance(map, pad, sink),
                    (left, map) => Ok(State::Data { left, pad, map }),
                }
            }
            State::Skip { left: 0, .. } => Ok(State::Header),
            State::Skip { left, pad } => {
                let left = left - self.take(rest, left).len() as u64;
                Ok(State::Skip { left, pad })
            }
            State::Trailing => {
                self.take(rest, u64::MAX);
                Ok(State::Trailing)
            }
            State::Done => Err(used_after_end()),
        }
    }

    /// Consumes up to `limit` bytes.
    pub(super) fn take<'a>(&mut self, rest: &mut &'a [u8], limit: u64) -> &'a [u8] {
        let length = usize::try_from(limit).map_or(rest.len(), |limit| limit.min(rest.len()));
        let (taken, after) = rest.split_at(length);
        *rest = after;
        self.offset += length as u64;
        taken
    }

    /// Consumes a block, or collects the part of it that has arrived.
    fn block(&mut self, rest: &mut &[u8]) -> Option<[u8; BLOCK]> {
        if self.filled == 0
            && let Some(block) = rest.first_chunk::<BLOCK>()
        {
            self.take(rest, BLOCK as u64);
            return Some(*block);
        }
        let part = self.take(rest, (BLOCK - self.filled) as u64);
        let room = self.partial.get_mut(self.filled..)?;
        for (to, from) in room.iter_mut().zip(part) {
            *to = *from;
        }
        self.filled += part.len();
        if self.filled < BLOCK {
            return None;
        }
        self.filled = 0;
        Some(self.partial)
    }
}

fn used_after_end() -> Error {
    Error::internal("the tar parser was used after its end")
}

pub(super) fn warn_trailing<S: EntrySink>(offset: u64, sink: &mut S) {
    let message =
        format!("tar archive at offset {offset}: bytes after the end marker are no header and are ignored");
    sink.warn("TAR_TRAILING", message);
}

/// Reports a sparse file up to its next stored byte.
pub(super) fn advance<S: EntrySink>(mut map: Box<Map>, pad: u64, sink: &mut S) -> Result<State, Error> {
    loop {
        match map.next_piece() {
            Piece::Zeros(count) => sink.zeros(count)?,
            Piece::Data(left) => return Ok(State::Data { left, pad, map: Some(map) }),
            Piece::End => {
                if map.real_size() > 0 {
                    sink.end_file()?;
                }
                return Ok(State::Skip { left: pad, pad });
            }
        }
    }
}
