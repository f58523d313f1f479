//! One end of the replay: what a call and a segment that it sends say about its state.

use super::Call;
use crate::tcp::{Flags, Segment, Seq, State};

/// One end: its state and the part of the transmission control block that decides about states (section 3.3.1).
#[derive(Debug, Clone)]
pub(super) struct End {
    pub(super) state: State,
    /// Whether a listening socket is open, beside a connection or without one.
    pub(super) listening: bool,
    /// Whether the connection came from a listener (the RFC's "previous state" in SYN-RECEIVED).
    pub(super) passive: bool,
    /// ISS, once a SYN was sent.
    pub(super) initial: Option<Seq>,
    /// SND.NXT.
    pub(super) send_next: Seq,
    /// The number after the own FIN: the acknowledgment that covers it.
    pub(super) fin_sent: Option<Seq>,
    /// RCV.NXT.
    pub(super) receive_next: Seq,
    /// What has arrived beyond a gap, as [left, right) in the order of arrival.
    pub(super) held: Vec<(Seq, Seq)>,
    /// The number after the peer's FIN, from the moment in which it arrives.
    pub(super) fin_received: Option<Seq>,
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
    pub(super) fn call(&mut self, call: Call) {
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
        }
    }

    pub(super) fn sent(&mut self, segment: &Segment) {
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

    /// ISS < SEG.ACK =< SND.NXT.
    pub(super) fn acknowledges_syn(&self, ack: Seq) -> bool {
        self.initial.is_some_and(|initial| initial.is_before(ack)) && !self.send_next.is_before(ack)
    }

    /// SYN-RECEIVED ends without a connection: back to where it came from (section 3.5.3).
    pub(super) fn abandon(&mut self) {
        self.state = if self.passive && self.listening {
            State::Listen
        } else {
            State::Closed
        };
    }
}
