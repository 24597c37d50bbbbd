//! The RAFS blob of a layer: how chunks become its bytes, and the sections behind them.
//!
//! `batches` decides which chunks are compressed together, and `unit` turns chunks into stored bytes; `spool` is
//! the file that receives them, and `growth` announces its size; `copying` moves stored chunks from one file to another. `sections` appends the sections after the data, `toc` lists
//! them, and `kind` chooses the form of the chunk records.

mod batches;
mod copying;
mod growth;
mod kind;
mod meta;
mod meta_v1;
mod meta_v2;
mod sections;
mod spool;
mod tar_header;
mod toc;
mod unit;

pub use batches::Batcher;
pub use copying::{Copying, LEFT_OUT};
pub use growth::Grown;
pub use kind::{BARE, BATCHED, BlobKind, NATIVE, REFERRING_TO_GZIP, REFERRING_TO_TAR};
pub use sections::{BlobRecord, SectionWriter, StoredChunks, id};
pub use spool::{BlobFile, Spool};
pub use tar_header::tar_header;
pub use unit::{ALONE, Finished, Piece, UNIT, Unit, UnitBuffers};
