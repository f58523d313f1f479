//! The always-on lints: rules that every segment of every conversation must keep.

use super::Segment;

/// A broken rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The segment's index in the capture, from 0.
    pub segment: usize,
    /// The rule's name, as in [`RULES`].
    pub rule: &'static str,
    /// What is wrong, with numbers.
    pub detail: String,
}

/// One rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// A short name.
    pub name: &'static str,
    /// The requirement and section of RFC 9293: `MUST-2, section 3.1`.
    pub source: &'static str,
}

/// All rules that [`lint`] checks.
pub const RULES: &[Rule] = &[];

/// Checks the segments of one capture, in capture order.
pub fn lint(_segments: &[Segment]) -> Vec<Violation> {
    Vec::new()
}
