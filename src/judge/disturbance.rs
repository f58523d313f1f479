//! Did the machine hold the lab up? Then timers of TCP may have run out that otherwise would not, and a failure cannot be
//! believed.
//!
//! The run measures its own delays. The recording tells of others, wherever something took time that has nothing to wait
//! for: from the end of a step to the next action, from the last segment to the return of a call that it satisfies, and
//! within a call that never blocks.

use std::time::Duration;

use super::{Check, LONGEST_HARMLESS_STALL, Status};
use crate::run::{ActionResult, Entry, Recording};
use crate::scenario::{Action, Scenario, Verb};
use crate::tcp::Nanos;

/// The check; `differs` says whether there is a failure that a delay could explain.
pub(super) fn check(scenario: &Scenario, recording: &Recording, differs: bool) -> Check {
    const NAME: &str = "undisturbed";
    let (longest, step) = longest(scenario, recording);
    let held_up = format!("the lab was held up for at most {longest:.1?}");
    if longest < LONGEST_HARMLESS_STALL {
        return Check::integrity(NAME, Status::Ok, held_up);
    }
    let action = scenario.steps().nth(step).map_or_else(String::new, |step| {
        let span = &step.action.span;
        format!(" in `{}` (line {})", scenario.text(span), scenario.line(span))
    });
    if differs {
        let detail = format!(
            "the machine held the lab up for {longest:.0?}{action}, so timers of TCP may have run out that otherwise would \
             not: what differs may be the machine's doing. Run it again, on a less busy machine."
        );
        Check::integrity(NAME, Status::Doubtful, detail)
    } else {
        Check::integrity(NAME, Status::Ok, format!("{held_up}{action}, without effect"))
    }
}

/// The longest delay, and the step in which it was.
fn longest(scenario: &Scenario, recording: &Recording) -> (Duration, usize) {
    let actions: Vec<&Action> = scenario.steps().map(|step| &step.action).collect();
    let mut longest = (Duration::from_nanos(recording.stall.longest), recording.stall.step);
    let mut note = |from: Nanos, to: Nanos, expected: Duration, step: usize| {
        let delay = Duration::from_nanos(to.saturating_sub(from)).saturating_sub(expected);
        if delay > longest.0 {
            longest = (delay, step);
        }
    };
    // When something last happened that lets the next thing happen; nothing before the first action.
    let mut latest: Option<Nanos> = None;
    let mut started = vec![None; actions.len()];
    for entry in &recording.entries {
        match entry {
            Entry::ActionStarted { step, at } => {
                let Some(action) = actions.get(*step) else { continue };
                if let Some(latest) = latest {
                    note(latest, *at, action.delay.unwrap_or_default(), *step);
                }
                started[*step] = Some(*at);
                latest = latest.max(Some(*at));
            }
            Entry::ActionEnded { step, at, result } => {
                let (Some(action), Some(Some(start))) = (actions.get(*step), started.get(*step)) else {
                    continue;
                };
                if never_blocks(&action.verb) {
                    note(*start, *at, Duration::ZERO, *step);
                } else if returns_with_a_segment(&action.verb, result) {
                    note(latest.unwrap_or(*start), *at, Duration::ZERO, *step);
                }
                latest = latest.max(Some(*at));
            }
            Entry::Segment(segment) => latest = latest.max(Some(segment.at)),
            Entry::Icmp(event) => latest = latest.max(Some(event.at)),
            Entry::Fault { at, .. } => latest = latest.max(Some(*at)),
            Entry::Settled { .. } => {}
        }
    }
    longest
}

fn never_blocks(verb: &Verb) -> bool {
    matches!(
        verb,
        Verb::Listen { .. } | Verb::Shutdown(_) | Verb::Close { .. } | Verb::Abort | Verb::Set(..) | Verb::Get(..)
    )
}

/// Whether nothing but a segment, or what was there already, can have let the call succeed. A call that failed may have
/// waited for a timer.
fn returns_with_a_segment(verb: &Verb, result: &ActionResult) -> bool {
    !matches!(verb, Verb::State(_) | Verb::Wait)
        && matches!(result, ActionResult::Done { .. } | ActionResult::Eof { .. })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matcher::support::{Sketch, Tape, payload};
    use crate::run::Stall;
    use crate::scenario::Want;
    use crate::tcp::{Party, State};

    const CLOSE: Verb = Verb::Close { listener: false };

    fn longest_of(verb: Verb, delay: Option<Duration>, tape: Tape) -> Duration {
        let mut scenario = Sketch::default()
            .act(Party::Client, Verb::Send(payload("a")))
            .act(Party::Client, verb)
            .scenario();
        scenario.phases[0].steps[1].action.delay = delay;
        longest(&scenario, &tape.recording).0
    }

    /// The first action, then what follows it 500 ms later.
    fn later() -> Tape {
        let mut tape = Tape::new().start(0).end(0, ActionResult::sent(vec![b'a']));
        tape.now += 499_000_000;
        tape
    }

    const HALF: Duration = Duration::from_millis(500);
    const SHORT: Duration = Duration::from_millis(2);

    #[test]
    fn time_between_two_actions_is_a_delay_unless_the_scenario_asks_for_it() {
        assert_eq!(longest_of(CLOSE, None, later().start(1)), HALF);
        assert!(longest_of(CLOSE, Some(HALF), later().start(1)) < SHORT);
        let after_segment = later().segment("S > C ACK seq 1 ack 2").start(1);
        assert!(
            longest_of(CLOSE, None, after_segment) < SHORT,
            "it waited for the segment"
        );
    }

    #[test]
    fn time_within_a_call_is_a_delay_where_the_call_had_nothing_to_wait_for() {
        let long_call = |result: ActionResult| {
            let mut tape = Tape::new().start(0).end(0, ActionResult::done()).start(1);
            tape.now += 499_000_000;
            tape.end(1, result)
        };
        assert_eq!(longest_of(CLOSE, None, long_call(ActionResult::Unfinished)), HALF);
        let recv = || Verb::Recv(Want::Anything);
        assert_eq!(
            longest_of(recv(), None, long_call(ActionResult::received(vec![1]))),
            HALF
        );
        assert!(longest_of(recv(), None, long_call(ActionResult::Unfinished)) < SHORT);
        let state = Verb::State(State::Closed);
        assert!(
            longest_of(state, None, long_call(ActionResult::done())) < SHORT,
            "a timer of the kernel"
        );
        let mut answered = Tape::new().start(0).end(0, ActionResult::done()).start(1);
        answered.now += 499_000_000;
        let answered = answered.segment("S > C PSH ACK seq 1 ack 2 len 1");
        assert!(longest_of(recv(), None, answered.end(1, ActionResult::received(vec![1]))) < SHORT);
    }

    #[test]
    fn what_the_run_measured_itself_counts_too() {
        let mut tape = Tape::new().start(0);
        tape.recording.stall = Stall {
            longest: 77_000_000,
            ..Stall::default()
        };
        assert_eq!(longest_of(CLOSE, None, tape), Duration::from_millis(77));
    }
}
