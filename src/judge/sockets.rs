//! The kernel's report on each connection end against the segments captured until then.
//!
//! How Linux counts (measured on 6.18, `TCP_INFO` in tcp(7)):
//! - the end that connects counts all its segments; the accepted one counts the SYN that it received once, and not the
//!   SYN,ACKs that it sent, which came from the listener's queue;
//! - what a listener drops because its accept queue is full is counted for no connection;
//! - `bytes_acked` counts the SYN of the end that connects and the FIN of both; `bytes_received` counts the peer's FIN;
//! - `bytes_sent` and `total_retrans` count every repetition, that of a SYN,ACK too;
//! - a socket that is CLOSED no longer counts, and one whose connect failed has forgotten everything.

use std::ops::RangeInclusive;

use super::connection::{last, repeats};
use super::{Check, Status};
use crate::run::{Calls, Entry, Fate, Fates, Mode, Recording, SocketReport};
use crate::scenario::{Scenario, SocketOption, Verb};
use crate::tcp::{Flags, Party, Replay, Segment, Seq, State};

/// Holds all reports against the capture.
pub(super) fn check(scenario: &Scenario, recording: &Recording) -> Check {
    const NAME: &str = "socket counters";
    if recording.environment.mode == Mode::Host {
        let reason = "the host's loopback carries several segments in one packet, which the sockets count one by one";
        return Check::integrity(NAME, Status::NotChecked, reason);
    }
    // A deferred accept takes no notice of the handshake's ACK.
    let defers = scenario
        .steps()
        .any(|step| matches!(step.action.verb, Verb::Set(SocketOption::TcpDeferAccept, _)));
    let segments: Vec<Segment> = recording.segments().cloned().collect();
    let fates = Fates::of(recording);
    let arrived: Vec<Segment> = (0..)
        .zip(&segments)
        .map(|(index, segment)| fates.altered(index).unwrap_or(segment).clone())
        .collect();
    let copies: Vec<usize> = (0..segments.len())
        .filter(|index| fates.get(*index) == Some(Fate::Copied))
        .collect();
    let refused = refused(scenario, recording);
    let has_counted = |report: &&SocketReport| report.state != State::Closed || report.segs_in + report.segs_out > 0;
    let reports: Vec<&SocketReport> = recording.sockets.iter().filter(has_counted).collect();
    if reports.is_empty() {
        return Check::integrity(NAME, Status::NotChecked, "the kernel had no connection to report on");
    }
    let wrong: Vec<String> = reports
        .iter()
        .flat_map(|report| contradictions(report, (&segments, &arrived), &copies, &refused, defers))
        .collect();
    let detail = match reports.len() {
        1 => "1 report of the kernel agrees with the capture".to_owned(),
        count => format!("{count} reports of the kernel agree with the capture"),
    };
    Check::unless(&wrong, NAME, Status::Doubtful, detail)
}

/// The segments that met a full accept queue, by their index.
fn refused(scenario: &Scenario, recording: &Recording) -> Vec<usize> {
    let calls = Calls::of(scenario, recording);
    let parties: Vec<Party> = scenario.steps().map(|step| step.action.party).collect();
    let mut fates = Fates::of(recording);
    let (mut replay, mut refused, mut captured) = (Replay::new(), Vec::new(), 0);
    for entry in &recording.entries {
        let overflows = |replay: &Replay| -> u64 { Party::ALL.into_iter().map(|party| replay.overflows(party)).sum() };
        let before = overflows(&replay);
        fates.replay(entry, &mut replay);
        let index = match entry {
            Entry::ActionStarted { step, .. } => {
                if let (Some(party), Some(call)) = (parties.get(*step), calls.at_once(*step)) {
                    replay.call(*party, call);
                }
                continue;
            }
            Entry::Segment(_) => {
                captured += 1;
                captured - 1
            }
            Entry::Fault { segment, .. } => *segment,
            Entry::ActionEnded { .. } | Entry::Icmp(_) | Entry::Settled { .. } => continue,
        };
        if overflows(&replay) > before {
            refused.push(index);
        }
    }
    refused
}

/// The segments come as they were sent, and as they arrived.
fn contradictions(
    report: &SocketReport,
    (segments, arrived): (&[Segment], &[Segment]),
    copies: &[usize],
    refused: &[usize],
    defers: bool,
) -> Vec<String> {
    let captured = report.after_segments.min(segments.len());
    let connection = last(&segments[..captured]);
    let first = captured - connection.len();
    let numbered = || (first..).zip(connection);
    let sent = numbered().filter(|(index, segment)| segment.from == report.party && !copies.contains(index));
    let received =
        numbered().filter(|(index, segment)| segment.to == report.party && !report.undelivered.contains(index));
    let received = received.filter(|(index, _)| !refused.contains(index));
    let (sent, received) = (
        sent.map(|(_, sent)| sent).collect(),
        received.map(|(index, _)| &arrived[index]).collect(),
    );
    let seen = Seen::of(sent, received, defers);
    let compare = [
        ("sent", "segments", u64::from(report.segs_out), seen.segs_out),
        ("received", "segments", u64::from(report.segs_in), seen.segs_in),
        ("sent", "bytes", report.bytes_sent, seen.bytes_sent),
        ("received", "bytes", report.bytes_received, seen.bytes_received),
        ("had acknowledged", "bytes", report.bytes_acked, seen.bytes_acked),
        (
            "sent",
            "retransmissions",
            u64::from(report.retransmits),
            seen.retransmits,
        ),
    ];
    compare
        .into_iter()
        .filter(|(_, _, counted, seen)| {
            // A closed socket has stopped counting.
            let least = if report.state == State::Closed { 0 } else { *seen.start() };
            !(least..=*seen.end()).contains(counted)
        })
        .map(|(verb, what, counted, seen)| {
            format!(
                "after segment {captured} the {}'s kernel socket ({}) had counted {counted} {what} {verb}; the capture shows {}",
                report.party,
                report.state,
                range_text(&seen)
            )
        })
        .collect()
}

fn range_text(range: &RangeInclusive<u64>) -> String {
    if range.start() == range.end() {
        range.end().to_string()
    } else {
        format!("{} to {}", range.start(), range.end())
    }
}

/// What the capture says that the kernel must have counted.
struct Seen {
    segs_out: RangeInclusive<u64>,
    segs_in: RangeInclusive<u64>,
    bytes_sent: RangeInclusive<u64>,
    bytes_received: RangeInclusive<u64>,
    bytes_acked: RangeInclusive<u64>,
    retransmits: RangeInclusive<u64>,
}

impl Seen {
    fn of(sent: Vec<&Segment>, received: Vec<&Segment>, defers: bool) -> Seen {
        // Segments made by hand are not the socket's own, and one with a wrong checksum is dropped before it finds its socket.
        let sent: Vec<&Segment> = sent.into_iter().filter(|segment| !segment.is_injected()).collect();
        let received: Vec<&Segment> = received.into_iter().filter(|segment| segment.is_intact()).collect();
        let is_syn = |segment: &&&Segment| segment.flags.contains(Flags::SYN) && !segment.flags.contains(Flags::ACK);
        let is_syn_ack = |segment: &&&Segment| segment.flags.contains(Flags::SYN | Flags::ACK);
        let syns_received = count(received.iter().filter(is_syn));
        let syn_acks = count(sent.iter().filter(is_syn_ack));
        let is_passive = syn_acks > 0 && count(sent.iter().filter(is_syn)) == 0;
        let exactly = |number: u64| number..=number;

        // What reached the listener's queue only is not counted; how much that is, the wire does not tell.
        let is_uncertain = is_passive && (syns_received != 1 || syn_acks != 1 || defers);
        let all_received = received.len() as u64;
        let segs_in = if is_uncertain { 0 } else { all_received }..=all_received;
        let bytes_sent = sent.iter().map(|segment| u64::from(segment.len)).sum();
        let own = Space::of(&sent);
        let peer = Space::of(&received);
        let acked = own.highest_ack(&received).saturating_sub(u64::from(is_passive));
        let taken = peer.highest_ack(&sent).saturating_sub(1);
        // What comes without the ACK bit is dropped, but for the SYN (RFC 9293, section 3.10.7.4).
        let mut acceptable = received.clone();
        acceptable.retain(|segment| segment.flags.intersects(Flags::ACK | Flags::SYN));
        Seen {
            segs_out: exactly(sent.len() as u64 - if is_passive { syn_acks } else { 0 }),
            segs_in,
            bytes_sent: exactly(bytes_sent),
            // More than acknowledged while an acknowledgment is delayed; no more than was sent in order.
            bytes_received: taken..=peer.in_order(&acceptable).saturating_sub(1).max(taken),
            bytes_acked: exactly(acked),
            retransmits: exactly(repeats(sent.iter().copied()) as u64),
        }
    }
}

fn count<'s>(segments: impl Iterator<Item = &'s &'s Segment>) -> u64 {
    segments.count() as u64
}

/// The numbers of one direction.
struct Space {
    isn: Option<Seq>,
    /// The number after the highest one that was sent.
    next: Option<Seq>,
}

impl Space {
    fn of(sent: &[&Segment]) -> Space {
        let syn = sent.iter().find(|segment| segment.flags.contains(Flags::SYN));
        Space {
            isn: syn.map(|segment| segment.seq),
            next: syn.map(|syn| {
                let ends = sent.iter().map(|segment| segment.end());
                ends.fold(syn.end(), |next, end| if next.is_before(end) { end } else { next })
            }),
        }
    }

    /// A number relative to the ISN; `None` for one that lies before it.
    fn relative(&self, number: Seq) -> Option<u64> {
        u64::try_from(number.offset_from(self.isn?)).ok()
    }

    /// The highest relative acknowledgment of this direction among what the other end sent.
    fn highest_ack(&self, acknowledging: &[&Segment]) -> u64 {
        acknowledging
            .iter()
            .filter(|segment| segment.flags.contains(Flags::ACK) && !segment.flags.contains(Flags::RST))
            // Only a segment made by hand acknowledges what was never sent; nobody believes it.
            .filter(|segment| self.next.is_none_or(|next| !next.is_before(segment.ack)))
            .filter_map(|segment| self.relative(segment.ack))
            .max()
            .unwrap_or(0)
    }

    /// The relative number up to which everything was sent without a gap.
    fn in_order(&self, sent: &[&Segment]) -> u64 {
        let mut pieces: Vec<(u64, u64)> = sent
            .iter()
            .filter_map(|segment| Some((self.relative(segment.seq)?, self.relative(segment.end())?)))
            .collect();
        pieces.sort_unstable();
        pieces
            .into_iter()
            .fold(0, |end, (from, to)| if from <= end { end.max(to) } else { end })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matcher::support::segment;

    /// What `TCP_INFO` said on Linux 6.18: state, segs_in, segs_out, bytes_received, bytes_acked, bytes_sent, retransmissions.
    type Measured = (State, u32, u32, u64, u64, u64, u32);

    fn report(party: Party, measured: Measured) -> SocketReport {
        let (state, segs_in, segs_out, bytes_received, bytes_acked, bytes_sent, retransmits) = measured;
        SocketReport {
            party,
            after_segments: usize::MAX,
            undelivered: Vec::new(),
            state,
            segs_in,
            segs_out,
            bytes_received,
            bytes_acked,
            bytes_sent,
            retransmits,
        }
    }

    fn agrees(lines: &[&str], party: Party, measured: Measured) -> bool {
        let segments: Vec<Segment> = lines.iter().map(|line| segment(line)).collect();
        contradictions(&report(party, measured), (&segments, &segments), &[], &[], false).is_empty()
    }

    const SYN: &str = "C > S SYN seq 0";
    const SYN_ACK: &str = "S > C SYN ACK seq 0 ack 1";
    const ACK: &str = "C > S ACK seq 1 ack 1";

    #[test]
    fn what_linux_counts_is_what_the_capture_shows() {
        use State::{Closed, Established};
        let data = r#"C > S PSH ACK seq 1 ack 1 "abc""#;
        let itself = ["C > C SYN seq 0", "C > C SYN ACK seq 0 ack 1", "C > C ACK seq 1 ack 1"];
        let cases: [(&[&str], Party, Measured); 8] = [
            (&[SYN, SYN_ACK, ACK], Party::Client, (Established, 1, 2, 0, 1, 0, 0)),
            (&[SYN, SYN_ACK, ACK], Party::Server, (Established, 2, 0, 0, 0, 0, 0)),
            // Two retransmissions of lost data, then its acknowledgment.
            (
                &[SYN, SYN_ACK, ACK, data, data, data, "S > C ACK seq 1 ack 4"],
                Party::Client,
                (Established, 2, 5, 0, 4, 9, 2),
            ),
            (
                &[SYN, SYN, SYN_ACK, ACK],
                Party::Client,
                (Established, 1, 3, 0, 1, 0, 1),
            ),
            (
                &[SYN, SYN, SYN_ACK, ACK],
                Party::Server,
                (Established, 2, 0, 0, 0, 0, 0),
            ),
            (
                &[SYN, SYN_ACK, SYN_ACK, ACK, ACK],
                Party::Server,
                (Established, 3, 0, 0, 0, 0, 1),
            ),
            (&itself, Party::Client, (Established, 3, 3, 0, 1, 0, 0)),
            // The server closed with unread bytes.
            (
                &[
                    SYN,
                    SYN_ACK,
                    ACK,
                    data,
                    "S > C ACK seq 1 ack 4",
                    "S > C RST ACK seq 1 ack 4",
                ],
                Party::Client,
                (Closed, 3, 3, 0, 4, 3, 0),
            ),
        ];
        for (lines, party, measured) in cases {
            assert!(agrees(lines, party, measured), "{lines:?} {party}");
        }
    }

    #[test]
    fn a_connection_is_told_from_the_one_before() {
        let (first, second) = ("C > S SYN seq 0", "C > S SYN seq 900");
        let refused = "S > C RST ACK seq 0 ack 1";
        let again = ["S > C SYN ACK seq 0 ack 901", "C > S ACK seq 901 ack 1"];
        let lines = [first, refused, second, again[0], again[1]];
        assert!(agrees(&lines, Party::Client, (State::Established, 1, 2, 0, 1, 0, 0)));
        assert!(!agrees(&lines, Party::Client, (State::Established, 2, 3, 0, 1, 0, 0)));
    }

    #[test]
    fn a_syn_that_met_a_full_accept_queue_counts_for_no_connection() {
        let segments: Vec<Segment> = [SYN, SYN, SYN_ACK, ACK].into_iter().map(segment).collect();
        for (segs_in, refused, agrees) in [(2, [0].as_slice(), true), (3, &[0], false), (3, &[], true)] {
            let report = report(Party::Server, (State::Established, segs_in, 0, 0, 0, 0, 0));
            let wrong = contradictions(&report, (&segments, &segments), &[], refused, false);
            assert_eq!(wrong.is_empty(), agrees, "{segs_in} in, refused {refused:?}: {wrong:?}");
        }
    }

    #[test]
    fn a_segment_that_the_capture_missed_shows() {
        assert!(!agrees(
            &[SYN, SYN_ACK],
            Party::Client,
            (State::Established, 1, 2, 0, 1, 0, 0)
        ));
        assert!(!agrees(
            &[SYN, SYN_ACK, ACK, ACK],
            Party::Server,
            (State::Established, 2, 0, 0, 0, 0, 0)
        ));
    }
}
