//! Reads directory blocks, which hold entries first, then their names.

use crate::bytes::{half, u64_at};
use crate::finding::{Finding, Refusal};
use crate::layout::rules::Sentence;
use crate::layout::{MAX_NAME_LENGTH, dirent};
use crate::view::View;

/// Passes the offset of each entry of a block of `size` bytes, and offset and length of its name, to `take`.
pub fn read_block(
    bytes: &[u8],
    block: usize,
    size: usize,
    mut take: impl FnMut(usize, usize, usize),
) -> Result<(), Refusal> {
    let fault = |at| Finding::of_field(Sentence::ReadNamePlace, &dirent::TABLE, dirent::NAME_OFFSET, at);
    let first = name_offset(bytes, block)?;
    let count = first / dirent::SIZE;
    if !first.is_multiple_of(dirent::SIZE) || count == 0 || first > size {
        let finding = Finding { sentence: Sentence::ReadFirstName, ..fault(block) };
        return Err(finding.arg(first).arg(size).into());
    }
    let mut start = first;
    for at in (block..block + first).step_by(dirent::SIZE) {
        let is_last = at + dirent::SIZE == block + first;
        let stop = if is_last { size } else { name_offset(bytes, at + dirent::SIZE)? };
        if stop <= start || stop > size {
            return Err(fault(at).arg(start).arg(stop).arg(size).into());
        }
        take(at, block + start, name_length(bytes, block + start, stop - start, is_last)?);
        start = stop;
    }
    Ok(())
}

/// Reads the offset of an entry's name. A nid that is not exact in JavaScript makes the entry unreadable.
fn name_offset(bytes: &[u8], at: usize) -> Result<usize, Refusal> {
    if at + dirent::SIZE > bytes.len() || u64_at(bytes, at + dirent::NID).is_none() {
        View::read(bytes, &dirent::TABLE, at)?;
    }
    Ok(usize::from(half(bytes, at + dirent::NAME_OFFSET)))
}

/// The length of a name. Only the last name of a block may be followed by unused bytes, and it then ends at the first NUL.
fn name_length(bytes: &[u8], start: usize, room: usize, is_last: bool) -> Result<usize, Refusal> {
    let fault = |sentence| Finding::new(sentence).at(start as u64);
    let name = bytes.get(start..start + room).unwrap_or_default();
    let end = name.iter().position(|&byte| byte == 0);
    let len = end.unwrap_or(room);
    let has_slash = name.get(..len).is_some_and(|name| name.contains(&b'/'));
    if end.is_some() && !is_last {
        let sentence = if has_slash { Sentence::ReadNameSlash } else { Sentence::ReadNameNul };
        return Err(fault(sentence).into());
    }
    if len == 0 || len > MAX_NAME_LENGTH {
        return Err(fault(Sentence::ReadNameSize).arg(len).into());
    }
    if has_slash { Err(fault(Sentence::ReadNameSlash).into()) } else { Ok(len) }
}
