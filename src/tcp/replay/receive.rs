//! What a segment does to the end that receives it (RFC 9293, section 3.10.7).

use super::end::{End, window_scale};
use crate::tcp::Seq;
use crate::tcp::{Flags, Segment, State};

impl End {
    pub(super) fn delivered(&mut self, segment: &Segment) {
        match self.state {
            State::Closed if self.listener.open => self.delivered_to_listener(segment),
            State::Closed => {}
            State::Listen => self.delivered_to_listener(segment),
            State::SynSent => self.delivered_in_syn_sent(segment),
            _ => self.delivered_to_connection(segment),
        }
    }

    /// Section 3.10.7.2.
    fn delivered_to_listener(&mut self, segment: &Segment) {
        if segment.flags & (Flags::SYN | Flags::ACK | Flags::RST | Flags::FIN) == Flags::SYN && self.listener.has_room()
        {
            *self = End {
                state: State::SynReceived,
                listener: self.listener,
                passive: true,
                receive_next: segment.seq + 1,
                first: segment.seq + 1,
                peer_scales: window_scale(segment).is_some(),
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
            self.first = self.receive_next;
            self.peer_scales = window_scale(segment).is_some();
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
                let is_in_window = !segment.seq.is_before(self.receive_next) && !self.is_beyond_window(segment.seq);
                if self.state == SynReceived && self.passive && is_in_window {
                    self.abandon();
                }
                return;
            }
        }
        if segment.end().is_before(self.receive_next)
            || self.is_beyond_window(segment.seq)
            || !flags.contains(Flags::ACK)
        {
            return;
        }
        if self.state == SynReceived {
            if !self.acknowledges_syn(segment.ack) {
                return;
            }
            if self.passive && !self.listener.queue() {
                return;
            }
            self.state = if self.fin_waits { FinWait1 } else { Established };
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

    /// Whether a number lies to the right of what the window can take. Its right edge itself is where a probe of a closed
    /// window is.
    fn is_beyond_window(&self, seq: Seq) -> bool {
        self.window_edge.is_some_and(|edge| edge.is_before(seq))
    }

    /// Takes the text and FIN of a segment, in order or not, as far as the window reaches.
    fn receive(&mut self, segment: &Segment) {
        if segment.sequence_len() == 0 {
            return;
        }
        let end = match self.window_edge {
            Some(edge) if !segment.seq.is_before(edge) => return,
            Some(edge) if edge.is_before(segment.end()) => edge,
            _ => segment.end(),
        };
        // Where the window cuts the FIN off, it counts when it is acknowledged.
        if segment.flags.contains(Flags::FIN) {
            self.fin_received = Some(segment.end());
        }
        if self.receive_next.is_before(segment.seq) {
            match self.held.last_mut() {
                Some((_, right)) if *right == segment.seq => *right = end,
                _ => self.held.push((segment.seq, end)),
            }
        } else if self.receive_next.is_before(end) {
            self.advance(end);
        }
    }

    /// RCV.NXT becomes `next`, or what follows the held data that it reaches.
    pub(super) fn advance(&mut self, next: Seq) {
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
}
