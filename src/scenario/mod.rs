//! Scenarios: the file format, the timeline language and its diagnostics.
//!
//! A scenario file is TOML for what is data and one text block, the timeline, for the play. The language is described
//! in `docs/scenario-language.md`; what a file means is in [`Scenario`]. Parsing reports all errors of a file at once,
//! each with its place. Whether the two ends can play a scenario is seen when it runs: here only what is impossible
//! whatever the ends do is refused.

mod action;
mod diagnostic;
mod expect;
mod fault;
mod file;
mod icmp;
mod layout;
mod library;
mod model;
mod schema;
mod settings;
mod timeline;

#[cfg(test)]
mod tests;

pub use action::{Action, Address, Injection, Outcome, Payload, ShutdownHow, SocketOption, Verb, Want};
pub use diagnostic::{Diagnostic, Diagnostics};
pub use expect::{Count, Expect, OptionPattern, OptionsPattern, Scope, SegmentPattern, Timing};
pub use fault::{Aim, Fault, How, Place, Which};
pub use file::parse;
pub use icmp::{IcmpError, IcmpKind, Severity};
pub use layout::{lay_out, lay_out_lines, same_meaning, timeline_span};
pub use library::{Entry, Library, LoadError, SelectError, load};
pub use model::{Deviation, Family, Finding, Phase, RouteMetrics, Scenario, Settings, Span, Step, SysctlValue};
pub use schema::schema;
pub use timeline::errno_name;
