//! Does the judge see what it must see? Recorded runs that pass are changed in one place at a time; no mutant may pass.
//!
//! Every field of every segment, every result, state and counter has its turn; segments are left out, doubled and
//! exchanged. For each mutant the witnesses that object are counted. What may pass is listed in [`EQUIVALENT`], with the
//! reason. Times are not changed: only scenarios that are about time look at them.

mod mutate;

use std::collections::BTreeMap;

pub use mutate::{Mutant, mutants};

use crate::judge::{Status, Verdict, Witness};
use crate::run::Recording;
use crate::scenario::Scenario;
use crate::snapshot::{Store, StoreError};
use crate::suite::judge_recording;

/// Kinds of mutants that may pass, and why.
pub const EQUIVALENT: &[(&str, &str)] = &[
    (
        "window",
        "the window depends on the memory of the host, so no snapshot holds it; the lints object where a change breaks a rule",
    ),
    (
        "urgent pointer without URG",
        "without URG the field means nothing (RFC 9293, section 3.1)",
    ),
    (
        "acknowledgment without ACK",
        "without ACK the field means nothing (RFC 9293, section 3.1)",
    ),
    (
        "timestamp value",
        "the values come from the host's clock; the lints object where a change breaks a rule",
    ),
    (
        "window scale",
        "the shift depends on the memory of the host; the lints object where a change breaks a rule",
    ),
    (
        "initial sequence number",
        "every connection begins at a random number; both the SYN and the rest count from it",
    ),
];

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
    /// Those that passed.
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
    let mut tallies: BTreeMap<&'static str, Tally> = BTreeMap::new();
    for mutant in mutants(recording) {
        let judgement = judge_recording(snapshots, scenario, &mutant.recording)?.judgement;
        let tally = tallies.entry(mutant.kind).or_default();
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
            tally.survivors.push(mutant.change);
        }
    }
    Ok(Outcome::Checked(tallies))
}

/// The reason for which mutants of this kind may pass, if they may.
pub fn excuse(kind: &str) -> Option<&'static str> {
    EQUIVALENT
        .iter()
        .find(|(equivalent, _)| *equivalent == kind)
        .map(|(_, reason)| *reason)
}
