//! The first witness: the segments against the timeline, and how the run ended.

use super::{Check, Status};
use crate::matcher;
use crate::run::{Ending, Recording};
use crate::scenario::Scenario;
use crate::tcp::Segment;

/// Holds the segments against the timeline.
pub(super) fn segments(scenario: &Scenario, recording: &Recording) -> Check {
    let matched = matcher::compare(scenario, recording);
    match matched.mismatch {
        None => {
            let detail = format!("{} segments, each as its line says", matched.explained.len());
            Check::expectation("segments", Status::Ok, detail)
        }
        Some(mismatch) => {
            let segments: Vec<Segment> = recording.segments().cloned().collect();
            Check::expectation("segments", Status::Failed, mismatch.explain(scenario, &segments))
                .in_brief(mismatch.brief(scenario, &segments))
        }
    }
}

/// Says how the run ended. That the user interrupted it says nothing about TCP.
pub(super) fn ending(scenario: &Scenario, recording: &Recording) -> Check {
    let action = |step: usize| {
        scenario.steps().nth(step).map_or_else(
            || format!("step {}", step + 1),
            |known| {
                let span = &known.action.span;
                format!("`{}` (line {})", scenario.text(span), scenario.line(span))
            },
        )
    };
    let (status, detail) = match &recording.ending {
        Ending::Completed => (Status::Ok, "all steps were played".to_owned()),
        Ending::Mismatch { step } => (
            Status::Failed,
            format!(
                "the run ended at a segment that no line allows, during {}",
                action(*step)
            ),
        ),
        Ending::ActionFailed { step } => (
            Status::Failed,
            format!("the run ended because {} did not end as its line says", action(*step)),
        ),
        Ending::Deadline { step } => (
            Status::Failed,
            format!(
                "the deadline of {:?} passed during {}: its segments did not come, or its call did not return. A scenario \
                 that needs longer sets `bench.deadline`",
                scenario.settings.deadline,
                action(*step)
            ),
        ),
        Ending::Unquiet { detail } => (
            Status::Failed,
            format!("after the last step the wire would not come to rest: {detail}"),
        ),
        Ending::Interrupted => (Status::Doubtful, "the run was interrupted".to_owned()),
    };
    Check::expectation("run", status, detail)
}
