//! Expectations against segments: online, while a run goes on, and offline, from its recording. Pure.
//!
//! The expectations of a scenario form a regular language over segments, with closed sequences: whatever no line expects
//! is a mismatch. [`Matcher`] simulates the automaton of that language, one segment at a time, and keeps every way in
//! which the lines can explain what was seen so far. [`compare`] plays a recording through the same matcher, so that it
//! can never disagree with what the run itself saw, and explains the first segment that does not fit.
//!
//! Where several explanations are possible, the reported one prefers, in this order: a line that can take more segments
//! takes them (`x2..5`, `?`, the ACKs of a `stream`); the first alternative of `either`; the first line of `any order`;
//! but `...` takes a segment only when no later line can. In `any order { … }` the segments of different lines may be
//! interleaved; each line, and each sequence of an `either` within it, keeps its own order.
//!
//! Not modelled: what TCP does. That a segment is legal TCP is for the lints and the state replay to say.
//!
//! [`Recording`](crate::run::Recording) and [`ActionResult`](crate::endpoint::ActionResult) are used as plain data;
//! nothing here calls the layers that they come from.

mod align;
mod automaton;
mod compare;
mod faults;
mod fields;
mod hints;
mod online;
#[cfg(test)]
mod oracle;
mod outcome;
mod program;
mod render;
mod stream;
#[cfg(test)]
pub(crate) mod support;
#[cfg(test)]
mod tests;
mod wire;

pub use align::Row;
pub use compare::{Kind, Match, Mismatch, Place, Role, StreamRun, compare};
pub use faults::{Faults, Strike};
pub use fields::Difference;
pub use online::{Matcher, Push};
pub use outcome::check_result;
