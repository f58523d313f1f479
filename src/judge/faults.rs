//! The lines of the wire against what happened there: each has done what it says, as often as it says, and nothing else
//! was done.
//!
//! The decisions are made again, from the scenario and the captured segments, and held against those that the run
//! recorded. A run whose recording has another fault than its scenario declares is not a run of that scenario.

use super::{Check, Status};
use crate::matcher::Faults;
use crate::run::{Damage, Ending, Entry, Fate, Recording};
use crate::scenario::{Fault, How, Place, Scenario, Verb};
use crate::tcp::{Nanos, Segment};

/// Holds the recorded faults against the declared ones; nothing for a scenario without any.
pub(super) fn check(scenario: &Scenario, recording: &Recording) -> Option<Check> {
    const NAME: &str = "wire";
    let lines: Vec<Option<&Fault>> = scenario
        .steps()
        .map(|step| match &step.action.verb {
            Verb::Wire(fault) => Some(fault),
            _ => None,
        })
        .collect();
    let happened = recording
        .entries
        .iter()
        .filter(|entry| matches!(entry, Entry::Fault { .. }))
        .count();
    if happened == 0 && lines.iter().all(Option::is_none) {
        return None;
    }
    let mut wrong = Vec::from_iter(differences(scenario, recording, &lines));
    if recording.ending == Ending::Completed {
        wrong.extend(unfinished(scenario, recording, &lines));
    }
    if wrong.is_empty() {
        let detail = format!("{happened} events, as declared");
        return Some(Check::expectation(NAME, Status::Ok, detail));
    }
    Some(Check::expectation(NAME, Status::Failed, wrong.join("\n")))
}

/// An event on the wire: the step whose line says so, the segment, what became of it, and which bit of it has changed.
type Event = (usize, usize, Fate, Option<Damage>);

/// What the scenario says happens, against what happened: the first difference.
fn differences(scenario: &Scenario, recording: &Recording, lines: &[Option<&Fault>]) -> Option<String> {
    let mut declared: Vec<Event> = Vec::new();
    let mut recorded: Vec<Event> = Vec::new();
    let mut delayed: Vec<(usize, usize, Nanos)> = Vec::new();
    let mut faults = Faults::new();
    let mut captured = 0;
    for entry in &recording.entries {
        match entry {
            Entry::ActionStarted { step, .. } => {
                if let Some(fault) = lines.get(*step).copied().flatten() {
                    let released = faults.declare(*step, fault);
                    declared.extend(
                        released
                            .into_iter()
                            .map(|segment| (*step, segment, Fate::Released, None)),
                    );
                }
            }
            Entry::Segment(segment) => {
                if let Some((step, strike)) = faults.decide(segment) {
                    declared.push((step, captured, Fate::of(strike), Damage::of(strike, segment)));
                }
                captured += 1;
            }
            // The end of a delay is no decision: it comes by time.
            Entry::Fault {
                step,
                at,
                segment,
                fate,
                damage,
            } => match (fate, delayed.iter().position(|(_, late, _)| late == segment)) {
                (Fate::Released, Some(late)) => {
                    let (by, _, since) = delayed.remove(late);
                    let time = lines.get(by).copied().flatten().and_then(delay_of).unwrap_or_default();
                    if by != *step || at.saturating_sub(since) < time {
                        return Some(format!("{} did not delay its segment so long", line(scenario, by)));
                    }
                }
                _ => {
                    recorded.push((*step, *segment, *fate, *damage));
                    if *fate == Fate::Delayed {
                        delayed.push((*step, *segment, *at));
                    }
                }
            },
            Entry::ActionEnded { .. } | Entry::Icmp(_) | Entry::Settled { .. } => {}
        }
    }
    if let Some((step, ..)) = delayed.first().filter(|_| recording.ending == Ending::Completed) {
        return Some(format!(
            "{} delayed a segment that never arrived",
            line(scenario, *step)
        ));
    }
    // A run that was cut short may have captured more than it had decided about.
    let complete = recording.ending == Ending::Completed;
    let length = if complete {
        declared.len().max(recorded.len())
    } else {
        recorded.len()
    };
    (0..length).find_map(|at| {
        let (says, did) = (declared.get(at), recorded.get(at));
        (says != did).then(|| difference(scenario, recording, says, did))
    })
}

fn difference(scenario: &Scenario, recording: &Recording, says: Option<&Event>, did: Option<&Event>) -> String {
    let event = |(step, index, fate, damage): &Event| {
        let segment: Option<&Segment> = recording.segments().nth(*index);
        let flags = segment.map_or_else(String::new, |segment| format!(" ({})", segment.flags));
        let which = damage.map_or_else(String::new, |Damage { place, mask }| match place {
            Place::Payload(byte) => format!(" in byte {byte} (mask {mask:#04x})"),
            Place::Header(byte) => format!(" in header byte {byte} (mask {mask:#04x})"),
        });
        format!(
            "segment {}{flags} {}{which} by {}",
            index + 1,
            fate.name(),
            line(scenario, *step)
        )
    };
    match (says, did) {
        (Some(says), Some(did)) => format!("the scenario has {}, but the run had {}", event(says), event(did)),
        (Some(says), None) => format!("the scenario has {}, but that did not happen", event(says)),
        (None, Some(did)) => format!("the run had {}, which the scenario does not say", event(did)),
        (None, None) => String::new(),
    }
}

/// Lines that have not done all that they say.
fn unfinished(scenario: &Scenario, recording: &Recording, lines: &[Option<&Fault>]) -> Vec<String> {
    let mut faults = Faults::new();
    let mut cuts: Vec<(usize, &Fault, usize)> = Vec::new();
    let mut wrong = Vec::new();
    for entry in &recording.entries {
        match entry {
            Entry::ActionStarted { step, .. } => {
                if let Some(fault) = lines.get(*step).copied().flatten() {
                    let released = faults.declare(*step, fault);
                    match fault {
                        Fault::Release { .. } if released.is_empty() => {
                            wrong.push(format!(
                                "{} released nothing: nothing like that was held",
                                line(scenario, *step)
                            ));
                        }
                        Fault::Cut { .. } => cuts.push((*step, fault, 0)),
                        _ => {}
                    }
                }
            }
            Entry::Segment(segment) => {
                let decision = faults.decide(segment);
                for (_, _, lost) in cuts
                    .iter_mut()
                    .filter(|(step, ..)| decision.map(|(by, _)| by) == Some(*step))
                {
                    *lost += 1;
                }
            }
            _ => {}
        }
    }
    wrong.extend(
        cuts.iter()
            .filter(|(_, _, lost)| *lost == 0)
            .map(|(step, ..)| format!("{} lost nothing: no segment came that way", line(scenario, *step))),
    );
    wrong.extend(faults.missing().map(|(step, wanted, had)| {
        let how = match lines.get(step).copied().flatten() {
            Some(Fault::Strike { how: How::Mark, .. }) => " that can be marked (ect0 or ect1)",
            Some(Fault::Strike {
                how: How::Corrupt { .. },
                ..
            }) => " that have this byte",
            _ => "",
        };
        format!(
            "{} means {wanted} {}{how}, but only {had} came",
            line(scenario, step),
            if wanted == 1 { "segment" } else { "segments" }
        )
    }));
    wrong.extend(
        faults
            .held()
            .map(|segment| format!("segment {} is still held at the end: add `wire release`", segment + 1)),
    );
    wrong
}

fn delay_of(fault: &Fault) -> Option<Nanos> {
    match fault {
        Fault::Strike {
            how: How::Delay(time), ..
        } => u64::try_from(time.as_nanos()).ok(),
        _ => None,
    }
}

fn line(scenario: &Scenario, step: usize) -> String {
    scenario.steps().nth(step).map_or_else(
        || format!("step {}", step + 1),
        |step| {
            let span = &step.action.span;
            format!("`{}` (line {})", scenario.text(span), scenario.line(span))
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::ActionResult;
    use crate::matcher::support::{Sketch, Tape, fault};
    use crate::tcp::Party;

    const DATA: &str = r#"C > S PSH ACK seq 1 ack 1 "abc""#;
    const ACK: &str = "S > C ACK seq 1 ack 4";

    /// The lines begin, then the segments come; each fault is (step, segment, fate) and stands behind its segment.
    fn status(lines: &[&str], segments: &[&str], happened: &[(usize, usize, Fate)]) -> Option<Status> {
        let happened: Vec<Event> = happened
            .iter()
            .map(|(step, segment, fate)| (*step, *segment, *fate, None))
            .collect();
        with_damage(lines, segments, &happened)
    }

    fn with_damage(lines: &[&str], segments: &[&str], happened: &[Event]) -> Option<Status> {
        let scenario = lines
            .iter()
            .fold(Sketch::default(), |sketch, line| {
                sketch.act(Party::Client, Verb::Wire(fault(line)))
            })
            .scenario();
        let mut tape = Tape::new();
        for step in 0..lines.len() {
            tape = tape.start(step).end(step, ActionResult::done());
        }
        for (index, line) in segments.iter().enumerate() {
            tape = tape.segment(line);
            for (step, segment, fate, damage) in happened.iter().filter(|(_, segment, ..)| *segment == index) {
                tape.recording.entries.push(Entry::Fault {
                    step: *step,
                    at: 0,
                    segment: *segment,
                    fate: *fate,
                    damage: *damage,
                });
            }
        }
        check(&scenario, &tape.recording).map(|check| check.status)
    }

    #[test]
    fn a_session_without_lines_of_the_wire_has_no_such_check() {
        assert_eq!(status(&[], &[DATA], &[]), None);
    }

    #[test]
    fn what_is_declared_must_have_happened() {
        let drop = "wire drop C > S data";
        assert_eq!(
            status(&[drop], &[DATA, DATA, ACK], &[(0, 0, Fate::Dropped)]),
            Some(Status::Ok)
        );
        assert_eq!(
            status(&[drop], &[ACK], &[]),
            Some(Status::Failed),
            "its segment never came"
        );
        assert_eq!(status(&[drop], &[DATA, ACK], &[]), Some(Status::Failed), "not recorded");
        let twice = "wire drop 2 of C > S data";
        assert_eq!(
            status(&[twice], &[DATA, ACK], &[(0, 0, Fate::Dropped)]),
            Some(Status::Failed)
        );
    }

    #[test]
    fn what_happened_must_be_declared() {
        assert_eq!(status(&[], &[DATA], &[(0, 0, Fate::Dropped)]), Some(Status::Failed));
        let drop = "wire drop C > S data";
        assert_eq!(
            status(&[drop], &[DATA, ACK], &[(0, 0, Fate::Corrupted)]),
            Some(Status::Failed)
        );
        assert_eq!(
            status(&[drop], &[ACK, DATA], &[(0, 0, Fate::Dropped)]),
            Some(Status::Failed)
        );
    }

    #[test]
    fn what_is_held_must_be_released_and_a_cut_must_lose_something() {
        assert_eq!(
            status(&["wire hold C > S data"], &[DATA], &[(0, 0, Fate::Held)]),
            Some(Status::Failed)
        );
        assert_eq!(status(&["wire release"], &[DATA], &[]), Some(Status::Failed));
        assert_eq!(status(&["wire cut S > C"], &[DATA], &[]), Some(Status::Failed));
        assert_eq!(
            status(&["wire cut C > S"], &[DATA], &[(0, 0, Fate::Dropped)]),
            Some(Status::Ok)
        );
    }

    #[test]
    fn which_bit_was_changed_must_be_the_one_that_is_declared() {
        let judged = |line: &str, fate: Fate, damage: Option<(Place, u8)>| {
            let damage = damage.map(|(place, mask)| Damage { place, mask });
            with_damage(&[line], &[DATA, ACK], &[(0, 0, fate, damage)])
        };
        let byte = "wire corrupt C > S data byte 2";
        assert_eq!(
            judged(byte, Fate::Corrupted, Some((Place::Payload(2), 1))),
            Some(Status::Ok)
        );
        for other in [
            None,
            Some((Place::Payload(1), 1)),
            Some((Place::Header(2), 1)),
            Some((Place::Payload(2), 2)),
        ] {
            assert_eq!(judged(byte, Fate::Corrupted, other), Some(Status::Failed), "{other:?}");
        }
        let right = Some((Place::Payload(2), 1));
        assert_eq!(
            judged(byte, Fate::Altered, right),
            Some(Status::Failed),
            "it was to be noticed"
        );
        let unnoticed = "wire corrupt C > S data byte 2 unnoticed";
        assert_eq!(judged(unnoticed, Fate::Altered, right), Some(Status::Ok));
        assert_eq!(judged(unnoticed, Fate::Corrupted, right), Some(Status::Failed));
        let header = "wire corrupt C > S data header byte 13";
        assert_eq!(
            judged(header, Fate::Corrupted, Some((Place::Header(13), 1))),
            Some(Status::Ok)
        );
        let beyond = "wire corrupt C > S data byte 3";
        assert_eq!(
            judged(beyond, Fate::Corrupted, Some((Place::Payload(3), 1))),
            Some(Status::Failed)
        );
    }

    #[test]
    fn only_what_is_ecn_capable_can_be_marked() {
        let mark = "wire mark C > S data";
        assert_eq!(
            status(&[mark], &[DATA, ACK], &[(0, 0, Fate::Marked)]),
            Some(Status::Failed)
        );
        assert_eq!(
            status(&[mark], &[DATA, ACK], &[]),
            Some(Status::Failed),
            "nothing was marked"
        );
    }
}
