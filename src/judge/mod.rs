//! The judge: a scenario and a recording go in, a [`Judgement`] comes out. Pure.
//!
//! Three witnesses are heard: the expectation (the timeline against the capture), the snapshot (the transcript against the
//! accepted one) and the integrity of the run (capture, kernel counters, states, payloads, lints). A witness that cannot
//! be trusted makes the verdict inconclusive, never pass.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::scenario::Finding;

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
