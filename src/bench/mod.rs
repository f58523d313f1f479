//! The bench.

pub mod sockopt;
mod watch;

pub use watch::watch;
