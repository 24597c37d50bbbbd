//! The oldest readers that an image is written for have a row each. What a reader does not know, it refuses or ignores; images for
//! all of them say less, and have the same files.

use crate::error::{Error, Result};

/// A release of nydusd, and what it takes.
#[derive(Debug)]
pub struct Reader {
    /// The name that callers choose it by.
    pub name: &'static str,
    /// True if it knows checksums of chunks (nydusd 2.3.2). Before, a record of version 2 with one is refused.
    pub checksums: bool,
    /// True if it knows chunks that are compressed together (nydusd 2.3.0). Before, a blob with such is refused.
    pub batches: bool,
}

/// The readers, the default first.
pub static READERS: [Reader; 3] = [
    Reader { name: "latest", checksums: true, batches: true },
    Reader { name: "nydusd-2.3", checksums: false, batches: true },
    Reader { name: "nydusd-2.2", checksums: false, batches: false },
];

impl Reader {
    /// The reader with this name.
    pub fn named(name: &str) -> Result<&'static Self> {
        let known = READERS.iter().find(|reader| reader.name == name);
        known.ok_or_else(|| {
            Error::invalid_argument(format!("{name:?} is no reader that images are written for"))
        })
    }
}
