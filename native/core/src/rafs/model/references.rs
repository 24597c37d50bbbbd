//! References of files to chunks. A hole is one chunk over and over, so it is kept as a run, however long it is.

use crate::dict::Place;

/// Shorter runs are kept as single references, which take no more room.
const SHORTEST_RUN: u32 = 4;

/// A run of equal references.
#[derive(Clone, Copy, Debug)]
struct Run {
    place: Place,
    /// The number of its first reference, and the number after its last one.
    first: u32,
    end: u32,
    /// The number of single references before it.
    singles: u32,
}

/// The references of a layer's files, file after file, in tar order.
#[derive(Debug, Default)]
pub struct References {
    singles: Vec<Place>,
    runs: Vec<Run>,
    len: u32,
}

impl References {
    /// Adds the next reference `count` times.
    pub fn push(&mut self, place: Place, count: u32) {
        let first = self.len;
        // `EntryLimits` bounds the references of a layer far below 2^32.
        self.len = first.saturating_add(count);
        if count < SHORTEST_RUN {
            self.singles.extend(std::iter::repeat_n(place, count as usize));
            return;
        }
        let singles = u32::try_from(self.singles.len()).unwrap_or(u32::MAX);
        self.runs.push(Run { place, first, end: self.len, singles });
    }

    /// Every place that is referred to; a run counts once.
    pub fn places(&self) -> impl Iterator<Item = Place> + '_ {
        self.singles.iter().copied().chain(self.runs.iter().map(|run| run.place))
    }

    /// Replaces every place.
    pub fn map(&mut self, mut to: impl FnMut(Place) -> Place) {
        self.singles.iter_mut().for_each(|place| *place = to(*place));
        self.runs.iter_mut().for_each(|run| run.place = to(run.place));
    }

    /// The references of a file: `count` of them from number `first` on. Empty if there are not so many.
    pub fn of_file(&self, first: u32, count: u64) -> FileChunks<'_> {
        let end = u32::try_from(u64::from(first) + count).ok().filter(|&end| end <= self.len);
        let end = end.unwrap_or(first);
        let run = if self.runs.is_empty() { 0 } else { self.runs.partition_point(|run| run.end <= first) };
        FileChunks { references: self, at: first, end, run }
    }

    /// The single references from number `at` to number `end`, with no run between; `run` is the position of the run after
    /// them.
    fn singles(&self, at: u32, end: u32, run: usize) -> &[Place] {
        let before = run.checked_sub(1).and_then(|before| self.runs.get(before));
        let in_runs = before.map_or(0, |before| before.end - before.singles);
        self.singles.get((at - in_runs) as usize..(end - in_runs) as usize).unwrap_or_default()
    }
}

/// References that follow each other in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stretch<'a> {
    /// References one by one.
    Singles(&'a [Place]),
    /// One reference so many times.
    Run(Place, u32),
}

impl Stretch<'_> {
    /// The different places, in order of their first occurrence but for repetitions among single references.
    pub fn places(&self) -> &[Place] {
        match self {
            Self::Singles(places) => places,
            Self::Run(place, _) => std::slice::from_ref(place),
        }
    }
}

/// The references of a file, as an iterator over its stretches.
#[derive(Clone, Debug)]
pub struct FileChunks<'a> {
    references: &'a References,
    at: u32,
    end: u32,
    /// The position of the first run that ends behind `at`.
    run: usize,
}

impl FileChunks<'_> {
    /// True if there are no more references.
    pub const fn is_empty(&self) -> bool {
        self.at == self.end
    }
}

impl<'a> Iterator for FileChunks<'a> {
    type Item = Stretch<'a>;

    fn next(&mut self) -> Option<Stretch<'a>> {
        let &mut Self { references, at, end, run } = self;
        if at == end {
            return None;
        }
        let next = references.runs.get(run).filter(|next| next.first < end);
        match next {
            Some(next) if next.first <= at => {
                self.at = next.end.min(end);
                self.run += 1;
                Some(Stretch::Run(next.place, self.at - at))
            }
            _ => {
                self.at = next.map_or(end, |next| next.first);
                Some(Stretch::Singles(references.singles(at, self.at, run)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn place(index: u32) -> Place {
        Place { layer: 0, index }
    }

    fn expanded(references: &References, first: u32, count: u64) -> Vec<u32> {
        let mut all = Vec::new();
        for stretch in references.of_file(first, count) {
            match stretch {
                Stretch::Singles(places) => all.extend(places.iter().map(|place| place.index)),
                Stretch::Run(place, count) => all.extend(std::iter::repeat_n(place.index, count as usize)),
            }
        }
        all
    }

    #[test]
    fn runs_read_as_the_references_that_they_stand_for() {
        let mut references = References::default();
        let mut plain = Vec::new();
        for (index, count) in [(0, 1), (1, 5), (2, 3), (3, 1), (1, 9), (1, 4), (4, 2)] {
            references.push(place(index), count);
            plain.extend(std::iter::repeat_n(index, count as usize));
        }
        assert_eq!((references.runs.len(), references.singles.len()), (3, 7));
        for first in 0..plain.len() {
            for end in first..=plain.len() {
                let (at, count) = (u32::try_from(first).unwrap(), (end - first) as u64);
                assert_eq!(expanded(&references, at, count), plain[first..end], "{first}..{end}");
            }
        }
        assert!(references.of_file(20, 6).is_empty(), "there are 25");
        assert!(references.of_file(0, u64::MAX - 9).is_empty());
    }

    #[test]
    fn a_hole_takes_the_room_of_one_run() {
        let mut references = References::default();
        references.push(place(0), 1 << 24);
        assert_eq!((references.singles.capacity(), references.runs.len()), (0, 1));
        assert_eq!(references.of_file(0, 1 << 24).collect::<Vec<_>>(), [Stretch::Run(place(0), 1 << 24)]);
    }
}
