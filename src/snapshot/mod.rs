//! Snapshots: the transcript of a run, the accepted and the pending one, and their review.
//!
//! The transcript is the only place in which a run is normalised: terminal, ladder and snapshot show the same numbers.
//!
//! - [`Transcript`]: a run as lines, and its text;
//! - [`Store`]: the folder of accepted and pending snapshots, in insta's file format;
//! - [`Diff`]: what is different between two transcripts, segment by segment;
//! - [`review`](mod@review): accept or reject what is pending, at a terminal or by name.

mod action;
pub mod diff;
mod file;
mod narrate;
mod parse;
mod payload;
#[cfg(test)]
mod play;
pub mod review;
pub mod store;
mod stream;
mod text;
pub mod transcript;

pub use diff::{Diff, View, diff};
pub use store::{Pending, Store, StoreError, Stored, provenance};
pub use transcript::Transcript;
