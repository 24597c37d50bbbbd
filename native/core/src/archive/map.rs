//! The checked map of a sparse file lists which of its bytes are stored and which are holes.

/// The next piece of a sparse file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Zeros(u64),
    Data(u64),
    End,
}

/// A checked map: pieces in order, without overlap, within the file, and together as long as the stored data.
#[derive(Debug)]
pub(super) struct Map {
    /// Offset and length of the pieces that are still to come.
    segments: std::vec::IntoIter<(u64, u64)>,
    /// Length of the data after the hole that was returned last.
    data: u64,
    /// End, in the file, of the pieces returned so far.
    position: u64,
    real_size: u64,
}

impl Map {
    /// Checks a map. `numbers` holds offset and length in turn; `stored` is the number of bytes in the archive.
    pub(super) fn new(numbers: &[u64], real_size: u64, stored: u64) -> Result<Self, String> {
        let mut segments = Vec::with_capacity(numbers.len() / 2);
        let (mut end, mut sum) = (0u64, 0u64);
        for pair in numbers.chunks(2) {
            let &[offset, length] = pair else {
                return Err("the sparse map has an offset without a length".to_owned());
            };
            if offset < end {
                return Err("pieces of the sparse map overlap or are out of order".to_owned());
            }
            end = offset.checked_add(length).filter(|&end| end <= real_size).ok_or_else(|| {
                format!("a piece of the sparse map ends beyond the file's {real_size} bytes")
            })?;
            // The sum cannot overflow: the pieces do not overlap and end within a u64.
            sum += length;
            if length > 0 {
                segments.push((offset, length));
            }
        }
        if sum != stored {
            return Err(format!("the sparse map describes {sum} bytes, the archive holds {stored}"));
        }
        Ok(Self { segments: segments.into_iter(), data: 0, position: 0, real_size })
    }

    pub(super) fn real_size(&self) -> u64 {
        self.real_size
    }

    /// Returns the file's pieces from start to end. The caller must consume the bytes of `Data` before it calls again.
    pub(super) fn next_piece(&mut self) -> Piece {
        let data = std::mem::take(&mut self.data);
        if data > 0 {
            self.position += data;
            return Piece::Data(data);
        }
        if let Some((offset, length)) = self.segments.next() {
            let hole = offset - self.position;
            if hole == 0 {
                self.position += length;
                return Piece::Data(length);
            }
            self.position = offset;
            self.data = length;
            return Piece::Zeros(hole);
        }
        let hole = self.real_size - self.position;
        self.position = self.real_size;
        if hole > 0 { Piece::Zeros(hole) } else { Piece::End }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(mut map: Map) -> Vec<Piece> {
        let mut all = Vec::new();
        while all.last() != Some(&Piece::End) {
            all.push(map.next_piece());
        }
        all
    }

    #[test]
    fn a_map_is_holes_and_data_up_to_the_real_size() {
        let map = Map::new(&[5, 3, 8, 2, 20, 1, 30, 0], 30, 6).unwrap();
        assert_eq!(
            pieces(map),
            [
                Piece::Zeros(5),
                Piece::Data(3),
                Piece::Data(2),
                Piece::Zeros(10),
                Piece::Data(1),
                Piece::Zeros(9),
                Piece::End
            ]
        );
        assert_eq!(pieces(Map::new(&[], 7, 0).unwrap()), [Piece::Zeros(7), Piece::End]);
        assert_eq!(pieces(Map::new(&[0, 7], 7, 7).unwrap()), [Piece::Data(7), Piece::End]);
    }

    #[test]
    fn false_maps_are_refused() {
        for (numbers, real_size, stored) in [
            (&[0, 4, 3, 1][..], 10, 5), // overlap
            (&[5, 1, 0, 1], 10, 2),     // order
            (&[8, 3], 10, 3),           // beyond the end
            (&[u64::MAX, 2], 10, 2),    // overflow
            (&[0, 4], 10, 5),           // more stored than mapped
            (&[0, 4], 10, 3),           // less
            (&[0], 10, 0),              // half a pair
            (&[], 0, 2),                // nothing mapped
        ] {
            assert!(Map::new(numbers, real_size, stored).is_err(), "{numbers:?}");
        }
    }
}
