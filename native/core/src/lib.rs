//! The data plane of nydusify-ts: compressed layer bytes go in, the data part of a RAFS blob and a table of entries and
//! chunks come out. Nothing here knows of Node; files and threads appear only where the module's name says so.

#![forbid(unsafe_code)]

pub mod archive;
pub mod error;
pub mod inflate;

pub use error::{Error, Result};
