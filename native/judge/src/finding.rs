//! Findings: what is wrong, where, and in which sentence. TypeScript has the words (src/rafs-builder/rules/sentences.ts), and fills
//! in the arguments.

use std::fmt::Display;

use crate::layout::rules::Sentence;
use crate::layout::table::Table;

/// One thing that is wrong with a bootstrap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule, and what to say of it.
    pub sentence: Sentence,
    /// One for each placeholder of the sentence, in their order. Names stand as one character a byte.
    pub args: Vec<String>,
    /// Of a file in the image; empty for the root.
    pub path: Option<Vec<u8>>,
    /// Bytes from the start of the bootstrap.
    pub offset: Option<u64>,
    /// What a sound bootstrap would have.
    pub expected: Option<String>,
    /// What this one has instead.
    pub found: Option<String>,
}

/// The finding that ends the reading of a bootstrap. Boxed, since nearly everything can be read.
pub type Refusal = Box<Finding>;

impl Finding {
    /// A finding that so far has a sentence alone.
    pub fn new(sentence: Sentence) -> Self {
        Self { sentence, args: Vec::new(), path: None, offset: None, expected: None, found: None }
    }

    /// A finding at a field of the structure at `base`; its sentence begins with the name of the field.
    pub fn of_field(sentence: Sentence, table: &Table, field: usize, base: usize) -> Self {
        let name = table.field(field).map_or("", |field| field.name);
        Self::new(sentence).arg(format_args!("{}.{name}", table.name)).at((base + field) as u64)
    }

    /// The next argument of the sentence.
    #[must_use]
    pub fn arg(mut self, argument: impl Display) -> Self {
        self.args.push(argument.to_string());
        self
    }

    /// The next argument: a name or a path.
    #[must_use]
    pub fn name(mut self, name: &[u8]) -> Self {
        self.args.push(latin1(name));
        self
    }

    /// The offset.
    #[must_use]
    pub fn at(mut self, offset: u64) -> Self {
        self.offset = Some(offset);
        self
    }

    /// The file.
    #[must_use]
    pub fn of(mut self, path: Vec<u8>) -> Self {
        self.path = Some(path);
        self
    }

    /// What should be there, and what is.
    #[must_use]
    pub fn differs(mut self, expected: impl Display, found: impl Display) -> Self {
        self.expected = Some(expected.to_string());
        self.found = Some(found.to_string());
        self
    }
}

/// Bytes as the characters U+0000 to U+00FF, which is how TypeScript holds names.
pub fn latin1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}
