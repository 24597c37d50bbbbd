//! Nothing overlaps, nothing reserved is used, and what belongs to nothing is zero.

use crate::bytes::{is_zero, slice};
use crate::finding::Finding;
use crate::layout::rules::Sentence;
use crate::layout::table::{Table, Type};

/// A run of bytes that belongs to something.
#[derive(Debug, Clone, Copy)]
pub struct Region {
    pub name: &'static str,
    pub start: usize,
    pub size: usize,
    /// It is an array of such structures; nothing for runs of text, and for structures that have no reserved field.
    pub table: Option<&'static Table>,
    /// The position of the inode that it belongs to.
    pub owner: Option<u32>,
}

impl Region {
    fn end(&self) -> usize {
        self.start + self.size
    }
}

/// Regions may come in any order. `unit` is what the size of the file is a multiple of.
pub fn judge(
    bytes: &[u8],
    mut regions: Vec<Region>,
    unit: usize,
    path_of: impl Fn(u32) -> Vec<u8>,
) -> Vec<Finding> {
    let of = |finding: Finding, region: &Region| match region.owner {
        Some(owner) => finding.of(path_of(owner)),
        None => finding,
    };
    let mut findings = Vec::new();
    regions.retain(|region| region.size > 0);
    regions.sort_by_key(|region| region.start);
    let mut end = 0;
    let mut last: Option<Region> = None;
    for region in regions {
        if let Some(last) = last.filter(|_| region.start < end) {
            let is_other = last.owner.is_some() && last.owner != region.owner;
            let other =
                if is_other { format!("{} of another file", last.name) } else { last.name.to_owned() };
            let finding = Finding::new(Sentence::Overlap).arg(region.name).arg(other);
            findings.push(of(finding.at(region.start as u64), &region));
        }
        findings.extend(gap(bytes, end, region.start));
        findings.extend(reserved(bytes, &region).map(|finding| of(finding, &region)));
        if region.end() > end {
            end = region.end();
            last = Some(region);
        }
    }
    findings.extend(gap(bytes, end, bytes.len()));
    let size = end.next_multiple_of(unit);
    if bytes.len() > size {
        findings.push(Finding::new(Sentence::FileSize).differs(size, bytes.len()));
    }
    findings
}

fn gap(bytes: &[u8], start: usize, end: usize) -> Option<Finding> {
    let between = bytes.get(start..end)?;
    let first = between.iter().position(|&byte| byte != 0)?;
    Some(Finding::new(Sentence::Gap).arg(start).arg(end).at((start + first) as u64))
}

/// The first reserved field of each structure that is not zero.
fn reserved<'a>(bytes: &'a [u8], region: &Region) -> impl Iterator<Item = Finding> + use<'a> {
    let Region { start, size, table, .. } = *region;
    table.into_iter().flat_map(move |table| {
        let places = (start..start + size).step_by(table.size);
        places.filter_map(move |at| {
            let field = table.fields.iter().find(|field| {
                field.kind == Type::Reserved
                    && !slice(bytes, at + field.offset, field.size).is_some_and(is_zero)
            })?;
            Some(Finding::of_field(Sentence::Reserved, table, field.offset, at as u64))
        })
    })
}
