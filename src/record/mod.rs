//! `tcplab record`: plays the actions of a scenario several times and writes down which segments they cause.
//!
//! What is written is the tightest form that covers every run (`merge`); where runs differ, a comment says so. Lines that
//! hold stay as they are, byte for byte, also when they say less than was seen: whoever left a field out had a reason. A
//! step without lines, one whose lines do not hold, and one with nothing but `...` is written anew (`edit`). So are the
//! outcomes of calls, and the payload of a `read` that names none. What the file demands of bytes, values and states is
//! not touched: that it did not come true is told.
//!
//! Tables are not written into: one head stands for many lines. A row that does not hold is told.
//!
//! Nothing is taken on trust: the new text is parsed, held against every run by the matcher that judges, and played.
//!
//! What cannot be known from playing: which of the segments are essential; whether what differs between machines or kernels
//! (windows, timing) matters, for no run here shows it, so nothing is written about it; and what comes by a timer of the
//! kernel after the next action has begun already, for a step without lines is over as soon as everything in flight has
//! been delivered. It is then written below the step in which it came. `+1s` or a line of one's own gives it time. Only where the
//! wire lost a segment, a step without lines waits for the retransmission; to show what comes before it, write lines.

mod edit;
mod merge;
mod seen;
#[cfg(test)]
mod tests;

use std::num::NonZeroUsize;
use std::thread;

use thiserror::Error;

use self::edit::Edit;
use self::merge::{Merged, merge};
use self::seen::Session;
use crate::matcher;
use crate::run::{self, Ending, Interrupt, Mode, Options, RunError};
use crate::scenario::{self, Diagnostics, Expect, Scenario, SegmentPattern, Step};

/// How many runs take place at once.
const AT_ONCE: usize = 8;
/// How often the new text is played before it is believed.
const CONFIRMATIONS: usize = 2;

/// What a scenario becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// The new text of the file; the old one if nothing is to be changed.
    pub text: String,
    /// How many steps have got other lines, or another outcome.
    pub changed: usize,
    /// What differed between the runs: each with its line in the new text.
    pub unstable: Vec<String>,
    /// What the file demands and did not come true; it still stands there.
    pub unmet: Vec<String>,
}

/// Why nothing could be recorded. The file is not touched.
#[derive(Debug, Error)]
pub enum RecordError {
    /// A run could not take place.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The user interrupted it.
    #[error("interrupted; nothing was recorded")]
    Interrupted,
    /// An action makes no sense where it stands.
    #[error(
        "line {line}: `{action}` could not be tried: {reason}\n  help: put the action behind the one that makes this possible"
    )]
    Impossible {
        /// The line of the action.
        line: usize,
        /// Its text.
        action: String,
        /// What is missing.
        reason: String,
    },
    /// An action did not come to its end.
    #[error(
        "line {line}: `{action}` had not ended after {deadline:?}\n  help: end the line with `&` if it waits for a later \
         action, or raise `bench.deadline`"
    )]
    Unended {
        /// The line of the action.
        line: usize,
        /// Its text.
        action: String,
        /// How long it had.
        deadline: std::time::Duration,
    },
    /// The connection did not come to rest behind the last action.
    #[error(
        "behind the last action {detail}\n  help: add what ends it, such as a `recv` or an `abort`, or raise `bench.deadline`"
    )]
    Unquiet {
        /// What was going on.
        detail: String,
    },
    /// The capture is not complete.
    #[error(
        "the capture lost packets, so nothing that it shows can be written down\n  help: try again on a quieter machine"
    )]
    Lost,
    /// The written lines cannot be parsed.
    #[error("the recorded lines cannot be read again, which is a defect of tcplab\n{0}")]
    Unreadable(Box<Diagnostics>),
    /// The written lines held for all runs, and then not.
    #[error(
        "what was seen in {runs} runs did not come again in another one: {detail}\n  help: try again with more runs: \
         `--runs {}`", runs * 4
    )]
    Unconfirmed {
        /// How many runs there were.
        runs: usize,
        /// How the other one ended.
        detail: String,
    },
}

/// Plays the scenario `runs` times on benches of their own and returns its new text. `anew` writes all steps anew, also
/// those whose lines hold.
///
/// # Errors
/// See [`RecordError`].
pub fn record(
    scenario: &Scenario,
    runs: NonZeroUsize,
    anew: bool,
    interrupt: &Interrupt,
) -> Result<Recorded, RecordError> {
    let sessions = play(scenario, runs.get(), interrupt)?;
    let steps: Vec<&Step> = scenario.steps().collect();
    let mut edits: Vec<Edit> = (0..steps.len())
        .map(|step| {
            let in_table = scenario.in_table(&steps[step].action.span);
            let write = (anew && !in_table) || !holds(scenario, step, &sessions);
            let lines = write.then(|| lines_of(step, &sessions));
            let results = sessions.iter().map(|session| &session.results[step]);
            let edit = Edit::new(steps[step], lines, results);
            if in_table { edit.told() } else { edit }
        })
        .collect();
    let mut recorded = edit::apply(scenario, &edits)?;
    // What the matcher does not find in every run is too tight.
    for _ in 0..steps.len() {
        let Some(step) = first_mismatch(&recorded.1, &sessions) else {
            break;
        };
        edits[step].lines = Some(Merged::anything());
        recorded = edit::apply(scenario, &edits)?;
    }
    let (text, written) = recorded;
    let changed = edits.iter().filter(|edit| edit.changes()).count();
    let unmet: Vec<String> = edits
        .iter()
        .zip(written.steps())
        .filter_map(|(edit, step)| Some(told(&written, step, edit.unmet.as_ref()?)))
        .collect();
    let unstable = edits
        .iter()
        .zip(written.steps())
        .filter_map(|(edit, step)| Some(told(&written, step, edit.lines.as_ref()?.note.as_ref()?)))
        .collect();
    if text != *scenario.source && unmet.is_empty() {
        confirm(&written, runs.get(), interrupt)?;
    }
    Ok(Recorded {
        changed: if text == *scenario.source { 0 } else { changed },
        text,
        unstable,
        unmet,
    })
}

fn told(scenario: &Scenario, step: &Step, what: &str) -> String {
    let span = &step.action.span;
    format!("line {}: `{}`: {what}", scenario.line(span), scenario.text(span))
}

fn options() -> Options {
    Options {
        mode: Mode::Private,
        port: None,
    }
}

/// The runs, some at a time: side by side they disturb each other a little, which shows what is not stable.
fn play(scenario: &Scenario, runs: usize, interrupt: &Interrupt) -> Result<Vec<Session>, RecordError> {
    let mut sessions = Vec::with_capacity(runs);
    while sessions.len() < runs {
        let now = AT_ONCE.min(runs - sessions.len());
        let ended: Vec<_> = thread::scope(|scope| {
            let started: Vec<_> = (0..now)
                .map(|_| scope.spawn(|| run::explore(scenario, &options(), interrupt)))
                .collect();
            let panicked = |_| Err(RunError::Panicked("an exploring run".to_owned()));
            started
                .into_iter()
                .map(|run| run.join().unwrap_or_else(panicked))
                .collect()
        });
        for run in ended {
            sessions.push(seen(scenario, run?.recording)?);
        }
    }
    Ok(sessions)
}

fn seen(scenario: &Scenario, recording: run::Recording) -> Result<Session, RecordError> {
    let action = |step: usize| {
        let action = scenario.steps().nth(step).map(|step| &step.action);
        action.map_or((0, String::new()), |action| {
            (scenario.line(&action.span), scenario.text(&action.span).to_owned())
        })
    };
    match &recording.ending {
        Ending::Completed => {}
        Ending::Interrupted => return Err(RecordError::Interrupted),
        Ending::Unquiet { detail } => return Err(RecordError::Unquiet { detail: detail.clone() }),
        Ending::ActionFailed { step } | Ending::Mismatch { step } => {
            let (line, action) = action(*step);
            let reason = Session::of(scenario, &recording).impossible(*step);
            return Err(RecordError::Impossible { line, action, reason });
        }
        Ending::Deadline { step } => {
            let (line, action) = action(*step);
            let deadline = scenario.settings.deadline;
            return Err(RecordError::Unended { line, action, deadline });
        }
    }
    if recording.capture.dropped > 0 {
        return Err(RecordError::Lost);
    }
    Ok(Session::of(scenario, &recording))
}

fn lines_of(step: usize, sessions: &[Session]) -> Merged {
    let runs: Vec<&[SegmentPattern]> = sessions.iter().map(|session| &*session.segments[step]).collect();
    merge(&runs)
}

/// Whether the lines of the step explain what came in it, in every run. Nothing but `...` is a place to be filled.
fn holds(scenario: &Scenario, step: usize, sessions: &[Session]) -> bool {
    let lines = scenario.steps().nth(step).map(|step| &*step.expect);
    if matches!(lines, Some([Expect::Anything { .. }])) {
        return false;
    }
    sessions.iter().all(|session| {
        // All other steps expect exactly what came in them.
        let mut alone = scenario.clone();
        let others = alone.phases.iter_mut().flat_map(|phase| &mut phase.steps);
        for (number, other) in others.enumerate().filter(|(number, _)| *number != step) {
            other.expect = session.segments[number].iter().cloned().map(Expect::Segment).collect();
        }
        matcher::compare(&alone, &session.recording).mismatch.is_none()
    })
}

/// The first step whose lines do not explain one of the runs.
fn first_mismatch(scenario: &Scenario, sessions: &[Session]) -> Option<usize> {
    let mismatches = sessions.iter().filter_map(|session| {
        // What a table says wrongly has been told.
        let mut apart = scenario.clone();
        for (number, step) in apart.phases.iter_mut().flat_map(|phase| &mut phase.steps).enumerate() {
            if scenario.in_table(&step.action.span) {
                step.expect = session.segments[number].iter().cloned().map(Expect::Segment).collect();
            }
        }
        matcher::compare(&apart, &session.recording).mismatch
    });
    mismatches.map(|mismatch| mismatch.step).min()
}

/// Plays what was written, as `tcplab run` would.
fn confirm(scenario: &Scenario, runs: usize, interrupt: &Interrupt) -> Result<(), RecordError> {
    for _ in 0..CONFIRMATIONS {
        let recording = run::run(scenario, &options(), interrupt, &mut |_| {})?.recording;
        let at = |step: usize| {
            let action = scenario.steps().nth(step).map(|step| step.action.span.clone());
            action.map_or(String::new(), |span| {
                format!("at line {}, `{}`", scenario.line(&span), scenario.text(&span))
            })
        };
        let detail = match recording.ending {
            Ending::Completed => continue,
            Ending::Interrupted => return Err(RecordError::Interrupted),
            Ending::Mismatch { step } => format!("other segments came {}", at(step)),
            Ending::ActionFailed { step } => format!("the call ended otherwise {}", at(step)),
            Ending::Deadline { step } => format!("the segments did not come {}", at(step)),
            Ending::Unquiet { detail } => detail,
        };
        return Err(RecordError::Unconfirmed { runs, detail });
    }
    Ok(())
}

/// Parses the new text of a scenario.
fn reparse(scenario: &Scenario, text: &str) -> Result<Scenario, RecordError> {
    scenario::parse(&scenario.name, &scenario.path, text.as_bytes())
        .map_err(|diagnostics| RecordError::Unreadable(Box::new(diagnostics)))
}
