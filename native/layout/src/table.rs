//! Structures as tables, for code that handles any of them.

/// A structure on disk.
#[derive(Debug)]
pub struct Table {
    pub name: &'static str,
    /// Bytes.
    pub size: usize,
    /// In their order; they touch and fill the structure.
    pub fields: &'static [Field],
}

/// A field of a structure.
#[derive(Debug)]
pub struct Field {
    pub name: &'static str,
    /// From the start of the structure.
    pub offset: usize,
    /// Bytes.
    pub size: usize,
    pub kind: Type,
}

/// What matters of a field's type to a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// Zero, without a meaning.
    Reserved,
    /// Readers hold it to what a double holds exactly: below 2^53.
    U64,
    /// The same on both sides of zero.
    I64,
    /// Any value can be read.
    Plain,
}

impl Table {
    /// The field that starts at `offset`.
    pub fn field(&self, offset: usize) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.offset == offset)
    }
}
