//! The rules over a bootstrap that can be read. Each gives findings, in the order of the file where that is cheap.

mod regions;
pub mod v5;
pub mod v6;
