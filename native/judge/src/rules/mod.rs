//! The rules over a bootstrap that can be read. Each gives findings, in the order of the file where that is cheap.

pub mod regions;
pub mod v5;
