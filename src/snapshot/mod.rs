//! Snapshots: the transcript of a run, the accepted and the pending one, and their review.
//!
//! The transcript is the only place in which a run is normalised: terminal, ladder and snapshot show the same numbers.

pub mod transcript;

pub use transcript::Transcript;
