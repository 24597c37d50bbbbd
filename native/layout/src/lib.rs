//! Where fields stand and what numbers mean, on disk and between the addon and TypeScript: constants and nothing else.
//!
//! The modules are generated from the tables in src/rafs-builder/layout (`npm run docs`), so that the writer and the judge,
//! which share no other code, agree with TypeScript about every offset. Every table is here whole, used or not.
//!
//! Tables of v6 and of blobs stand at the root too; those of v5 have the same names and do not.

#![forbid(unsafe_code)]
// Meanings are written for docs/format.md, where no field name is in backticks.
#![allow(clippy::doc_markdown, missing_docs)]

pub mod blob;
pub mod rules;
pub mod table;
pub mod v5;
pub mod v6;
pub mod wire;

pub use blob::*;
pub use v6::*;
