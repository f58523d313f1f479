//! What a mismatch usually means: a table of well-known differences, each with the rule of TCP behind it.
//!
//! A hint is a guess that fits the facts of the recording. It never changes a verdict.

use std::time::Duration;

use super::compare::Kind;
use super::fields::Difference;
use super::program::Takes;
use super::wire::Wire;
use crate::run::Entry;
use crate::scenario::{SegmentPattern, Step, Verb};
use crate::tcp::{Flags, Party, Segment};

/// How many hints are given at most.
const MOST: usize = 2;
/// Below this a repetition is no timeout: the smallest retransmission timeout of Linux is 200 ms (RFC 6298 asks for 1 s).
const SHORTEST_TIMEOUT: Duration = Duration::from_millis(190);

/// A mismatch with all that may explain it.
pub(super) struct Case<'a> {
    pub(super) kind: Kind,
    /// What the nearest line takes.
    pub(super) expected: Option<&'a Takes>,
    pub(super) differences: &'a [Difference],
    /// The segment that does not fit.
    pub(super) segment: Option<&'a Segment>,
    /// All segments before it.
    pub(super) before: &'a [Segment],
    /// The wire before it.
    pub(super) wire: &'a Wire,
    /// What had happened before it.
    pub(super) history: &'a [Entry],
    pub(super) steps: &'a [&'a Step],
    pub(super) quickack: bool,
}

/// The hints that fit, the most likely first.
pub(super) fn of(case: &Case<'_>) -> Vec<String> {
    HINTS.iter().filter_map(|hint| hint(case)).take(MOST).collect()
}

type Hint = fn(&Case<'_>) -> Option<String>;

/// The more a hint says about the very case, the earlier it stands.
const HINTS: &[Hint] = &[
    early,
    other_direction,
    reset_with_unread_bytes,
    reset_by_abort,
    nobody_listens,
    reset_after_close,
    absolute_number,
    retransmission,
    keep_alive,
    fin_carries_the_ack,
    data_carries_the_ack,
    only_push_differs,
    syn_or_fin_counts,
    cumulative_ack,
    application_wrote_more,
    no_message_boundaries,
    window_update,
    duplicate_ack,
    late_timer,
    missing_handshake,
    missing_fin,
    missing_ack,
    missing_data,
];

fn early(case: &Case<'_>) -> Option<String> {
    (case.kind == Kind::Early).then(|| {
        "The segment itself is right, the order is not: something else than that action caused it. A line belongs under \
         the action that causes its segment."
            .to_owned()
    })
}

fn other_direction(case: &Case<'_>) -> Option<String> {
    let only = case.differences.len() == 1 && case.differs("direction");
    only.then(|| "The segment came in the other direction: C and S may be exchanged in the line.".to_owned())
}

fn reset_with_unread_bytes(case: &Case<'_>) -> Option<String> {
    let segment = case.reset()?;
    let unread = case.unread(segment.from);
    (unread > 0 && case.did(segment.from, |verb| matches!(verb, Verb::Close { .. }))).then(|| {
        format!(
            "The {} closed with {unread} unread bytes, so the kernel answered RST instead of FIN: the peer must learn that \
             data was lost (RFC 9293, section 3.6.1, SHLD-3; RFC 2525, section 2.17). Read everything before closing.",
            segment.from
        )
    })
}

fn reset_by_abort(case: &Case<'_>) -> Option<String> {
    let segment = case.reset()?;
    case.did(segment.from, |verb| matches!(verb, Verb::Abort)).then(|| {
        "An abort (SO_LINGER 0) sends RST, not FIN, and throws unsent data away (RFC 9293, section 3.10.5).".to_owned()
    })
}

fn nobody_listens(case: &Case<'_>) -> Option<String> {
    let reset = case.reset()?;
    let last = case.before.iter().rfind(|segment| segment.from != reset.from)?;
    let refused = last.flags.contains(Flags::SYN) && !last.flags.contains(Flags::ACK);
    refused.then(|| {
        "A SYN answered by RST: nobody listens on that port, and connect fails with ECONNREFUSED (RFC 9293, section \
         3.10.7.1). Is there a `listen` before the `connect`, and is the listener still open?"
            .to_owned()
    })
}

fn reset_after_close(case: &Case<'_>) -> Option<String> {
    let reset = case.reset()?;
    let had_closed = case
        .before
        .iter()
        .any(|segment| segment.from == reset.from && segment.flags.contains(Flags::FIN));
    let data = case.before.last()?;
    (had_closed && data.from != reset.from && data.len > 0).then(|| {
        format!(
            "The {} had closed its end completely, so nobody can read the {} bytes that then came: the kernel answers RST \
             (RFC 9293, section 3.6.1, SHLD-3).",
            reset.from, data.len
        )
    })
}

fn absolute_number(case: &Case<'_>) -> Option<String> {
    let segment = case.segment?;
    let line = case.line()?;
    let is_relative = |party| case.wire.conversation.isn(party).is_some() || segment.flags.contains(Flags::SYN);
    let seq_is_raw = line.seq == Some(segment.seq.0) && is_relative(segment.from);
    let ack_is_raw = line.ack == Some(segment.ack.0) && is_relative(segment.to);
    (seq_is_raw || ack_is_raw).then(|| {
        "The line holds an absolute number. Scenarios use numbers relative to the initial sequence number of each \
         direction: the SYN has seq 0, the first byte of data seq 1."
            .to_owned()
    })
}

fn retransmission(case: &Case<'_>) -> Option<String> {
    let segment = case.segment?;
    if segment.sequence_len() == 0 {
        return None;
    }
    let (index, first) = case.before.iter().enumerate().find(|(_, earlier)| {
        (earlier.from, earlier.seq, earlier.len) == (segment.from, segment.seq, segment.len)
            && earlier.flags.difference(Flags::PSH) == segment.flags.difference(Flags::PSH)
    })?;
    let after = Duration::from_nanos(segment.at.saturating_sub(first.at));
    let why = if after >= SHORTEST_TIMEOUT {
        "its retransmission timer ran out before an acknowledgment came (RFC 6298; RFC 9293, section 3.8.1)"
    } else {
        "too early for a timer, so duplicate or selective acknowledgments reported a loss (RFC 5681, section 3.2)"
    };
    Some(format!(
        "This is a retransmission of segment {}, sent again after {after:.0?}: {why}. The first one, or the answer to it, was lost, \
         held or refused.",
        index + 1
    ))
}

fn keep_alive(case: &Case<'_>) -> Option<String> {
    let segment = case.extra_ack()?;
    let next = case.wire.next(segment.from)?;
    (segment.seq + 1 == next).then(|| {
        "An empty segment one number below the next one asks the peer for a sign of life: a keep-alive (RFC 9293, section \
         3.8.4), or a probe of a closed window (section 3.8.6.1)."
            .to_owned()
    })
}

fn fin_carries_the_ack(case: &Case<'_>) -> Option<String> {
    let (segment, line) = (case.segment?, case.line()?);
    let merged =
        segment.flags.contains(Flags::FIN | Flags::ACK) && line.flags == Some(Flags::ACK) && line.from == segment.from;
    merged.then(|| {
        let cause = if case.quickack {
            "here every ACK is sent at once, so the FIN was already queued when the kernel wanted to acknowledge"
        } else {
            "the acknowledgment was delayed (up to 40 ms on Linux), and the application closed before the delay was over"
        };
        format!(
            "The FIN carries the ACK that was expected alone: {cause}. Four segments become three; both are right (RFC 9293, \
             section 3.6; delayed ACK: section 3.8.6.3)."
        )
    })
}

fn data_carries_the_ack(case: &Case<'_>) -> Option<String> {
    let (segment, line) = (case.segment?, case.line()?);
    let pure = line.flags == Some(Flags::ACK) && line.len.unwrap_or(0) == 0;
    (pure && segment.len > 0 && line.from == segment.from && segment.flags.contains(Flags::ACK)).then(|| {
        "The ACK that was expected alone rides on data: the application answered before the delayed acknowledgment was due \
         (RFC 9293, section 3.8.6.3)."
            .to_owned()
    })
}

fn only_push_differs(case: &Case<'_>) -> Option<String> {
    let (segment, line) = (case.segment?, case.line()?);
    let only_flags = case.differences.len() == 1 && case.differs("flags");
    let psh = line
        .flags
        .is_some_and(|flags| flags.symmetric_difference(segment.flags) == Flags::PSH);
    (only_flags && psh).then(|| {
        "Only PSH differs. The sender sets it on the last segment that it has queued (RFC 9293, section 3.9.1.2, MUST-61), \
         so it depends on how writes were cut into segments, and says nothing about the bytes."
            .to_owned()
    })
}

fn syn_or_fin_counts(case: &Case<'_>) -> Option<String> {
    let off_by_one = case.numbers().any(|(expected, actual)| actual == expected + 1);
    off_by_one.then(|| {
        "One more than expected: SYN and FIN each take one sequence number, as a byte of data does (RFC 9293, section 3.4). \
         ACK = SEQ + bytes of data + 1 for a SYN + 1 for a FIN."
            .to_owned()
    })
}

fn cumulative_ack(case: &Case<'_>) -> Option<String> {
    let ahead = case
        .differences
        .iter()
        .filter(|difference| difference.field == "ack")
        .any(|difference| number(&difference.expected) < number(&difference.actual));
    ahead.then(|| {
        "Acknowledgments are cumulative: this one covers more than the line says, because more had arrived before it was \
         sent (RFC 9293, section 3.4)."
            .to_owned()
    })
}

fn application_wrote_more(case: &Case<'_>) -> Option<String> {
    let segment = case.segment?;
    let expected = named_len(case.line()?)?;
    let echoes = case.did(segment.from, |verb| {
        matches!(verb, Verb::Echo { .. } | Verb::EchoStrlen { .. })
    });
    (echoes && segment.len > expected).then(|| {
        format!(
            "The {} wrote {} bytes where {expected} were expected. TCP carries what it is given: the mistake is the \
             application's (an echo that sends `strlen` of a buffer which was not cleared sends stale bytes too).",
            segment.from, segment.len
        )
    })
}

fn no_message_boundaries(case: &Case<'_>) -> Option<String> {
    let segment = case.segment?;
    let expected = named_len(case.line()?)?;
    (segment.len > 0 && expected > 0 && segment.len != expected).then(|| {
        "TCP carries a stream of bytes, not messages: writes are split at the segment size and may be merged while earlier \
         data is unacknowledged (Nagle, RFC 9293, section 3.7.4; TCP_NODELAY switches it off)."
            .to_owned()
    })
}

fn window_update(case: &Case<'_>) -> Option<String> {
    let segment = case.extra_ack()?;
    let last = case.last_of(segment.from)?;
    (last.ack == segment.ack && last.window != segment.window).then(|| {
        format!(
            "A window update: the application has read, and the window changed from {} to {} (RFC 9293, section 3.8.6).",
            last.window, segment.window
        )
    })
}

fn duplicate_ack(case: &Case<'_>) -> Option<String> {
    let segment = case.extra_ack()?;
    let last = case.last_of(segment.from)?;
    (last.ack == segment.ack).then(|| {
        "It repeats the last acknowledgment: the answer to a segment that came twice, out of order or outside the window \
         (RFC 9293, section 3.10.7.4), or a challenge ACK (RFC 5961)."
            .to_owned()
    })
}

fn late_timer(case: &Case<'_>) -> Option<String> {
    (case.differences.len() == 1 && case.differs("time")).then(|| {
        "Only the time differs. Kernel timers run in steps (4 ms and coarser), and a busy machine delays both ends; TCP \
         itself sets only lower limits."
            .to_owned()
    })
}

fn missing_handshake(case: &Case<'_>) -> Option<String> {
    let flags = case.missing()?.flags?;
    flags.contains(Flags::SYN | Flags::ACK).then(|| {
        "No answer to the SYN: the listener's queue may be full (a full queue drops SYNs in silence), or the segment was \
         dropped on its way."
            .to_owned()
    })
}

fn missing_fin(case: &Case<'_>) -> Option<String> {
    let flags = case.missing()?.flags?;
    flags.contains(Flags::FIN).then(|| {
        "No FIN: it is sent by `close` and `shutdown write`, after all data that was written before, and only once per \
         connection. A RST ends a connection without any."
            .to_owned()
    })
}

fn missing_ack(case: &Case<'_>) -> Option<String> {
    let line = case.missing()?;
    (line.flags == Some(Flags::ACK) && named_len(line).unwrap_or(0) == 0).then(|| {
        "No ACK came: what it would acknowledge was acknowledged by an earlier segment already, has not arrived, or is \
         still waiting for a delayed acknowledgment (up to 200 ms on Linux, 40 ms usually). A pure ACK is never \
         acknowledged itself."
            .to_owned()
    })
}

fn missing_data(case: &Case<'_>) -> Option<String> {
    let is_data = match case.expected? {
        Takes::Stream(_) => true,
        Takes::Segment(line) => named_len(line).is_some_and(|len| len > 0),
        Takes::Anything | Takes::Injected { .. } => false,
    };
    (case.kind == Kind::Missing && is_data).then(|| {
        "No data came: the application has not written it, the peer's window is closed, or the sender waits for an \
         acknowledgment (Nagle, congestion window)."
            .to_owned()
    })
}

/// How many payload bytes the line names.
fn named_len(line: &SegmentPattern) -> Option<u32> {
    let payload = line.payload.as_ref();
    line.len
        .or_else(|| payload.map(|payload| u32::try_from(payload.bytes.len()).unwrap_or(u32::MAX)))
}

impl<'a> Case<'a> {
    fn line(&self) -> Option<&'a SegmentPattern> {
        match self.expected? {
            Takes::Segment(line) => Some(line),
            _ => None,
        }
    }

    fn missing(&self) -> Option<&'a SegmentPattern> {
        self.line().filter(|_| self.kind == Kind::Missing)
    }

    fn reset(&self) -> Option<&'a Segment> {
        let reset = self.segment.filter(|segment| segment.flags.contains(Flags::RST))?;
        // Where the line names RST, the RST itself is no surprise.
        let expected = self
            .line()
            .and_then(|line| line.flags)
            .is_some_and(|flags| flags.contains(Flags::RST));
        (!expected).then_some(reset)
    }

    /// The segment, when it is a pure ACK that no line expects there.
    fn extra_ack(&self) -> Option<&'a Segment> {
        self.segment
            .filter(|segment| segment.flags == Flags::ACK && segment.len == 0 && self.kind != Kind::Early)
    }

    fn last_of(&self, party: Party) -> Option<&'a Segment> {
        self.before.iter().rfind(|segment| segment.from == party)
    }

    fn differs(&self, field: &str) -> bool {
        self.differences.iter().any(|difference| difference.field == field)
    }

    /// The expected and actual sequence and acknowledgment numbers that differ.
    fn numbers(&self) -> impl Iterator<Item = (u64, u64)> {
        self.differences
            .iter()
            .filter(|difference| matches!(difference.field, "seq" | "ack"))
            .filter_map(|difference| Some((number(&difference.expected)?, number(&difference.actual)?)))
    }

    /// Whether the party has begun such an action.
    fn did(&self, party: Party, what: fn(&Verb) -> bool) -> bool {
        self.history.iter().any(|entry| match entry {
            Entry::ActionStarted { step, .. } => self
                .steps
                .get(*step)
                .is_some_and(|step| step.action.party == party && what(&step.action.verb)),
            _ => false,
        })
    }

    /// Bytes that TCP has delivered to the party and its application has not read.
    fn unread(&self, party: Party) -> u64 {
        let mut wire = Wire::default();
        let mut delivered = 0;
        for segment in self.before {
            let is_new = wire.next(segment.from).is_none_or(|next| next.is_before(segment.end()));
            if segment.to == party && is_new {
                delivered += u64::from(segment.len);
            }
            wire.advance(segment);
        }
        let read: usize = self
            .history
            .iter()
            .filter_map(|entry| match entry {
                Entry::ActionEnded { step, result, .. } if self.steps.get(*step)?.action.party == party => {
                    Some(result.bytes_received().len())
                }
                _ => None,
            })
            .sum();
        delivered.saturating_sub(read as u64)
    }
}

fn number(text: &str) -> Option<u64> {
    text.split(' ').next()?.parse().ok()
}
