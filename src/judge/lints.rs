//! The always-on lints.

use super::{Check, Status};
use crate::run::{Fates, Recording};
use crate::scenario::{Scenario, SocketOption, Verb};
use crate::tcp::lint::{DSCP, PUSH};
use crate::tcp::{Origin, Party, RULES, Rule, Segment, Violation, lint};

/// One check for all rules that hold, and one for each that is broken.
pub(super) fn check(scenario: &Scenario, recording: &Recording) -> Vec<Check> {
    let fates = Fates::of(recording);
    let mut segments: Vec<Segment> = Vec::new();
    let mut numbers = Vec::new();
    for (number, segment) in recording.segments().enumerate() {
        segments.push(segment.clone());
        numbers.push(number);
        // What the wire has altered is for its receiver what a forgery would be: nobody sent it.
        if let Some(altered) = fates.altered(number) {
            segments.push(Segment {
                origin: Origin::Spoofed,
                ..altered.clone()
            });
            numbers.push(number);
        }
    }
    let mut violations = lint(&segments);
    violations.retain(|violation| !is_asked_for(scenario, violation.rule, segments[violation.segment].from));
    for violation in &mut violations {
        violation.segment = numbers[violation.segment];
    }
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

/// Whether the application of this end has told its TCP to do what the rule forbids where nobody asks for it.
fn is_asked_for(scenario: &Scenario, rule: &str, party: Party) -> bool {
    let mut verbs = scenario
        .steps()
        .filter(|step| step.action.party == party)
        .map(|step| &step.action.verb);
    if rule == DSCP.name {
        verbs.any(|verb| matches!(verb, Verb::Set(SocketOption::IpTos | SocketOption::Ipv6Tclass, _)))
    } else {
        rule == PUSH.name && verbs.any(Verb::announces_more)
    }
}

fn failed(rule: &Rule, violations: &[Violation]) -> Check {
    let found = violations.iter().filter(|violation| violation.rule == rule.name);
    let mut lines: Vec<String> = found
        .map(|violation| format!("segment {}: {}", violation.segment + 1, violation.detail))
        .collect();
    lines.push(format!("(RFC 9293, {})", rule.source));
    Check::integrity(format!("lint: {}", rule.name), Status::Failed, lines.join("\n"))
}
