//! Describes structures as tables, for code that handles any of them.

/// A structure on disk.
#[derive(Debug)]
pub struct Table {
    pub name: &'static str,
    /// Bytes of the structure.
    pub size: usize,
    /// The fields in order; they touch and fill the structure.
    pub fields: &'static [Field],
}

/// A field of a structure.
#[derive(Debug)]
pub struct Field {
    pub name: &'static str,
    /// Offset from the start of the structure.
    pub offset: usize,
    /// Bytes of the field.
    pub size: usize,
    pub kind: Type,
}

/// The part of a field's type that matters to a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// The field is zero and has no meaning.
    Reserved,
    /// A number that readers accept only below 2^53, the range of whole numbers in a double.
    U64,
    /// A number with a sign, between the same limits.
    I64,
    /// A field in which any value can be read.
    Plain,
}

impl Table {
    /// The field that starts at `offset`.
    pub fn field(&self, offset: usize) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.offset == offset)
    }
}
