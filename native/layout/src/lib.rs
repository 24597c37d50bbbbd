//! Offsets of fields and meanings of numbers, on disk and between the addon and TypeScript. This crate holds
//! nothing else.
//!
//! The modules are generated from the tables in src/rafs-builder/layout (`npm run docs`), so that the writer and the judge,
//! which share no other code, agree with TypeScript about every offset. Every table is complete, with unused fields, too.
//!
//! Tables of v6 and of blobs can also be named at the root. Those of v5 have the same names, so they cannot.

#![forbid(unsafe_code)]
// The doc comments are the meanings in docs/format.md, which has no field name in backticks.
#![allow(clippy::doc_markdown, missing_docs)]

pub mod blob;
pub mod rules;
pub mod table;
pub mod v5;
pub mod v6;
pub mod wire;

pub use blob::*;
pub use v6::*;
