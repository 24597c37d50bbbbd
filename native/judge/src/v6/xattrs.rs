//! Reads extended attributes: a header after the inode, then an entry for each, with the name's prefix as a number. Shared
//! ones are not used.

use std::collections::HashSet;

use crate::bytes::{byte, half, index, slice};
use crate::finding::{Finding, Refusal};
use crate::layout::rules::Sentence;
use crate::layout::{MAX_XATTR_NAME_LENGTH, XATTR_PREFIXES, xattr_entry, xattr_header};

/// One extended attribute.
#[derive(Debug)]
pub struct Xattr<'a> {
    /// The full name.
    pub name: Vec<u8>,
    pub value: &'a [u8],
    /// Offset of the entry in the file.
    pub at: usize,
    /// Offset of the end of the value.
    pub end: usize,
}

/// Reads all xattrs between two offsets, in the order of the file.
pub fn read(bytes: &[u8], start: usize, end: usize) -> Result<Vec<Xattr<'_>>, Refusal> {
    let shared = byte(bytes, start + xattr_header::SHARED_COUNT);
    if shared != 0 {
        let field = xattr_header::SHARED_COUNT;
        let finding = Finding::of_field(Sentence::ReadXattrShared, &xattr_header::TABLE, field, start);
        return Err(finding.arg(shared).into());
    }
    let mut found: Vec<Xattr<'_>> = Vec::new();
    let mut seen = HashSet::new();
    let mut at = start + xattr_header::SIZE;
    while at < end {
        let xattr = entry(bytes, at, end)?;
        if !seen.insert(xattr.name.clone()) {
            return Err(Finding::new(Sentence::ReadXattrTwice).name(&xattr.name).at(at as u64).into());
        }
        at = xattr.end.next_multiple_of(ALIGNMENT);
        found.push(xattr);
    }
    Ok(found)
}

const ALIGNMENT: usize = 4;

fn entry(bytes: &[u8], at: usize, end: usize) -> Result<Xattr<'_>, Refusal> {
    let fault = |field, sentence| Finding::of_field(sentence, &xattr_entry::TABLE, field, at);
    let len = index(byte(bytes, at + xattr_entry::NAME_LENGTH));
    let number = byte(bytes, at + xattr_entry::NAME_INDEX);
    let size = index(half(bytes, at + xattr_entry::VALUE_SIZE));
    let name = at + xattr_entry::SIZE;
    let value = name + len;
    let stop = value + size;
    if stop > end {
        return Err(fault(xattr_entry::VALUE_SIZE, Sentence::ReadXattrEnd).arg(stop - end).into());
    }
    let Some(&(_, prefix, whole)) = XATTR_PREFIXES.iter().find(|(known, _, _)| *known == number) else {
        return Err(fault(xattr_entry::NAME_INDEX, Sentence::ReadXattrPrefix).arg(number).into());
    };
    if whole == (len > 0) {
        let finding = fault(xattr_entry::NAME_LENGTH, Sentence::ReadXattrWhole);
        return Err(finding.arg(len).name(prefix).into());
    }
    let full = [prefix, slice(bytes, name, len).unwrap_or_default()].concat();
    if full.len() > MAX_XATTR_NAME_LENGTH {
        return Err(fault(xattr_entry::NAME_LENGTH, Sentence::ReadXattrName).arg(full.len()).into());
    }
    Ok(Xattr { name: full, value: slice(bytes, value, size).unwrap_or_default(), at, end: stop })
}
