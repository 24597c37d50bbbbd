//! The chunk table of a bootstrap holds the chunks that files refer to, in the order of their digests.

use std::collections::HashSet;

use super::Moved;
use super::blob_table::BlobTable;
use super::model::{FileChunks, Stretch};
use crate::dict::Place;
use crate::error::{Error, Result};

/// Collects the chunks of files in walk order.
pub struct UsedChunks {
    /// A column for each blob, by chunk index: one more than the chunk's index in the last file that contains it, 0 for
    /// unused chunks.
    positions: Vec<Vec<u32>>,
    count: usize,
    /// Chunks that occurred at several positions.
    moved: HashSet<Place>,
}

/// A row of the table.
#[derive(Clone, Copy)]
pub struct UsedChunk {
    /// The position of its blob in the blob table.
    pub blob: u32,
    /// Its index in the blob.
    pub index: u32,
    /// Its position in a file, in chunks.
    pub position: u32,
}

/// Rows sorted by digest, then blob.
pub struct UsedRows {
    /// The position of the blob in the upper 8 bits, the index in the lower 24.
    rows: Vec<u32>,
    positions: Vec<Vec<u32>>,
}

const INDEX_BITS: u32 = 24;
const INDEX_MASK: u32 = (1 << INDEX_BITS) - 1;

impl UsedChunks {
    /// Begins with no chunk of these blobs used.
    pub fn new(table: &BlobTable) -> Self {
        let positions = table.blobs.iter().map(|blob| vec![0; blob.slots()]).collect();
        Self { positions, count: 0, moved: HashSet::new() }
    }

    /// Adds the chunks of one name of a file; `moved` is that of the file's layer.
    pub fn add(&mut self, table: &BlobTable, chunks: FileChunks<'_>, moved: Option<&Moved>) -> Result<()> {
        let mut number = 0;
        for stretch in chunks {
            match stretch {
                Stretch::Singles(places) => {
                    for &place in places {
                        number += 1;
                        self.add_one(table, place, number, moved)?;
                    }
                }
                Stretch::Run(place, count) => {
                    // Those between the first and the last leave no trace.
                    self.add_one(table, place, number + 1, moved)?;
                    number += count;
                    self.add_one(table, place, number, moved)?;
                }
            }
        }
        Ok(())
    }

    fn add_one(&mut self, table: &BlobTable, place: Place, number: u32, moved: Option<&Moved>) -> Result<()> {
        let slot = table
            .position(place.layer)
            .and_then(|blob| self.positions.get_mut(blob as usize))
            .and_then(|positions| positions.get_mut(place.index as usize));
        let Some(slot) = slot else {
            let Place { layer, index } = place;
            return Err(Error::internal(format!(
                "a file refers to chunk {index} of blob {layer}, which the image does not have"
            )));
        };
        let position = moved.and_then(|moved| moved.get(&place)).map_or(number, |known| known + 1);
        if *slot == 0 {
            self.count += 1;
        } else if *slot != position {
            self.moved.insert(place);
        }
        *slot = position;
        Ok(())
    }

    /// The moved chunks, which a merge needs to know of a layer's own table.
    pub fn moved(&self, table: &BlobTable) -> Moved {
        let position = |place: &Place| {
            let blob = table.position(place.layer)?;
            self.positions.get(blob as usize)?.get(place.index as usize)?.checked_sub(1)
        };
        self.moved.iter().filter_map(|place| Some((*place, position(place)?))).collect()
    }

    /// The used chunks in the order of the table.
    pub fn into_rows(self, table: &BlobTable) -> UsedRows {
        // The leading bits of the digest nearly always decide, and numbers sort fast.
        let mut keys: Vec<u64> = Vec::with_capacity(self.count);
        for ((blob, positions), number) in table.blobs.iter().zip(&self.positions).zip(0u32..) {
            for (&position, index) in positions.iter().zip(0u32..) {
                if position == 0 {
                    continue;
                }
                let leading = blob.digest(index).and_then(|digest| digest.first_chunk());
                let leading = leading.map_or(0, |bytes| u32::from_be_bytes(*bytes));
                keys.push(u64::from(leading) << 32 | u64::from(number << INDEX_BITS | index));
            }
        }
        keys.sort_unstable();
        let mut rows: Vec<u32> = keys.iter().map(|&key| low_half(key)).collect();
        let digest = |row: u32| table.blobs.get((row >> INDEX_BITS) as usize)?.digest(row & INDEX_MASK);
        let mut start = 0;
        for run in keys.chunk_by(|one, two| one >> 32 == two >> 32) {
            if run.len() > 1
                && let Some(tied) = rows.get_mut(start..start + run.len())
            {
                tied.sort_unstable_by(|&one, &two| digest(one).cmp(&digest(two)).then(one.cmp(&two)));
            }
            start += run.len();
        }
        UsedRows { rows, positions: self.positions }
    }
}

impl UsedRows {
    /// The number of rows.
    pub const fn len(&self) -> usize {
        self.rows.len()
    }

    /// The rows in order.
    pub fn iter(&self) -> impl Iterator<Item = UsedChunk> + '_ {
        self.rows.iter().map(|&row| {
            let (blob, index) = (row >> INDEX_BITS, row & INDEX_MASK);
            let position = self.positions.get(blob as usize).and_then(|column| column.get(index as usize));
            UsedChunk { blob, index, position: position.map_or(0, |position| position.saturating_sub(1)) }
        })
    }
}

fn low_half(key: u64) -> u32 {
    u32::try_from(key & u64::from(u32::MAX)).unwrap_or(0)
}
