//! Checks that structures do not overlap, that reserved fields are zero, and that bytes outside all structures are zero.

use std::ops::Range;

use crate::bytes::{is_zero, slice};
use crate::finding::Finding;
use crate::layout::rules::Sentence;
use crate::layout::table::{Field, Table, Type};

/// A run of bytes that belongs to a structure.
#[derive(Debug, Clone, Copy)]
pub struct Region {
    pub name: &'static str,
    pub start: usize,
    pub size: usize,
    pub inside: Inside,
    /// The position of the inode that it belongs to.
    pub owner: Option<u32>,
}

/// The bytes of a region that have no meaning, so far as there are any.
#[derive(Debug, Clone, Copy)]
pub enum Inside {
    /// Every byte has a meaning.
    Full,
    /// This many structures come first, then bytes that all have a meaning.
    Records(&'static Table, usize),
    /// A structure comes first, then entries with bytes between them.
    Padded(&'static Table),
}

impl Region {
    /// Makes a region of one structure.
    pub fn one(table: &'static Table, start: usize, owner: Option<u32>) -> Self {
        Self { name: table.name, start, size: table.size, inside: Inside::Records(table, 1), owner }
    }

    fn end(&self) -> usize {
        self.start + self.size
    }
}

/// A file and its regions.
pub struct Places<'a, P, Q> {
    pub bytes: &'a [u8],
    /// The regions, in any order.
    pub regions: Vec<Region>,
    /// The file may extend to this offset, even if no region does.
    pub reach: u64,
    /// The size of the file is a multiple of this.
    pub unit: usize,
    /// The path of an inode.
    pub path_of: P,
    /// The bytes without meaning in a region that is padded, in their order.
    pub padding_of: Q,
}

impl<P: Fn(u32) -> Vec<u8>, Q: Fn(&Region) -> Vec<Range<usize>>> Places<'_, P, Q> {
    /// Adds the findings, in the order of the file.
    pub fn judge(mut self, findings: &mut Vec<Finding>) {
        let mut regions = std::mem::take(&mut self.regions);
        regions.retain(|region| region.size > 0);
        // Nearly all regions are in order already, which makes a stable sort fast.
        regions.sort_by_key(|region| (region.start, region.owner));
        let mut end = 0;
        let mut last: Option<Region> = None;
        for region in regions {
            if let Some(last) = last.filter(|_| region.start < end) {
                let is_other = last.owner.is_some() && last.owner != region.owner;
                let other = if is_other { " of another file" } else { "" };
                let finding = Finding::new(Sentence::Overlap).arg(region.name);
                let finding = finding.arg(format_args!("{}{other}", last.name));
                findings.push(self.of(finding.at(region.start as u64), &region));
            }
            findings.extend(self.gap(end..region.start));
            self.inside(&region, findings);
            if region.end() > end {
                end = region.end();
                last = Some(region);
            }
        }
        findings.extend(self.gap(end..self.bytes.len()));
        let size = (end as u64).max(self.reach).next_multiple_of(self.unit as u64);
        if self.bytes.len() as u64 > size {
            findings.push(Finding::new(Sentence::FileSize).differs(size, self.bytes.len()));
        }
    }

    fn gap(&self, place: Range<usize>) -> Option<Finding> {
        let Range { start, end } = place;
        let between = self.bytes.get(place)?;
        if is_zero(between) {
            return None;
        }
        let first = between.iter().position(|&byte| byte != 0)?;
        Some(Finding::new(Sentence::Gap).arg(start).arg(end).at((start + first) as u64))
    }

    fn inside(&self, region: &Region, findings: &mut Vec<Finding>) {
        match region.inside {
            Inside::Full => {}
            Inside::Records(table, count) => {
                let places = (0..count).map(|position| region.start + position * table.size);
                findings.extend(places.filter_map(|at| self.reserved(table, at, region)));
            }
            Inside::Padded(table) => {
                findings.extend(self.reserved(table, region.start, region));
                let padding = (self.padding_of)(region);
                findings.extend(padding.into_iter().filter_map(|place| self.gap(place)));
            }
        }
    }

    /// Finds the first reserved field of a structure that is not zero.
    fn reserved(&self, table: &'static Table, base: usize, region: &Region) -> Option<Finding> {
        let field = dirty_field(self.bytes, table, base)?;
        Some(self.of(Finding::of_field(Sentence::Reserved, table, field.offset, base), region))
    }

    fn of(&self, finding: Finding, region: &Region) -> Finding {
        match region.owner {
            Some(owner) => finding.of((self.path_of)(owner)),
            None => finding,
        }
    }
}

/// The first reserved field of the structure at `base` that is not zero.
pub fn dirty_field(bytes: &[u8], table: &'static Table, base: usize) -> Option<&'static Field> {
    let is_dirty = |field: &&Field| !slice(bytes, base + field.offset, field.size).is_some_and(is_zero);
    table.fields.iter().filter(|field| field.kind == Type::Reserved).find(is_dirty)
}
