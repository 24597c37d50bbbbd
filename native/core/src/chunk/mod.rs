//! Cuts the bytes of files into chunks, fingerprints them, and decides which are new.
//!
//! `Chunker` does the cutting. What becomes of a whole chunk is its `Keeper`'s: `Storing` sends new chunks on in units, `Noting`
//! writes down which chunks would be stored. What becomes of entries is its `Contents`': a table or a tree.
//!
//! While another layer decides, chunks wait undecided with the keeper.

mod chunker;
mod contents;
mod keeper;
mod noting;
mod storing;

pub use chunker::{Chunked, Chunker, Warning};
pub use contents::Contents;
pub use noting::Noting;
pub use storing::{Storing, Units};
