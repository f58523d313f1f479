//! The events of a suite: all that is told about it while it goes on. The terminal, the summary and every report read
//! these and nothing else.
//!
//! The events of one run come in order; those of several runs at once are told apart by their number.

use std::sync::Arc;
use std::time::Duration;

use super::{Played, SuiteError};
use crate::judge::Verdict;
use crate::matcher;
use crate::run::{Ending, Entry, Mode, RunError};
use crate::scenario::Scenario;

/// One event.
#[derive(Debug)]
pub enum Event {
    /// The first one.
    SuiteStarted(Suite),
    /// A run begins.
    RunStarted {
        /// The number of the run within the suite, from 0.
        run: usize,
        /// What is played.
        scenario: Arc<Scenario>,
    },
    /// Something happened on the bench of a run.
    Entry {
        /// The number of the run.
        run: usize,
        /// What happened.
        entry: Entry,
    },
    /// A run is over, and judged where there was something to judge.
    RunEnded(Box<Ended>),
    /// The last one.
    SuiteEnded(Totals),
}

/// What is going to be played, and where.
#[derive(Debug, Clone)]
pub struct Suite {
    /// The version of tcplab.
    pub tcplab: String,
    /// `uname -r`.
    pub kernel: String,
    /// Where the conversations take place.
    pub mode: Mode,
    /// How many runs go on at once, at most.
    pub jobs: usize,
    /// The scenarios of one round.
    pub scenarios: Vec<Arc<Scenario>>,
    /// How many runs there are to be; `None` where only a failure or Ctrl-C ends them.
    pub runs: Option<usize>,
}

/// A run that is over.
#[derive(Debug)]
pub struct Ended {
    /// The number of the run.
    pub run: usize,
    /// What was played.
    pub scenario: Arc<Scenario>,
    /// What came of it.
    pub result: Result<Played, SuiteError>,
    /// From its start to its judgement, by the clock on the wall.
    pub elapsed: Duration,
}

impl Ended {
    /// The result in one word.
    pub fn conclusion(&self) -> Conclusion {
        Conclusion::of(&self.result)
    }

    /// The line of the scenario file that is to blame, from 1: that of the expectation that does not hold, or of the action
    /// in which the run ended or hangs. `None` where no line is, as for a snapshot that differs.
    pub fn line_at_fault(&self) -> Option<usize> {
        let scenario = &*self.scenario;
        let line_of = |step: usize| {
            let step = scenario.steps().nth(step)?;
            Some(scenario.line(&step.action.span))
        };
        match &self.result {
            Ok(played) if played.judgement.verdict == Verdict::Pass => None,
            Ok(played) => match matcher::compare(scenario, &played.recording).mismatch {
                Some(mismatch) => Some(scenario.line(mismatch.expectation.as_ref().unwrap_or(&mismatch.action))),
                None => match played.recording.ending {
                    Ending::Mismatch { step } | Ending::ActionFailed { step } | Ending::Deadline { step } => {
                        line_of(step)
                    }
                    Ending::Completed | Ending::Unquiet { .. } | Ending::Interrupted => None,
                },
            },
            Err(SuiteError::Hung { step, .. }) => step.and_then(line_of),
            Err(_) => None,
        }
    }
}

/// How a run ended, in one word; the worst one first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Conclusion {
    /// Something differs from what the scenario or the snapshot says.
    Fail,
    /// The run broke down, by a defect of the lab: it panicked, or did not come back.
    Error,
    /// The run could not take place.
    Unable,
    /// The machine or the capture could not be trusted.
    Inconclusive,
    /// This kernel or machine cannot play the scenario.
    Skip,
    /// Every witness agrees.
    Pass,
}

impl Conclusion {
    /// All of them, the worst one first.
    pub const ALL: [Conclusion; 6] = [
        Conclusion::Fail,
        Conclusion::Error,
        Conclusion::Unable,
        Conclusion::Inconclusive,
        Conclusion::Skip,
        Conclusion::Pass,
    ];

    /// That of a run.
    pub fn of(result: &Result<Played, SuiteError>) -> Conclusion {
        match result {
            Ok(played) => played.judgement.verdict.into(),
            Err(SuiteError::Skipped { .. }) => Conclusion::Skip,
            Err(SuiteError::Hung { .. } | SuiteError::Run(RunError::Panicked(_))) => Conclusion::Error,
            Err(_) => Conclusion::Unable,
        }
    }

    /// Whether nothing speaks against the run: it passed, or was skipped.
    pub fn is_good(self) -> bool {
        matches!(self, Conclusion::Pass | Conclusion::Skip)
    }

    /// The word: `pass`, `fail`, …
    pub fn name(self) -> &'static str {
        match self {
            Conclusion::Fail => "fail",
            Conclusion::Error => "error",
            Conclusion::Unable => "unable",
            Conclusion::Inconclusive => "inconclusive",
            Conclusion::Skip => "skip",
            Conclusion::Pass => "pass",
        }
    }
}

impl From<Verdict> for Conclusion {
    fn from(verdict: Verdict) -> Conclusion {
        match verdict {
            Verdict::Pass => Conclusion::Pass,
            Verdict::Fail => Conclusion::Fail,
            Verdict::Inconclusive => Conclusion::Inconclusive,
            Verdict::Skip => Conclusion::Skip,
        }
    }
}

/// The end of a suite in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// How many runs ended in each way, in the order of [`Conclusion::ALL`].
    pub(crate) counts: [usize; Conclusion::ALL.len()],
    /// How many runs never began, where their number was known.
    pub not_played: usize,
    /// From the start of the first run to the end of the last one, by the clock on the wall.
    pub elapsed: Duration,
    /// Whether Ctrl-C or the end of a reader ended it.
    pub interrupted: bool,
}

impl Totals {
    /// How many runs ended so.
    pub fn count(&self, conclusion: Conclusion) -> usize {
        self.counts[conclusion as usize]
    }

    /// How many runs ended.
    pub fn runs(&self) -> usize {
        self.counts.iter().sum()
    }

    /// Counts one more run.
    pub fn add(&mut self, conclusion: Conclusion) {
        self.counts[conclusion as usize] += 1;
    }
}
