//! Plays scenarios and has them judged: run, judgement, snapshot and artefacts of one scenario, and of many at once.
//!
//! Each run is on its own: what fails, hangs or panics in one touches no other. All of it is told as [`Event`]s; results come
//! in the order in which runs end.

mod artefacts;
mod conversation;
mod event;
mod load;
mod pool;
pub mod pressure;
mod tally;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

pub use artefacts::{ArtefactError, Artefacts};
pub use conversation::Conversation;
pub use event::{Conclusion, Ended, Event, Suite, Totals};
pub use load::Load;
pub use pool::{Player, play_all};
pub use tally::{Count, Seen, Tally};

use crate::judge::{self, Judgement, SnapshotComparison, Witness};
use crate::run::{self, Entry, Interrupt, Mode, Recording, RunError};
use crate::scenario::Scenario;
use crate::snapshot::{Store, StoreError, Transcript, View, diff};

/// Where scenarios are played and where their traces go.
#[derive(Debug)]
pub struct Lab {
    /// Accepted and pending snapshots.
    pub snapshots: Store,
    /// The folder below which each run leaves its artefacts.
    pub out: PathBuf,
    /// How runs are made.
    pub options: run::Options,
}

/// One scenario, played and judged.
#[derive(Debug)]
pub struct Played {
    /// What was played.
    pub scenario: Arc<Scenario>,
    /// What happened.
    pub recording: Recording,
    /// The same, normalised.
    pub transcript: Transcript,
    /// What the judge says.
    pub judgement: Judgement,
    /// Where the capture and the rest were written.
    pub artefacts: Artefacts,
    /// Whether a new transcript waits for review.
    pub pending: bool,
}

/// Why a scenario was not played to a judgement.
#[derive(Debug, Error)]
pub enum SuiteError {
    /// This kernel or machine lacks what it needs.
    #[error("{reason}")]
    Skipped {
        /// What is missing.
        reason: String,
    },
    /// It did not come back: a defect of the lab, or of the kernel. Its thread is left behind.
    #[error(
        "the run did not come back within {:.0} s, which is a defect of tcplab or of the kernel: it hangs {place}",
        allowed.as_secs_f64()
    )]
    Hung {
        /// Where it hangs, as the end of a sentence.
        place: String,
        /// The step that began last, from 0.
        step: Option<usize>,
        /// How long it was waited for.
        allowed: Duration,
    },
    /// It could not be run here.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A snapshot could not be read or proposed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The artefacts could not be written.
    #[error(transparent)]
    Artefacts(#[from] ArtefactError),
}

/// A recording, held against its scenario and its snapshot.
#[derive(Debug)]
pub struct Judged {
    /// The recording, normalised.
    pub transcript: Transcript,
    /// What the judge says.
    pub judgement: Judgement,
    comparison: SnapshotComparison,
}

/// Judges a recording against the scenario and the accepted snapshot.
///
/// # Errors
/// A snapshot that cannot be read.
pub fn judge_recording(snapshots: &Store, scenario: &Scenario, recording: &Recording) -> Result<Judged, StoreError> {
    let transcript = Transcript::of(scenario, recording);
    let comparison = match (recording.environment.mode, snapshots.accepted(&scenario.name)?) {
        (Mode::Host, _) => SnapshotComparison::NotCompared {
            reason: "the host's own loopback is not pinned as a bench is".to_owned(),
        },
        (Mode::Private, None) => SnapshotComparison::Missing,
        (Mode::Private, Some(accepted)) => {
            let text = transcript.to_string();
            if accepted.matches(&text) {
                SnapshotComparison::Matches
            } else {
                SnapshotComparison::Differs {
                    diff: diff(&accepted.contents, &text).render(&View::default()),
                    accepted_kernel: accepted.kernel,
                }
            }
        }
    };
    let judgement = judge::judge(scenario, recording, &comparison);
    Ok(Judged {
        transcript,
        judgement,
        comparison,
    })
}

impl Lab {
    /// Plays one scenario, judges it, leaves its artefacts and, where the transcript is new, a pending snapshot.
    ///
    /// # Errors
    /// See [`SuiteError`]; a scenario that fails is not an error.
    pub fn play(
        &self,
        scenario: &Arc<Scenario>,
        interrupt: &Interrupt,
        observe: &mut (dyn FnMut(&Entry) + Send),
    ) -> Result<Played, SuiteError> {
        let run::Run { recording, frames } = match run::run(scenario, &self.options, interrupt, observe) {
            Err(RunError::Unsupported { what: reason }) => {
                Artefacts::write_skip(&self.out, &scenario.name, &Judgement::skip(&reason))?;
                return Err(SuiteError::Skipped { reason });
            }
            run => run?,
        };
        let Judged {
            transcript,
            mut judgement,
            comparison,
        } = judge_recording(&self.snapshots, scenario, &recording)?;
        let text = transcript.to_string();
        let proposed = self.propose(scenario, &comparison, &judgement, &text, &recording.environment.kernel);
        let pending = proposed.unwrap_or_else(|error| {
            // A folder that cannot be written must not hide what the judge says.
            let snapshot = judgement
                .checks
                .iter_mut()
                .find(|check| check.witness == Witness::Snapshot);
            snapshot.into_iter().for_each(|check| {
                check.detail += &format!("\nThe new transcript could not be left for review: {error}");
            });
            false
        });
        let artefacts = Artefacts::write(&self.out, &scenario.name, &recording, &frames, &text, &judgement)?;
        Ok(Played {
            scenario: Arc::clone(scenario),
            recording,
            transcript,
            judgement,
            artefacts,
            pending,
        })
    }

    /// Leaves a new transcript for review, if it is worth accepting: a run that the other witnesses vouch for.
    fn propose(
        &self,
        scenario: &Scenario,
        comparison: &SnapshotComparison,
        judgement: &Judgement,
        text: &str,
        kernel: &str,
    ) -> Result<bool, StoreError> {
        match comparison {
            SnapshotComparison::NotCompared { .. } => Ok(false),
            SnapshotComparison::Matches => {
                self.snapshots.discard_pending(&scenario.name)?;
                Ok(false)
            }
            SnapshotComparison::Missing | SnapshotComparison::Differs { .. } => {
                let vouched = judgement.is_vouched();
                if vouched {
                    self.snapshots.propose(scenario, text, kernel)?;
                }
                Ok(vouched)
            }
        }
    }
}
