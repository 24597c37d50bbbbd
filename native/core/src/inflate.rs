//! Decompresses a layer; the caller pushes the bytes in. The format is recognised by its magic, never by a media type: gzip
//! of any number of members, zstd of any number of frames, or else the bytes themselves. Archives of images may be xz, too.

use flate2::{Decompress, FlushDecompress, Status};
use liblzma::stream as xz;
use zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer};

use crate::error::Error;

/// Receives uncompressed bytes directly in its own memory, since a copy of every byte costs a tenth of the time of
/// inflating.
pub trait Output {
    /// Returns room for the next bytes: at least one byte, with any content.
    fn room(&mut self) -> Result<&mut [u8], Error>;
    /// Takes the first `len` bytes of the room, at least one, as the next bytes.
    fn filled(&mut self, len: usize) -> Result<(), Error>;
}

/// An output that passes bytes on at once, in pieces of at most 256 KiB.
pub struct Pieces<F> {
    buffer: Vec<u8>,
    take: F,
}

/// The size of a piece: larger ones do not stay in the second-level cache. A fuzzer has small inputs and needs many seams.
const PIECE: usize = if cfg!(fuzzing) { 1 << 10 } else { 256 << 10 };

impl<F: FnMut(&[u8]) -> Result<(), Error>> Pieces<F> {
    /// Calls `take` with every piece.
    pub fn new(take: F) -> Self {
        Self { buffer: vec![0; PIECE], take }
    }
}

impl<F: FnMut(&[u8]) -> Result<(), Error>> Output for Pieces<F> {
    fn room(&mut self) -> Result<&mut [u8], Error> {
        Ok(&mut self.buffer)
    }

    fn filled(&mut self, len: usize) -> Result<(), Error> {
        (self.take)(self.buffer.get(..len).unwrap_or_default())
    }
}

/// The number of bytes that are enough to recognise every format below.
const MAGIC: usize = 6;
/// The largest zstd window that is accepted, as a power of two: 128 MiB, the default limit of `zstd -d`.
const WINDOW_LOG_MAX: u32 = 27;
/// The most memory that an xz decoder may take: enough for `xz -9`, whose dictionary has 64 MiB.
const XZ_MEMORY: u64 = 256 << 20;
/// The window of gzip's deflate: 32 KiB.
const GZIP_WINDOW_LOG: u8 = 15;

/// The compression of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// The layer is not compressed.
    None,
    /// Gzip, RFC 1952.
    Gzip,
    /// zstd, RFC 8878.
    Zstd,
    /// xz, of any number of streams.
    Xz,
}

enum State {
    /// The first bytes, too few to recognise the format.
    Unknown(Vec<u8>),
    Plain,
    /// The next bytes belong to a gzip member.
    Gzip(Decompress),
    /// A member has ended; another one, zeros up to the end, or the end follows.
    GzipGap {
        zeros: bool,
    },
    Zstd {
        context: DCtx<'static>,
        within_frame: bool,
    },
    Xz(xz::Stream),
    /// The inflater has returned an error, or the caller has called `finish`.
    Done,
}

/// The outcome of decoding once.
enum Step {
    /// The stream or member has ended.
    End,
    /// More can be decoded.
    Further,
    /// All input is used up, and the output has room. `is_idle` is true if nothing was used or made.
    Starved { is_idle: bool },
    /// Nothing was used or made, although there are input and room.
    Stuck,
}

/// A push decompressor. The caller feeds [`push`](Self::push) with pieces of any size, then calls [`finish`](Self::finish)
/// once. Empty input is valid and gives no output. After an error the inflater cannot be used any more.
pub struct Inflater {
    state: State,
    compression: Option<Compression>,
    /// The number of compressed bytes consumed so far.
    offset: u64,
    /// True for an archive of images. No runtime unpacks a layer of xz, and an archive may be one.
    is_archive: bool,
}

impl Default for Inflater {
    fn default() -> Self {
        Self::new()
    }
}

impl Inflater {
    /// Makes a decompressor at the start of a layer.
    pub fn new() -> Self {
        Self {
            state: State::Unknown(Vec::with_capacity(MAGIC)),
            compression: None,
            offset: 0,
            is_archive: false,
        }
    }

    /// Makes a decompressor at the start of an archive of images.
    pub fn of_archive() -> Self {
        Self { is_archive: true, ..Self::new() }
    }

    /// The compression of the input, once enough bytes have been seen.
    pub fn compression(&self) -> Option<Compression> {
        self.compression
    }

    /// Takes compressed bytes and writes the uncompressed ones to `out`.
    pub fn push(&mut self, input: &[u8], out: &mut impl Output) -> Result<(), Error> {
        let mut rest = input;
        while !rest.is_empty() {
            let state = std::mem::replace(&mut self.state, State::Done);
            self.state = self.step(state, &mut rest, out)?;
        }
        Ok(())
    }

    /// Ends the input; an error when the input is incomplete.
    pub fn finish(&mut self, out: &mut impl Output) -> Result<(), Error> {
        if let State::Unknown(magic) = &self.state {
            let magic = magic.clone();
            self.begin(&magic)?;
            self.offset = 0;
            self.push(&magic, out)?;
        }
        match std::mem::replace(&mut self.state, State::Done) {
            State::Unknown(_)
            | State::Plain
            | State::GzipGap { .. }
            | State::Zstd { within_frame: false, .. } => Ok(()),
            State::Xz(mut stream) => {
                self.xz(&mut stream, &mut &[][..], xz::Action::Finish, out)?;
                Ok(())
            }
            State::Zstd { .. } => Err(self.fault("zstd", "the input ends within a frame")),
            State::Gzip(_) => Err(self.fault("gzip", "the input ends within a member")),
            State::Done => Err(used_after_end()),
        }
    }

    fn step(&mut self, state: State, rest: &mut &[u8], out: &mut impl Output) -> Result<State, Error> {
        match state {
            State::Unknown(mut magic) => {
                magic.extend(self.take(rest, MAGIC - magic.len()));
                if magic.len() < MAGIC {
                    return Ok(State::Unknown(magic));
                }
                self.begin(&magic)?;
                self.offset = 0;
                self.push(&magic, out)?;
                Ok(std::mem::replace(&mut self.state, State::Done))
            }
            State::Plain => {
                let room = out.room()?;
                let bytes = self.take(rest, room.len());
                if let Some(to) = room.get_mut(..bytes.len()) {
                    to.copy_from_slice(bytes);
                }
                out.filled(bytes.len())?;
                Ok(State::Plain)
            }
            State::Gzip(stream) => self.gzip(stream, rest, out),
            State::GzipGap { zeros } => self.gzip_gap(zeros, rest),
            State::Zstd { context, .. } => self.zstd(context, rest, out),
            State::Xz(mut stream) => {
                self.xz(&mut stream, rest, xz::Action::Run, out)?;
                Ok(State::Xz(stream))
            }
            State::Done => Err(used_after_end()),
        }
    }

    /// Chooses the state after `Unknown`.
    fn begin(&mut self, magic: &[u8]) -> Result<(), Error> {
        let (compression, state) = match magic {
            [0x1F, 0x8B, ..] => (Compression::Gzip, State::GzipGap { zeros: false }),
            // These are a frame, or a skippable frame before one.
            [0x28, 0xB5, 0x2F, 0xFD, ..] | [0x50..=0x5F, 0x2A, 0x4D, 0x18, ..] => {
                (Compression::Zstd, self.begin_zstd()?)
            }
            [0xFD, b'7', b'z', b'X', b'Z', 0] if self.is_archive => {
                let stream = xz::Stream::new_stream_decoder(XZ_MEMORY, xz::CONCATENATED);
                (Compression::Xz, State::Xz(stream.map_err(|error| self.fault("xz", &error.to_string()))?))
            }
            [0xFD, b'7', b'z', b'X', b'Z', 0] => return Err(self.refused("xz")),
            [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41] => return Err(self.refused("bzip2")),
            [0x04, 0x22, 0x4D, 0x18, ..] => return Err(self.refused("lz4")),
            _ => (Compression::None, State::Plain),
        };
        self.compression = Some(compression);
        self.state = state;
        Ok(())
    }

    fn begin_zstd(&self) -> Result<State, Error> {
        let mut context =
            DCtx::try_create().ok_or_else(|| Error::internal("no memory for a zstd context"))?;
        let set = context.set_parameter(DParameter::WindowLogMax(WINDOW_LOG_MAX));
        set.map_err(|code| self.fault("zstd", zstd_safe::get_error_name(code)))?;
        Ok(State::Zstd { context, within_frame: false })
    }

    fn gzip(
        &mut self,
        mut stream: Decompress,
        rest: &mut &[u8],
        out: &mut impl Output,
    ) -> Result<State, Error> {
        loop {
            let step = self.advance(rest, out, |input, room, inflater| {
                let before = (stream.total_in(), stream.total_out());
                // The decompressor checks the member's CRC-32 and length at its end.
                let status = stream.decompress(input, room, FlushDecompress::None).map_err(|error| {
                    inflater.fault("gzip", error.message().unwrap_or("the data is damaged"))
                })?;
                let is_end = status == Status::StreamEnd;
                Ok((is_end, stream.total_in() - before.0, stream.total_out() - before.1))
            })?;
            match step {
                Step::End => return Ok(State::GzipGap { zeros: false }),
                Step::Starved { .. } => return Ok(State::Gzip(stream)),
                Step::Stuck => return Err(self.fault("gzip", "the data is damaged")),
                Step::Further => {}
            }
        }
    }

    /// Decodes until the input is consumed or, with `Finish`, until the end of the last stream.
    fn xz(
        &mut self,
        stream: &mut xz::Stream,
        rest: &mut &[u8],
        action: xz::Action,
        out: &mut impl Output,
    ) -> Result<(), Error> {
        loop {
            let step = self.advance(rest, out, |input, room, inflater| {
                let before = (stream.total_in(), stream.total_out());
                let status = stream.process(input, room, action).map_err(|error| match error {
                    xz::Error::MemLimit => {
                        inflater.fault("xz", "it needs more memory than 256 MiB to decode")
                    }
                    _ => inflater.fault("xz", "the data is damaged"),
                })?;
                let is_end = status == xz::Status::StreamEnd;
                Ok((is_end, stream.total_in() - before.0, stream.total_out() - before.1))
            })?;
            match step {
                Step::End => return Ok(()),
                Step::Starved { .. } if matches!(action, xz::Action::Run) => return Ok(()),
                Step::Starved { is_idle: true } => {
                    return Err(self.fault("xz", "the input ends within a stream"));
                }
                Step::Stuck => return Err(self.fault("xz", "the data is damaged")),
                Step::Starved { .. } | Step::Further => {}
            }
        }
    }

    /// Decodes once from `rest` into the room of `out`. `decode` returns whether the stream has ended, and the numbers of bytes
    /// that it has used and made.
    fn advance(
        &mut self,
        rest: &mut &[u8],
        out: &mut impl Output,
        decode: impl FnOnce(&[u8], &mut [u8], &Self) -> Result<(bool, u64, u64), Error>,
    ) -> Result<Step, Error> {
        let room = out.room()?;
        let space = room.len();
        let (is_end, used, made) = decode(rest, room, self)?;
        let (used, made) =
            (usize::try_from(used).unwrap_or(usize::MAX), usize::try_from(made).unwrap_or(usize::MAX));
        self.take(rest, used);
        if made > 0 {
            out.filled(made)?;
        }
        let is_idle = used == 0 && made == 0;
        Ok(if is_end {
            Step::End
        } else if made == space {
            // The output is full, so more may follow even if all input is used up.
            Step::Further
        } else if rest.is_empty() {
            Step::Starved { is_idle }
        } else if is_idle {
            Step::Stuck
        } else {
            Step::Further
        })
    }

    /// Takes bytes after a member. Zeros after the last member are padding, as in GNU gzip; anything else must be another
    /// member.
    fn gzip_gap(&mut self, zeros: bool, rest: &mut &[u8]) -> Result<State, Error> {
        match rest.first() {
            Some(0x1F) if !zeros => Ok(State::Gzip(Decompress::new_gzip(GZIP_WINDOW_LOG))),
            Some(0) => {
                let count = rest.iter().take_while(|&&byte| byte == 0).count();
                self.take(rest, count);
                Ok(State::GzipGap { zeros: true })
            }
            _ => Err(self.fault("gzip", "bytes after the last member are neither a member nor zeros")),
        }
    }

    fn zstd(
        &mut self,
        mut context: DCtx<'static>,
        rest: &mut &[u8],
        out: &mut impl Output,
    ) -> Result<State, Error> {
        loop {
            let mut input = InBuffer::around(rest);
            let room = out.room()?;
            let space = room.len();
            let mut output = OutBuffer::around(room);
            let hint = context.decompress_stream(&mut output, &mut input);
            let (used, made) = (input.pos(), output.pos());
            let hint = hint.map_err(|code| self.fault("zstd", zstd_safe::get_error_name(code)))?;
            self.take(rest, used);
            if made > 0 {
                out.filled(made)?;
            }
            // Hint 0: the frame has ended and all of it is written. Another call would begin the next frame.
            if rest.is_empty() && (hint == 0 || made < space) {
                return Ok(State::Zstd { context, within_frame: hint != 0 });
            }
            if used == 0 && made == 0 {
                return Err(self.fault("zstd", "the data is damaged"));
            }
        }
    }

    fn take<'a>(&mut self, rest: &mut &'a [u8], limit: usize) -> &'a [u8] {
        let (taken, after) = rest.split_at(limit.min(rest.len()));
        *rest = after;
        self.offset += taken.len() as u64;
        taken
    }

    fn refused(&self, format: &str) -> Error {
        Error::unsupported(if self.is_archive {
            format!("the archive is compressed with {format}; gzip, zstd and xz are known")
        } else {
            format!("the layer is compressed with {format}, which image layers may not be")
        })
    }

    fn fault(&self, format: &str, reason: &str) -> Error {
        let offset = self.offset;
        let what = if self.is_archive { "archive" } else { "layer" };
        Error::Format {
            message: format!("{format} {what} at compressed offset {offset}: {reason}"),
            path: None,
            offset: Some(offset),
            hint: None,
        }
    }
}

fn used_after_end() -> Error {
    Error::internal("the decompressor was used after its end")
}
