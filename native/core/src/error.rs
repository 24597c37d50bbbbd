//! The only error type of the data plane. `code()` is the contract with TypeScript, which has a class for each code.

use std::path::{Path, PathBuf};

/// An error: a sentence (lower case, the thing before the reason, no full stop) and fields for programs.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Bytes of a layer or chunk make no sense.
    #[error("{message}")]
    Format {
        /// The sentence of the error.
        message: String,
        /// Name of the tar entry, as bytes, if the error is about one.
        path: Option<Vec<u8>>,
        /// Byte offset of the fault; for an entry, in the uncompressed tar.
        offset: Option<u64>,
        /// Advice for the user, if there is any.
        hint: Option<&'static str>,
    },
    /// The input is legal, but this converter does not support it.
    #[error("{message}")]
    Unsupported {
        /// The sentence of the error.
        message: String,
        /// Name of the tar entry, as bytes, if the error is about one.
        path: Option<Vec<u8>>,
        /// Byte offset of the fault; for an entry, in the uncompressed tar.
        offset: Option<u64>,
        /// Advice for the user, if there is any.
        hint: Option<&'static str>,
    },
    /// The chunks of a layer cannot stay in it; the sentence is about the layer.
    #[error("{0}")]
    Unreferable(String),
    /// The image takes more than its budget allows.
    #[error("{message}")]
    Limit {
        /// The sentence of the error.
        message: String,
        /// The name of the limit, which callers can raise.
        limit: &'static str,
    },
    /// The spool could not be written or read.
    #[error("{message}")]
    Io {
        /// The sentence, with the operating system's reason.
        message: String,
        /// The path of the file.
        path: Option<PathBuf>,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// The caller asks for something that does not exist.
    #[error("{0}")]
    InvalidArgument(String),
    /// A bug in this crate: a broken invariant or a panic.
    #[error("{0}")]
    Internal(String),
    /// The owner has called `abort` or has been dropped.
    #[error("operation was aborted")]
    Aborted,
}

/// The result that most functions here return.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Makes a format error without entry or offset.
    pub fn format(message: impl Into<String>) -> Self {
        Self::Format { message: message.into(), path: None, offset: None, hint: None }
    }

    /// Makes a format error about the entry `path` whose header starts at `offset` in the uncompressed tar.
    pub fn format_at(message: impl Into<String>, path: &[u8], offset: u64) -> Self {
        Self::Format { message: message.into(), path: Some(path.to_vec()), offset: Some(offset), hint: None }
    }

    /// Makes an error for something unsupported, without entry or offset.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::Unsupported { message: message.into(), path: None, offset: None, hint: None }
    }

    /// Makes an error for the unsupported entry `path` whose header starts at `offset` in the uncompressed tar.
    pub fn unsupported_at(message: impl Into<String>, path: &[u8], offset: u64) -> Self {
        Self::Unsupported {
            message: message.into(),
            path: Some(path.to_vec()),
            offset: Some(offset),
            hint: None,
        }
    }

    /// Makes the error for a layer that chunks cannot be referred to in.
    pub fn unreferable(message: impl Into<String>) -> Self {
        Self::Unreferable(message.into())
    }

    /// Makes the error for an operating system that refused to `verb` (such as `write`) the file `path`.
    pub fn io(verb: &str, path: &Path, source: std::io::Error) -> Self {
        Self::Io {
            message: format!("cannot {verb} {}: {source}", path.display()),
            path: Some(path.to_path_buf()),
            source,
        }
    }

    /// Makes an error about a name or number that has no meaning.
    pub fn invalid_argument(message: impl Into<String>) -> Self {
        Self::InvalidArgument(message.into())
    }

    /// Makes an error about a broken invariant.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::Internal(message.into())
    }

    /// Adds advice for the user.
    #[must_use]
    pub fn with_hint(mut self, advice: &'static str) -> Self {
        if let Self::Format { hint, .. } | Self::Unsupported { hint, .. } = &mut self {
            *hint = Some(advice);
        }
        self
    }

    /// Advice for the user, if there is any.
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Format { hint, .. } | Self::Unsupported { hint, .. } => *hint,
            Self::Unreferable(_)
            | Self::Limit { .. }
            | Self::Io { .. }
            | Self::InvalidArgument(_)
            | Self::Internal(_)
            | Self::Aborted => None,
        }
    }

    /// The limit that the image exceeds, if this is such an error.
    pub const fn limit(&self) -> Option<&'static str> {
        match self {
            Self::Limit { limit, .. } => Some(limit),
            _ => None,
        }
    }

    /// The stable name of the error's class, one for each variant.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Format { .. } => "FORMAT",
            Self::Unsupported { .. } => "UNSUPPORTED",
            Self::Unreferable(_) => "UNREFERABLE",
            Self::Limit { .. } => "LIMIT",
            Self::Io { .. } => "IO",
            Self::InvalidArgument(_) => "INVALID_ARGUMENT",
            Self::Internal(_) => "INTERNAL",
            Self::Aborted => "ABORTED",
        }
    }

    /// The tar entry or file that the error is about, as bytes.
    pub fn path(&self) -> Option<&[u8]> {
        match self {
            Self::Format { path, .. } | Self::Unsupported { path, .. } => path.as_deref(),
            Self::Io { path, .. } => path.as_deref().map(|path| path.as_os_str().as_encoded_bytes()),
            Self::Unreferable(_)
            | Self::Limit { .. }
            | Self::InvalidArgument(_)
            | Self::Internal(_)
            | Self::Aborted => None,
        }
    }

    /// Byte offset of the fault.
    pub const fn offset(&self) -> Option<u64> {
        match self {
            Self::Format { offset, .. } | Self::Unsupported { offset, .. } => *offset,
            Self::Unreferable(_)
            | Self::Limit { .. }
            | Self::Io { .. }
            | Self::InvalidArgument(_)
            | Self::Internal(_)
            | Self::Aborted => None,
        }
    }

    /// Makes a copy for a second caller that waits. A source that cannot be cloned keeps its kind and text.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        match self {
            Self::Format { message, path, offset, hint } => {
                Self::Format { message: message.clone(), path: path.clone(), offset: *offset, hint: *hint }
            }
            Self::Unsupported { message, path, offset, hint } => Self::Unsupported {
                message: message.clone(),
                path: path.clone(),
                offset: *offset,
                hint: *hint,
            },
            Self::Unreferable(message) => Self::Unreferable(message.clone()),
            Self::Limit { message, limit } => Self::Limit { message: message.clone(), limit },
            Self::Io { message, path, source } => Self::Io {
                message: message.clone(),
                path: path.clone(),
                source: std::io::Error::new(source.kind(), source.to_string()),
            },
            Self::InvalidArgument(message) => Self::InvalidArgument(message.clone()),
            Self::Internal(message) => Self::Internal(message.clone()),
            Self::Aborted => Self::Aborted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variant_has_a_code_and_its_place() {
        let format = Error::format_at("bad", b"a/b", 512);
        assert_eq!((format.code(), format.path(), format.offset()), ("FORMAT", Some(&b"a/b"[..]), Some(512)));
        let io = Error::io("write", Path::new("/spool/x"), std::io::Error::from_raw_os_error(28));
        assert_eq!((io.code(), io.path(), io.offset()), ("IO", Some(&b"/spool/x"[..]), None));
        assert!(io.to_string().starts_with("cannot write /spool/x: "));
        assert_eq!(io.duplicate().to_string(), io.to_string());
        assert_eq!(Error::unsupported("x").code(), "UNSUPPORTED");
        assert_eq!(Error::invalid_argument("x").code(), "INVALID_ARGUMENT");
        assert_eq!(Error::internal("x").code(), "INTERNAL");
        assert_eq!(Error::Aborted.code(), "ABORTED");
    }
}
