//! Inflates a layer and reports where its chunks lie.
//!
//! The output of each call is limited to the next edge of a chunk, so that the compressed bytes behind a chunk are known
//! exactly. zlib consumes one more symbol when the output is full; where the input ends just there, the place counts only when
//! the next input has come. So places do not depend on the pieces in which the layer arrives.

use std::sync::Arc;

use nydus_zlib::{Form, Inflate, Step};

use super::ends::{Edge, Ends};
use super::{Place, Referring, Stop};
use crate::error::{Error, Result};
use crate::inflate::Output;

/// Receives the places of chunks in order, after their last bytes and before any byte that follows them.
pub trait Places: Output {
    /// Takes the place of the next chunk.
    fn place(&mut self, place: Place);
}

/// The number of bytes that are enough to recognise a format.
const MAGIC: usize = 6;

/// Stops that are not farther than this from the one before are left out, since remembering a window costs time.
/// A stream of tiny blocks would otherwise cost thousands of times its size.
const MIN_DISTANCE: u64 = 16 << 10;

enum State {
    Unknown(Vec<u8>),
    Plain,
    Member,
    Gap { zeros: bool },
}

/// Inflates a layer that chunks are referred to in. The caller pushes the bytes in.
pub struct Tracker {
    state: State,
    inflate: Option<Inflate>,
    ends: Ends,
    rule: Referring,
    in_offset: u64,
    out_offset: u64,
    /// The last consumed byte.
    previous: u8,
    stop: Option<Arc<Stop>>,
    /// Where the last block of a member has ended, in uncompressed bytes.
    member_end: Option<u64>,
    /// An edge whose place in the file is not certain yet.
    unsettled: Edge,
    /// The chunk that is under way: consumed and made bytes at its start, and the stop before it.
    open: Option<(u64, u64, Option<Arc<Stop>>)>,
}

impl Tracker {
    /// Begins before a layer whose files are cut into chunks of this size.
    pub fn new(chunk_size: u32, rule: Referring) -> Self {
        Self {
            state: State::Unknown(Vec::new()),
            inflate: None,
            ends: Ends::new(chunk_size),
            rule,
            in_offset: 0,
            out_offset: 0,
            previous: 0,
            stop: None,
            member_end: None,
            unsettled: Edge::default(),
            open: None,
        }
    }

    /// Takes compressed bytes and writes the uncompressed ones to `out`.
    pub fn push(&mut self, input: &[u8], out: &mut impl Places) -> Result<()> {
        let mut rest = input;
        if let State::Unknown(magic) = &mut self.state {
            let (now, later) = rest.split_at(rest.len().min(MAGIC - magic.len()));
            magic.extend_from_slice(now);
            rest = later;
            if magic.len() < MAGIC {
                return Ok(());
            }
            self.begin(out)?;
        }
        self.bytes(rest, out)
    }

    /// Ends the input; an error when it is incomplete.
    pub fn finish(&mut self, out: &mut impl Places) -> Result<()> {
        if matches!(self.state, State::Unknown(_)) {
            self.begin(out)?;
        }
        self.settle(out);
        match self.state {
            State::Member => Err(self.fault("the input ends within a member")),
            State::Unknown(_) | State::Plain | State::Gap { .. } => Ok(()),
        }
    }

    fn begin(&mut self, out: &mut impl Places) -> Result<()> {
        let State::Unknown(magic) = std::mem::replace(&mut self.state, State::Plain) else { return Ok(()) };
        match magic.as_slice() {
            [0x1F, 0x8B, ..] => self.state = State::Gap { zeros: false },
            [0x28, 0xB5, 0x2F, 0xFD, ..] | [0x50..=0x5F, 0x2A, 0x4D, 0x18, ..] => {
                return Err(Error::unreferable("the layer is compressed with zstd, which has no contexts"));
            }
            [0xFD, b'7', b'z', b'X', b'Z', 0]
            | [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41]
            | [0x04, 0x22, 0x4D, 0x18, ..] => {
                return Err(Error::unreferable("the layer is compressed in a way that has no contexts"));
            }
            _ => {}
        }
        self.bytes(&magic, out)
    }

    fn bytes(&mut self, input: &[u8], out: &mut impl Places) -> Result<()> {
        let mut rest = input;
        while !rest.is_empty() {
            match self.state {
                State::Unknown(_) => return Err(Error::internal("the tracker has not begun")),
                State::Plain => self.plain(&mut rest, out)?,
                State::Member => self.member(&mut rest, out)?,
                State::Gap { zeros } => self.gap(zeros, &mut rest)?,
            }
        }
        Ok(())
    }

    fn plain(&mut self, rest: &mut &[u8], out: &mut impl Places) -> Result<()> {
        let room = out.room()?;
        let len = room.len().min(rest.len()).min(self.ends.within());
        let (now, later) = rest.split_at(len);
        if let Some(to) = room.get_mut(..len) {
            to.copy_from_slice(now);
        }
        *rest = later;
        self.in_offset += len as u64;
        let edge = self.ends.push(now);
        self.made(now.len(), edge)?;
        out.filled(len)?;
        self.settle(out);
        Ok(())
    }

    /// Inflates until the member ends or the input is used up.
    fn member(&mut self, rest: &mut &[u8], out: &mut impl Places) -> Result<()> {
        while !rest.is_empty() {
            if self.unsettled.is_any() {
                let step = self.inflate(rest, &mut [])?;
                if self.take(rest, step) || !rest.is_empty() {
                    self.settle(out);
                }
                if step.is_end {
                    return Ok(());
                }
                continue;
            }
            let within = self.ends.within();
            let room = out.room()?;
            let limit = room.len().min(within);
            let room = room.get_mut(..limit).unwrap_or_default();
            let step = self.inflate(rest, room)?;
            let edge = self.ends.push(room.get(..step.made).unwrap_or_default());
            if step.made > 0 {
                out.filled(step.made)?;
            }
            self.made(step.made, edge)?;
            if step.used == 0 && step.made == 0 && step.stop.is_none() && !step.is_end {
                return Err(self.fault("the data is damaged"));
            }
            if self.take(rest, step) || !rest.is_empty() {
                self.settle(out);
            }
            if step.is_end {
                return Ok(());
            }
        }
        Ok(())
    }

    fn inflate(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step> {
        let Some(inflate) = &mut self.inflate else { return Err(Error::internal("no member is open")) };
        inflate.step(input, output, true).map_err(|fault| self.fault(fault.0))
    }

    /// Counts what a call has consumed, and remembers where it has stopped. True if it has stopped between blocks.
    fn take(&mut self, rest: &mut &[u8], step: Step) -> bool {
        let (used, later) = rest.split_at(step.used.min(rest.len()));
        self.previous = used.last().copied().unwrap_or(self.previous);
        self.in_offset += used.len() as u64;
        *rest = later;
        if step.is_end {
            self.state = State::Gap { zeros: false };
            return true;
        }
        let Some(here) = step.stop else { return false };
        if here.is_last {
            self.member_end = Some(self.out_offset);
        } else {
            self.remember(here.pending);
        }
        true
    }

    fn remember(&mut self, bits: u8) {
        let (in_offset, out_offset) = (self.in_offset, self.out_offset);
        let is_near = |stop: &Arc<Stop>| out_offset - stop.out_offset < MIN_DISTANCE;
        if !self.rule.is_compatible && self.stop.as_ref().is_some_and(is_near) {
            return;
        }
        let window = self.inflate.as_mut().map(Inflate::window).unwrap_or_default();
        let byte = if bits == 0 { 0 } else { self.previous };
        self.stop = Some(Arc::new(Stop { in_offset, out_offset, byte, bits, window }));
    }

    fn made(&mut self, count: usize, edge: Edge) -> Result<()> {
        self.out_offset += count as u64;
        if edge.is_any() {
            self.unsettled = edge;
        }
        if self.ends.has_holes() {
            return Err(Error::unreferable("the layer has a sparse file, whose chunks are not in the tar"));
        }
        Ok(())
    }

    /// The place in the file of the last edge is certain now.
    fn settle(&mut self, out: &mut impl Places) {
        let edge = std::mem::take(&mut self.unsettled);
        if edge.is_end
            && let Some((in_start, out_start, stop)) = self.open.take()
        {
            out.place(Place {
                in_start,
                in_end: self.in_offset,
                out_start,
                out_end: self.out_offset,
                stop,
                ends_member: self.member_end == Some(self.out_offset),
            });
        }
        if edge.is_start {
            self.open = Some((self.in_offset, self.out_offset, self.stop.clone()));
        }
    }

    /// Takes bytes after a member: another member, or zeros up to the end.
    fn gap(&mut self, zeros: bool, rest: &mut &[u8]) -> Result<()> {
        match rest.first() {
            Some(0x1F) if !zeros => {
                let no_memory = || Error::internal("no memory to inflate");
                match &mut self.inflate {
                    Some(inflate) => inflate.reset(Form::Gzip),
                    None => self.inflate = Some(Inflate::new(Form::Gzip).ok_or_else(no_memory)?),
                }
                self.state = State::Member;
                Ok(())
            }
            Some(0) => {
                let count = rest.iter().take_while(|&&byte| byte == 0).count();
                *rest = rest.get(count..).unwrap_or_default();
                self.in_offset += count as u64;
                self.state = State::Gap { zeros: true };
                Ok(())
            }
            _ => Err(self.fault("bytes after the last member are neither a member nor zeros")),
        }
    }

    fn fault(&self, reason: &str) -> Error {
        let offset = self.in_offset;
        Error::Format {
            message: format!("gzip layer at compressed offset {offset}: {reason}"),
            path: None,
            offset: Some(offset),
            hint: None,
        }
    }
}
