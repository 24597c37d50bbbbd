//! Forms batches of small files, which are compressed together.
//!
//! A file is small if it has one chunk of less than half a batch. Small files follow one another in a batch while they stay
//! below its size; any other chunk that is stored ends it, and so does the end of the layer. (Nydus builder/src/core/node.rs.)
//! Units end where buffers are full, so the batch at the end of one is carried over to the next.

use super::unit::{ALONE, Piece, Unit};
use crate::error::{Error, Result};
use crate::format::Batching;

/// Cuts the new chunks of a layer into batches.
pub struct Batcher {
    size: usize,
    /// Bytes below which a file is small.
    below: usize,
    /// True if a file that is alone in its batch is stored on its own.
    is_auto: bool,
    /// The batch that the next unit may continue; empty if there is none.
    carried: Unit,
}

impl Batcher {
    /// Begins without a batch.
    pub fn new(Batching { size, below, is_auto }: Batching) -> Self {
        Self { size: size as usize, below: below as usize, is_auto, carried: Unit::default() }
    }

    /// Takes the next unit, in which every chunk is new; returns the units that are complete, in order. The unit itself is the
    /// last of them, even if it has no chunk left.
    pub fn take(&mut self, mut unit: Unit) -> Result<Vec<Unit>> {
        if self.size == 0 {
            return Ok(vec![unit]);
        }
        let mut done = Vec::new();
        let mut pieces = std::mem::take(&mut unit.pieces).into_iter().peekable();
        while let Some(piece) = pieces.next_if(|piece| self.joins(&self.carried, piece)) {
            self.carry(&unit.bytes, piece)?;
        }
        if pieces.peek().is_some() {
            done.extend(self.flush());
        }
        let (mut batch, mut filled) = (ALONE, 0);
        for mut piece in pieces {
            let len = piece.print.len as usize;
            if self.is_small(&piece) {
                if filled == 0 || filled + len >= self.size {
                    (batch, filled) = (batch + 1, 0);
                }
                filled += len;
                piece.batch = batch;
            } else {
                filled = 0;
            }
            unit.pieces.push(piece);
        }
        if filled > 0 {
            let first = unit.pieces.iter().rposition(|piece| piece.batch != batch).map_or(0, |last| last + 1);
            for piece in unit.pieces.split_off(first) {
                self.carry(&unit.bytes, piece)?;
            }
        }
        self.part_singles(&mut unit);
        unit.decided = unit.pieces.len();
        done.push(unit);
        Ok(done)
    }

    /// Takes files that are alone in their batch out of it, if the caller leaves the choice.
    fn part_singles(&self, unit: &mut Unit) {
        if !self.is_auto {
            return;
        }
        for batch in unit.pieces.chunk_by_mut(|one, next| one.batch == next.batch) {
            if let [single] = batch {
                single.batch = ALONE;
            }
        }
    }

    /// The batch that no more chunks will join.
    pub fn flush(&mut self) -> Option<Unit> {
        let mut carried = std::mem::take(&mut self.carried);
        self.part_singles(&mut carried);
        (!carried.pieces.is_empty()).then_some(carried)
    }

    const fn is_small(&self, piece: &Piece) -> bool {
        piece.is_file && (piece.print.len as usize) < self.below
    }

    fn joins(&self, batch: &Unit, piece: &Piece) -> bool {
        !batch.pieces.is_empty()
            && self.is_small(piece)
            && batch.bytes.len() + (piece.print.len as usize) < self.size
    }

    fn carry(&mut self, bytes: &[u8], piece: Piece) -> Result<()> {
        let lost = || Error::internal("chunk lies outside of its unit");
        let bytes = bytes.get(piece.start..piece.start + piece.print.len as usize).ok_or_else(lost)?;
        let carried = &mut self.carried;
        carried.pieces.push(Piece { start: carried.bytes.len(), batch: ALONE + 1, ..piece });
        carried.bytes.extend_from_slice(bytes);
        carried.decided = carried.pieces.len();
        carried.is_extra = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::{Digester, Fingerprint};

    /// Units of chunks with these lengths; a negative one is a part of a larger file.
    fn batches(size: u32, units: &[&[i32]]) -> Vec<Vec<i32>> {
        batches_of(Batching { size, below: size / 2, is_auto: false }, units)
    }

    fn batches_of(batching: Batching, units: &[&[i32]]) -> Vec<Vec<i32>> {
        let mut batcher = Batcher::new(batching);
        let mut made = Vec::new();
        for lengths in units {
            let mut unit = Unit::default();
            for &len in *lengths {
                let bytes = vec![1; len.unsigned_abs() as usize];
                let (start, print) = (unit.bytes.len(), Fingerprint::of(&bytes, Digester::Blake3));
                unit.bytes.extend(bytes);
                let is_file = len > 0;
                unit.pieces.push(Piece { start, print, count: 1, is_file, batch: ALONE, earned: 0 });
            }
            made.extend(batcher.take(unit).unwrap());
        }
        made.extend(batcher.flush());
        let mut all = Vec::new();
        for unit in made {
            for batch in unit.pieces.chunk_by(|one, next| one.batch != ALONE && one.batch == next.batch) {
                let sign = if batch[0].batch == ALONE { -1 } else { 1 };
                all.push(batch.iter().map(|piece| sign * piece.print.len.cast_signed()).collect());
            }
        }
        all
    }

    #[test]
    fn batches_do_not_depend_on_where_units_end() {
        let lengths = [10, 10, 20, 49, 50, 60, 10, -10, 10, 49, 49, 1, 1, -200, 30];
        let whole = batches(100, &[&lengths]);
        let wanted: [&[i32]; 9] =
            [&[10, 10, 20, 49], &[-50], &[-60], &[10], &[-10], &[10, 49], &[49, 1, 1], &[-200], &[30]];
        assert_eq!(whole, wanted);
        for cut in 0..=lengths.len() {
            let (one, other) = lengths.split_at(cut);
            assert_eq!(batches(100, &[one, &[], other]), wanted, "cut at {cut}");
        }
        let single: Vec<&[i32]> = lengths.chunks(1).collect();
        assert_eq!(batches(100, &single), wanted);
        assert!(batches(0, &[&lengths]).iter().all(|batch| batch.len() == 1 && batch[0] < 0));
        let auto = Batching { size: 100, below: 20, is_auto: true };
        let wanted: [&[i32]; 9] = [&[10, 10], &[-20], &[-49], &[-50], &[-60], &[-10], &[-10], &[-10], &[-49]];
        for cut in 0..=lengths.len() {
            let (one, other) = lengths.split_at(cut);
            assert_eq!(batches_of(auto, &[one, other])[..9], wanted, "cut at {cut}");
        }
    }
}
