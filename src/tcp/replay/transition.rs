//! Names for what a replay goes through: the rows of the transition table (`docs/rfc9293/transitions.tsv`).
//!
//! A row is named only where segment, state and call leave no doubt. Left out: rows that no segment shows (ICMP, user
//! timeouts without a call that reports them).

use super::end::End;
use super::{Call, Replay};
use crate::tcp::{Flags, Nanos, Party, Segment, Seq, State};

/// A retransmission after at least this long without a segment is taken for one of the timer; the shortest one that a
/// scenario may set is as long as a tick or two.
const SHORTEST_TIMEOUT: Nanos = 40_000_000;

/// A transition that an end has gone through, by its id.
pub type Named = (Party, &'static str);

/// A [`Replay`] that names the transitions.
#[derive(Debug, Clone, Default)]
pub struct Transitions {
    replay: Replay,
    client: Memory,
    server: Memory,
    last: Option<Nanos>,
}

/// What the state machine has no need to remember.
#[derive(Debug, Clone, Default)]
struct Memory {
    /// The last call that closes, and the state in which it was made.
    closing: Option<(Call, State)>,
    /// How many SYN,ACKs the end has sent in this connection.
    syn_acks: usize,
    /// Whether the last segment that it got was a SYN, which it has not answered yet.
    got_syn: bool,
}

impl Transitions {
    /// Both ends CLOSED.
    pub fn new() -> Transitions {
        Transitions::default()
    }

    /// The state of one end.
    pub fn state(&self, party: Party) -> State {
        self.replay.state(party)
    }

    /// Takes note of an application's call.
    pub fn call(&mut self, party: Party, call: Call) -> Option<Named> {
        use State::*;
        let before = self.state(party);
        self.replay.call(party, call);
        if matches!(call, Call::Close { .. } | Call::CloseWriting | Call::Abort) {
            self.memory(party).closing = Some((call, before));
        }
        let id = match (before, call) {
            (Closed, Call::Listen { .. }) => "T1",
            (Listen, Call::CloseListener | Call::Close { .. }) => "T3",
            (SynSent, Call::Close { .. } | Call::CloseWriting) => "T6",
            (Listen, Call::Abort) => "T31",
            (SynSent, Call::Abort) => "T32",
            (Closing, Call::Abort) => "T38",
            (LastAck, Call::Abort) => "T39",
            (FinWait1 | FinWait2, Call::Close { .. }) => "T104",
            _ => return None,
        };
        Some((party, id))
    }

    /// Takes note that a call reported ETIMEDOUT.
    pub fn timed_out(&mut self, party: Party) -> Option<Named> {
        let before = self.state(party);
        self.replay.call(party, Call::Failed);
        let id = match before {
            State::SynSent => "T42",
            State::Established => "T44",
            State::CloseWait => "T45",
            _ => return None,
        };
        Some((party, id))
    }

    /// Takes note of a segment that is received at once.
    #[cfg(test)]
    fn segment(&mut self, segment: &Segment) -> Vec<Named> {
        let sent = self.sent(segment);
        sent.into_iter().chain(self.delivered(segment)).collect()
    }

    /// Takes note that a segment was sent: what that says about its sender.
    pub fn sent(&mut self, segment: &Segment) -> Option<Named> {
        let quiet = self.last.map_or(0, |last| segment.at.saturating_sub(last));
        self.last = Some(segment.at);
        let before = self.end(segment.from).clone();
        self.replay.sent(segment);
        let after = self.end(segment.from).state;
        let memory = self.memory(segment.from).clone();
        let named = sent(&before, segment, after, &memory, quiet).map(|id| (segment.from, id));
        let own = self.memory(segment.from);
        if segment.flags.contains(Flags::SYN) {
            if segment.flags.contains(Flags::ACK) {
                own.syn_acks += 1;
                own.got_syn = false;
            } else if after == State::SynSent && before.state != State::SynSent {
                *own = Memory::default();
            }
        }
        named
    }

    /// Takes note that a segment reached its receiver, at once or later than it was sent.
    pub fn delivered(&mut self, segment: &Segment) -> Option<Named> {
        let before = self.end(segment.to).clone();
        self.replay.delivered(segment);
        let after = self.end(segment.to).clone();
        let named = delivered(&before, segment, &after).map(|id| (segment.to, id));
        let peer = self.memory(segment.to);
        peer.got_syn = segment.flags.contains(Flags::SYN);
        if after.state == State::SynReceived && before.state != State::SynReceived {
            peer.syn_acks = 0;
            peer.closing = None;
        }
        named
    }

    fn end(&mut self, party: Party) -> &mut End {
        self.replay.end(party)
    }

    fn memory(&mut self, party: Party) -> &mut Memory {
        match party {
            Party::Client => &mut self.client,
            Party::Server => &mut self.server,
        }
    }
}

/// What sending the segment says about its sender.
fn sent(before: &End, segment: &Segment, after: State, memory: &Memory, quiet: Nanos) -> Option<&'static str> {
    use State::*;
    let flags = segment.flags;
    let acks = flags.contains(Flags::ACK);
    if flags.contains(Flags::RST) {
        return sent_rst(before.state, acks, after, memory.closing);
    }
    if flags.contains(Flags::SYN) {
        return Some(match (before.state, acks) {
            (Closed, false) => "T2",
            (Listen, false) => "T4",
            (SynSent, false) if before.initial == Some(segment.seq) => "T50",
            (TimeWait, true) => "T101",
            (SynReceived, true) if memory.syn_acks > 0 && memory.got_syn => "T73",
            (SynReceived, true) if memory.syn_acks > 0 => "T51",
            _ => return None,
        });
    }
    let repeats = segment.sequence_len() > 0 && !before.send_next.is_before(segment.end());
    if repeats && before.initial.is_some() {
        return match before.state {
            _ if quiet < SHORTEST_TIMEOUT => None,
            Established => Some("T52"),
            CloseWait => Some("T53"),
            // Data that was queued at the close.
            _ if before.fin_sent.is_none() => None,
            FinWait1 => Some("T54"),
            Closing => Some("T55"),
            LastAck => Some("T56"),
            _ => None,
        };
    }
    if flags.contains(Flags::FIN) && before.fin_sent.is_none() {
        return sent_fin(before.state, memory.closing);
    }
    match (before.state, after) {
        (Established, _) if segment.len > 0 => Some("T87"),
        (CloseWait, _) if segment.len > 0 => Some("T88"),
        _ => None,
    }
}

/// The first FIN of a connection: the call that caused it, and where it was made, tell the transition.
fn sent_fin(before: State, closing: Option<(Call, State)>) -> Option<&'static str> {
    use State::*;
    Some(match closing {
        Some((Call::CloseWriting, SynReceived)) => "T110",
        Some((Call::Close { .. }, SynReceived)) => "T11",
        Some((Call::Close { .. } | Call::CloseWriting, Established)) => "T12",
        Some((Call::Close { .. } | Call::CloseWriting, CloseWait)) => "T17",
        _ => match before {
            SynReceived => "T11",
            Established => "T12",
            CloseWait => "T17",
            _ => return None,
        },
    })
}

fn sent_rst(before: State, acks: bool, after: State, closing: Option<(Call, State)>) -> Option<&'static str> {
    use State::*;
    let aborted = matches!(closing, Some((Call::Abort, _)));
    let closed = matches!(closing, Some((Call::Close { .. }, _)));
    Some(match before {
        Closed if acks => "T57",
        Closed => "T58",
        Listen => "T61",
        SynSent => "T65",
        SynReceived if after == SynReceived => "T75",
        SynReceived if aborted => "T33",
        Established if aborted => "T34",
        FinWait1 if aborted => "T35",
        FinWait2 if aborted => "T36",
        CloseWait if aborted => "T37",
        Established | CloseWait if closed => "T116",
        FinWait1 | FinWait2 if closed => "T117",
        _ => return None,
    })
}

/// What the segment does to its receiver.
fn delivered(before: &End, segment: &Segment, after: &End) -> Option<&'static str> {
    use State::*;
    let flags = segment.flags;
    let has = |flag| flags.contains(flag);
    let state = match before.state {
        Closed if before.listener.open => Listen,
        state => state,
    };
    if has(Flags::RST) {
        return delivered_rst(state, before, segment, after.state);
    }
    if has(Flags::SYN) {
        return Some(match (state, after.state, has(Flags::ACK)) {
            (Listen, _, false) if has(Flags::FIN) => "T64",
            (Listen, SynReceived, false) if segment.len > 0 => "T63",
            (Listen, SynReceived, false) => "T5",
            (SynSent, SynReceived, false) => "T7",
            (SynSent, Established, true) if has(Flags::FIN) => "T71",
            (SynSent, Established, true) if segment.len > 0 => "T70",
            (SynSent, Established, true) => "T8",
            (SynReceived, Established | FinWait1, true) => "T9",
            (SynReceived, SynReceived, false) if before.initial.is_none() => return None,
            (SynReceived, Listen, false) => "T72",
            (SynReceived, SynReceived, false) if !before.passive => "T77",
            (Established, Established, _) => "T84",
            (FinWait1 | FinWait2 | CloseWait | Closing | LastAck, _, _) => "T91",
            (TimeWait, TimeWait, _) if !before.receive_next.is_before(segment.seq) => "T100",
            _ => return None,
        });
    }
    let beyond = before.send_next.is_before(segment.ack);
    match state {
        Listen if !has(Flags::ACK) => Some("T62"),
        SynSent if has(Flags::ACK) => before.acknowledges_syn(segment.ack).then_some("T68"),
        SynSent if has(Flags::FIN) => Some("T69"),
        Closed | Listen | SynSent => None,
        SynReceived => match after.state {
            CloseWait => Some("T78"),
            Established | FinWait1 => Some("T9"),
            _ if segment.end().is_before(before.receive_next) => Some("T74"),
            _ => None,
        },
        _ if after.state != state => moved(state, after.state),
        Established if !has(Flags::ACK) => Some("T83"),
        Established if beyond => Some("T82"),
        _ => stayed(state, before.receive_next, segment, before),
    }
}

/// A synchronised end that went on to another state.
fn moved(before: State, after: State) -> Option<&'static str> {
    use State::*;
    Some(match (before, after) {
        (Established, CloseWait) => "T13",
        (FinWait1, FinWait2) => "T14",
        (FinWait1, Closing) => "T15",
        (FinWait1, TimeWait) => "T21",
        (FinWait2, TimeWait) => "T16",
        (Closing, TimeWait) => "T18",
        (LastAck, Closed) => "T19",
        _ => return None,
    })
}

/// A synchronised end that stays where it is.
fn stayed(state: State, next: Seq, segment: &Segment, before: &End) -> Option<&'static str> {
    use State::*;
    let says_something = segment.sequence_len() > 0;
    let is_old = says_something && !next.is_before(segment.end());
    let is_ahead = next.is_before(segment.seq);
    let in_order = says_something && segment.seq == next;
    let repeats_fin = segment.flags.contains(Flags::FIN) && is_old;
    match state {
        Established if in_order => Some("T79"),
        Established if says_something && is_ahead => Some("T80"),
        Established if is_old => Some("T81"),
        FinWait1 if in_order => Some("T89"),
        FinWait2 if in_order => Some("T90"),
        CloseWait if repeats_fin => Some("T94"),
        CloseWait if segment.len > 0 && !segment.seq.is_before(next) => Some("T93"),
        Closing if repeats_fin => Some("T95"),
        LastAck if repeats_fin => Some("T97"),
        Closing if before.fin_sent != Some(segment.ack) => Some("T96"),
        LastAck if before.fin_sent != Some(segment.ack) => Some("T98"),
        TimeWait if repeats_fin => Some("T99"),
        TimeWait => Some("T100"),
        _ => None,
    }
}

fn delivered_rst(state: State, before: &End, segment: &Segment, after: State) -> Option<&'static str> {
    use State::*;
    let moved = state != after;
    let in_window = before
        .window_edge
        .is_some_and(|edge| !segment.seq.is_before(before.receive_next) && segment.seq.is_before(edge));
    Some(match state {
        Closed => "T59",
        Listen => "T60",
        SynSent if moved => "T23",
        SynSent if segment.flags.contains(Flags::ACK) => "T66",
        SynSent => "T67",
        SynReceived if moved && before.passive => "T10",
        SynReceived if moved => "T22",
        SynReceived if in_window => "T76",
        Established if moved => "T24",
        FinWait1 if moved => "T25",
        FinWait2 if moved => "T26",
        CloseWait if moved => "T27",
        Closing if moved => "T28",
        LastAck if moved => "T29",
        TimeWait if moved => "T30",
        TimeWait => "T103",
        Established if in_window => "T85",
        Established => "T86",
        FinWait1 | FinWait2 | CloseWait | Closing | LastAck if in_window => "T92",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tcp::arbitrary;
    use crate::tcp::sample::{client, itself, server, session};

    fn names(segments: &[Segment]) -> String {
        let mut transitions = Transitions::new();
        transitions.call(Party::Server, Call::Listen { backlog: 5 });
        let named = segments.iter().flat_map(|segment| transitions.segment(segment));
        let named: Vec<String> = named.map(|(party, id)| format!("{}{id}", party.letter())).collect();
        named.join(" ")
    }

    #[test]
    fn the_basic_session_shows_the_transitions_of_figure_5() {
        assert_eq!(
            names(&session(b"Hello World!")),
            "CT2 ST5 CT8 ST9 CT87 ST79 ST87 CT79 CT12 ST13 CT14 ST17 CT16 ST19"
        );
    }

    #[test]
    fn a_syn_ack_is_repeated_by_the_timer_or_for_a_repeated_syn() {
        let (syn, syn_ack) = (client("SYN", 0, 0, b""), server("SYN ACK", 0, 1, b""));
        let mut transitions = Transitions::new();
        transitions.call(Party::Server, Call::Listen { backlog: 1 });
        transitions.segment(&syn);
        // No ACK of it arrives.
        assert_eq!(transitions.sent(&syn_ack), None);
        assert_eq!(transitions.sent(&syn_ack), Some((Party::Server, "T51")));
        transitions.delivered(&syn);
        assert_eq!(transitions.sent(&syn_ack), Some((Party::Server, "T73")));
        assert_eq!(transitions.sent(&syn_ack), Some((Party::Server, "T51")));
    }

    #[test]
    fn a_socket_connected_to_itself_shows_simultaneous_open_and_close() {
        let segments = [
            itself("SYN", 0, 0, b""),
            itself("SYN ACK", 0, 1, b""),
            itself("ACK", 1, 1, b""),
            itself("FIN ACK", 1, 1, b""),
            itself("ACK", 2, 2, b""),
        ];
        assert_eq!(names(&segments), "CT2 CT7 CT9 CT12 CT15 CT18");
    }

    #[test]
    fn a_close_in_three_segments_skips_fin_wait_2() {
        let mut segments = session(b"x");
        segments.truncate(3);
        segments.extend([
            client("FIN ACK", 1, 1, b""),
            server("FIN ACK", 1, 2, b""),
            client("ACK", 2, 2, b""),
        ]);
        assert_eq!(names(&segments), "CT2 ST5 CT8 ST9 CT12 ST13 ST17 CT21 ST19");
    }

    #[test]
    fn a_rst_is_named_after_the_call_that_caused_it() {
        for (call, id) in [
            (Some(Call::Abort), "T34"),
            (Some(Call::Close { read: 0 }), "T116"),
            (None, ""),
        ] {
            let mut transitions = Transitions::new();
            transitions.call(Party::Server, Call::Listen { backlog: 5 });
            for segment in &session(b"x")[..3] {
                transitions.segment(segment);
            }
            // Nobody reads this.
            transitions.segment(&server("PSH ACK", 1, 1, b"x"));
            if let Some(call) = call {
                assert_eq!(transitions.call(Party::Client, call), None);
            }
            let named = transitions.segment(&client("RST ACK", 1, 2, b""));
            let own: String = named
                .iter()
                .filter(|(party, _)| *party == Party::Client)
                .map(|(_, id)| *id)
                .collect();
            assert_eq!(own, id);
            assert!(named.contains(&(Party::Server, "T24")));
        }
    }

    #[test]
    fn only_a_retransmission_after_a_silence_is_one_of_the_timer() {
        for (gap, id) in [(200_000_000, "CT52"), (1_000_000, "")] {
            let mut segments = session(b"x")[..3].to_vec();
            let first = client("PSH ACK", 1, 1, b"x");
            let mut again = first.clone();
            again.at = first.at + gap;
            segments.extend([first, again]);
            let all = names(&segments);
            assert_eq!(all.contains("CT52"), !id.is_empty(), "{all}");
        }
    }

    proptest! {
        #[test]
        fn every_name_is_a_row_of_the_table(segments in arbitrary::segments()) {
            let mut transitions = Transitions::new();
            transitions.call(Party::Server, Call::Listen { backlog: 5 });
            for segment in &segments {
                for (_, id) in transitions.segment(segment) {
                    prop_assert!(crate::rfc9293::find(id).is_some(), "{id}");
                }
            }
        }
    }
}
