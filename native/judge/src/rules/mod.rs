//! The rules check a bootstrap that can be read, and a blob. Each gives its findings in the order of the file if that is
//! cheap.

pub mod blob;
mod regions;
pub mod v5;
pub mod v6;
