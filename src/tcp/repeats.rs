//! What an end has sent again and nobody has acknowledged (RFC 9293, section 3.8.1; RFC 6298, section 5).
//!
//! It answers one question: may the end's retransmission timer have run out for the last time? Each wait of that timer is at
//! least as long as the one before it, so an end that has been silent for as long as it waited before its last repeat may have
//! given up. Not modelled: how many repeats the kernel allows, and a user timeout, which may cut the last wait short.

use super::{Flags, Nanos, Segment, Seq};

/// The kernel counts time in ticks, of which the longest takes so long: two waits that are the same to it differ by less.
const TICK: Nanos = 10_000_000;

/// The repeats of one end.
#[derive(Debug, Clone, Default)]
pub struct Repeats {
    last: Option<Sent>,
}

#[derive(Debug, Clone, Copy)]
struct Sent {
    seq: Seq,
    end: Seq,
    /// Whether it is a SYN without ACK. The SYN,ACK of a simultaneous open has the same number, and is no repeat of it.
    opens: bool,
    at: Nanos,
    /// How long after the one before it, if it is a repeat of that one.
    waited: Option<Nanos>,
}

impl Repeats {
    /// Takes note that the end has sent a segment.
    pub fn sent(&mut self, segment: &Segment) {
        if segment.sequence_len() == 0 {
            return;
        }
        let opens = segment.flags & (Flags::SYN | Flags::ACK) == Flags::SYN;
        let before = self.last.filter(|last| last.seq == segment.seq && last.opens == opens);
        self.last = Some(Sent {
            seq: segment.seq,
            end: segment.end(),
            opens,
            at: segment.at,
            waited: before.map(|before| segment.at.saturating_sub(before.at)),
        });
    }

    /// Takes note that a segment has reached the end; an acknowledgment ends the waiting.
    pub fn delivered(&mut self, segment: &Segment) {
        let acknowledged = |last: Sent| segment.flags.contains(Flags::ACK) && !segment.ack.is_before(last.end);
        if self.last.is_some_and(acknowledged) {
            self.last = None;
        }
    }

    /// Whether the end has repeated its last segment, and waited for an answer at least as long as before the last repeat.
    pub fn may_have_given_up(&self, now: Nanos) -> bool {
        self.last.is_some_and(|last| {
            let silent = now.saturating_sub(last.at);
            last.waited.is_some_and(|waited| silent + TICK >= waited)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tcp::sample::{client, server};

    const SECOND: Nanos = 1_000_000_000;

    fn at(segment: Segment, at: Nanos) -> Segment {
        Segment { at, ..segment }
    }

    fn after(segments: Vec<Segment>) -> Repeats {
        let mut repeats = Repeats::default();
        segments.iter().for_each(|segment| repeats.sent(segment));
        repeats
    }

    fn fin(time: Nanos) -> Segment {
        at(client("FIN ACK", 1, 1, b""), time)
    }

    #[test]
    fn who_has_not_repeated_anything_still_waits() {
        assert!(!after(vec![]).may_have_given_up(9 * SECOND));
        assert!(!after(vec![fin(0)]).may_have_given_up(9 * SECOND));
        let two = vec![fin(0), at(client("ACK", 9, 1, b"x"), SECOND)];
        assert!(
            !after(two).may_have_given_up(9 * SECOND),
            "another segment is no repeat"
        );
        let crossing = vec![
            at(client("SYN", 0, 0, b""), 0),
            at(client("SYN ACK", 0, 1, b""), SECOND),
        ];
        assert!(
            !after(crossing).may_have_given_up(9 * SECOND),
            "the SYN,ACK of a simultaneous open is no repeat of the SYN"
        );
    }

    #[test]
    fn an_end_gives_up_no_sooner_than_it_has_repeated() {
        let repeats = after(vec![fin(0), fin(SECOND)]);
        assert!(!repeats.may_have_given_up(SECOND + SECOND / 2));
        assert!(
            repeats.may_have_given_up(2 * SECOND - TICK / 2),
            "a tick makes no difference"
        );
        assert!(repeats.may_have_given_up(4 * SECOND));
        let empty = at(client("ACK", 2, 1, b""), 2 * SECOND);
        assert!(after(vec![fin(0), fin(SECOND), empty]).may_have_given_up(4 * SECOND));
    }

    #[test]
    fn an_acknowledgment_ends_the_waiting() {
        let mut repeats = after(vec![fin(0), fin(SECOND)]);
        repeats.delivered(&server("ACK", 1, 1, b""));
        assert!(repeats.may_have_given_up(4 * SECOND), "it does not cover the FIN");
        repeats.delivered(&server("ACK", 1, 2, b""));
        assert!(!repeats.may_have_given_up(4 * SECOND));
    }
}
