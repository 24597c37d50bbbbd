//! Takes any bytes for a layer: they are decompressed by magic and parsed as an archive, both fed in pieces whose size the first
//! byte chooses. The parser must keep the contract of `EntrySink` until it returns an error.

use nydus_core::Error;
use nydus_core::archive::{Archive, Entry, EntrySink};
use nydus_core::inflate::{Inflater, Pieces};

use super::parts::piece_size;

/// The most output of one input. It is enough for any seed, and this target does not look for decompression bombs.
const MAX_OUTPUT: u64 = 1 << 20;
const BLOCK: usize = 512;

#[derive(Default)]
struct Check {
    left: u64,
    open: bool,
}

impl EntrySink for Check {
    fn entry(&mut self, entry: Entry) -> Result<(), Error> {
        assert!(!self.open, "an entry within a file");
        assert!(entry.mtime_nsec < 1_000_000_000 && entry.mode <= 0o7777);
        let mut names = entry.path.split(|&byte| byte == b'/');
        assert!(!names.any(|name| name == b".." || name == b"." || name.len() > 255));
        assert!(entry.xattrs.is_sorted_by(|left, right| left.0 < right.0));
        self.left = entry.size;
        self.open = entry.size > 0;
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.zeros(bytes.len() as u64)
    }

    fn zeros(&mut self, count: u64) -> Result<(), Error> {
        assert!(self.open && 0 < count && count <= self.left);
        self.left -= count;
        Ok(())
    }

    fn end_file(&mut self) -> Result<(), Error> {
        assert!(self.open && self.left == 0);
        self.open = false;
        Ok(())
    }

    fn warn(&mut self, _code: &'static str, message: String) {
        assert!(!message.is_empty());
    }
}

/// Reads the layer; false if the archive ended without an error inside a file.
fn read(pieces: usize, layer: &[u8]) -> Result<bool, Error> {
    let (mut inflater, mut archive, mut check) = (Inflater::new(), Archive::new(), Check::default());
    let mut total = 0;
    let mut out = Pieces::new(|bytes: &[u8]| {
        total += bytes.len() as u64;
        if total > MAX_OUTPUT { Err(Error::Aborted) } else { archive.push(bytes, &mut check) }
    });
    for piece in layer.chunks(pieces) {
        inflater.push(piece, &mut out)?;
    }
    inflater.finish(&mut out)?;
    drop(out);
    archive.finish(&mut check)?;
    Ok(!check.open)
}

/// Corrects the checksum of every block that looks like a tar header: else hardly any mutation gets past it.
pub fn repair(layer: &mut [u8]) {
    for block in layer.chunks_exact_mut(BLOCK) {
        if block[0] == 0 || &block[257..262] != b"ustar" {
            continue;
        }
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().copied().map(u32::from).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
}

/// The first byte is the size of pieces, in eights of bytes, and (top bit) whether checksums are repaired. The rest is the
/// layer.
pub fn execute(input: &[u8]) {
    let Some((&first, layer)) = input.split_first() else { return };
    let pieces = piece_size(first);
    let ended = if first & 0x80 == 0 {
        read(pieces, layer)
    } else {
        let mut layer = layer.to_vec();
        repair(&mut layer);
        read(pieces, &layer)
    };
    assert!(ended.unwrap_or(true), "a file without its end");
}
