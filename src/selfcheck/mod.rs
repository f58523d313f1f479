//! Does the judge see what it must see? Recorded runs that pass are changed in one place at a time; no mutant may pass.
//!
//! Every field of every segment, every result, state and counter has its turn; segments are left out, doubled and
//! exchanged. For each mutant the witnesses that object are counted. What may pass is listed in [`EQUIVALENT`], with the
//! reason. Times are not changed: only scenarios that are about time look at them.

mod mutate;

use std::collections::BTreeMap;

pub use mutate::{Mutant, mutants};

use crate::judge::{Status, Verdict, Witness};
use crate::matcher;
use crate::run::Recording;
use crate::scenario::Scenario;
use crate::snapshot::{Store, StoreError};
use crate::suite::judge_recording;

/// Kinds of mutants that may pass, in which scenario (none: in all), and why.
pub const EQUIVALENT: &[(&str, Option<&str>, &str)] = &[
    (
        "window",
        None,
        "the window depends on the memory of the host, so no snapshot holds it; the lints object where a change breaks a rule",
    ),
    (
        "urgent pointer without URG",
        None,
        "without URG the field means nothing (RFC 9293, section 3.1)",
    ),
    (
        "acknowledgment without ACK",
        None,
        "without ACK the field means nothing (RFC 9293, section 3.1)",
    ),
    (
        "timestamp value",
        None,
        "the values come from the host's clock; the lints object where a change breaks a rule",
    ),
    (
        "window scale",
        None,
        "the shift depends on the memory of the host; the lints object where a change breaks a rule",
    ),
    (
        "initial sequence number",
        None,
        "every connection begins at a random number; both the SYN and the rest count from it",
    ),
    (
        IN_STREAM,
        None,
        "one line tells them all: payload bytes, sizes and order count, PSH and the numbers of single ACKs do not",
    ),
    (
        "kernel counter tcpInErrs",
        None,
        "Linux counts SYNs that reach an established end as errors, but not all of them: the judge knows only how many at most",
    ),
    (
        "socket counter",
        Some("loss/synack-lost"),
        "how many segments of a repeated handshake the passive end counts is known within a range only",
    ),
];

/// The kind of all mutants of segments that one `stream` line tells.
const IN_STREAM: &str = "within a stream";

/// What came of the mutants of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    /// How many there were.
    pub made: usize,
    /// How many the expectation objected to.
    pub expectation: usize,
    /// How many the snapshot objected to.
    pub snapshot: usize,
    /// How many the integrity of the run objected to.
    pub integrity: usize,
    /// How many passed that are equivalent to the original.
    pub equivalent: usize,
    /// Why those are equivalent.
    pub reason: Option<&'static str>,
    /// Those that passed and should not have.
    pub survivors: Vec<String>,
}

/// What the self-check of one scenario found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The unchanged recording does not pass, so its mutants would prove nothing.
    Unfit(Verdict),
    /// The mutants by kind.
    Checked(BTreeMap<&'static str, Tally>),
}

/// Judges all mutants of a recording.
///
/// # Errors
/// A snapshot that cannot be read.
pub fn check(snapshots: &Store, scenario: &Scenario, recording: &Recording) -> Result<Outcome, StoreError> {
    let original = judge_recording(snapshots, scenario, recording)?.judgement.verdict;
    if original != Verdict::Pass {
        return Ok(Outcome::Unfit(original));
    }
    let streams = matcher::compare(scenario, recording).stream_runs();
    let is_in_stream = |segment: usize| streams.iter().any(|run| run.segments.contains(&segment));
    let mut tallies: BTreeMap<&'static str, Tally> = BTreeMap::new();
    let mut failed = None;
    mutants(recording, &mut |mutant| {
        let judgement = match judge_recording(snapshots, scenario, &mutant.recording) {
            Ok(judged) => judged.judgement,
            Err(error) => {
                failed.get_or_insert(error);
                return;
            }
        };
        let kind = if mutant.segment.is_some_and(is_in_stream) {
            IN_STREAM
        } else {
            mutant.kind
        };
        let tally = tallies.entry(kind).or_default();
        tally.made += 1;
        let objects = |witness| {
            usize::from(
                judgement
                    .checks
                    .iter()
                    .any(|check| check.witness == witness && matches!(check.status, Status::Failed | Status::Doubtful)),
            )
        };
        tally.expectation += objects(Witness::Expectation);
        tally.snapshot += objects(Witness::Snapshot);
        tally.integrity += objects(Witness::Integrity);
        if judgement.verdict == Verdict::Pass {
            match excuse(kind, &scenario.name) {
                Some(reason) => {
                    tally.equivalent += 1;
                    tally.reason = Some(reason);
                }
                None => tally.survivors.push(mutant.change),
            }
        }
    });
    failed.map_or(Ok(Outcome::Checked(tallies)), Err)
}

/// The reason for which mutants of this kind may pass in this scenario, if they may.
pub fn excuse(kind: &str, scenario: &str) -> Option<&'static str> {
    EQUIVALENT
        .iter()
        .find(|(equivalent, place, _)| *equivalent == kind && place.is_none_or(|place| place == scenario))
        .map(|(_, _, reason)| *reason)
}
