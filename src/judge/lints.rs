//! The always-on lints.

use std::time::Duration;

use super::{Check, LONGEST_HARMLESS_STALL, Status};
use crate::run::{Fates, Mode, Recording};
use crate::scenario::{Scenario, SocketOption, Verb};
use crate::tcp::lint::{DSCP, ISN_CLOCK, PUSH};
use crate::tcp::{Flags, Origin, Party, RULES, Rule, Segment, Violation, lint};

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
    let chosen_otherwise = |segment: &Segment| may_be_no_clock(recording, segment);
    violations.retain(|violation| violation.rule != ISN_CLOCK.name || !chosen_otherwise(&segments[violation.segment]));
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
    checks.extend(RULES.iter().filter(|rule| broken(rule)).map(|rule| Check {
        status: status(rule, recording),
        ..failed(rule, &violations)
    }));
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

/// Whether the kernel may have taken the ISN of this SYN from elsewhere than its clock: a SYN,ACK may have a cookie. On the
/// host's own loopback an earlier connection may be in TIME-WAIT, of which nothing was captured.
fn may_be_no_clock(recording: &Recording, syn: &Segment) -> bool {
    let cookies = recording.counters.and_then(|counters| counters.syncookies_sent);
    recording.environment.mode == Mode::Host || syn.flags.contains(Flags::ACK) && cookies != Some(0)
}

/// A machine that stood still between the choice of an ISN and its capture makes it look wrong.
fn status(broken: &Rule, recording: &Recording) -> Status {
    let stood_still = Duration::from_nanos(recording.stall.longest) >= LONGEST_HARMLESS_STALL;
    if broken.name == ISN_CLOCK.name && stood_still {
        Status::Doubtful
    } else {
        Status::Failed
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

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::matcher::support::{Sketch, Tape, segment};
    use crate::run::Entry;
    use crate::tcp::SocketPair;

    /// A pair that is opened again by such a SYN, whose number is not the clock's.
    fn reopened_by(line: &str) -> Recording {
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let mut tape = Tape::new();
        for step in [0, 77] {
            let mut syn = segment(line);
            syn.at = u64::from(step) * 1_000_000_000;
            syn.seq += step;
            syn.sockets = Some(SocketPair {
                source: address(1),
                destination: address(2),
            });
            tape.recording.entries.push(Entry::Segment(syn));
        }
        tape.recording.environment.mode = Mode::Private;
        tape.recording.counters.get_or_insert_default().syncookies_sent = Some(0);
        tape.recording
    }

    fn judged(recording: &Recording) -> Status {
        let checks = check(&Sketch::default().scenario(), recording);
        let name = format!("lint: {}", ISN_CLOCK.name);
        let found = checks.iter().find(|check| check.name == name);
        found.map_or(Status::Ok, |check| check.status)
    }

    #[test]
    fn an_isn_that_is_not_the_clocks_fails_unless_it_may_come_from_elsewhere() {
        let (syn, syn_ack) = (reopened_by("C > S SYN seq 0"), reopened_by("S > C SYN ACK seq 0 ack 1"));
        let change = |recording: &Recording, change: fn(&mut Recording)| {
            let mut changed = recording.clone();
            change(&mut changed);
            judged(&changed)
        };
        let cookies: [fn(&mut Recording); 2] = [
            |recording| recording.counters.get_or_insert_default().syncookies_sent = Some(1),
            |recording| recording.counters = None,
        ];
        for cookie in cookies {
            assert_eq!(change(&syn, cookie), Status::Failed, "a SYN has no cookie");
            assert_eq!(change(&syn_ack, cookie), Status::Ok);
        }
        for recording in [syn, syn_ack] {
            assert_eq!(judged(&recording), Status::Failed);
            assert_eq!(change(&recording, |run| run.environment.mode = Mode::Host), Status::Ok);
            assert_eq!(
                change(&recording, |run| run.stall.longest = 50_000_000),
                Status::Doubtful
            );
        }
    }
}
