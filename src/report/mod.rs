//! Reports: what is shown while a run goes on and after it, to people first.
//!
//! - [`Live`]: progress and segment lines, from run events;
//! - [`ladder()`]: the session as a diagram, client left, server right; [`svg()`]: a picture of it;
//! - [`explain()`]: what each segment does and why its numbers are these; [`lessons`]: what the run teaches;
//! - [`story()`]: the same in words, without a diagram;
//! - [`verdict()`], [`line`](fn@line), [`Summary`]: what the judge said, at length, in one line, and about a suite;
//! - [`JsonLines`], [`Junit`], [`Annotations`]: the events of a suite for programs and services;
//! - [`doctor()`]: what the machine can do.
//!
//! Everything is laid out for a [`Theme`], which is given, and written into a string or a given writer, so that tests
//! see what users see. Clock times are shown here only, never in transcripts and snapshots.

mod annotations;
mod doctor;
mod events;
mod explain;
mod junit;
mod label;
mod ladder;
mod live;
mod progress;
mod remedy;
#[cfg(test)]
mod samples;
mod story;
mod suite;
mod svg;
mod text;
mod theme;
mod verdict;

pub use annotations::Annotations;
pub use doctor::{Probe, doctor};
pub use events::{JsonLines, VERSION};
pub use explain::{explain, lessons, lessons_shown};
pub use junit::Junit;
pub use ladder::ladder;
pub use live::{Detail, Live};
pub use remedy::with_remedy;
pub use story::story;
pub use suite::{Summary, line};
pub use svg::svg;
pub use theme::{MAX_WIDTH, MIN_WIDTH, Role, Theme};
pub use verdict::{Artefact, Closing, Outcome, Unjudged, verdict};
