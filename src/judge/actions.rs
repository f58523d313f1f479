//! The first witness: how each action ended, against what its line says.

use std::collections::HashMap;

use super::{Check, Status};
use crate::matcher::check_result;
use crate::run::{ActionResult, Ending, Entry, Recording};
use crate::scenario::Scenario;

/// Holds the results of all actions against the scenario: outcomes, received bytes, values.
///
/// In a run that was played to its end, all actions must have begun and ended. One that was cut short is judged by
/// [`ending`](super::expectation::ending); there only an action that missed its deadline is to blame for not having ended.
pub(super) fn check(scenario: &Scenario, recording: &Recording) -> Check {
    let mut begun = HashMap::new();
    for entry in &recording.entries {
        match entry {
            Entry::ActionStarted { step, .. } => {
                begun.entry(*step).or_insert(&ActionResult::Unfinished);
            }
            Entry::ActionEnded { step, result, .. } => {
                begun.insert(*step, result);
            }
            Entry::Segment(_) | Entry::Fault { .. } | Entry::Icmp(_) | Entry::Settled { .. } => {}
        }
    }
    let place = |span| {
        format!(
            "{}:{}: `{}`",
            scenario.path.display(),
            scenario.line(span),
            scenario.text(span)
        )
    };
    let is_complete = recording.ending == Ending::Completed;
    let mut wrong = Vec::new();
    for (number, step) in scenario.steps().enumerate() {
        let action = &step.action;
        let message = match begun.get(&number) {
            None if is_complete => "never began".to_owned(),
            None => continue,
            Some(ActionResult::Unfinished)
                if !is_complete && recording.ending != (Ending::Deadline { step: number }) =>
            {
                continue;
            }
            Some(result) => match check_result(action, result) {
                Ok(()) => continue,
                Err(message) => message,
            },
        };
        wrong.push(format!("{} {message}", place(&action.span)));
    }
    if wrong.is_empty() {
        let detail = match begun.len() {
            1 => "1 action, ended as its line says".to_owned(),
            actions => format!("{actions} actions, each ended as its line says"),
        };
        Check::expectation("actions", Status::Ok, detail)
    } else {
        Check::expectation("actions", Status::Failed, wrong.join("\n"))
    }
}
