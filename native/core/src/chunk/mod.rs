//! Cuts the bytes of files into chunks, fingerprints them, and decides which are new.
//!
//! `Chunker` cuts and passes each whole chunk to its `Keeper`: `Storing` sends new chunks on in units, `Noting` only records
//! which chunks would be stored, and `ReferringKeeper` where they lie in the layer. Entries go to the chunker's `Contents`, which is a table or a tree.
//!
//! While another layer has the right to decide, the keeper holds the chunks undecided.

mod chunker;
mod contents;
mod keeper;
mod noting;
mod referring;
mod storing;

pub use chunker::{Chunked, Chunker, Warning};
pub use contents::Contents;
pub use keeper::Keeper;
pub use noting::Noting;
pub use referring::{Placed, Referred, ReferringKeeper};
pub use storing::{Storing, Units};
