//! A view reads a structure by its table, or refuses it as a whole.

use crate::bytes::{EXACT, slice};
use crate::finding::{Finding, Refusal};
use crate::layout::rules::Sentence;
use crate::layout::table::{Field, Table, Type};

/// A structure that lies inside the file and whose 64-bit numbers are below 2^53.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    table: &'static Table,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> View<'a> {
    /// Refuses a structure that leaves the file, and one with a number that JavaScript does not hold exactly.
    pub fn read(bytes: &'a [u8], table: &'static Table, at: usize) -> Result<Self, Refusal> {
        let Some(own) = slice(bytes, at, table.size) else {
            let finding = Finding::new(Sentence::ReadStructEnd).arg(table.name).arg(bytes.len());
            return Err(Box::new(finding.at(at as u64)));
        };
        let view = Self { table, bytes: own, at };
        view.check_ranges(Sentence::ReadRange)?;
        Ok(view)
    }

    /// Views a section of a blob that is one structure. `at` is the offset of the section in the blob.
    pub fn of_section(content: &'a [u8], table: &'static Table, at: usize) -> Result<Self, Refusal> {
        let view = Self { table, bytes: content, at };
        view.check_ranges(Sentence::SectionHeaderRange)?;
        Ok(view)
    }

    fn check_ranges(&self, sentence: Sentence) -> Result<(), Refusal> {
        self.table.fields.iter().try_for_each(|field| self.check_range(field, sentence))
    }

    fn check_range(&self, field: &Field, sentence: Sentence) -> Result<(), Refusal> {
        let bits = match field.kind {
            Type::U64 | Type::I64 => self.bits(field.offset),
            Type::Reserved | Type::Plain => return Ok(()),
        };
        let signed = bits.cast_signed();
        let is_signed = field.kind == Type::I64;
        let size = if is_signed { signed.unsigned_abs() } else { bits };
        if size < EXACT {
            return Ok(());
        }
        let value = if is_signed { signed.to_string() } else { bits.to_string() };
        self.refuse(field.offset, sentence, |finding| finding.arg(value).arg(bits))
    }

    /// Offset of the structure in the file.
    pub fn place(&self) -> usize {
        self.at
    }

    /// Refuses the bootstrap because of a field; `say` adds the arguments after the field's name.
    pub fn refuse<T>(
        &self,
        field: usize,
        sentence: Sentence,
        say: impl FnOnce(Finding) -> Finding,
    ) -> Result<T, Refusal> {
        Err(Box::new(say(Finding::of_field(sentence, self.table, field, self.at))))
    }

    /// The bytes of a field.
    pub fn array<const N: usize>(&self, field: usize) -> [u8; N] {
        // A table's offsets lie inside its structure.
        self.bytes.get(field..).and_then(<[u8]>::first_chunk).copied().unwrap_or([0; N])
    }

    /// The bytes of a field, not copied.
    pub fn slice(&self, field: usize, size: usize) -> &'a [u8] {
        slice(self.bytes, field, size).unwrap_or_default()
    }

    /// A field of two bytes.
    pub fn u16(&self, field: usize) -> u16 {
        u16::from_le_bytes(self.array(field))
    }

    /// A field of four bytes.
    pub fn u32(&self, field: usize) -> u32 {
        u32::from_le_bytes(self.array(field))
    }

    /// A field of eight bytes.
    pub fn u64(&self, field: usize) -> u64 {
        self.bits(field)
    }

    /// A field of eight bytes with a sign.
    pub fn i64(&self, field: usize) -> i64 {
        self.bits(field).cast_signed()
    }

    fn bits(&self, field: usize) -> u64 {
        u64::from_le_bytes(self.array(field))
    }
}
