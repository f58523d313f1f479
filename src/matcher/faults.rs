//! The lines of the wire against segments: which fault strikes which segment.
//!
//! A run decides with it what to do with each segment that waits on the wire; the judge plays the recording through the
//! same decisions, and finds out whether what happened is what the scenario declares.

use super::fields;
use super::wire::Wire;
use crate::scenario::{Aim, Fault, How, Which};
use crate::tcp::{Party, Segment};

/// The faults that the steps begun so far have declared, and what they have done.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    wire: Wire,
    armed: Vec<Armed>,
    /// Directions that are cut: the step, the sender and the receiver.
    cuts: Vec<(usize, Party, Party)>,
    held: Vec<Held>,
    /// Copies that have not been seen yet, and the step that made them.
    copies: Vec<(usize, Segment)>,
    /// How many segments were shown.
    seen: usize,
}

#[derive(Debug, Clone)]
struct Armed {
    step: usize,
    how: How,
    which: Which,
    aim: Aim,
    /// How many more segments pass before the first one that is meant.
    before: u32,
    left: u32,
}

#[derive(Debug, Clone)]
struct Held {
    segment: usize,
    /// The held segment as its line saw it.
    wire: Wire,
    what: Segment,
}

/// What a segment meets on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strike {
    /// A fault.
    Fault(How),
    /// The segment is the copy that a fault has made.
    Copy,
}

impl Faults {
    /// No fault.
    pub fn new() -> Faults {
        Faults::default()
    }

    /// A line of the wire begins. Returns the segments that it releases, by their index, in this order.
    pub fn declare(&mut self, step: usize, fault: &Fault) -> Vec<usize> {
        match fault {
            Fault::Strike { how, which, aim } => self.armed.push(Armed {
                step,
                how: *how,
                which: *which,
                aim: aim.clone(),
                before: which.before(),
                left: which.count(),
            }),
            Fault::Cut { from, to } => self.cuts.push((step, *from, *to)),
            Fault::Restore { from, to } => self.cuts.retain(|(_, f, t)| (f, t) != (from, to)),
            Fault::Release { backwards, aim } => {
                let (mut free, held): (Vec<Held>, Vec<Held>) = std::mem::take(&mut self.held)
                    .into_iter()
                    .partition(|held| aim.as_ref().is_none_or(|aim| hits(aim, &held.what, &held.wire)));
                self.held = held;
                if *backwards {
                    free.reverse();
                }
                return free.into_iter().map(|held| held.segment).collect();
            }
        }
        Vec::new()
    }

    /// Whether a direction is cut.
    pub fn is_cut(&self) -> bool {
        !self.cuts.is_empty()
    }

    /// What the next segment meets, and the step that says so; `None` for one that just goes on. Segments are shown in
    /// the order of the capture, each once.
    pub fn decide(&mut self, segment: &Segment) -> Option<(usize, Strike)> {
        let index = self.seen;
        self.seen += 1;
        if let Some(copy) = self.copies.iter().position(|(_, copy)| is_copy(segment, copy)) {
            return Some((self.copies.remove(copy).0, Strike::Copy));
        }
        let decision = self.strike(segment);
        match decision {
            Some((_, How::Hold)) => self.held.push(Held {
                segment: index,
                wire: self.wire.clone(),
                what: segment.clone(),
            }),
            Some((step, How::Duplicate)) => self.copies.push((step, segment.clone())),
            _ => {}
        }
        self.wire.see(segment);
        self.wire.advance(segment);
        decision.map(|(step, how)| (step, Strike::Fault(how)))
    }

    fn strike(&mut self, segment: &Segment) -> Option<(usize, How)> {
        if let Some((step, ..)) = self
            .cuts
            .iter()
            .find(|(_, from, to)| (*from, *to) == (segment.from, segment.to))
        {
            return Some((*step, How::Drop));
        }
        let wire = &self.wire;
        let mut struck = None;
        // All lines count the segment; the first one whose turn it is has it.
        for armed in self
            .armed
            .iter_mut()
            .filter(|armed| armed.left > 0 && armed.how.can_strike(segment) && hits(&armed.aim, segment, wire))
        {
            if armed.before > 0 {
                armed.before -= 1;
            } else if struck.is_none() {
                armed.left -= 1;
                struck = Some((armed.step, armed.how));
            }
        }
        struck
    }

    /// The lines that have not done all that they say: their steps, how many segments they mean, and how many they have
    /// struck.
    pub fn missing(&self) -> impl Iterator<Item = (usize, u32, u32)> {
        self.armed
            .iter()
            .filter(|armed| armed.left > 0)
            .map(|armed| (armed.step, armed.which.count(), armed.which.count() - armed.left))
    }

    /// The segments that are held and were not released, by their index.
    pub fn held(&self) -> impl Iterator<Item = usize> {
        self.held.iter().map(|held| held.segment)
    }
}

fn hits(aim: &Aim, segment: &Segment, wire: &Wire) -> bool {
    let mut wire = wire.clone();
    let seen = wire.see(segment);
    (!aim.data || segment.len > 0) && fields::fits(&aim.pattern, &seen, None)
}

/// A copy is the same in all but the time, and the checksum, which is completed before a segment can be copied.
fn is_copy(segment: &Segment, original: &Segment) -> bool {
    *segment
        == Segment {
            at: segment.at,
            checksum: segment.checksum,
            ..original.clone()
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matcher::support::{fault, segment};

    const HANDSHAKE: [&str; 3] = ["C > S SYN seq 0", "S > C SYN ACK seq 0 ack 1", "C > S ACK seq 1 ack 1"];
    const DATA: [&str; 3] = [
        r#"C > S PSH ACK seq 1 ack 1 "a""#,
        r#"C > S PSH ACK seq 2 ack 1 "b""#,
        r#"C > S PSH ACK seq 3 ack 1 "c""#,
    ];

    /// Which segments are struck, by which of the lines.
    fn struck(lines: &[&str], segments: &[&str]) -> Vec<(usize, usize, Strike)> {
        let mut faults = Faults::new();
        for (step, line) in lines.iter().enumerate() {
            faults.declare(step, &fault(line));
        }
        segments
            .iter()
            .enumerate()
            .filter_map(|(index, line)| faults.decide(&segment(line)).map(|(step, how)| (index, step, how)))
            .collect()
    }

    #[test]
    fn a_fault_strikes_the_next_the_first_n_or_only_the_nth() {
        let drop = Strike::Fault(How::Drop);
        assert_eq!(struck(&["wire drop C > S data"], &DATA), [(0, 0, drop)]);
        assert_eq!(
            struck(&["wire drop 2 of C > S data"], &DATA),
            [(0, 0, drop), (1, 0, drop)]
        );
        assert_eq!(struck(&["wire drop 3rd of C > S data"], &DATA), [(2, 0, drop)]);
        assert_eq!(struck(&["wire drop C > S SYN"], &HANDSHAKE), [(0, 0, drop)]);
        assert_eq!(struck(&["wire drop S > C data"], &DATA), []);
        assert_eq!(
            struck(&["wire hold C > S data", "wire drop C > S data"], &DATA),
            [(0, 0, Strike::Fault(How::Hold)), (1, 1, drop)]
        );
    }

    #[test]
    fn numbers_in_a_line_of_the_wire_are_relative() {
        let all = [HANDSHAKE, DATA].concat();
        assert_eq!(
            struck(&["wire drop C > S seq 2"], &all),
            [(4, 0, Strike::Fault(How::Drop))]
        );
    }

    #[test]
    fn a_copy_is_known_again_once() {
        let [a, b, _] = DATA;
        let duplicate = Strike::Fault(How::Duplicate);
        assert_eq!(
            struck(&["wire duplicate C > S data"], &[a, b, a, a]),
            [(0, 0, duplicate), (2, 0, Strike::Copy)]
        );
    }

    #[test]
    fn what_is_held_is_released_in_the_order_that_the_line_says() {
        let held = |release: &str| {
            let mut faults = Faults::new();
            faults.declare(0, &fault("wire hold 3 of C > S data"));
            for line in DATA {
                faults.decide(&segment(line));
            }
            (faults.declare(1, &fault(release)), faults.held().collect::<Vec<_>>())
        };
        assert_eq!(held("wire release"), (vec![0, 1, 2], vec![]));
        assert_eq!(held("wire release backwards"), (vec![2, 1, 0], vec![]));
        assert_eq!(held(r#"wire release C > S "b""#), (vec![1], vec![0, 2]));
        assert_eq!(held("wire release S > C"), (vec![], vec![0, 1, 2]));
    }

    #[test]
    fn a_cut_direction_loses_everything_until_it_is_restored() {
        let mut faults = Faults::new();
        faults.declare(0, &fault("wire cut C > S"));
        assert!(faults.decide(&segment(HANDSHAKE[0])).is_some());
        assert!(faults.decide(&segment(HANDSHAKE[1])).is_none());
        faults.declare(1, &fault("wire restore C > S"));
        assert!(faults.decide(&segment(HANDSHAKE[2])).is_none());
    }

    #[test]
    fn what_has_not_happened_is_missing() {
        let mut faults = Faults::new();
        faults.declare(4, &fault("wire drop 2 of C > S data"));
        faults.decide(&segment(DATA[0]));
        assert_eq!(faults.missing().collect::<Vec<_>>(), [(4, 2, 1)]);
        faults.decide(&segment(DATA[1]));
        assert_eq!(faults.missing().count(), 0);
    }
}
