//! A hash table of numbers: what they stand for lies elsewhere, in the order in which it came. Eight bytes an element at
//! most, however large the elements are.

/// Nothing was ever here.
const FREE: u32 = u32::MAX;
/// Something was, and a search goes on.
const GONE: u32 = u32::MAX - 1;
const SMALLEST: usize = 16;

/// Numbers by the hash of what they stand for. Callers bring hashes and compare.
#[derive(Default)]
pub struct Slots {
    slots: Vec<u32>,
    /// Slots that are not free.
    taken: usize,
}

impl Slots {
    /// Numbers from here on cannot be held.
    pub const LIMIT: u32 = GONE;

    /// The number with this hash that `is` accepts.
    pub fn find(&self, hash: u64, mut is: impl FnMut(u32) -> bool) -> Option<u32> {
        let mask = self.slots.len().checked_sub(1)?;
        let mut at = start(hash, mask);
        loop {
            match self.slots.get(at).copied()? {
                FREE => return None,
                GONE => {}
                number if is(number) => return Some(number),
                _ => {}
            }
            at = (at + 1) & mask;
        }
    }

    /// Adds a number that is not there; `hash_of` tells the hash of any that is.
    pub fn insert(&mut self, hash: u64, number: u32, hash_of: impl Fn(u32) -> u64) {
        // At most three quarters are taken, so that a search ends soon.
        if (self.taken + 1) * 4 > self.slots.len() * 3 {
            self.grow(hash_of);
        }
        self.place(hash, number);
    }

    /// Takes out the number that `is` accepts.
    pub fn remove(&mut self, hash: u64, mut is: impl FnMut(u32) -> bool) {
        let Some(mask) = self.slots.len().checked_sub(1) else { return };
        let mut at = start(hash, mask);
        while let Some(slot) = self.slots.get_mut(at) {
            match *slot {
                FREE => return,
                GONE => {}
                number if is(number) => {
                    *slot = GONE;
                    return;
                }
                _ => {}
            }
            at = (at + 1) & mask;
        }
    }

    fn grow(&mut self, hash_of: impl Fn(u32) -> u64) {
        let here: usize = self.slots.iter().filter(|&&slot| slot < GONE).count();
        let size = ((here + 1) * 2).next_power_of_two().max(SMALLEST);
        let old = std::mem::replace(&mut self.slots, vec![FREE; size]);
        self.taken = 0;
        for number in old.into_iter().filter(|&slot| slot < GONE) {
            self.place(hash_of(number), number);
        }
    }

    fn place(&mut self, hash: u64, number: u32) {
        let mask = self.slots.len().saturating_sub(1);
        let mut at = start(hash, mask);
        while let Some(slot) = self.slots.get_mut(at) {
            if *slot == FREE {
                *slot = number;
                self.taken += 1;
                return;
            }
            at = (at + 1) & mask;
        }
    }
}

fn start(hash: u64, mask: usize) -> usize {
    // The low bits: the table is smaller than any address space.
    usize::try_from(hash & mask as u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn it_holds_what_was_put_in_and_not_taken_out(steps in prop::collection::vec((0u32..200, any::<bool>()), 0..400)) {
            // A bad hash on purpose: everything collides.
            let hash_of = |number: u32| u64::from(number % 7);
            let (mut slots, mut model) = (Slots::default(), BTreeSet::new());
            for (number, add) in steps {
                if !add {
                    slots.remove(hash_of(number), |other| other == number);
                    model.remove(&number);
                } else if model.insert(number) {
                    slots.insert(hash_of(number), number, hash_of);
                }
                for probe in 0..200 {
                    let found = slots.find(hash_of(probe), |other| other == probe);
                    prop_assert_eq!(found, model.get(&probe).copied());
                }
            }
        }
    }
}
