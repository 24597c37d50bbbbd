//! Globs over names that are bytes. A glob is matched name by name down a tree, so that only directories that may hold a
//! match are listed, and the comparisons are counted, so that no list can take more than its share.

use super::Work;
use super::listing::{Listing, Node};
use crate::error::{Error, Result};

/// The most globs that the braces of one may stand for.
const MAX_ALTERNATIVES: usize = 1024;
/// The most names of one glob; each has a bit in the set of those that may come next.
const MAX_NAMES: usize = 64;

/// One piece of a glob's name.
#[derive(Debug, PartialEq, Eq)]
enum Token {
    Byte(u8),
    /// Any one character.
    Any,
    /// Any number of characters.
    Star,
    /// One of these ranges of bytes, or none of them.
    Class(Vec<(u8, u8)>, bool),
}

/// One name of a glob.
#[derive(Debug, PartialEq, Eq)]
enum Name {
    /// `**`: any number of directories.
    Deep,
    /// A name without any special character.
    Literal(Vec<u8>),
    Tokens(Vec<Token>),
}

/// True if the path has a character that means something in a glob.
pub fn is_glob(path: &[u8]) -> bool {
    path.iter().any(|byte| b"*?[{\\".contains(byte))
}

/// The rows that a glob matches, directories before what is in them, in the order of names. Nothing is looked for below a
/// directory that matches, because it stands for everything in it. A link to a directory is followed where a name of the
/// glob leads to it, and not by `**`, as in shells.
pub fn matches(glob: &[u8], listing: &impl Listing, work: &mut Work) -> Result<Vec<u32>> {
    let mut found = Vec::new();
    for alternative in alternatives(glob, work)? {
        let names = parse(&alternative)?;
        // The last position stands for the end of the glob.
        let end = 1u64 << names.len();
        let mut pending = vec![(0, open_after(&names, 1))];
        while let Some((row, open)) = pending.pop() {
            if open & end != 0 {
                found.push(row);
                continue;
            }
            let directory = match listing.node(row) {
                Node::Directory => row,
                Node::Symlink(target) => match listing.follow_from(listing.parent(row), target, work)? {
                    Some(directory) => directory,
                    None => continue,
                },
                _ => continue,
            };
            let below = pending.len();
            if let Some(Name::Literal(name)) = only(&names, open) {
                work.take(1)?;
                if let Some(child) = listing.find(directory, name) {
                    pending.push((child, open_after(&names, open << 1)));
                }
                continue;
            }
            for child in listing.children(directory) {
                let (mut next, deeper) = step(&names, open, listing.name(child), work)?;
                if matches!(listing.node(child), Node::Directory) {
                    next |= deeper;
                }
                if next != 0 {
                    pending.push((child, open_after(&names, next)));
                }
            }
            // The first in order is popped next.
            pending.get_mut(below..).unwrap_or_default().reverse();
        }
    }
    Ok(found)
}

/// The only name that may come next.
fn only(names: &[Name], open: u64) -> Option<&Name> {
    open.is_power_of_two().then(|| names.get(open.trailing_zeros() as usize)).flatten()
}

/// Adds the positions that are reached without any name: those after `**`. A `**` at the end needs a name, because `a/**` is
/// what lies in `a`, and not `a` itself.
fn open_after(names: &[Name], mut open: u64) -> u64 {
    for (position, name) in names.iter().enumerate() {
        let is_last = position + 1 == names.len();
        if open & 1 << position != 0 && *name == Name::Deep && !is_last {
            open |= 1 << (position + 1);
        }
    }
    open
}

/// The positions that are open after one more name: by names of the glob, and by `**`, which stays where it is.
fn step(names: &[Name], open: u64, child: &[u8], work: &mut Work) -> Result<(u64, u64)> {
    let (mut next, mut deeper) = (0, 0);
    for (position, name) in names.iter().enumerate().filter(|(position, _)| open & 1 << position != 0) {
        let is_matched = match name {
            Name::Deep => {
                deeper |= 1 << position;
                work.take(1)?;
                position + 1 == names.len()
            }
            Name::Literal(literal) => {
                work.take(1)?;
                literal == child
            }
            Name::Tokens(tokens) => is_match(tokens, child, work)?,
        };
        if is_matched {
            next |= 1 << (position + 1);
        }
    }
    Ok((next, deeper))
}

fn is_match(tokens: &[Token], name: &[u8], work: &mut Work) -> Result<bool> {
    let (mut token, mut at) = (0, 0);
    // The token after the last star, and the byte that it was tried at last.
    let mut retry: Option<(usize, usize)> = None;
    loop {
        work.take(1)?;
        let rest = name.get(at..).unwrap_or_default();
        let length = match (tokens.get(token), rest) {
            (Some(Token::Star), _) => {
                token += 1;
                retry = Some((token, at));
                continue;
            }
            (None, []) => return Ok(true),
            (Some(Token::Byte(byte)), [first, ..]) if byte == first => 1,
            (Some(Token::Any), [first, ..]) => character(*first, rest),
            (Some(Token::Class(ranges, negated)), [first, ..])
                if work.take(ranges.len() as u64).is_ok()
                    && ranges.iter().any(|(low, high)| (low..=high).contains(&first)) != *negated =>
            {
                if *negated {
                    character(*first, rest)
                } else {
                    1
                }
            }
            _ => 0,
        };
        if length > 0 {
            (token, at) = (token + 1, at + length);
            continue;
        }
        match &mut retry {
            Some((after, tried)) if *tried < name.len() => {
                *tried += 1;
                (token, at) = (*after, *tried);
            }
            _ => return Ok(false),
        }
    }
}

/// Bytes of the character that begins here; a byte that begins none is one by itself.
fn character(first: u8, rest: &[u8]) -> usize {
    let length = match first {
        0xC2..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF4 => 4,
        _ => 1,
    };
    if rest.get(..length).is_some_and(|bytes| std::str::from_utf8(bytes).is_ok()) { length } else { 1 }
}

fn parse(glob: &[u8]) -> Result<Vec<Name>> {
    let names = glob.split(|&byte| byte == b'/').filter(|name| !matches!(*name, b"" | b"."));
    let mut parsed: Vec<Name> = Vec::new();
    for name in names {
        let name = if name == b"**" { Name::Deep } else { parse_name(name) };
        if name != Name::Deep || parsed.last() != Some(&Name::Deep) {
            parsed.push(name);
        }
    }
    if parsed.len() >= MAX_NAMES {
        return Err(Error::unsupported(format!(
            "a glob of the prefetch list has more than {MAX_NAMES} names"
        )));
    }
    Ok(parsed)
}

fn parse_name(name: &[u8]) -> Name {
    let mut tokens = Vec::new();
    let mut rest = name;
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        match (first, after) {
            (b'*', _) => {
                if tokens.last() != Some(&Token::Star) {
                    tokens.push(Token::Star);
                }
            }
            (b'?', _) => tokens.push(Token::Any),
            (b'\\', [escaped, after @ ..]) => {
                tokens.push(Token::Byte(*escaped));
                rest = after;
            }
            (b'[', _) => match parse_class(after) {
                Some((class, after)) => {
                    tokens.push(class);
                    rest = after;
                }
                // A bracket that is never closed is one.
                None => tokens.push(Token::Byte(b'[')),
            },
            (byte, _) => tokens.push(Token::Byte(byte)),
        }
    }
    let literal: Option<Vec<u8>> =
        tokens.iter().map(|token| if let Token::Byte(byte) = token { Some(*byte) } else { None }).collect();
    literal.map_or(Name::Tokens(tokens), Name::Literal)
}

/// Reads `a-z]` or `!a-z]`; returns the class and what follows it.
fn parse_class(after: &[u8]) -> Option<(Token, &[u8])> {
    let (negated, mut rest) = match after {
        [b'!' | b'^', rest @ ..] => (true, rest),
        _ => (false, after),
    };
    let mut ranges = Vec::new();
    loop {
        rest = match rest {
            // A bracket at the start is one of the characters.
            [b']', after @ ..] if !ranges.is_empty() => return Some((Token::Class(ranges, negated), after)),
            [low, b'-', high, after @ ..] if *high != b']' => {
                ranges.push((*low, *high));
                after
            }
            [one, after @ ..] => {
                ranges.push((*one, *one));
                after
            }
            [] => return None,
        };
    }
}

/// The globs that braces stand for: `{a,b}c` is `ac` and `bc`.
fn alternatives(glob: &[u8], work: &mut Work) -> Result<Vec<Vec<u8>>> {
    let mut done = Vec::new();
    let mut pending = vec![glob.to_vec()];
    while let Some(glob) = pending.pop() {
        work.take(glob.len() as u64)?;
        let Some((before, parts, after)) = innermost(&glob) else {
            done.push(glob);
            continue;
        };
        for part in parts.iter().rev() {
            pending.push([before, part, after].concat());
        }
        if done.len() + pending.len() > MAX_ALTERNATIVES {
            let much = format!("the braces of a glob stand for more than {MAX_ALTERNATIVES} globs");
            return Err(Error::unsupported(much));
        }
    }
    Ok(done)
}

/// What is before a pair of braces, its parts, and what follows.
type Braces<'a> = (&'a [u8], Vec<&'a [u8]>, &'a [u8]);

/// The first pair of braces that holds none itself.
fn innermost(glob: &[u8]) -> Option<Braces<'_>> {
    let (mut open, mut at) = (None, 0);
    while let Some(byte) = glob.get(at) {
        match (byte, open) {
            (b'\\', _) => at += 1,
            (b'{', _) => open = Some(at),
            (b'}', Some(start)) => {
                let inner = glob.get(start + 1..at)?;
                return Some((
                    glob.get(..start)?,
                    inner.split(|&byte| byte == b',').collect(),
                    glob.get(at + 1..)?,
                ));
            }
            _ => {}
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name_matches(glob: &str, name: &str) -> bool {
        match parse_name(glob.as_bytes()) {
            Name::Tokens(tokens) => is_match(&tokens, name.as_bytes(), &mut Work::default()).unwrap(),
            Name::Literal(literal) => literal == name.as_bytes(),
            Name::Deep => false,
        }
    }

    #[test]
    fn names_match_as_in_a_shell() {
        for (glob, name, wanted) in [
            ("*", "a", true),
            ("*.so", "libc.so", true),
            ("*.so", "libc.so.6", false),
            ("*.so*", "libc.so.6", true),
            ("l*b*.so", "lib.b.so", true),
            ("?", "é", true),
            ("??", "é", false),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[!a-c]x", "éx", true),
            ("[]x", "[]x", true),
            ("[", "[", true),
            ("a\\*", "a*", true),
            ("a\\*", "ab", false),
            ("a**b", "axxb", true),
        ] {
            assert_eq!(name_matches(glob, name), wanted, "{glob} {name}");
        }
    }

    #[test]
    fn braces_stand_for_alternatives_and_only_for_so_many() {
        let all = |glob: &str| -> Vec<String> {
            alternatives(glob.as_bytes(), &mut Work::default())
                .unwrap()
                .iter()
                .map(|one| String::from_utf8_lossy(one).into())
                .collect()
        };
        assert_eq!(all("/a"), ["/a"]);
        assert_eq!(all("/{a,b{c,d}}e"), ["/ae", "/bce", "/ae", "/bde"]);
        assert_eq!(all("/{a"), ["/{a"]);
        assert_eq!(all("/\\{a,b}"), ["/\\{a,b}"]);
        assert!(alternatives("{a,b}".repeat(40).as_bytes(), &mut Work::default()).is_err());
    }

    #[test]
    fn a_name_full_of_stars_takes_bounded_work() {
        let name = "a".repeat(255);
        let glob = "a*".repeat(127) + "b";
        let mut work = Work::default();
        let Name::Tokens(tokens) = parse_name(glob.as_bytes()) else { panic!("a glob") };
        assert!(!is_match(&tokens, name.as_bytes(), &mut work).unwrap());
        assert!(work.taken() < 100_000, "{}", work.taken());
    }
}
