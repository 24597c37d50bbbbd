//! The parser's errors name the entry, its offset and the reason in one sentence.

use std::fmt::Display;

use super::path::quoted;
use crate::error::Error;

/// The entry that an error is about.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) path: &'a [u8],
    pub(super) offset: u64,
}

impl Place<'_> {
    pub(super) fn format(self, reason: impl Display) -> Error {
        Error::format_at(format!("{self}: {reason}"), self.path, self.offset)
    }

    pub(super) fn unsupported(self, reason: impl Display) -> Error {
        Error::unsupported_at(format!("{self}: {reason}"), self.path, self.offset)
    }
}

impl Display for Place<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "tar entry {} at offset {}", quoted(self.path), self.offset)
    }
}

/// Makes the error for a block that belongs to no entry.
pub(super) fn archive_fault(offset: u64, reason: impl Display) -> Error {
    Error::Format {
        message: format!("tar archive at offset {offset}: {reason}"),
        path: None,
        offset: Some(offset),
        hint: None,
    }
}
