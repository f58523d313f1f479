//! One end of the replay: what a call and a segment that it sends say about its state.

use super::Call;
use crate::tcp::{Flags, Segment, Seq, State, TcpOption};

/// The listening socket of an end, which outlives its connections.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Listener {
    /// Whether it is open.
    pub(super) open: bool,
    /// The length that `listen` asked for: Linux lets one connection more wait.
    backlog: u32,
    /// How many connections wait to be accepted; below zero, how many calls of accept() wait for one.
    queued: i64,
    /// How many segments were dropped because the queue was full.
    pub(super) overflows: u64,
}

impl Listener {
    /// Takes one more connection, or none when the queue is full.
    pub(super) fn queue(&mut self) -> bool {
        let takes = self.has_room();
        if takes {
            self.queued += 1;
        }
        takes
    }

    /// Whether one more connection may wait. Where none may, what would lead to one is dropped.
    pub(super) fn has_room(&mut self) -> bool {
        let is_full = self.open && self.queued > i64::from(self.backlog);
        self.overflows += u64::from(is_full);
        !is_full
    }
}

/// The largest shift count (RFC 7323, section 2.3).
const LARGEST_SHIFT: u8 = 14;

/// The shift count that a SYN asks for.
pub(super) fn window_scale(segment: &Segment) -> Option<u8> {
    segment.options.iter().find_map(|option| match option {
        TcpOption::WindowScale(shift) => Some(*shift),
        _ => None,
    })
}

/// One end: its state and the part of the transmission control block that decides about states (section 3.3.1).
#[derive(Debug, Clone)]
pub(super) struct End {
    pub(super) state: State,
    /// The listening socket, beside a connection or without one.
    pub(super) listener: Listener,
    /// Whether the connection came from a listener (the RFC's "previous state" in SYN-RECEIVED).
    pub(super) passive: bool,
    /// ISS, once a SYN was sent.
    pub(super) initial: Option<Seq>,
    /// SND.NXT.
    pub(super) send_next: Seq,
    /// The number after the own FIN: the acknowledgment that covers it.
    pub(super) fin_sent: Option<Seq>,
    /// Whether the FIN of a half-close waits for ESTABLISHED.
    pub(super) fin_waits: bool,
    /// RCV.NXT.
    pub(super) receive_next: Seq,
    /// The number of the peer's first octet.
    pub(super) first: Seq,
    /// The shift count of the own SYN, and whether the peer's SYN had one: windows are scaled when both had (RFC 7323,
    /// section 2.2).
    pub(super) scale: Option<u8>,
    pub(super) peer_scales: bool,
    /// The right edge of the receive window: the highest RCV.NXT + RCV.WND that was offered.
    pub(super) window_edge: Option<Seq>,
    /// What has arrived beyond a gap, as [left, right) in the order of arrival.
    pub(super) held: Vec<(Seq, Seq)>,
    /// The number after the peer's FIN, from the moment in which it arrives.
    pub(super) fin_received: Option<Seq>,
}

impl Default for End {
    fn default() -> End {
        End {
            state: State::Closed,
            listener: Listener::default(),
            passive: false,
            initial: None,
            send_next: Seq(0),
            fin_sent: None,
            fin_waits: false,
            receive_next: Seq(0),
            first: Seq(0),
            scale: None,
            peer_scales: false,
            window_edge: None,
            held: Vec::new(),
            fin_received: None,
        }
    }
}

impl End {
    pub(super) fn call(&mut self, call: Call) {
        use State::*;
        match call {
            Call::Listen { backlog } => {
                self.listener = Listener {
                    open: true,
                    backlog,
                    queued: 0,
                    ..self.listener
                };
                if self.state == Closed {
                    self.state = Listen;
                }
            }
            Call::CloseListener => {
                self.listener.open = false;
                if self.state == Listen {
                    self.state = Closed;
                }
            }
            Call::Accept => self.listener.queued -= 1,
            // What was not read is thrown away: a RST says so (RFC 2525, section 2.17), not a FIN.
            Call::Close { read } if self.has_unread(read) => {}
            Call::Close { .. } => match self.state {
                Listen => self.call(Call::CloseListener),
                SynSent => self.state = Closed,
                SynReceived | Established => self.state = FinWait1,
                CloseWait => self.state = LastAck,
                _ => {}
            },
            Call::CloseWriting => match self.state {
                SynSent => self.state = Closed,
                SynReceived => self.fin_waits = true,
                Established => self.state = FinWait1,
                CloseWait => self.state = LastAck,
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
            Call::StillListening => {
                if self.state == Closed && self.listener.open {
                    self.state = Listen;
                }
            }
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
            self.offer(segment);
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
        let (passive, receive_next, peer_scales) = match self.state {
            SynReceived => (self.passive, self.receive_next, self.peer_scales),
            _ => (segment.flags.contains(Flags::ACK), segment.ack, false),
        };
        if self.state == Established {
            // Then the connection had not got into the accept queue.
            self.listener.queued -= 1;
        }
        *self = End {
            state: if segment.flags.contains(Flags::ACK) {
                SynReceived
            } else {
                SynSent
            },
            listener: self.listener,
            passive,
            initial: Some(segment.seq),
            send_next: segment.end(),
            receive_next,
            first: receive_next,
            scale: window_scale(segment),
            peer_scales,
            ..End::default()
        };
        self.offer(segment);
    }

    /// Takes note of the window in a segment of this end. It never shrinks (section 3.8.6).
    fn offer(&mut self, segment: &Segment) {
        if !segment.flags.contains(Flags::ACK) {
            return;
        }
        let shift = match self.scale {
            Some(shift) if self.peer_scales && !segment.flags.contains(Flags::SYN) => shift.min(LARGEST_SHIFT),
            _ => 0,
        };
        let edge = segment.ack + (u32::from(segment.window) << shift);
        if self.window_edge.is_none_or(|known| known.is_before(edge)) {
            self.window_edge = Some(edge);
        }
    }

    /// Whether more has arrived in order than the application has read.
    fn has_unread(&self, read: u64) -> bool {
        use State::*;
        if matches!(self.state, Closed | Listen | SynSent | SynReceived | TimeWait) {
            return false;
        }
        let fin = self.fin_received.is_some_and(|end| !self.receive_next.is_before(end));
        u64::from(self.receive_next.since(self.first)) > read + u64::from(fin)
    }

    /// ISS < SEG.ACK =< SND.NXT.
    pub(super) fn acknowledges_syn(&self, ack: Seq) -> bool {
        self.initial.is_some_and(|initial| initial.is_before(ack)) && !self.send_next.is_before(ack)
    }

    /// SYN-RECEIVED ends without a connection: back to where it came from (section 3.5.3).
    pub(super) fn abandon(&mut self) {
        self.state = if self.passive && self.listener.open {
            State::Listen
        } else {
            State::Closed
        };
    }
}
