//! Scenarios: the file format, the timeline language and its diagnostics.
//!
//! A scenario file is TOML for what is data and one text block, the timeline, for the play. The language is described
//! in `docs/scenario-language.md`; what a file means is in [`Scenario`]. Parsing reports all errors of a file at once,
//! each with its place.

mod model;

pub use model::{
    Action, Count, Expect, Family, Finding, OptionPattern, OptionsPattern, Outcome, Payload, Phase, Scenario, Scope,
    SegmentPattern, Settings, ShutdownHow, SocketOption, Span, Step, Timing, Verb, Want,
};
