//! A run that finds out what happens: nothing is a mismatch, whatever the ends send and their calls report.
//!
//! Without expectations a step has to know by other evidence when it is over: its action has ended, everything in flight
//! has been delivered, and, while actions go on in the background, some turns of the reactor brought nothing new. That is as
//! early as it can be said; what a timer of the kernel sends later is seen in the step that is then being played. Where
//! the scenario has lines already, they ask for patience: the step also waits until what they name has come, or until
//! no timer is left that could bring it. The same patience has a step
//! without lines in which the wire lost a segment: what is lost once is sent again, by a timer. (What is cut stays lost.)

use super::{Look, Play};
use crate::run::{Entry, RunError};
use crate::scenario::{Expect, Step, Verb};

/// How many turns of the reactor, a millisecond each, must bring nothing new while actions go on in the background. One
/// would do if a turn let every task do all that it can; but a task that moves many bytes is told to yield in between.
const CALM_TURNS: u32 = 20;

/// What an exploration remembers.
#[derive(Debug, Default)]
pub(super) struct Exploration {
    /// Whether the scenario's lines failed to explain a segment: from then on they say no more than how many to wait for.
    pub(super) lost: bool,
    /// How many segments had come and how many actions were running at the last look, and at how many before it.
    calm: ((usize, usize), u32),
    /// How many segments the wire had lost when the step began.
    lost_before: usize,
}

impl Play<'_> {
    /// Reads the capture; an exploration is surprised by nothing.
    pub(super) fn look(&mut self, step: usize) -> Result<Look, RunError> {
        let look = self.eyes.look(step, &mut self.log)?;
        match (&mut self.exploration, look) {
            (Some(exploration), Look::Unexpected) => {
                exploration.lost = true;
                Ok(Look::Expected)
            }
            _ => Ok(look),
        }
    }

    /// A new step begins: what was calm before it says nothing.
    pub(super) fn begin_exploring(&mut self) {
        let lost = self.eyes.lost();
        if let Some(exploration) = &mut self.exploration {
            exploration.calm.1 = 0;
            exploration.lost_before = lost;
        }
    }

    /// Whether an explored step is over; `before` segments had been captured when it began. A `state` that will not come is
    /// answered here with the state that the kernel reports instead.
    pub(super) fn is_explored(
        &mut self,
        number: usize,
        step: &Step,
        before: usize,
        over: &mut bool,
    ) -> Result<bool, RunError> {
        self.settle(number)?;
        let now = (self.eyes.segments, self.running.len());
        let Some(exploration) = &mut self.exploration else {
            return Ok(false);
        };
        exploration.calm = match exploration.calm {
            (last, turns) if last == now => (now, turns + 1),
            _ => (now, 0),
        };
        let calm = exploration.calm.1 >= CALM_TURNS || self.running.is_empty();
        let lost = exploration.lost;
        let awaits_repair = step.expect.is_empty() && self.eyes.lost() > exploration.lost_before && !self.eyes.is_cut();
        if !calm {
            return Ok(false);
        }
        let come = if lost {
            self.eyes.segments - before >= least(&step.expect)
        } else {
            self.eyes.matcher.is_satisfied()
        };
        if (!come || awaits_repair) && self.unquiet()?.is_some() {
            return Ok(false);
        }
        if !*over && matches!(step.action.verb, Verb::State(_)) && self.unquiet()?.is_none() {
            let result = self.last_answer(step.action.party, &step.action.verb)?;
            let at = self.clock.now();
            self.log.add(Entry::ActionEnded {
                step: number,
                at,
                result,
            });
            *over = true;
        }
        Ok(*over)
    }
}

/// The fewest segments that the lines can stand for.
fn least(lines: &[Expect]) -> usize {
    lines
        .iter()
        .map(|line| match line {
            Expect::Segment(pattern) => pattern.count.min as usize,
            Expect::AnyOrder { items, .. } => least(items),
            Expect::Either { alternatives, .. } => {
                let shortest = alternatives.iter().map(|items| least(items)).min();
                shortest.unwrap_or_default()
            }
            Expect::Stream { .. } => 1,
            Expect::Anything { .. } => 0,
        })
        .sum()
}
