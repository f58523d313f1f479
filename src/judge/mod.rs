//! The judge: a scenario and a recording go in, a [`Judgement`] comes out. Pure.
//!
//! Three witnesses are heard: the expectation (the timeline against the capture), the snapshot (the transcript against the
//! accepted one) and the integrity of the run (capture, kernel counters, states, payloads, lints). A witness that cannot
//! be trusted makes the verdict inconclusive, never pass.
//!
//! The verdict follows from the checks alone: any doubtful one makes it inconclusive, else any failed one makes it fail.

mod actions;
#[cfg(test)]
mod by_hand;
mod clock;
mod connection;
mod counters;
mod disturbance;
mod expectation;
mod faults;
mod findings;
mod icmp;
mod lints;
mod payload;
mod sockets;
mod states;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::run::Recording;
use crate::scenario::{Finding, Scenario};

/// From this length on, a time in which the machine held the lab up can have changed what TCP did: the shortest timer that
/// a scenario meets is the delayed acknowledgment's, 40 ms on Linux (TCP_DELACK_MIN), less one tick and some.
pub const LONGEST_HARMLESS_STALL: Duration = Duration::from_millis(30);

/// The result of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every witness agrees.
    Pass,
    /// Something differs from what the scenario or the snapshot says.
    Fail,
    /// The machine or the capture could not be trusted.
    Inconclusive,
    /// This kernel or machine cannot play the scenario.
    Skip,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Verdict::Pass => "pass",
            Verdict::Fail => "fail",
            Verdict::Inconclusive => "inconclusive",
            Verdict::Skip => "skip",
        })
    }
}

/// What the judge says, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// The result.
    pub verdict: Verdict,
    /// What each witness said, in the order expectation, snapshot, integrity.
    pub checks: Vec<Check>,
    /// Mistakes of the applications, found in this run.
    pub findings: Vec<FoundMistake>,
}

/// One thing that was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Which witness it belongs to.
    pub witness: Witness,
    /// What was checked, in a few words: `capture complete`, `states`, `lint: MSS only with SYN`.
    pub name: String,
    /// How it went.
    pub status: Status,
    /// What was seen: for a success one short phrase, for a failure all that a user needs, possibly many lines.
    pub detail: String,
    /// The same in one line, where the detail is a story.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brief: Option<String>,
}

/// An independent source of truth about a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Witness {
    /// The timeline against the capture and the results of the actions.
    Expectation,
    /// The transcript against the accepted snapshot.
    Snapshot,
    /// The run against itself: capture, counters, states, payloads, lints.
    Integrity,
}

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// As it must be.
    Ok,
    /// Not as it must be.
    Failed,
    /// It cannot be told: the machine or the capture is to blame.
    Doubtful,
    /// There was nothing to check, or nothing to check it with; the detail says why.
    NotChecked,
}

/// A mistake of an application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundMistake {
    /// Which one.
    pub finding: Finding,
    /// What happened, for people.
    pub detail: String,
}

/// How a run's transcript stands to the accepted snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SnapshotComparison {
    /// They are equal.
    Matches,
    /// They are not.
    Differs {
        /// The difference, for people.
        diff: String,
        /// The kernel with which the snapshot was accepted, where its header says so.
        accepted_kernel: Option<String>,
    },
    /// Nothing has been accepted yet.
    Missing,
    /// This run cannot be compared.
    NotCompared {
        /// Why, as a clause: `the host's own loopback is not pinned`.
        reason: String,
    },
}

/// Judges a run.
///
/// A scenario without an accepted snapshot can pass: a first run cannot fail for being the first. Its check says that the
/// second witness was not heard.
pub fn judge(scenario: &Scenario, recording: &Recording, snapshot: &SnapshotComparison) -> Judgement {
    let findings = findings::find(scenario, recording);
    let mut checks = vec![
        expectation::segments(scenario, recording),
        actions::check(scenario, recording),
        expectation::ending(scenario, recording),
    ];
    checks.extend(faults::check(scenario, recording));
    checks.extend(icmp::sent(scenario, recording));
    checks.extend(findings::check(scenario, recording, &findings));
    checks.extend(scenario.deviations.iter().map(|deviation| {
        let detail = format!("Linux deviates, as the scenario says: {}", deviation.reason);
        Check::expectation(format!("RFC 9293 {}", deviation.id), Status::NotChecked, detail)
    }));
    let place = checks.len();
    checks.push(counters::capture(recording));
    if scenario.settings.offloads {
        let reason = "with offloads one captured packet holds several segments, which the kernel counts one by one";
        checks.extend(
            ["kernel counters", "socket counters"].map(|name| Check::integrity(name, Status::NotChecked, reason)),
        );
    } else {
        checks.push(counters::kernel(recording));
        checks.push(sockets::check(scenario, recording));
    }
    checks.extend(icmp::counted(scenario, recording));
    checks.push(payload::check(scenario, recording));
    checks.push(states::check(scenario, recording));
    checks.extend(lints::check(scenario, recording));
    // A delay can have its effect on any witness: a timer that ran out between a segment and the question for the state.
    let differs = matches!(snapshot, SnapshotComparison::Differs { .. })
        || checks.iter().any(|check| check.status == Status::Failed);
    checks.splice(
        place..place,
        [disturbance::check(scenario, recording, differs)]
            .into_iter()
            .chain(clock::check(scenario, recording, differs)),
    );
    let vouched = is_vouched(&checks);
    checks.insert(place, snapshot_check(recording, snapshot, vouched));
    Judgement {
        verdict: verdict(&checks),
        checks,
        findings,
    }
}

/// Whether no witness but the snapshot speaks against the run.
fn is_vouched(checks: &[Check]) -> bool {
    checks
        .iter()
        .filter(|check| check.witness != Witness::Snapshot)
        .all(|check| matches!(check.status, Status::Ok | Status::NotChecked))
}

impl Judgement {
    /// Whether the transcript is worth a review: no witness but the snapshot speaks against the run.
    pub fn is_vouched(&self) -> bool {
        is_vouched(&self.checks)
    }

    /// The judgement on a scenario that this kernel or machine cannot play, for this reason.
    pub fn skip(reason: impl Into<String>) -> Judgement {
        Judgement {
            verdict: Verdict::Skip,
            checks: vec![Check::integrity("not played", Status::NotChecked, reason)],
            findings: Vec::new(),
        }
    }
}

fn verdict(checks: &[Check]) -> Verdict {
    let any = |status| checks.iter().any(|check| check.status == status);
    if any(Status::Doubtful) {
        Verdict::Inconclusive
    } else if any(Status::Failed) {
        Verdict::Fail
    } else {
        Verdict::Pass
    }
}

/// The check of the second witness; `vouched` says whether all others agree, for only then a new transcript is proposed.
fn snapshot_check(recording: &Recording, snapshot: &SnapshotComparison, vouched: bool) -> Check {
    const NOT_PROPOSED: &str = "the new one is not proposed for review while another check does not hold";
    let name = &recording.scenario;
    let (status, detail) = match snapshot {
        SnapshotComparison::Matches => (Status::Ok, "the transcript is the accepted one".to_owned()),
        SnapshotComparison::Missing => (
            Status::NotChecked,
            if vouched {
                format!("no snapshot yet: `tcplab review {name}` shows the transcript and accepts it")
            } else {
                format!("no snapshot yet, and {NOT_PROPOSED}")
            },
        ),
        SnapshotComparison::NotCompared { reason } => (Status::NotChecked, format!("not compared: {reason}")),
        SnapshotComparison::Differs { diff, accepted_kernel } => {
            let mut detail = format!("the transcript is not the accepted one:\n{}", diff.trim_end());
            let kernel = &recording.environment.kernel;
            if let Some(accepted) = accepted_kernel.as_ref().filter(|accepted| *accepted != kernel) {
                detail += &format!(
                    "\nIt was accepted with Linux {accepted}, this is {kernel}: the kernel may have changed what it sends."
                );
            }
            detail += &if vouched {
                format!("\n`tcplab review {name}` accepts or rejects the new one.")
            } else {
                format!("\nMend the rest first: {NOT_PROPOSED}.")
            };
            (Status::Failed, detail)
        }
    };
    let check = Check::new(Witness::Snapshot, "snapshot", status, detail);
    match snapshot {
        SnapshotComparison::Differs { accepted_kernel, .. } => {
            let other = accepted_kernel
                .as_ref()
                .filter(|accepted| **accepted != recording.environment.kernel);
            let with = other.map_or(String::new(), |accepted| format!(", which is of Linux {accepted}"));
            check.in_brief(format!("the transcript is not the accepted one{with}"))
        }
        _ => check,
    }
}

impl Check {
    fn new(witness: Witness, name: impl Into<String>, status: Status, detail: impl Into<String>) -> Check {
        Check {
            witness,
            name: name.into(),
            status,
            detail: detail.into(),
            brief: None,
        }
    }

    fn in_brief(self, brief: String) -> Check {
        Check {
            brief: Some(brief),
            ..self
        }
    }

    fn expectation(name: impl Into<String>, status: Status, detail: impl Into<String>) -> Check {
        Check::new(Witness::Expectation, name, status, detail)
    }

    fn integrity(name: impl Into<String>, status: Status, detail: impl Into<String>) -> Check {
        Check::new(Witness::Integrity, name, status, detail)
    }

    /// An integrity check that holds unless something speaks against it.
    fn unless(wrong: &[String], name: &str, status: Status, detail: impl Into<String>) -> Check {
        if wrong.is_empty() {
            Check::integrity(name, Status::Ok, detail)
        } else {
            Check::integrity(name, status, wrong.join("\n"))
        }
    }
}
