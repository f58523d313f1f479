//! Did somebody set the machine's clock during the run? The kernel stamps captured segments with it (CLOCK_REALTIME), so no
//! time between two of them can be believed.
//!
//! The run holds this clock against one that nobody can set. The times in the recording tell too, where they cannot have come
//! about otherwise: they go back, or a step takes longer than its deadline allows. A step forward and back again within a
//! few milliseconds is not seen.

use std::time::Duration;

use super::{Check, Status};
use crate::run::{Entry, Recording};
use crate::scenario::{Expect, Scenario};
use crate::tcp::Nanos;

/// Less than any time that a scenario can sensibly ask for, and more than what an adjusted clock gains within a step.
const HARMLESS: Duration = Duration::from_millis(5);

/// What an adjusted clock gains in the longest scenarios, of minutes.
const LONGEST_SLEW: Duration = Duration::from_millis(100);

/// Two CPUs may stamp in another order than they capture; they differ by microseconds.
const SAME: Nanos = 1_000_000;

/// What a step takes beyond its deadline: questions to the kernel, the barrier.
const AROUND_A_STEP: Duration = Duration::from_secs(1);

/// The check, where there is something to say; `differs` says whether there is a failure that the clock could explain.
pub(super) fn check(scenario: &Scenario, recording: &Recording, differs: bool) -> Option<Check> {
    const NAME: &str = "clock";
    let evidence = evidence(scenario, recording)?;
    let is_timed = scenario.steps().flat_map(|step| &step.expect).any(is_timed);
    Some(if is_timed || differs {
        let detail = format!("{evidence}: no time between two segments can be believed. Run it again.");
        Check::integrity(NAME, Status::Doubtful, detail)
    } else {
        let detail = format!("{evidence}; no line of the scenario depends on it");
        Check::integrity(NAME, Status::Ok, detail)
    })
}

/// What shows that the clock was set, as a clause.
fn evidence(scenario: &Scenario, recording: &Recording) -> Option<String> {
    let recorded = Duration::from_nanos(recording.stall.clock_step);
    // The kernel lets a clock be slowed and sped up by 500 millionths (adjtimex(2)); that is no step.
    let slewed = (recording.duration() / 1000).min(LONGEST_SLEW);
    if recorded > HARMLESS + slewed {
        return Some(format!("the machine's clock was set by {recorded:.1?} during the run"));
    }
    goes_back(recording).or_else(|| takes_too_long(scenario, recording))
}

/// Segments are captured one after the other, and what the lab does next comes later than what it has seen.
fn goes_back(recording: &Recording) -> Option<String> {
    let (mut segments, mut all) = (0, 0);
    for entry in &recording.entries {
        let (at, before) = match entry {
            Entry::Segment(segment) => (segment.at, segments),
            Entry::ActionStarted { at, .. } | Entry::ActionEnded { at, .. } | Entry::Fault { at, .. } => (*at, all),
            Entry::Icmp(event) => (event.at, all),
            Entry::Settled { .. } => continue,
        };
        if at.saturating_add(SAME) < before {
            let back = Duration::from_nanos(before - at);
            return Some(format!("the machine's clock went back by {back:.1?} during the run"));
        }
        if let Entry::Segment(_) = entry {
            segments = segments.max(at);
        }
        all = all.max(at);
    }
    None
}

/// A step ends at its deadline at the latest, and so does the rest at the end.
fn takes_too_long(scenario: &Scenario, recording: &Recording) -> Option<String> {
    let held_up = Duration::from_nanos(recording.stall.longest);
    let limit = 2 * scenario.settings.deadline + held_up + AROUND_A_STEP;
    let mut begun: Option<Nanos> = None;
    for entry in &recording.entries {
        let (at, pause) = match entry {
            Entry::Segment(segment) => (segment.at, None),
            Entry::ActionStarted { step, at } => (*at, scenario.steps().nth(*step).and_then(|step| step.action.delay)),
            Entry::ActionEnded { at, .. } | Entry::Fault { at, .. } => (*at, None),
            Entry::Icmp(event) => (event.at, None),
            Entry::Settled { .. } => continue,
        };
        let took = Duration::from_nanos(at.saturating_sub(begun.unwrap_or(at)));
        // Segments of the pause before an action come before it is logged.
        let pause = pause.unwrap_or_else(|| longest_pause(scenario));
        if took > limit + pause {
            return Some(format!(
                "a step took {took:.1?}, longer than its deadline allows: the machine's clock was set during the run"
            ));
        }
        if matches!(entry, Entry::ActionStarted { .. }) {
            begun = Some(at);
        }
    }
    None
}

fn longest_pause(scenario: &Scenario) -> Duration {
    let pauses = scenario.steps().filter_map(|step| step.action.delay);
    pauses.max().unwrap_or_default()
}

/// Whether the line says when its segment comes.
fn is_timed(line: &Expect) -> bool {
    match line {
        Expect::Segment(pattern) => pattern.timing.is_some(),
        Expect::AnyOrder { items, .. } => items.iter().any(is_timed),
        Expect::Either { alternatives, .. } => alternatives.iter().flatten().any(is_timed),
        Expect::Stream { .. } | Expect::Anything { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::{SnapshotComparison, Verdict, judge};
    use crate::matcher::support::{Sketch, Tape, pattern};
    use crate::run::ActionResult;
    use crate::scenario::{Scope, Timing, Verb};
    use crate::tcp::Party;

    const HOUR: i64 = 3_600_000_000_000;
    const SYN: &str = "C > S SYN seq 0 len 0";

    /// A SYN that nobody answers, and that comes again after 200 ms, as a line may say.
    fn syn_twice(is_timed: bool) -> (Scenario, Recording) {
        let timing = Timing {
            min: Duration::from_millis(180),
            max: Some(Duration::from_millis(220)),
            since: Scope::PreviousSegment,
        };
        let mut again = pattern(SYN);
        again.timing = is_timed.then_some(timing);
        let scenario = Sketch::default()
            .act(Party::Client, Verb::Connect { to_self: false })
            .line(SYN)
            .expect(Expect::Segment(again))
            .scenario();
        // Long after the clock's origin, so that no time is cut off there.
        let mut tape = Tape::new();
        tape.now = 6 * HOUR.unsigned_abs();
        let mut tape = tape.start(0).segment(SYN);
        tape.now += 199_000_000;
        let tape = tape.segment(SYN).end(0, ActionResult::done());
        (scenario, tape.recording)
    }

    fn times(recording: &mut Recording) -> Vec<&mut Nanos> {
        fn at(entry: &mut Entry) -> Option<&mut Nanos> {
            match entry {
                Entry::ActionStarted { at, .. } | Entry::ActionEnded { at, .. } | Entry::Fault { at, .. } => Some(at),
                Entry::Segment(segment) => Some(&mut segment.at),
                Entry::Icmp(event) => Some(&mut event.at),
                Entry::Settled { .. } => None,
            }
        }
        recording.entries.iter_mut().filter_map(at).collect()
    }

    /// The run with its clock set by so many nanoseconds before the entry of this number.
    fn jump(recording: &Recording, place: usize, by: i64, is_recorded: bool) -> Recording {
        let mut changed = recording.clone();
        for at in times(&mut changed).into_iter().skip(place) {
            *at = at.saturating_add_signed(by);
        }
        if is_recorded {
            changed.stall.clock_step = by.unsigned_abs();
        }
        changed
    }

    /// The verdict on the timed line alone: a made-up session has no capture that the other witnesses could vouch for.
    fn of_line(scenario: &Scenario, recording: &Recording) -> (Status, Option<Status>, Verdict) {
        let judgement = judge(scenario, recording, &SnapshotComparison::Matches);
        let of = |name: &str| judgement.checks.iter().find(|check| check.name == name);
        (
            of("segments").expect("always checked").status,
            of("clock").map(|check| check.status),
            judgement.verdict,
        )
    }

    #[test]
    fn a_clock_that_nobody_set_is_not_mentioned() {
        let (scenario, recording) = syn_twice(true);
        let (line, clock, _) = of_line(&scenario, &recording);
        assert_eq!((line, clock), (Status::Ok, None));
        let mut slewed = recording;
        slewed.stall.clock_step = 5_000_000;
        assert_eq!(of_line(&scenario, &slewed).1, None);
    }

    #[test]
    fn a_clock_that_jumps_by_hours_at_any_place_makes_a_timed_run_inconclusive() {
        let (scenario, recording) = syn_twice(true);
        for place in 1..4 {
            for by in [-5 * HOUR, -HOUR, HOUR, 5 * HOUR] {
                for is_recorded in [false, true] {
                    let (_, clock, verdict) = of_line(&scenario, &jump(&recording, place, by, is_recorded));
                    let told = format!("{by} ns at {place}, recorded: {is_recorded}");
                    assert_eq!(
                        (clock, verdict),
                        (Some(Status::Doubtful), Verdict::Inconclusive),
                        "{told}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_small_step_that_makes_a_wrong_time_look_right_is_no_pass() {
        let (scenario, recording) = syn_twice(true);
        // It came after 400 ms, and the clock was set back by 200 ms meanwhile: the line holds, by accident.
        let late = jump(&recording, 2, 200_000_000, false);
        let by_accident = jump(&late, 2, -200_000_000, true);
        let (line, clock, verdict) = of_line(&scenario, &by_accident);
        assert_eq!(
            (line, clock, verdict),
            (Status::Ok, Some(Status::Doubtful), Verdict::Inconclusive)
        );
    }

    #[test]
    fn a_step_is_of_no_effect_where_no_line_says_when() {
        let (scenario, recording) = syn_twice(false);
        let stepped = jump(&recording, 2, HOUR, true);
        let check = |differs| check(&scenario, &stepped, differs).map(|check| check.status);
        assert_eq!(check(false), Some(Status::Ok));
        assert_eq!(check(true), Some(Status::Doubtful));
    }
}
