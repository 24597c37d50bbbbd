//! Inflates gzip and raw deflate with stops between blocks.
//!
//! Reading from the middle of a gzip file needs four calls of zlib that no safe crate offers: stopping at the end of a block,
//! the bits that are pending there, the window, and both put back. `libz-rs-sys` has them, under zlib's names and with its
//! pointers. This crate is the only place that hands it pointers, so that all other crates of the data plane forbid unsafe
//! code.

use std::ffi::c_int;
use std::mem::size_of;

use libz_rs_sys as z;

/// The most bytes that a deflate stream can refer back to.
pub const WINDOW: usize = 32 << 10;

/// The parameter that makes zlib read raw deflate.
const RAW: c_int = -15;
/// The parameter that makes zlib read a gzip member and verify its trailer.
const GZIP: c_int = 31;

/// Bits of `data_type` after a call.
const PENDING: c_int = 7;
const LAST_BLOCK: c_int = 64;
const AT_STOP: c_int = 128;

/// The form of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A gzip member: header, blocks and a trailer, which is verified.
    Gzip,
    /// Blocks alone.
    Raw,
}

impl Form {
    const fn window_bits(self) -> c_int {
        match self {
            Self::Gzip => GZIP,
            Self::Raw => RAW,
        }
    }
}

/// A place between two blocks, or between a header and the first block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop {
    /// The number of bits of the byte before that belong to what follows: 0 to 7.
    pub pending: u8,
    /// True if the block that has ended is the last one of its member.
    pub is_last: bool,
}

/// The outcome of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Bytes of input that were consumed.
    pub used: usize,
    /// Bytes of output that were made.
    pub made: usize,
    /// True if the stream has ended. A gzip member ends with its trailer.
    pub is_end: bool,
    /// Where the call has stopped, if that is between blocks and the caller asked for such stops.
    pub stop: Option<Stop>,
}

/// The data makes no sense; the sentence says why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault(pub &'static str);

/// A stream that is being inflated.
pub struct Inflate {
    /// The state points back at the stream, so it must not move.
    stream: Box<z::z_stream>,
}

// SAFETY: the stream owns its state, nothing else points at it, and zlib's functions know no thread.
unsafe impl Send for Inflate {}

impl Inflate {
    /// Begins a stream; `None` if there is no memory for it.
    pub fn new(form: Form) -> Option<Self> {
        let mut stream = Box::<z::z_stream>::default();
        let size = c_int::try_from(size_of::<z::z_stream>()).unwrap_or(0);
        // SAFETY: the stream is initialised and stays at its address, and the version is the library's own.
        let code = unsafe {
            z::inflateInit2_(std::ptr::from_mut(stream.as_mut()), form.window_bits(), z::zlibVersion(), size)
        };
        (code == z::Z_OK).then_some(Self { stream })
    }

    /// Begins another stream with the same memory.
    pub fn reset(&mut self, form: Form) {
        // SAFETY: `new` has initialised the stream.
        unsafe { z::inflateReset2(self.raw(), form.window_bits()) };
    }

    /// Puts the first bits of a raw stream in front: the low `count` bits of `bits`.
    pub fn prime(&mut self, count: u8, bits: u8) {
        // SAFETY: `new` has initialised the stream.
        unsafe { z::inflatePrime(self.raw(), c_int::from(count), c_int::from(bits)) };
    }

    /// Sets the bytes that come before a raw stream, at most `WINDOW`; false if zlib refuses them.
    pub fn set_dictionary(&mut self, dictionary: &[u8]) -> bool {
        let len = u32::try_from(dictionary.len()).unwrap_or(u32::MAX);
        // SAFETY: `new` has initialised the stream, and the dictionary has `len` bytes, which are copied.
        let code = unsafe { z::inflateSetDictionary(self.raw(), dictionary.as_ptr(), len) };
        code == z::Z_OK
    }

    /// The bytes before the current place that later blocks may refer to, at most `WINDOW`.
    pub fn window(&mut self) -> Vec<u8> {
        let mut bytes = vec![0; WINDOW];
        let mut len = 0;
        // SAFETY: `new` has initialised the stream, and zlib copies at most 32 KiB.
        unsafe { z::inflateGetDictionary(self.raw(), bytes.as_mut_ptr(), &raw mut len) };
        bytes.truncate(usize::try_from(len).unwrap_or(0));
        bytes
    }

    /// Inflates once, until the output is full, the input is used up, the stream ends or, with `stops`, a block does. With no
    /// room for output it still consumes what needs none.
    pub fn step(&mut self, input: &[u8], output: &mut [u8], stops: bool) -> Result<Step, Fault> {
        // zlib refuses a null pointer even for an output of no bytes, and a slice's pointer is never null.
        let available = u32::try_from(input.len()).unwrap_or(u32::MAX);
        let room = u32::try_from(output.len()).unwrap_or(u32::MAX);
        let stream = self.stream.as_mut();
        stream.next_in = input.as_ptr();
        stream.avail_in = available;
        stream.next_out = output.as_mut_ptr();
        stream.avail_out = room;
        let flush = if stops { z::Z_BLOCK } else { z::Z_NO_FLUSH };
        // SAFETY: `new` has initialised the stream; input and output have the lengths that were set, and live until the call
        // returns.
        let code = unsafe { z::inflate(self.raw(), flush) };
        let stream = self.stream.as_mut();
        let used = available.saturating_sub(stream.avail_in) as usize;
        let made = room.saturating_sub(stream.avail_out) as usize;
        stream.next_in = std::ptr::null();
        stream.next_out = std::ptr::null_mut();
        let kind = stream.data_type;
        let stop = (stops && kind & AT_STOP != 0).then(|| Stop {
            pending: u8::try_from(kind & PENDING).unwrap_or(0),
            is_last: kind & LAST_BLOCK != 0,
        });
        match code {
            z::Z_OK | z::Z_BUF_ERROR => Ok(Step { used, made, is_end: false, stop }),
            z::Z_STREAM_END => Ok(Step { used, made, is_end: true, stop: None }),
            z::Z_NEED_DICT => Err(Fault("it needs a dictionary that is not there")),
            z::Z_MEM_ERROR => Err(Fault("there is no memory for its window")),
            _ => Err(Fault("the data is damaged")),
        }
    }

    fn raw(&mut self) -> *mut z::z_stream {
        std::ptr::from_mut(self.stream.as_mut())
    }
}

impl Drop for Inflate {
    fn drop(&mut self) {
        // SAFETY: `new` has initialised the stream, and it is not used afterwards.
        unsafe { z::inflateEnd(self.raw()) };
    }
}
