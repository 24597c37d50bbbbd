//! Members of gzip, frames of zstd and streams of xz are decompressed twice, at once and in pieces, with the same result.

use nydus_core::Error;
use nydus_core::inflate::{Inflater, Pieces};

use super::parts::{Parts, piece_size};

const MAX_OUTPUT: usize = 1 << 16;

/// Decompresses an input. It is an archive of images if `is_archive`, and a layer otherwise.
fn inflate(input: &[u8], piece: usize, is_archive: bool) -> Result<Vec<u8>, Error> {
    let mut inflater = if is_archive { Inflater::of_archive() } else { Inflater::new() };
    let mut all = Vec::new();
    let mut out = Pieces::new(|bytes: &[u8]| {
        all.extend_from_slice(bytes);
        if all.len() > MAX_OUTPUT { Err(Error::Aborted) } else { Ok(()) }
    });
    for bytes in input.chunks(piece) {
        inflater.push(bytes, &mut out)?;
    }
    inflater.finish(&mut out)?;
    drop(out);
    Ok(all)
}

/// The first byte chooses the size of pieces, its highest bit an archive.
pub fn execute(input: &[u8]) {
    let mut parts = Parts(input);
    let choice = parts.byte();
    let is_archive = choice & 0x80 != 0;
    let whole = inflate(parts.0, usize::MAX, is_archive);
    let pieces = inflate(parts.0, piece_size(choice), is_archive);
    match (whole, pieces) {
        (Ok(whole), Ok(pieces)) => assert!(whole == pieces, "pieces give other bytes"),
        // Too much output and damage behind it may be noticed in any order.
        (Err(_), Err(_)) => {}
        (whole, pieces) => {
            panic!("at once: {:?}, in pieces: {:?}", whole.err(), pieces.err());
        }
    }
}
