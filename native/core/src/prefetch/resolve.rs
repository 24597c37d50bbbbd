//! Looks the patterns of a list up in a tree.

use std::collections::{HashMap, HashSet};

use super::glob::{is_glob, matches};
use super::listing::{Listing, Node};
use super::{MAX_PATTERN_BYTES, Pattern, PatternKind, Work};
use crate::error::Result;

/// What a list comes to in one tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resolved {
    /// The rows in the order of the list. A directory stands for everything in it.
    pub rows: Vec<u32>,
    /// The positions of patterns that lead nowhere.
    pub missing: Vec<u32>,
    /// The number of patterns that an earlier one covers.
    pub covered: u32,
    /// The number of patterns that lead only to what has no content: empty files, devices, or directories where a file is
    /// meant.
    pub empty: u32,
}

/// Looks all patterns up, in order. The time is linear in the bytes of the patterns, but for what globs compare, which is
/// bounded.
pub fn resolve(patterns: &[Pattern], listing: &impl Listing) -> Result<Resolved> {
    resolve_within(patterns, listing, Work::default())
}

fn resolve_within(patterns: &[Pattern], listing: &impl Listing, work: Work) -> Result<Resolved> {
    let mut resolver = Resolver {
        listing,
        work,
        named: Names::default(),
        taken: HashSet::new(),
        resolved: Resolved::default(),
    };
    for (position, pattern) in (0u32..).zip(patterns) {
        match resolver.pattern(pattern)? {
            Found::Taken => {}
            Found::Nothing => resolver.resolved.missing.push(position),
            Found::Covered => resolver.resolved.covered += 1,
            Found::Empty => resolver.resolved.empty += 1,
        }
    }
    Ok(resolver.resolved)
}

/// What became of a pattern, the best last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Found {
    Nothing,
    Empty,
    Covered,
    Taken,
}

struct Resolver<'a, L: Listing> {
    listing: &'a L,
    work: Work,
    /// Exact patterns so far.
    named: Names,
    taken: HashSet<u32>,
    resolved: Resolved,
}

impl<L: Listing> Resolver<'_, L> {
    fn pattern(&mut self, Pattern { path, kind }: &Pattern) -> Result<Found> {
        if path.first() != Some(&b'/') || path.len() > MAX_PATTERN_BYTES {
            return Ok(Found::Nothing);
        }
        if *kind == PatternKind::Exact {
            return Ok(self.exact(path));
        }
        // The list may hold what a name is, and a name may hold what a glob does.
        if let Some(row) = self.listing.follow(path, &mut self.work)? {
            return self.take(row, *kind);
        }
        if *kind != PatternKind::Glob || !is_glob(path) {
            return Ok(Found::Nothing);
        }
        let mut best = Found::Nothing;
        for row in matches(path, self.listing, &mut self.work)? {
            let row = match self.listing.node(row) {
                Node::Symlink(target) => {
                    self.listing.follow_from(self.listing.parent(row), target, &mut self.work)?
                }
                _ => Some(row),
            };
            if let Some(row) = row {
                best = best.max(self.take(row, *kind)?);
            }
        }
        Ok(best)
    }

    /// The reference drops a pattern that is equal to an earlier one or lies below it, whether that one leads anywhere or not
    /// (Nydus builder/src/core/prefetch.rs). An empty file never matches, and links are not followed.
    fn exact(&mut self, path: &[u8]) -> Found {
        if !self.named.add(path) {
            return Found::Covered;
        }
        let mut row = 0;
        for name in components(path) {
            let Some(child) = self.listing.find(row, name) else { return Found::Nothing };
            row = child;
        }
        if self.listing.node(row) == Node::File(0) {
            return Found::Empty;
        }
        self.resolved.rows.push(row);
        Found::Taken
    }

    fn take(&mut self, row: u32, kind: PatternKind) -> Result<Found> {
        match self.listing.node(row) {
            Node::Directory if kind != PatternKind::File => {}
            Node::File(size) if size > 0 => {}
            _ => return Ok(Found::Empty),
        }
        let mut above = row;
        loop {
            self.work.take(1)?;
            if self.taken.contains(&above) {
                return Ok(Found::Covered);
            }
            if above == 0 {
                break;
            }
            above = self.listing.parent(above);
        }
        self.taken.insert(row);
        self.resolved.rows.push(row);
        Ok(Found::Taken)
    }
}

/// The names of a path; `..` stays, and no directory has such a name.
fn components(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|&byte| byte == b'/').filter(|name| !matches!(*name, b"" | b"."))
}

/// Paths as a tree of their names.
#[derive(Default)]
struct Names {
    /// The number of a name in a directory, by the directory's own number.
    children: HashMap<(u32, Vec<u8>), u32>,
    /// The paths that were added, by the number of their last name.
    ends: HashSet<u32>,
}

impl Names {
    /// Adds a path; false if it or a directory above it was added before.
    fn add(&mut self, path: &[u8]) -> bool {
        let mut at = 0;
        if self.ends.contains(&at) {
            return false;
        }
        for name in components(path) {
            let next = u32::try_from(self.children.len() + 1).unwrap_or(u32::MAX);
            at = *self.children.entry((at, name.to_vec())).or_insert(next);
            if self.ends.contains(&at) {
                return false;
            }
        }
        self.ends.insert(at)
    }
}

#[cfg(test)]
mod tests {
    use super::super::listing::PackedListing;
    use super::*;

    /// Rows as `parent kind size name target`, the root first.
    fn listing(rows: &[(u32, u8, u64, &str, &str)]) -> PackedListing {
        let mut bytes = Vec::new();
        for (parent, kind, size, name, target) in rows {
            bytes.extend(parent.to_le_bytes());
            bytes.push(*kind);
            bytes.extend(size.to_le_bytes());
            bytes.extend(u32::try_from(name.len()).unwrap().to_le_bytes());
            bytes.extend(u32::try_from(target.len()).unwrap().to_le_bytes());
            bytes.extend(name.as_bytes());
            bytes.extend(target.as_bytes());
        }
        PackedListing::read(bytes).unwrap()
    }

    /// ```text
    /// 1 /a/  2 /b -> a/x  3 /empty  4 /lib -> /usr/lib  5 /usr/
    /// 6 /a/[x]  7 /a/x  8 /a/y  9 /usr/lib/  10 /usr/lib/c.so  11 /usr/lib/d.so
    /// ```
    fn small() -> PackedListing {
        listing(&[
            (0, b'd', 0, "", ""),
            (0, b'd', 0, "a", ""),
            (0, b'l', 3, "b", "a/x"),
            (0, b'f', 0, "empty", ""),
            (0, b'l', 8, "lib", "/usr/lib"),
            (0, b'd', 0, "usr", ""),
            (1, b'f', 5, "[x]", ""),
            (1, b'f', 5, "x", ""),
            (1, b'f', 5, "y", ""),
            (5, b'd', 0, "lib", ""),
            (9, b'f', 5, "c.so", ""),
            (9, b'f', 5, "d.so", ""),
        ])
    }

    fn resolved(kind: PatternKind, paths: &[&str]) -> Resolved {
        let patterns: Vec<Pattern> =
            paths.iter().map(|path| Pattern { path: path.as_bytes().to_vec(), kind }).collect();
        resolve(&patterns, &small()).unwrap()
    }

    #[test]
    fn exact_patterns_are_those_of_the_reference() {
        let found = resolved(
            PatternKind::Exact,
            &["/a//x/", "/a", "/a/y", "/a/x", "/b", "/empty", "x", "/no", "/no/x", "/a/../b", "/lib/c.so"],
        );
        assert_eq!(found.rows, [7, 1, 2]);
        assert_eq!((found.missing, found.covered, found.empty), (vec![6, 7, 10], 4, 1));
        assert_eq!(resolved(PatternKind::Exact, &["/", "/a"]).rows, [0]);
    }

    #[test]
    fn links_are_followed_inside_the_tree_and_directories_cover_what_is_in_them() {
        let found = resolved(
            PatternKind::Path,
            &["/b", "/a/x", "/lib/d.so", "/lib", "/usr/lib/c.so", "/empty", "/no"],
        );
        assert_eq!(found.rows, [7, 11, 9]);
        assert_eq!((found.missing, found.covered, found.empty), (vec![6], 2, 1));
        let files = resolved(PatternKind::File, &["/lib", "/lib/c.so", "/../a/./x"]);
        assert_eq!((files.rows, files.empty), (vec![10, 7], 1));
    }

    #[test]
    fn globs_match_names_and_a_name_that_is_there_wins() {
        assert_eq!(resolved(PatternKind::Glob, &["/a/[x]"]).rows, [6]);
        assert_eq!(resolved(PatternKind::Glob, &["/a/[!x]"]).rows, [8]);
        assert_eq!(resolved(PatternKind::Glob, &["/usr/**/*.so"]).rows, [10, 11]);
        assert_eq!(resolved(PatternKind::Glob, &["/**/{c,d}.so", "/**/y"]).rows, [10, 11, 8]);
        assert_eq!(
            resolved(PatternKind::Glob, &["/lib/c*", "/l?b/d.so"]).rows,
            [10, 11],
            "links to directories"
        );
        assert_eq!(resolved(PatternKind::Glob, &["/a/**"]).rows, [6, 7, 8]);
        assert_eq!(resolved(PatternKind::Glob, &["/**"]).rows, [1, 9, 5]);
        assert_eq!(resolved(PatternKind::Glob, &["/?"]).rows, [1]);
        assert_eq!(resolved(PatternKind::Glob, &["/*/nothing"]).missing, [0]);
    }

    #[test]
    fn long_lists_take_linear_time() {
        let patterns: Vec<Pattern> = (0..100_000)
            .map(|number| Pattern { path: format!("/a/{number}/x/y").into_bytes(), kind: PatternKind::Exact })
            .collect();
        let begun = std::time::Instant::now();
        assert_eq!(resolve(&patterns, &small()).unwrap().missing.len(), 100_000);
        assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
    }

    #[test]
    fn lists_that_compare_without_end_are_refused() {
        let path = b"/**/**a*/**/*b*/**/*c*".to_vec();
        let many = vec![Pattern { path, kind: PatternKind::Glob }; 100];
        let refused = resolve_within(&many, &small(), Work(1000)).map(|_| ()).unwrap_err();
        assert_eq!(refused.code(), "UNSUPPORTED");
        assert!(resolve_within(&many, &small(), Work(100_000)).is_ok());
    }
}
