//! The rules check a bootstrap that can be read. Each gives its findings in the order of the file if that is cheap.

mod regions;
pub mod v5;
pub mod v6;
