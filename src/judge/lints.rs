//! The always-on lints.

use super::{Check, Status};
use crate::run::Recording;
use crate::tcp::{RULES, Rule, Segment, Violation, lint};

/// One check for all rules that hold, and one for each that is broken.
pub(super) fn check(recording: &Recording) -> Vec<Check> {
    let segments: Vec<Segment> = recording.segments().cloned().collect();
    let violations = lint(&segments);
    let broken = |rule: &Rule| violations.iter().any(|violation| violation.rule == rule.name);
    let kept = RULES.iter().filter(|rule| !broken(rule)).count();
    let mut checks = vec![Check::integrity(
        "lints",
        Status::Ok,
        format!("{kept} of {} rules hold for every segment", RULES.len()),
    )];
    checks.extend(
        RULES
            .iter()
            .filter(|rule| broken(rule))
            .map(|rule| failed(rule, &violations)),
    );
    checks
}

fn failed(rule: &Rule, violations: &[Violation]) -> Check {
    let found = violations.iter().filter(|violation| violation.rule == rule.name);
    let mut lines: Vec<String> = found
        .map(|violation| format!("segment {}: {}", violation.segment + 1, violation.detail))
        .collect();
    lines.push(format!("(RFC 9293, {})", rule.source));
    Check::integrity(format!("lint: {}", rule.name), Status::Failed, lines.join("\n"))
}
