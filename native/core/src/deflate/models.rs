//! The rules by which encoders search for repeated bytes. A place in this list is part of the format of a record.

/// How an encoder finds and takes references. The members are facts of the programs: zlib's, which gzip, pigz and the zlib of Java,
/// Python and Perl share, and those of the package `compress/flate` of Go.
#[derive(Debug)]
pub struct Model {
    pub family: Family,
    /// A reference of this length makes the search for a better one short.
    pub good: usize,
    /// A shorter reference waits for the one at the next byte; 0: none waits.
    pub lazy: usize,
    /// A reference of this length is taken at once.
    pub nice: usize,
    /// The number of places that are looked at.
    pub chain: usize,
    /// Within a longer reference no place is remembered.
    pub remembered: usize,
}

/// What the rules of one program's levels share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    Zlib,
    Go,
}

impl Family {
    /// Bytes by which places are found.
    pub const fn hashed(self) -> usize {
        match self {
            Self::Zlib => 3,
            Self::Go => 4,
        }
    }

    /// The number of bits of a hash.
    pub const fn hash_bits(self) -> u32 {
        match self {
            Self::Zlib => 15,
            Self::Go => 17,
        }
    }

    /// The largest distance.
    pub const fn reach(self) -> usize {
        match self {
            // The window, less the longest reference, and what it and the next one need.
            Self::Zlib => (32 << 10) - 262,
            Self::Go => 32 << 10,
        }
    }
}

/// A reference of the shortest length is not worth its bits if it reaches farther.
pub const NEAR: usize = 4096;

const fn waiting(family: Family, good: usize, lazy: usize, nice: usize, chain: usize) -> Model {
    Model { family, good, lazy, nice, chain, remembered: usize::MAX }
}

const fn greedy(family: Family, remembered: usize, nice: usize, chain: usize) -> Model {
    Model { family, good: usize::MAX, lazy: 0, nice, chain, remembered }
}

use Family::{Go, Zlib};

/// All models. The likelier ones come first, because the first of equally good ones is taken.
pub static MODELS: [Model; 17] = [
    waiting(Zlib, 8, 16, 128, 128),
    waiting(Go, 8, 16, 128, 128),
    waiting(Zlib, 32, 258, 258, 4096),
    waiting(Go, 32, 258, 258, 4096),
    greedy(Zlib, 4, 8, 4),
    greedy(Zlib, 5, 16, 8),
    greedy(Zlib, 6, 32, 32),
    waiting(Zlib, 4, 4, 16, 16),
    waiting(Zlib, 8, 16, 32, 32),
    waiting(Zlib, 8, 32, 128, 256),
    waiting(Zlib, 32, 128, 258, 1024),
    greedy(Go, 5, 16, 8),
    greedy(Go, 6, 32, 32),
    waiting(Go, 4, 4, 16, 16),
    waiting(Go, 8, 16, 32, 32),
    waiting(Go, 8, 32, 128, 256),
    waiting(Go, 32, 128, 258, 1024),
];
