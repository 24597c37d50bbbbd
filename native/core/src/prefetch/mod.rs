//! A prefetch list names what a client loads directly after it has mounted an image. Here patterns become rows of a tree,
//! whatever version of the format writes them and wherever the tree comes from.
//!
//! `resolve` looks patterns up, `glob` matches names, and `listing` is what both need to know of a tree.

mod glob;
mod listing;
mod resolve;

pub use listing::{Listing, Node, PackedListing};
pub use resolve::{Resolved, resolve};

use crate::error::{Error, Result};

/// The most patterns of a list.
pub const MAX_PATTERNS: usize = 1_000_000;
/// The most bytes of one pattern: no path that Linux accepts is longer (`PATH_MAX`).
pub const MAX_PATTERN_BYTES: usize = 4096;

/// The most steps that a list may take: names that are compared, and links that are followed.
const MAX_STEPS: u64 = 200_000_000;

/// The steps that are left, so that no list takes more than its share.
#[derive(Debug)]
pub struct Work(u64);

impl Default for Work {
    fn default() -> Self {
        Self(MAX_STEPS)
    }
}

impl Work {
    fn take(&mut self, steps: u64) -> Result<()> {
        let much = || {
            Error::unsupported("the prefetch list takes too many comparisons with the names of the image")
                .with_hint("name directories instead of globs")
        };
        self.0 = self.0.checked_sub(steps).ok_or_else(much)?;
        Ok(())
    }

    #[cfg(test)]
    const fn taken(&self) -> u64 {
        MAX_STEPS - self.0
    }
}

/// The ways in which a pattern names files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatternKind {
    /// The name itself, as in the reference: links are not followed, and a pattern below an earlier one is dropped.
    Exact,
    /// A file, or a directory with everything in it; links are followed inside the image.
    Path,
    /// A file. A directory is not meant: a program that lists one does not read its files.
    File,
    /// `*`, `?`, `[…]`, `{…}` within names, and `**` for any number of directories; a name that is there as written wins.
    Glob,
}

impl PatternKind {
    /// The kinds and their names.
    pub const ALL: [(&'static str, Self); 4] =
        [("exact", Self::Exact), ("path", Self::Path), ("file", Self::File), ("glob", Self::Glob)];

    /// The kind with this name.
    pub fn named(name: &str) -> Result<Self> {
        let kind = Self::ALL.into_iter().find(|(known, _)| *known == name);
        kind.map(|(_, kind)| kind)
            .ok_or_else(|| Error::invalid_argument(format!("{name:?} is not a kind of prefetch pattern")))
    }
}

/// A line of a prefetch list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// Bytes of the path, which begins with `/`.
    pub path: Vec<u8>,
    /// How the path is meant.
    pub kind: PatternKind,
}

impl Pattern {
    /// True if this is the pattern that stands for the whole image.
    fn is_root(&self) -> bool {
        self.kind == PatternKind::Exact && self.path == b"/"
    }
}

/// A prefetch list; by default it is the whole image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrefetchList {
    patterns: Vec<Pattern>,
}

impl Default for PrefetchList {
    fn default() -> Self {
        Self { patterns: vec![Pattern { path: b"/".to_vec(), kind: PatternKind::Exact }] }
    }
}

impl PrefetchList {
    /// A list of patterns in the order in which files are to be loaded.
    pub fn new(patterns: Vec<Pattern>) -> Result<Self> {
        if patterns.len() > MAX_PATTERNS {
            return Err(Error::unsupported(format!(
                "the prefetch list has more than {MAX_PATTERNS} patterns"
            )));
        }
        Ok(Self { patterns })
    }

    /// The patterns in order.
    pub fn patterns(&self) -> &[Pattern] {
        &self.patterns
    }

    /// True if the list is the whole image, so that no tree is needed to resolve it.
    pub fn is_whole(&self) -> bool {
        matches!(self.patterns.as_slice(), [only] if only.is_root())
    }
}
