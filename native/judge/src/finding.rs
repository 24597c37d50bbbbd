//! A finding says what is wrong with a bootstrap, and where. TypeScript has the words of its sentence
//! (src/rafs-builder/rules/sentences.ts), and fills in the arguments.

use std::fmt::Display;

use crate::layout::rules::Sentence;
use crate::layout::table::Table;

/// One fault of a bootstrap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule that is broken, and the sentence about it.
    pub sentence: Sentence,
    /// The arguments of the sentence, one for each placeholder, in their order. Names stand as one character a byte.
    pub args: Vec<String>,
    /// Path of the file that the finding is about; empty for the root.
    pub path: Option<Vec<u8>>,
    /// Bytes from the start of the bootstrap.
    pub offset: Option<u64>,
    /// The value of a sound bootstrap.
    pub expected: Option<String>,
    /// The value of this bootstrap.
    pub found: Option<String>,
}

/// The finding that ends the reading of a bootstrap. It is boxed, since nearly everything can be read.
pub type Refusal = Box<Finding>;

impl Finding {
    /// Makes a finding with only a sentence.
    pub fn new(sentence: Sentence) -> Self {
        Self { sentence, args: Vec::new(), path: None, offset: None, expected: None, found: None }
    }

    /// Makes a finding at a field of the structure at `base`; its sentence begins with the name of the field.
    pub fn of_field(sentence: Sentence, table: &Table, field: usize, base: usize) -> Self {
        let name = table.field(field).map_or("", |field| field.name);
        Self::new(sentence).arg(format_args!("{}.{name}", table.name)).at((base + field) as u64)
    }

    /// Adds the next argument of the sentence.
    #[must_use]
    pub fn arg(mut self, argument: impl Display) -> Self {
        self.args.push(argument.to_string());
        self
    }

    /// Adds the next argument, a name or a path.
    #[must_use]
    pub fn name(mut self, name: &[u8]) -> Self {
        self.args.push(latin1(name));
        self
    }

    /// Sets the offset.
    #[must_use]
    pub fn at(mut self, offset: u64) -> Self {
        self.offset = Some(offset);
        self
    }

    /// Sets the path of the file.
    #[must_use]
    pub fn of(mut self, path: Vec<u8>) -> Self {
        self.path = Some(path);
        self
    }

    /// Sets the expected and the found value.
    #[must_use]
    pub fn differs(mut self, expected: impl Display, found: impl Display) -> Self {
        self.expected = Some(expected.to_string());
        self.found = Some(found.to_string());
        self
    }
}

/// Converts bytes to the characters U+0000 to U+00FF, the form in which TypeScript holds names.
pub fn latin1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}
