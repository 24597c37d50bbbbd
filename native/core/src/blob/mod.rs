//! The RAFS blob of a layer: how chunks become its bytes, and the sections behind them.
//!
//! `unit` turns chunks into stored bytes and is the one place where several chunks could be compressed together; `spool` is
//! the file that receives them, and `growth` announces its size. `sections` appends the sections after the data, `toc` lists
//! them, and `kind` chooses the form of the chunk records.

mod growth;
mod kind;
mod meta;
mod meta_v1;
mod sections;
mod spool;
mod tar_header;
mod toc;
mod unit;

pub use growth::Grown;
pub use kind::{BARE, BlobKind, NATIVE};
pub use sections::{BlobRecord, SectionWriter, StoredChunks};
pub use spool::{BlobFile, Spool};
pub use tar_header::tar_header;
pub use unit::{Finished, Piece, UNIT, Unit, UnitBuffers};
