//! Both ends' states, inferred from the wire and from what the applications did (RFC 9293, sections 3.3.2 and 3.10).
//!
//! Sending a segment says in which state its sender is; receiving it moves the receiver as section 3.10.7 tells. Where
//! the RFC leaves room, the replay follows Linux:
//! - data and FIN on a SYN count only when they are acknowledged; a SYN with FIN does not open a connection;
//! - a SYN,ACK that crosses the own one completes a simultaneous open (figure 7);
//! - after the peer's FIN a RST one below RCV.NXT is taken too, and so is one at the right edge of data beyond a gap;
//! - a RST sent closes the connection (section 3.10.5), it does not lead to TIME-WAIT.
//!
//! Not modelled: timers (2 MSL, user timeouts), PAWS, the receive window (what lies beyond it is taken for data beyond a
//! gap), and the reduced FIN-WAIT-2 of a closed socket, which takes any RST in the window. What happens without a segment
//! comes in as a [`Call`].

mod transition;

pub use transition::{Named, Transitions};

use super::{Flags, Origin, Party, Segment, Seq, State};

/// What an application told TCP to do, as far as it changes a state without a segment on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// A passive OPEN: CLOSED becomes LISTEN.
    Listen,
    /// The listening socket was closed; connections live on.
    CloseListener,
    /// The connection was closed; where a FIN or RST follows, the segment says so.
    Close,
    /// The connection was aborted (RFC 9293, section 3.10.5); where a RST follows, the segment says so.
    Abort,
    /// An open failed, or the connection timed out: the socket is CLOSED.
    Failed,
    /// An ICMP error has come that ends an open (section 3.9.2.2); an established connection goes on.
    Unreachable {
        /// Whether it also ends one that waits for the handshake's ACK behind a listener, for which fewer do.
        passive: bool,
    },
}

/// Replays RFC 9293's state machine for the client's and the server's end.
#[derive(Debug, Clone, Default)]
pub struct Replay {
    client: End,
    server: End,
}

impl Replay {
    /// Both ends CLOSED.
    pub fn new() -> Replay {
        Replay::default()
    }

    /// Takes note of an application's call.
    pub fn call(&mut self, party: Party, call: Call) {
        self.end(party).call(call);
    }

    /// Takes note of a captured segment, which its sender has sent and its receiver receives. Of a spoofed one the end in
    /// whose name it was sent knows nothing; one with a wrong checksum is received by nobody.
    pub fn segment(&mut self, segment: &Segment) {
        if segment.origin != Origin::Spoofed {
            self.sent(segment);
        }
        if segment.is_intact() {
            self.delivered(segment);
        }
    }

    /// Takes note that a segment was sent: what that says about its sender.
    pub fn sent(&mut self, segment: &Segment) {
        self.end(segment.from).sent(segment);
    }

    /// Takes note that a segment reached its receiver, at once or later than it was sent.
    pub fn delivered(&mut self, segment: &Segment) {
        self.end(segment.to).delivered(segment);
    }

    /// The state of one end. A listener is shown only while there is no connection: once one has ended, its end is CLOSED
    /// even if the listener stays open.
    pub fn state(&self, party: Party) -> State {
        match party {
            Party::Client => self.client.state,
            Party::Server => self.server.state,
        }
    }

    fn end(&mut self, party: Party) -> &mut End {
        match party {
            Party::Client => &mut self.client,
            Party::Server => &mut self.server,
        }
    }
}

/// One end: its state and the part of the transmission control block that decides about states (section 3.3.1).
#[derive(Debug, Clone)]
struct End {
    state: State,
    /// Whether a listening socket is open, beside a connection or without one.
    listening: bool,
    /// Whether the connection came from a listener (the RFC's "previous state" in SYN-RECEIVED).
    passive: bool,
    /// ISS, once a SYN was sent.
    initial: Option<Seq>,
    /// SND.NXT.
    send_next: Seq,
    /// The number after the own FIN: the acknowledgment that covers it.
    fin_sent: Option<Seq>,
    /// RCV.NXT.
    receive_next: Seq,
    /// What has arrived beyond a gap, as [left, right) in the order of arrival.
    held: Vec<(Seq, Seq)>,
    /// The number after the peer's FIN, from the moment in which it arrives.
    fin_received: Option<Seq>,
}

impl Default for End {
    fn default() -> End {
        End {
            state: State::Closed,
            listening: false,
            passive: false,
            initial: None,
            send_next: Seq(0),
            fin_sent: None,
            receive_next: Seq(0),
            held: Vec::new(),
            fin_received: None,
        }
    }
}

impl End {
    fn call(&mut self, call: Call) {
        use State::*;
        match call {
            Call::Listen => {
                self.listening = true;
                if self.state == Closed {
                    self.state = Listen;
                }
            }
            Call::CloseListener => {
                self.listening = false;
                if self.state == Listen {
                    self.state = Closed;
                }
            }
            Call::Close => match self.state {
                Listen => self.call(Call::CloseListener),
                SynSent => self.state = Closed,
                _ => {}
            },
            Call::Abort => match self.state {
                Listen => self.call(Call::CloseListener),
                // In these states an ABORT sends nothing. In TIME-WAIT Linux keeps its record.
                SynSent | Closing | LastAck => self.state = Closed,
                _ => {}
            },
            Call::Failed => self.state = Closed,
            Call::Unreachable { passive } => match self.state {
                SynSent => self.state = Closed,
                SynReceived if passive || !self.passive => self.abandon(),
                _ => {}
            },
        }
    }

    fn sent(&mut self, segment: &Segment) {
        use State::*;
        let flags = segment.flags;
        if flags.contains(Flags::RST) {
            self.sent_rst(segment);
        } else if flags.contains(Flags::SYN) {
            self.sent_syn(segment);
        } else if self.initial.is_some() && !matches!(self.state, Closed | Listen | SynSent) {
            if self.send_next.is_before(segment.end()) {
                self.send_next = segment.end();
            }
            if flags.contains(Flags::FIN) {
                self.fin_sent = Some(segment.end());
                match self.state {
                    SynReceived | Established => self.state = FinWait1,
                    CloseWait => self.state = LastAck,
                    _ => {}
                }
            }
            // What an end acknowledges it has received, even where the model was of another opinion.
            if flags.contains(Flags::ACK) && self.receive_next.is_before(segment.ack) {
                self.advance(segment.ack);
            }
        }
    }

    fn sent_rst(&mut self, segment: &Segment) {
        match self.state {
            State::Closed | State::Listen | State::SynSent | State::TimeWait => {}
            // A bare RST with the number of an unacceptable ACK answers that one (section 3.5.2, group 2).
            State::SynReceived if segment.seq != self.send_next && !segment.flags.contains(Flags::ACK) => {}
            _ => self.state = State::Closed,
        }
    }

    fn sent_syn(&mut self, segment: &Segment) {
        use State::*;
        let opens = if segment.flags.contains(Flags::ACK) {
            // Also from TIME-WAIT (section 3.6.1), and from ESTABLISHED when the kernel did not take the handshake's ACK.
            match self.state {
                SynReceived => self.initial != Some(segment.seq),
                Closed | Listen | TimeWait => true,
                Established => self.passive && self.send_next == segment.seq + 1,
                _ => false,
            }
        } else {
            match self.state {
                Closed | Listen | TimeWait => true,
                SynSent => self.initial != Some(segment.seq),
                _ => false,
            }
        };
        if !opens {
            return;
        }
        let (passive, receive_next) = match self.state {
            SynReceived => (self.passive, self.receive_next),
            _ => (segment.flags.contains(Flags::ACK), segment.ack),
        };
        *self = End {
            state: if segment.flags.contains(Flags::ACK) {
                SynReceived
            } else {
                SynSent
            },
            listening: self.listening,
            passive,
            initial: Some(segment.seq),
            send_next: segment.end(),
            receive_next,
            ..End::default()
        };
    }

    fn delivered(&mut self, segment: &Segment) {
        match self.state {
            State::Closed if self.listening => self.delivered_to_listener(segment),
            State::Closed => {}
            State::Listen => self.delivered_to_listener(segment),
            State::SynSent => self.delivered_in_syn_sent(segment),
            _ => self.delivered_to_connection(segment),
        }
    }

    /// Section 3.10.7.2.
    fn delivered_to_listener(&mut self, segment: &Segment) {
        if segment.flags & (Flags::SYN | Flags::ACK | Flags::RST | Flags::FIN) == Flags::SYN {
            *self = End {
                state: State::SynReceived,
                listening: true,
                passive: true,
                receive_next: segment.seq + 1,
                ..End::default()
            };
        }
    }

    /// Section 3.10.7.3.
    fn delivered_in_syn_sent(&mut self, segment: &Segment) {
        let flags = segment.flags;
        let acknowledged = flags.contains(Flags::ACK) && self.acknowledges_syn(segment.ack);
        if flags.contains(Flags::ACK) && !acknowledged {
            return;
        }
        if flags.contains(Flags::RST) {
            if acknowledged {
                self.state = State::Closed;
            }
        } else if flags.contains(Flags::SYN) {
            self.receive_next = segment.seq + 1;
            self.passive = false;
            self.state = if acknowledged {
                State::Established
            } else {
                State::SynReceived
            };
        }
    }

    /// Section 3.10.7.4.
    fn delivered_to_connection(&mut self, segment: &Segment) {
        use State::*;
        let flags = segment.flags;
        if flags.contains(Flags::RST) {
            self.delivered_rst(segment.seq);
            return;
        }
        if flags.contains(Flags::SYN) && self.state == SynReceived && self.initial.is_none() {
            // No SYN,ACK was sent: the listener had dropped the SYN before, as Linux does when its queue is full.
            self.delivered_to_listener(segment);
            return;
        }
        if flags.contains(Flags::SYN) {
            let crosses = self.state == SynReceived
                && flags.contains(Flags::ACK)
                && segment.seq + 1 == self.receive_next
                && segment.sequence_len() == 1;
            if !crosses {
                if self.state == SynReceived && self.passive && !segment.seq.is_before(self.receive_next) {
                    self.abandon();
                }
                return;
            }
        }
        if segment.end().is_before(self.receive_next) || !flags.contains(Flags::ACK) {
            return;
        }
        if self.state == SynReceived {
            if !self.acknowledges_syn(segment.ack) {
                return;
            }
            self.state = Established;
        } else if self.send_next.is_before(segment.ack) {
            return;
        }
        if self.fin_sent == Some(segment.ack) {
            match self.state {
                FinWait1 => self.state = FinWait2,
                Closing => self.state = TimeWait,
                LastAck => {
                    self.state = Closed;
                    return;
                }
                _ => {}
            }
        }
        if matches!(self.state, Established | FinWait1 | FinWait2) {
            self.receive(segment);
        }
    }

    /// Takes the text and FIN of a segment, in order or not.
    fn receive(&mut self, segment: &Segment) {
        if segment.flags.contains(Flags::FIN) {
            self.fin_received = Some(segment.end());
        }
        if segment.sequence_len() == 0 {
            return;
        }
        if self.receive_next.is_before(segment.seq) {
            match self.held.last_mut() {
                Some((_, right)) if *right == segment.seq => *right = segment.end(),
                _ => self.held.push((segment.seq, segment.end())),
            }
        } else if self.receive_next.is_before(segment.end()) {
            self.advance(segment.end());
        }
    }

    /// RCV.NXT becomes `next`, or what follows the held data that it reaches.
    fn advance(&mut self, next: Seq) {
        self.receive_next = next;
        while let Some(at) = self
            .held
            .iter()
            .position(|(left, _)| !self.receive_next.is_before(*left))
        {
            let (_, right) = self.held.swap_remove(at);
            if self.receive_next.is_before(right) {
                self.receive_next = right;
            }
        }
        if self.fin_received.is_some_and(|end| !self.receive_next.is_before(end)) {
            self.state = match self.state {
                State::Established => State::CloseWait,
                State::FinWait1 => State::Closing,
                State::FinWait2 => State::TimeWait,
                other => other,
            };
        }
    }

    fn delivered_rst(&mut self, seq: Seq) {
        let held_edge = self
            .held
            .iter()
            .map(|(_, right)| *right)
            .max_by_key(|right| right.since(self.receive_next));
        let after_fin = matches!(self.state, State::CloseWait | State::Closing | State::LastAck);
        if seq == self.receive_next || Some(seq) == held_edge || (after_fin && seq + 1 == self.receive_next) {
            if self.state == State::SynReceived {
                self.abandon();
            } else {
                self.state = State::Closed;
            }
        }
    }

    /// ISS < SEG.ACK =< SND.NXT.
    fn acknowledges_syn(&self, ack: Seq) -> bool {
        self.initial.is_some_and(|initial| initial.is_before(ack)) && !self.send_next.is_before(ack)
    }

    /// SYN-RECEIVED ends without a connection: back to where it came from (section 3.5.3).
    fn abandon(&mut self) {
        self.state = if self.passive && self.listening {
            State::Listen
        } else {
            State::Closed
        };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::sample::{CLIENT_ISN, client, itself, server, session};
    use super::State::*;
    use super::*;
    use crate::tcp::arbitrary;

    /// What happens in a row of the tables.
    enum Do {
        Call(Party, Call),
        Sent(Segment),
        Gets(Segment),
        Whole(Segment),
    }
    use Do::{Gets, Sent, Whole};

    fn play(replay: &mut Replay, steps: Vec<Do>) {
        for step in steps {
            match step {
                Do::Call(party, call) => replay.call(party, call),
                Do::Sent(segment) => replay.sent(&segment),
                Do::Gets(segment) => replay.delivered(&segment),
                Do::Whole(segment) => replay.segment(&segment),
            }
        }
    }

    fn listening() -> Replay {
        let mut replay = Replay::new();
        replay.call(Party::Server, Call::Listen);
        replay
    }

    /// A replay whose client is in `state`, having gone there by an active OPEN; both have sent no data.
    fn client_in(state: State) -> Replay {
        let mut replay = listening();
        let fin = || client("FIN ACK", 1, 1, b"");
        let open = || session(b"").into_iter().take(3).map(Whole);
        let steps: Vec<Do> = match state {
            Closed => vec![],
            SynSent => vec![Sent(client("SYN", 0, 0, b""))],
            SynReceived => vec![
                Sent(client("SYN", 0, 0, b"")),
                Gets(server("SYN", 0, 0, b"")),
                Sent(client("SYN ACK", 0, 1, b"")),
            ],
            Established => open().collect(),
            FinWait1 => open().chain([Sent(fin())]).collect(),
            FinWait2 => open().chain([Sent(fin()), Gets(server("ACK", 1, 2, b""))]).collect(),
            CloseWait => open().chain([Whole(server("FIN ACK", 1, 1, b""))]).collect(),
            Closing => open()
                .chain([Sent(fin()), Gets(server("FIN ACK", 1, 1, b""))])
                .collect(),
            LastAck => open()
                .chain([Whole(server("FIN ACK", 1, 1, b"")), Sent(client("FIN ACK", 1, 2, b""))])
                .collect(),
            TimeWait => open()
                .chain([Sent(fin()), Gets(server("FIN ACK", 1, 2, b""))])
                .collect(),
            Listen => unreachable!("a client does not listen"),
        };
        play(&mut replay, steps);
        assert_eq!(replay.state(Party::Client), state);
        replay
    }

    /// A replay whose server is in SYN-RECEIVED, from LISTEN.
    fn passive_syn_received() -> Replay {
        let mut replay = listening();
        play(
            &mut replay,
            vec![Whole(client("SYN", 0, 0, b"")), Sent(server("SYN ACK", 0, 1, b""))],
        );
        assert_eq!(replay.state(Party::Server), SynReceived);
        replay
    }

    #[test]
    fn the_client_moves_as_the_transition_table_says() {
        use Party::Client;
        let peer = server;
        // Transition, from, what happens, to.
        let rows: Vec<(&str, State, Do, State)> = vec![
            ("T2", Closed, Sent(client("SYN", 0, 0, b"")), SynSent),
            ("T6", SynSent, Do::Call(Client, Call::Close), Closed),
            ("T7", SynSent, Gets(peer("SYN", 0, 0, b"")), SynReceived),
            ("T8", SynSent, Gets(peer("SYN ACK", 0, 1, b"")), Established),
            ("T9", SynReceived, Gets(peer("ACK", 1, 1, b"")), Established),
            (
                "T9, figure 7",
                SynReceived,
                Gets(peer("SYN ACK", 0, 1, b"")),
                Established,
            ),
            ("T11", SynReceived, Sent(client("FIN ACK", 1, 1, b"")), FinWait1),
            ("T12", Established, Sent(client("FIN ACK", 1, 1, b"")), FinWait1),
            ("T13", Established, Gets(peer("FIN ACK", 1, 1, b"")), CloseWait),
            ("T14", FinWait1, Gets(peer("ACK", 1, 2, b"")), FinWait2),
            ("T14 not yet", FinWait1, Gets(peer("ACK", 1, 1, b"")), FinWait1),
            ("T15", FinWait1, Gets(peer("FIN ACK", 1, 1, b"")), Closing),
            ("T16", FinWait2, Gets(peer("FIN ACK", 1, 2, b"")), TimeWait),
            ("T17", CloseWait, Sent(client("FIN ACK", 1, 2, b"")), LastAck),
            ("T18", Closing, Gets(peer("ACK", 2, 2, b"")), TimeWait),
            ("T19", LastAck, Gets(peer("ACK", 2, 2, b"")), Closed),
            ("T21", FinWait1, Gets(peer("FIN ACK", 1, 2, b"")), TimeWait),
            ("T22", SynReceived, Gets(peer("RST", 1, 0, b"")), Closed),
            ("T23", SynSent, Gets(peer("RST ACK", 0, 1, b"")), Closed),
            ("T24", Established, Gets(peer("RST", 1, 0, b"")), Closed),
            ("T25", FinWait1, Gets(peer("RST", 1, 0, b"")), Closed),
            ("T26", FinWait2, Gets(peer("RST", 1, 0, b"")), Closed),
            ("T27", CloseWait, Gets(peer("RST", 2, 0, b"")), Closed),
            ("T27, one below", CloseWait, Gets(peer("RST", 1, 0, b"")), Closed),
            ("T28", Closing, Gets(peer("RST", 2, 0, b"")), Closed),
            ("T29", LastAck, Gets(peer("RST", 2, 0, b"")), Closed),
            ("T30", TimeWait, Gets(peer("RST", 2, 0, b"")), Closed),
            ("T32", SynSent, Do::Call(Client, Call::Abort), Closed),
            ("T33", SynReceived, Sent(client("RST ACK", 1, 1, b"")), Closed),
            ("T34", Established, Sent(client("RST ACK", 1, 1, b"")), Closed),
            ("T35", FinWait1, Sent(client("RST ACK", 2, 1, b"")), Closed),
            ("T36", FinWait2, Sent(client("RST ACK", 2, 1, b"")), Closed),
            ("T37", CloseWait, Sent(client("RST ACK", 1, 2, b"")), Closed),
            ("T38", Closing, Do::Call(Client, Call::Abort), Closed),
            ("T39", LastAck, Do::Call(Client, Call::Abort), Closed),
            ("T40, Linux", TimeWait, Do::Call(Client, Call::Abort), TimeWait),
            ("T42", SynSent, Do::Call(Client, Call::Failed), Closed),
            (
                "T112",
                SynSent,
                Do::Call(Client, Call::Unreachable { passive: false }),
                Closed,
            ),
            (
                "T114",
                Established,
                Do::Call(Client, Call::Unreachable { passive: true }),
                Established,
            ),
            ("T44", Established, Do::Call(Client, Call::Failed), Closed),
            ("T50", SynSent, Sent(client("SYN", 0, 0, b"")), SynSent),
            ("T51", SynReceived, Sent(client("SYN ACK", 0, 1, b"")), SynReceived),
            ("T54", FinWait1, Sent(client("FIN ACK", 1, 1, b"")), FinWait1),
            ("T55", Closing, Sent(client("FIN ACK", 1, 2, b"")), Closing),
            ("T56", LastAck, Sent(client("FIN ACK", 1, 2, b"")), LastAck),
            ("T65", SynSent, Gets(peer("ACK", 1, 9, b"")), SynSent),
            ("T65, the answer", SynSent, Sent(client("RST", 9, 0, b"")), SynSent),
            ("T66", SynSent, Gets(peer("RST ACK", 0, 9, b"")), SynSent),
            ("T67", SynSent, Gets(peer("RST", 0, 0, b"")), SynSent),
            ("T68", SynSent, Gets(peer("ACK", 0, 1, b"")), SynSent),
            ("T69", SynSent, Gets(peer("FIN", 0, 0, b"")), SynSent),
            ("T70", SynSent, Gets(peer("SYN ACK", 0, 1, b"early")), Established),
            ("T71, Linux", SynSent, Gets(peer("SYN FIN ACK", 0, 1, b"")), Established),
            ("T75", SynReceived, Gets(peer("ACK", 1, 9, b"")), SynReceived),
            (
                "T75, the answer",
                SynReceived,
                Sent(client("RST", 9, 0, b"")),
                SynReceived,
            ),
            ("T76", SynReceived, Gets(peer("RST", 5, 0, b"")), SynReceived),
            ("T77", SynReceived, Gets(peer("SYN", 0, 0, b"")), SynReceived),
            ("T78", SynReceived, Gets(peer("FIN ACK", 1, 1, b"")), CloseWait),
            ("T79", Established, Gets(peer("PSH ACK", 1, 1, b"text")), Established),
            ("T80", Established, Gets(peer("FIN ACK", 5, 1, b"")), Established),
            ("T82", FinWait1, Gets(peer("ACK", 1, 9, b"")), FinWait1),
            ("T83", FinWait1, Gets(peer("FIN", 1, 0, b"")), FinWait1),
            ("T84", Established, Gets(peer("SYN", 90, 0, b"")), Established),
            ("T85", Established, Gets(peer("RST", 5, 0, b"")), Established),
            ("T86", Established, Gets(peer("RST", 1 << 30, 0, b"")), Established),
            ("T89", FinWait1, Gets(peer("PSH ACK", 1, 1, b"text")), FinWait1),
            ("T90", FinWait2, Gets(peer("PSH ACK", 1, 2, b"text")), FinWait2),
            ("T91", FinWait2, Gets(peer("SYN", 0, 0, b"")), FinWait2),
            ("T92", LastAck, Gets(peer("RST", 9, 0, b"")), LastAck),
            ("T93", CloseWait, Gets(peer("PSH ACK", 2, 1, b"late")), CloseWait),
            ("T94", CloseWait, Gets(peer("FIN ACK", 1, 1, b"")), CloseWait),
            ("T95", Closing, Gets(peer("FIN ACK", 1, 1, b"")), Closing),
            (
                "T95, acknowledging ours",
                Closing,
                Gets(peer("FIN ACK", 1, 2, b"")),
                TimeWait,
            ),
            ("T96", Closing, Gets(peer("ACK", 2, 1, b"")), Closing),
            ("T97", LastAck, Gets(peer("FIN ACK", 1, 1, b"")), LastAck),
            ("T98", LastAck, Gets(peer("ACK", 2, 1, b"")), LastAck),
            ("T99", TimeWait, Gets(peer("FIN ACK", 1, 2, b"")), TimeWait),
            ("T100", TimeWait, Gets(peer("PSH ACK", 1, 2, b"old")), TimeWait),
            ("T104", FinWait2, Do::Call(Client, Call::Close), FinWait2),
            ("T116", CloseWait, Sent(client("RST ACK", 1, 2, b"")), Closed),
            ("T117", FinWait2, Sent(client("RST", 2, 0, b"")), Closed),
        ];
        for (id, from, step, to) in rows {
            let mut replay = client_in(from);
            play(&mut replay, vec![step]);
            assert_eq!(replay.state(Client), to, "{id} from {from}");
        }
    }

    #[test]
    fn the_listener_moves_as_the_transition_table_says() {
        use Party::Server;
        let peer = client;
        // Transition, what happens to a listener, to.
        let rows: Vec<(&str, Do, State)> = vec![
            ("T3", Do::Call(Server, Call::CloseListener), Closed),
            ("T3, by close", Do::Call(Server, Call::Close), Closed),
            ("T4", Sent(server("SYN", 0, 0, b"")), SynSent),
            ("T5", Gets(peer("SYN", 0, 0, b"")), SynReceived),
            ("T31", Do::Call(Server, Call::Abort), Closed),
            ("T60", Gets(peer("RST", 0, 0, b"")), Listen),
            ("T61", Gets(peer("ACK", 0, 1, b"")), Listen),
            ("T61, the answer", Sent(server("RST", 1, 0, b"")), Listen),
            ("T62", Gets(peer("PSH", 0, 0, b"text")), Listen),
            ("T63", Gets(peer("SYN", 0, 0, b"early")), SynReceived),
            ("T64, Linux", Gets(peer("SYN FIN", 0, 0, b"")), Listen),
        ];
        for (id, step, to) in rows {
            let mut replay = listening();
            play(&mut replay, vec![step]);
            assert_eq!(replay.state(Server), to, "{id}");
        }
        let rows: Vec<(&str, Do, State)> = vec![
            ("T9", Gets(peer("ACK", 1, 1, b"")), Established),
            ("T10", Gets(peer("RST", 1, 0, b"")), Listen),
            ("T43", Do::Call(Server, Call::Failed), Closed),
            ("ICMP", Do::Call(Server, Call::Unreachable { passive: true }), Listen),
            (
                "ICMP of the other kinds",
                Do::Call(Server, Call::Unreachable { passive: false }),
                SynReceived,
            ),
            ("T72", Gets(peer("SYN", 9, 0, b"")), Listen),
            ("T73", Gets(peer("SYN", 0, 0, b"")), SynReceived),
            ("T74", Gets(peer("ACK", 0, 1, b"")), SynReceived),
        ];
        for (id, step, to) in rows {
            let mut replay = passive_syn_received();
            play(&mut replay, vec![step]);
            assert_eq!(replay.state(Server), to, "{id}");
        }
        let mut replay = Replay::new();
        for segment in [
            peer("SYN", 0, 0, b""),
            server("RST ACK", 0, 1, b""),
            peer("RST", 1, 0, b""),
        ] {
            replay.segment(&segment);
            assert_eq!(replay.state(Server), Closed, "T57, T58, T59");
        }
    }

    #[test]
    fn time_wait_takes_a_new_connection_when_its_listener_answers() {
        let mut replay = listening();
        let mirrored = [
            client("SYN", 0, 0, b""),
            server("SYN ACK", 0, 1, b""),
            client("ACK", 1, 1, b""),
            server("FIN ACK", 1, 1, b""),
            client("FIN ACK", 1, 2, b""),
            server("ACK", 2, 2, b""),
        ];
        mirrored.iter().for_each(|segment| replay.segment(segment));
        assert_eq!(replay.state(Party::Server), TimeWait);
        assert_eq!(replay.state(Party::Client), Closed);
        // T101.
        replay.segment(&client("SYN", 9_000, 0, b""));
        assert_eq!(replay.state(Party::Server), TimeWait);
        replay.segment(&server("SYN ACK", 70_000, 9_001, b""));
        assert_eq!(replay.state(Party::Server), SynReceived);
        replay.segment(&client("ACK", 9_001, 70_001, b""));
        assert_eq!(replay.state(Party::Server), Established);
        assert_eq!(replay.state(Party::Client), Established);
    }

    #[test]
    fn a_syn_that_the_listener_dropped_leaves_it_free_for_the_next() {
        let mut replay = listening();
        replay.segment(&client("SYN", 0, 0, b""));
        replay.call(Party::Client, Call::Failed);
        for segment in [
            client("SYN", 7_000, 0, b""),
            server("SYN ACK", 0, 7_001, b""),
            client("ACK", 7_001, 1, b""),
        ] {
            replay.segment(&segment);
            assert_ne!(replay.state(Party::Server), Listen);
        }
        assert_eq!(replay.state(Party::Server), Established);
    }

    #[test]
    fn the_basic_session_goes_through_the_states_of_figures_5_and_12() {
        let mut replay = listening();
        let states: Vec<String> = session(b"Hello World!")
            .iter()
            .map(|segment| {
                replay.segment(segment);
                format!("{} {}", replay.state(Party::Client), replay.state(Party::Server))
            })
            .collect();
        assert_eq!(
            states,
            [
                "SYN-SENT SYN-RECEIVED",
                "ESTABLISHED SYN-RECEIVED",
                "ESTABLISHED ESTABLISHED",
                "ESTABLISHED ESTABLISHED",
                "ESTABLISHED ESTABLISHED",
                "ESTABLISHED ESTABLISHED",
                "ESTABLISHED ESTABLISHED",
                "FIN-WAIT-1 CLOSE-WAIT",
                "FIN-WAIT-2 CLOSE-WAIT",
                "TIME-WAIT LAST-ACK",
                "TIME-WAIT CLOSED",
            ]
        );
    }

    #[test]
    fn crossing_fins_lead_both_ends_through_closing_to_time_wait() {
        let mut replay = client_in(Established);
        let (ours, theirs) = (client("FIN ACK", 1, 1, b""), server("FIN ACK", 1, 1, b""));
        play(
            &mut replay,
            vec![Sent(ours.clone()), Sent(theirs.clone()), Gets(ours), Gets(theirs)],
        );
        assert_eq!(replay.state(Party::Client), Closing);
        assert_eq!(replay.state(Party::Server), Closing);
        replay.segment(&client("ACK", 2, 2, b""));
        replay.segment(&server("ACK", 2, 2, b""));
        assert_eq!(replay.state(Party::Client), TimeWait);
        assert_eq!(replay.state(Party::Server), TimeWait);
    }

    #[test]
    fn a_socket_connected_to_itself_goes_the_way_of_simultaneous_open_and_close() {
        let mut replay = Replay::new();
        // As Linux sends it.
        let transcript = [
            (itself("SYN", 0, 0, b""), SynReceived),
            (itself("SYN ACK", 0, 1, b""), Established),
            (itself("ACK", 1, 1, b""), Established),
            (itself("PSH ACK", 1, 1, b"Hello World!"), Established),
            (itself("ACK", 13, 13, b""), Established),
            (itself("FIN ACK", 13, 13, b""), Closing),
            (itself("ACK", 14, 14, b""), TimeWait),
        ];
        for (segment, state) in transcript {
            replay.segment(&segment);
            assert_eq!(replay.state(Party::Client), state, "{}", segment.flags);
            assert_eq!(replay.state(Party::Server), Closed);
        }
    }

    #[test]
    fn a_listener_is_shown_only_while_there_is_no_connection() {
        let mut replay = listening();
        assert_eq!(replay.state(Party::Server), Listen);
        session(b"x").iter().for_each(|segment| replay.segment(segment));
        assert_eq!(replay.state(Party::Server), Closed);
        // The listener is still there and takes the next one.
        replay.segment(&client("SYN", 5_000, 0, b""));
        assert_eq!(replay.state(Party::Server), SynReceived);
    }

    #[test]
    fn a_fin_beyond_a_gap_counts_when_the_gap_is_filled() {
        let mut replay = client_in(Established);
        let (first, second, fin) = (
            server("ACK", 1, 1, b"abc"),
            server("ACK", 4, 1, b"def"),
            server("FIN ACK", 7, 1, b""),
        );
        play(&mut replay, vec![Sent(first.clone()), Gets(second), Gets(fin)]);
        assert_eq!(replay.state(Party::Client), Established);
        replay.delivered(&first);
        assert_eq!(replay.state(Party::Client), CloseWait);
    }

    #[test]
    fn a_rst_at_the_end_of_data_beyond_a_gap_is_taken() {
        let mut replay = client_in(Established);
        replay.delivered(&server("ACK", 4, 1, b"def"));
        replay.delivered(&server("RST ACK", 7, 1, b""));
        assert_eq!(replay.state(Party::Client), Closed);
    }

    #[test]
    fn data_of_a_syn_counts_only_when_it_is_acknowledged() {
        let mut replay = listening();
        replay.segment(&client("SYN", 0, 0, b"early"));
        replay.segment(&server("SYN ACK", 0, 1, b""));
        replay.segment(&client("ACK", 1, 1, b""));
        replay.delivered(&client("FIN ACK", 1, 1, b"early"));
        assert_eq!(replay.state(Party::Server), CloseWait);
    }

    #[test]
    fn a_handshake_that_the_kernel_did_not_take_begins_anew() {
        let mut replay = passive_syn_received();
        replay.segment(&client("ACK", 1, 1, b""));
        assert_eq!(replay.state(Party::Server), Established);
        // The accept queue was full, or the socket defers its accept: the server repeats its SYN,ACK.
        replay.segment(&server("SYN ACK", 0, 1, b""));
        assert_eq!(replay.state(Party::Server), SynReceived);
        assert_eq!(replay.state(Party::Client), Established);
        replay.segment(&client("ACK", 1, 1, b""));
        assert_eq!(replay.state(Party::Server), Established);
    }

    proptest! {
        #[test]
        fn states_do_not_depend_on_the_initial_numbers(
            segments in arbitrary::session(),
            client_shift: u32,
            server_shift: u32,
        ) {
            let (mut plain, mut shifted) = (listening(), listening());
            for segment in &segments {
                plain.segment(segment);
                shifted.segment(&arbitrary::shifted(segment, client_shift, server_shift));
                for party in Party::ALL {
                    prop_assert_eq!(plain.state(party), shifted.state(party));
                }
            }
        }

        #[test]
        fn any_segments_can_be_replayed(segments in arbitrary::segments()) {
            let mut replay = listening();
            for segment in &segments {
                replay.segment(segment);
            }
        }
    }

    #[test]
    fn the_sample_numbers_wrap() {
        assert!(CLIENT_ISN.0.checked_add(13).is_none());
    }
}
