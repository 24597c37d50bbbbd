//! The bytes of a file, and its holes.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use rustix::fs::{SeekFrom, seek};
use rustix::io::Errno;

use crate::error::Result;

/// Bytes that are read at once: few calls for a large file, and small enough for the cache of a core.
pub const PIECE: usize = 256 << 10;

/// A part of a file.
pub enum Part<'a> {
    Data(&'a [u8]),
    Hole(u64),
}

/// Why a file could not be read to its end.
pub enum Failure {
    System(io::Error),
    /// The file has fewer bytes than it had.
    Shorter,
    Other(crate::error::Error),
}

/// Passes the `size` bytes of the file on. Holes are looked for if it `has_holes`.
pub fn read(
    file: &File,
    (size, has_holes): (u64, bool),
    buffer: &mut Vec<u8>,
    mut take: impl FnMut(Part<'_>) -> Result<()>,
) -> std::result::Result<(), Failure> {
    buffer.resize(PIECE, 0);
    let mut at = 0;
    while at < size {
        let (data, end) = if has_holes { stretch(file, at, size) } else { (at, size) };
        if data > at {
            take(Part::Hole(data - at)).map_err(Failure::Other)?;
            at = data;
        }
        while at < end {
            let room = usize::try_from(end - at).unwrap_or(PIECE).min(PIECE);
            let piece = buffer.get_mut(..room).unwrap_or_default();
            let count = match file.read_at(piece, at) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Failure::System(error)),
                Ok(0) => return Err(Failure::Shorter),
                Ok(count) => count,
            };
            take(Part::Data(piece.get(..count).unwrap_or_default())).map_err(Failure::Other)?;
            at += count as u64;
        }
    }
    Ok(())
}

/// The next stretch of data from `at` on. Where the file system does not say, all of the rest is data.
fn stretch(file: &File, at: u64, size: u64) -> (u64, u64) {
    let data = match seek(file, SeekFrom::Data(at)) {
        Ok(data) => data.clamp(at, size),
        Err(Errno::NXIO) => return (size, size),
        Err(_) => return (at, size),
    };
    let end = seek(file, SeekFrom::Hole(data)).unwrap_or(size);
    if end <= data { (data, size) } else { (data, end.min(size)) }
}
