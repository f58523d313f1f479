//! The bench.

pub mod sockopt;
