//! Places inodes with a cursor that only grows, and with the gaps that it leaves at the ends of blocks, which later inodes
//! fill. Any place that keeps an inode and its inline tail in one block is valid EROFS; these are the reference's choices
//! (Nydus builder/src/core/v6.rs, `v6_set_offset_with_tail` and `BootstrapContext::allocate_available_block`).

use std::collections::VecDeque;

use nydus_layout::{BLOCK_SIZE, SLOT_SIZE};

const BLOCK: u64 = BLOCK_SIZE as u64;
const SLOT: u64 = SLOT_SIZE as u64;
const SLOTS_PER_BLOCK: usize = BLOCK_SIZE / SLOT_SIZE;

/// A place; offsets count from the start of the metadata area.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The inode's offset, a multiple of the size of a slot.
    pub offset: u64,
    /// The start of the data's whole blocks. Without any block it is only a number that the inode shows.
    pub data: u64,
}

/// True if the last, partial block of data stands directly after the inode: then inode and tail fit one block.
pub const fn is_inline(inode_size: u64, data_size: u64) -> bool {
    let tail = data_size % BLOCK;
    tail != 0 && inode_size + tail <= BLOCK
}

/// The cursor and the gaps before it.
pub struct Placement {
    /// The blocks with free slots at their ends, by the number of these slots, the oldest first.
    gaps: Vec<VecDeque<u64>>,
    cursor: u64,
}

impl Placement {
    /// The cursor: everything from this offset on is free.
    pub fn new(start: u64) -> Self {
        Self { gaps: vec![VecDeque::new(); SLOTS_PER_BLOCK], cursor: start }
    }

    /// End of everything placed so far.
    pub const fn end(&self) -> u64 {
        self.cursor
    }

    /// Places an inode with its body directly after it: the chunk index entries of a file.
    pub fn place_file(&mut self, size: u64) -> u64 {
        self.take(size).unwrap_or_else(|| self.append(size))
    }

    /// Places an inode without a body. The reference never looks for a gap here.
    pub fn place_special(&mut self, inode_size: u64) -> u64 {
        self.append(inode_size)
    }

    /// Places an inode with data: the last, partial block inline when inode and tail fit one block, everything in blocks
    /// otherwise.
    pub fn place_with_data(&mut self, inode_size: u64, data_size: u64) -> Place {
        let place = if is_inline(inode_size, data_size) {
            self.inline(inode_size, data_size)
        } else {
            self.plain(inode_size, data_size)
        };
        self.cursor = self.cursor.next_multiple_of(SLOT);
        place
    }

    fn inline(&mut self, inode_size: u64, data_size: u64) -> Place {
        let tail = data_size % BLOCK;
        let offset = self.take(inode_size + tail).unwrap_or_else(|| {
            if BLOCK - self.cursor % BLOCK < inode_size + tail {
                self.next_block();
            }
            let offset = self.cursor;
            self.cursor += inode_size + tail;
            offset
        });
        if data_size != tail {
            self.next_block();
        }
        let data = self.cursor;
        self.cursor += data_size - tail;
        Place { offset, data }
    }

    fn plain(&mut self, inode_size: u64, data_size: u64) -> Place {
        let offset = self.take(inode_size).unwrap_or_else(|| {
            let offset = self.cursor;
            self.cursor += inode_size;
            offset
        });
        self.next_block();
        let data = self.cursor;
        self.cursor = (data + data_size).next_multiple_of(BLOCK);
        Place { offset, data }
    }

    fn append(&mut self, size: u64) -> u64 {
        let offset = self.cursor;
        self.cursor = (offset + size).next_multiple_of(SLOT);
        offset
    }

    fn next_block(&mut self) {
        self.remember(self.cursor);
        self.cursor = self.cursor.next_multiple_of(BLOCK);
    }

    /// Records the rest of the block after `offset` as a gap.
    fn remember(&mut self, offset: u64) {
        let used = offset % BLOCK;
        let slots = usize::try_from((BLOCK - used) / SLOT).unwrap_or(usize::MAX);
        if used != 0
            && let Some(gaps) = self.gaps.get_mut(slots)
        {
            gaps.push_back(offset - used);
        }
    }

    /// Takes the smallest gap that `size` fits, and the oldest of these.
    fn take(&mut self, size: u64) -> Option<u64> {
        if size >= BLOCK {
            return None;
        }
        let wanted = usize::try_from(size.div_ceil(SLOT)).ok()?;
        for slots in wanted..SLOTS_PER_BLOCK {
            let Some(base) = self.gaps.get_mut(slots).and_then(VecDeque::pop_front) else { continue };
            let offset = base + BLOCK - SLOT * slots as u64;
            self.remember(offset + SLOT * wanted as u64);
            return Some(offset);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_at_the_ends_of_blocks_are_filled_the_smallest_first() {
        let mut placement = Placement::new(4096);
        assert_eq!(placement.place_with_data(64, 4096), Place { offset: 4096, data: 8192 });
        assert_eq!(placement.place_special(64), 12288);
        assert_eq!(placement.place_with_data(64, 4090), Place { offset: 4096 + 64, data: 16384 });
        // Two gaps are left: 3968 bytes of the second block, 4032 of the fourth.
        assert_eq!(placement.place_file(72), 4096 + 128);
        assert_eq!(placement.place_file(3900), 12288 + 64);
        assert_eq!(placement.end(), 20480);
    }
}
