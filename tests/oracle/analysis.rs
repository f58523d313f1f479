//! What each segment is, by the lab's [`Analysis`], against tshark's.
//!
//! tshark goes by the capture and by rules of thumb. The lab knows more: its own copies and forgeries are in the log. Where
//! the two differ, [`DIFFERENCES`] says in which pattern and why; where no row says so, they must agree, and a row that its
//! scenario does not show any more is a failure too.

use tcplab::run::{Fate, Fates, Recording};
use tcplab::tcp::{
    Acknowledgment, Analysis, Flags, Nanos, Numbers, Origin, Party, Probe, Role, Segment, Seq, TcpOption,
};

/// tshark's flags, in the order of [`lab_says`].
pub const FIELDS: [&str; FLAGS] = [
    "tcp.analysis.retransmission",
    "tcp.analysis.fast_retransmission",
    "tcp.analysis.spurious_retransmission",
    "tcp.analysis.out_of_order",
    "tcp.analysis.lost_segment",
    "tcp.analysis.duplicate_ack",
    "tcp.analysis.window_update",
    "tcp.analysis.ack_lost_segment",
    "tcp.analysis.zero_window",
    "tcp.analysis.zero_window_probe",
    "tcp.analysis.zero_window_probe_ack",
    "tcp.analysis.keep_alive",
    "tcp.analysis.keep_alive_ack",
    "tcp.analysis.reused_ports",
];

/// How many they are.
const FLAGS: usize = 14;

const RETRANSMISSION: usize = 0;
const FAST: usize = 1;
const SPURIOUS: usize = 2;
const OUT_OF_ORDER: usize = 3;
const LOST: usize = 4;
const DUPLICATE_ACK: usize = 5;
const WINDOW_UPDATE: usize = 6;
const ACK_UNSENT: usize = 7;
const ZERO_WINDOW_PROBE: usize = 9;
const ZERO_WINDOW_PROBE_ACK: usize = 10;
const KEEP_ALIVE: usize = 11;
const KEEP_ALIVE_ACK: usize = 12;
const REUSED: usize = 13;

/// A pattern in which tshark may say otherwise than the lab.
struct Difference {
    /// The flags in which they differ.
    flags: &'static [usize],
    /// What tshark says; the lab says the opposite.
    tshark: bool,
    /// Of which segments.
    pattern: fn(&Seen<'_>) -> bool,
    /// A scenario in which it always occurs; `None` where it goes by microseconds, or where the library shows it only in
    /// passing.
    scenario: Option<&'static str>,
    /// Why.
    reason: &'static str,
}

const DIFFERENCES: [Difference; 29] = [
    Difference {
        flags: &[RETRANSMISSION, FAST, SPURIOUS],
        tshark: false,
        pattern: |seen| matches!(seen.role.numbers, Numbers::Again { .. }) && seen.soon,
        scenario: None,
        reason: "what comes again within one round trip after the highest number is out of order for tshark; the lab has \
                 seen those numbers before",
    },
    Difference {
        flags: &[OUT_OF_ORDER],
        tshark: true,
        pattern: |seen| matches!(seen.role.numbers, Numbers::Again { .. } | Numbers::Copy) && seen.soon,
        scenario: None,
        reason: "the same, seen from the other flag",
    },
    Difference {
        flags: &[RETRANSMISSION],
        tshark: true,
        pattern: |seen| seen.role.numbers == Numbers::Late,
        scenario: None,
        reason: "what fills a gap later than one round trip after the highest number is a retransmission for tshark; the \
                 lab has not seen those numbers before",
    },
    Difference {
        flags: &[OUT_OF_ORDER],
        tshark: false,
        pattern: |seen| seen.role.numbers == Numbers::Late,
        scenario: None,
        reason: "the same, seen from the other flag",
    },
    Difference {
        flags: &[RETRANSMISSION],
        tshark: false,
        pattern: |seen| seen.segment.len > 0 && seen.role.next == Some(seen.segment.seq + 1),
        scenario: Some("close/time-wait-matrix"),
        reason: "data that begins one number below the next: tshark takes that number for an earlier window probe",
    },
    Difference {
        flags: &[SPURIOUS],
        tshark: false,
        pattern: |seen| seen.segment.len == 0,
        scenario: Some("close/fin-ack-lost"),
        reason: "a SYN or FIN that was acknowledged already: tshark calls only data spurious",
    },
    Difference {
        flags: &[FAST],
        tshark: false,
        pattern: |seen| seen.with_sack,
        scenario: Some("loss/fast-retransmit"),
        reason: "duplicate ACKs with SACK blocks and other windows do not count for tshark",
    },
    Difference {
        flags: &[FAST],
        tshark: false,
        pattern: |seen| seen.hesitates,
        scenario: None,
        reason: "a retransmission more than 20 ms after the last duplicate ACK was not caused by it, says tshark; a machine \
                 that stands still can take that long",
    },
    Difference {
        flags: &[DUPLICATE_ACK],
        tshark: false,
        pattern: |seen| seen.role.acknowledgment == Acknowledgment::Duplicate && seen.role.resized,
        scenario: Some("loss/fast-retransmit"),
        reason: "a new SACK block makes a duplicate ACK, whatever the window (RFC 6675); tshark demands the same window",
    },
    Difference {
        flags: &[WINDOW_UPDATE],
        tshark: true,
        pattern: |seen| seen.role.acknowledgment == Acknowledgment::Duplicate && seen.role.resized,
        scenario: Some("loss/fast-retransmit"),
        reason: "the same ACK is a window update for tshark",
    },
    Difference {
        flags: &[DUPLICATE_ACK],
        tshark: true,
        pattern: |seen| seen.role.acknowledgment == Acknowledgment::Repeated && seen.role.answers.is_none(),
        scenario: Some("close/fin-ack-lost"),
        reason: "nothing is outstanding, so a repeated ACK is no duplicate (RFC 5681): it answers what came twice, or what \
                 is not acceptable",
    },
    Difference {
        flags: &[KEEP_ALIVE_ACK],
        tshark: false,
        pattern: |seen| seen.role.acknowledgment == Acknowledgment::Update,
        scenario: Some("session/keep-alive"),
        reason: "the answer to a keep-alive, with another window: tshark says only that",
    },
    Difference {
        flags: &[KEEP_ALIVE, KEEP_ALIVE_ACK],
        tshark: true,
        pattern: |seen| [seen.role.probe, seen.role.answers].contains(&Some(Probe::ZeroWindow)),
        scenario: None,
        reason: "Linux probes a closed window with an empty segment one number below the next: tshark takes it for a \
                 keep-alive, the lab goes by the window",
    },
    Difference {
        flags: &[ZERO_WINDOW_PROBE, ZERO_WINDOW_PROBE_ACK],
        tshark: false,
        pattern: |seen| [seen.role.probe, seen.role.answers].contains(&Some(Probe::ZeroWindow)),
        scenario: None,
        reason: "the same, seen from the other flags",
    },
    Difference {
        flags: &[RETRANSMISSION],
        tshark: true,
        pattern: |seen| seen.role.numbers == Numbers::Copy,
        scenario: Some("loss/duplicate-data"),
        reason: "a copy that the wire has made: its sender has sent it once, as the log of the faults says",
    },
    Difference {
        flags: &ALL,
        tshark: true,
        pattern: |seen| seen.role.numbers == Numbers::Forged,
        scenario: Some("session/old-duplicate-data"),
        reason: "a segment that the lab has made in the name of a true end: tshark takes it for that end's own",
    },
    Difference {
        flags: &[RETRANSMISSION, KEEP_ALIVE],
        tshark: true,
        pattern: |seen| seen.forged_before,
        scenario: Some("reset/rst-in-window"),
        reason: "numbers beyond the next, which a forged segment has used before, also a RST: their true owner sends them \
                 for the first time",
    },
    Difference {
        flags: &[LOST],
        tshark: true,
        pattern: |seen| seen.role.next.is_none() || seen.role.opens || seen.role.numbers == Numbers::None,
        scenario: Some("reset/closed-port"),
        reason: "a SYN that opens a sequence space, the first segment of an end without one, a RST, or an empty segment: its number \
                 leaves nothing out, or takes none",
    },
    Difference {
        flags: &[ACK_UNSENT],
        tshark: true,
        pattern: |seen| seen.segment.flags.contains(Flags::RST) || seen.peer_reopened,
        scenario: Some("reset/closed-port"),
        reason: "a RST acknowledges what it answers, which may belong to no connection; and of an end that has begun anew \
                 tshark knows only what came since",
    },
    Difference {
        flags: &[ACK_UNSENT],
        tshark: true,
        pattern: |seen| seen.peer_straddled,
        scenario: Some("loss/overlap-straddle"),
        reason: "of a segment that begins with old numbers and ends with new ones tshark does not count the new ones",
    },
    Difference {
        flags: &[ACK_UNSENT],
        tshark: false,
        pattern: |seen| seen.role.acknowledgment == Acknowledgment::Unsent,
        scenario: Some("reset/listener"),
        reason: "tshark says it only when it has seen numbers of the other end, and once",
    },
    Difference {
        flags: &[REUSED],
        tshark: false,
        pattern: |seen| seen.role.reopens && seen.segment.flags.contains(Flags::ACK),
        scenario: Some("close/time-wait-new-syn"),
        reason: "the SYN of the other end has begun a new conversation for tshark, without old numbers",
    },
    Difference {
        flags: &[REUSED],
        tshark: true,
        pattern: |seen| seen.role.opens && !seen.role.reopens,
        scenario: Some("reset/listener"),
        reason: "the end has sent segments before, but no SYN",
    },
    Difference {
        flags: &ALL,
        tshark: true,
        pattern: |seen| seen.segment.origin == Origin::FakeEnd,
        scenario: Some("reset/closed-port"),
        reason: "an end without a TCP sends whatever the scenario says, each segment for itself: the rules of neither are made for it",
    },
    Difference {
        flags: &ALL,
        tshark: false,
        pattern: |seen| seen.segment.origin == Origin::FakeEnd,
        scenario: Some("reset/listener"),
        reason: "the same, seen from the other side",
    },
    Difference {
        flags: &[DUPLICATE_ACK, KEEP_ALIVE_ACK, ACK_UNSENT],
        tshark: true,
        pattern: |seen| seen.peer_by_hand,
        scenario: Some("close/closing-matrix"),
        reason: "the answer to such a segment, which tshark reads in its light",
    },
    Difference {
        flags: &[DUPLICATE_ACK, KEEP_ALIVE_ACK],
        tshark: false,
        pattern: |seen| seen.peer_by_hand,
        scenario: Some("reset/syn-received"),
        reason: "the same, seen from the other side",
    },
    Difference {
        flags: &[KEEP_ALIVE],
        tshark: true,
        pattern: |seen| seen.segment.len == 1 && matches!(seen.role.numbers, Numbers::Again { .. }),
        scenario: Some("loss/rto-karn"),
        reason: "one byte, one number below the next: a keep-alive may look like that (RFC 9293, section 3.8.4), but here it is \
                 the byte that was lost",
    },
    Difference {
        flags: &[RETRANSMISSION, FAST, SPURIOUS, OUT_OF_ORDER],
        tshark: true,
        pattern: |seen| seen.role.opens,
        scenario: None,
        reason: "a SYN that opens a sequence space has a number by chance: where that lies before the number of an earlier RST of this \
                 end, tshark takes it for one that was sent before",
    },
];

/// All flags.
const ALL: [usize; FLAGS] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13];

/// A segment with what both can know about it.
struct Seen<'r> {
    segment: &'r Segment,
    /// What it is.
    role: Role,
    /// How many duplicate ACKs its receiver has sent for the number with which it begins.
    asked: u32,
    /// Whether these had SACK blocks.
    with_sack: bool,
    /// Whether it comes within the first round-trip time after the segment with its sender's highest number.
    soon: bool,
    /// Whether it comes more than 20 ms after its receiver's last duplicate ACK.
    hesitates: bool,
    /// Whether a segment in the name of a true end came before.
    forged_before: bool,
    /// Whether the segment before it was made by hand.
    peer_by_hand: bool,
    /// Whether its receiver has opened its sequence space more than once.
    peer_reopened: bool,
    /// Whether its receiver has sent a segment with old numbers first and new ones behind them.
    peer_straddled: bool,
}

/// The flags of tshark that the lab would set.
fn lab_says(seen: &Seen<'_>) -> [bool; FLAGS] {
    let Role {
        numbers,
        acknowledgment,
        probe,
        answers,
        reopens,
        window,
        ..
    } = seen.role;
    let again = matches!(numbers, Numbers::Again { .. });
    let ends = Flags::SYN | Flags::FIN | Flags::RST;
    [
        again,
        again && seen.asked >= 3,
        matches!(numbers, Numbers::Again { acknowledged: true, .. }),
        numbers == Numbers::Late,
        numbers == Numbers::Beyond,
        acknowledgment == Acknowledgment::Duplicate,
        acknowledgment == Acknowledgment::Update,
        acknowledgment == Acknowledgment::Unsent,
        window == 0 && !seen.segment.flags.intersects(ends),
        probe == Some(Probe::ZeroWindow),
        answers == Some(Probe::ZeroWindow),
        probe == Some(Probe::KeepAlive),
        answers == Some(Probe::KeepAlive),
        reopens,
    ]
}

/// Where tshark's analysis and the lab's differ and no row of [`DIFFERENCES`] says so, and the rows that nothing shows.
pub fn problems(scenario: &str, recording: &Recording, rows: &[Vec<String>]) -> Vec<String> {
    let mut problems = Vec::new();
    let mut shown = [false; DIFFERENCES.len()];
    for (number, (seen, row)) in (1..).zip(walk(recording).iter().zip(rows)) {
        for (flag, lab) in lab_says(seen).into_iter().enumerate() {
            let tshark = !row[flag].is_empty();
            let applies = |row: &Difference| row.flags.contains(&flag) && row.tshark == tshark && (row.pattern)(seen);
            if tshark == lab {
                continue;
            }
            let found: Vec<bool> = DIFFERENCES.iter().map(applies).collect();
            for (shown, found) in shown.iter_mut().zip(&found) {
                *shown |= found;
            }
            if !found.contains(&true) {
                problems.push(format!(
                    "segment {number}: {} is {tshark} for tshark, {lab} for the lab: {:?}",
                    FIELDS[flag], seen.role
                ));
            }
        }
    }
    let gone = |(row, shown): (&Difference, bool)| (row.scenario == Some(scenario) && !shown).then_some(row.reason);
    let gone = DIFFERENCES.iter().zip(shown).filter_map(gone);
    problems.extend(gone.map(|reason| format!("a known difference from tshark no longer occurs: {reason}")));
    problems
}

fn walk(recording: &Recording) -> Vec<Seen<'_>> {
    let fates = Fates::of(recording);
    let mut analysis = Analysis::default();
    let mut ends = [End::default(), End::default()];
    let (mut forged_before, mut by_hand) = (false, false);
    let mut round_trip = RoundTrip::default();
    let segments = recording.segments().enumerate();
    segments
        .map(|(index, segment)| {
            let role = analysis.next(segment, fates.get(index) == Some(Fate::Copied));
            let [sender, receiver] = ends_of(&mut ends, segment.from);
            sender.reopened |= role.opens && sender.opened;
            sender.opened |= role.opens;
            sender.straddled |= matches!(role.numbers, Numbers::Again { .. })
                && role.next.is_some_and(|next| next.is_before(segment.end()));
            match role.acknowledgment {
                Acknowledgment::Duplicate => {
                    sender.duplicates += 1;
                    sender.duplicate_at = Some(segment.at);
                    sender.with_sack |= segment
                        .options
                        .iter()
                        .any(|option| matches!(option, TcpOption::Sack(_)));
                }
                Acknowledgment::New => {
                    (sender.acknowledged, sender.duplicates, sender.with_sack) = (Some(segment.ack), 0, false);
                }
                _ => {}
            }
            let asks = receiver.acknowledged == Some(segment.seq);
            let soon = sender
                .highest_at
                .is_some_and(|highest| segment.at - highest < round_trip.threshold());
            round_trip.note(segment);
            if matches!(role.numbers, Numbers::Next | Numbers::Beyond) {
                sender.highest_at = Some(segment.at);
            }
            let seen = Seen {
                segment,
                role,
                asked: if asks { receiver.duplicates } else { 0 },
                with_sack: asks && receiver.with_sack,
                soon,
                hesitates: receiver
                    .duplicate_at
                    .is_some_and(|last| segment.at - last >= 20_000_000),
                forged_before,
                peer_by_hand: by_hand,
                peer_reopened: receiver.reopened,
                peer_straddled: receiver.straddled,
            };
            forged_before |= role.numbers == Numbers::Forged;
            by_hand = segment.is_injected();
            seen
        })
        .collect()
}

/// The time from the first SYN to the ACK that ends the handshake, as tshark measures it.
#[derive(Default)]
struct RoundTrip {
    begun: Option<Nanos>,
    taken: Option<Nanos>,
}

impl RoundTrip {
    fn note(&mut self, segment: &Segment) {
        if segment.flags.contains(Flags::SYN) {
            self.begun.get_or_insert(segment.at);
        } else if let Some(begun) = self.begun {
            self.taken.get_or_insert(segment.at - begun);
        }
    }

    /// Up to when tshark takes a segment for out of order: 3 ms where it knows no round-trip time.
    fn threshold(&self) -> Nanos {
        self.taken.unwrap_or_default().max(3_000_000)
    }
}

/// One end: the ports of its last SYN, what it acknowledged last, and the duplicates of that.
#[derive(Default)]
struct End {
    opened: bool,
    reopened: bool,
    straddled: bool,
    acknowledged: Option<Seq>,
    duplicates: u32,
    /// When it sent the last one.
    duplicate_at: Option<Nanos>,
    with_sack: bool,
    /// When it sent its highest number.
    highest_at: Option<Nanos>,
}

/// The ends, the sender first.
fn ends_of(ends: &mut [End; 2], from: Party) -> [&mut End; 2] {
    let [client, server] = ends;
    match from {
        Party::Client => [client, server],
        Party::Server => [server, client],
    }
}
