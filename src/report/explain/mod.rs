//! Explains a run: one or two sentences per segment, and what the run as a whole teaches.
//!
//! Everything said is taken from the run itself: its numbers, its states, the results of its actions. What the run does
//! not show is not claimed; in particular nothing is said of segments that were not captured.

mod facts;
mod header;
mod lessons;
mod sentence;

use super::text::wrap;
use super::theme::{Role, Theme};
use crate::run::{ActionResult, Recording};
use crate::scenario::{Scenario, Step, Verb};

pub use lessons::lessons_shown;

/// One explanation per captured segment, in order: its number in the capture, from 1, and one to three sentences in ASCII.
pub fn explain(scenario: &Scenario, recording: &Recording) -> Vec<(usize, String)> {
    facts::facts(scenario, recording)
        .iter()
        .map(|facts| (facts.number, sentence::sentence(facts, scenario.settings.family)))
        .collect()
}

/// What the run teaches, for the terminal; nothing when it teaches nothing.
pub fn lessons(scenario: &Scenario, recording: &Recording, theme: &Theme) -> String {
    let lessons = lessons_shown(scenario, recording);
    if lessons.is_empty() {
        return String::new();
    }
    let mut out = theme.paint(Role::Strong, "what this run shows") + "\n";
    for lesson in lessons {
        for (row, text) in wrap(&lesson, theme.columns() - 4).into_iter().enumerate() {
            out += if row == 0 { "  - " } else { "    " };
            out += &text;
            out.push('\n');
        }
    }
    out.push('\n');
    out
}

/// What an echoing step has read and written.
fn echo<'a>(step: &Step, result: &'a ActionResult) -> Option<(&'a [u8], &'a [u8])> {
    match (&step.action.verb, result) {
        (
            Verb::Echo { .. } | Verb::EchoStrlen { .. },
            ActionResult::Done {
                received: Some(received),
                sent: Some(sent),
                ..
            },
        ) => Some((received, sent)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
