//! What the segments seen so far say about both directions.

use crate::tcp::{Conversation, Flags, Nanos, Origin, Party, Relative, Segment, Seq};

/// Follows the numbers of a conversation.
#[derive(Debug, Clone, Default)]
pub(super) struct Wire {
    pub(super) conversation: Conversation,
    client: Direction,
    server: Direction,
    previous: Option<Nanos>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Direction {
    /// The number after the highest one sent: SND.NXT as the wire shows it.
    next: Option<Seq>,
    /// The highest acknowledgment sent.
    acked: Option<Seq>,
}

/// A segment with what its place in the conversation says about it.
#[derive(Debug, Clone)]
pub(super) struct Seen<'s> {
    pub(super) segment: &'s Segment,
    pub(super) relative: Relative,
    /// When the segment before it was captured; `None` for the first one.
    pub(super) previous: Option<Nanos>,
    /// SACK blocks relative to the receiver's ISN.
    pub(super) sack: Option<Vec<(u32, u32)>>,
}

impl Wire {
    /// Takes note of a segment's place in the conversation; its numbers count only after [`Wire::advance`].
    pub(super) fn see<'s>(&mut self, segment: &'s Segment) -> Seen<'s> {
        let relative = self.conversation.relate(segment);
        let sack = segment.options.iter().find_map(|option| match option {
            crate::tcp::TcpOption::Sack(blocks) => Some(blocks),
            _ => None,
        });
        let edge = |number| self.conversation.relative_to(segment.to, number);
        Seen {
            segment,
            relative,
            previous: self.previous,
            sack: sack.map(|blocks| blocks.iter().map(|(left, right)| (edge(*left), edge(*right))).collect()),
        }
    }

    /// The segment was sent: its numbers are now the newest.
    pub(super) fn advance(&mut self, segment: &Segment) {
        self.previous = Some(segment.at);
        if segment.origin == Origin::Spoofed {
            return;
        }
        // The numbers of a RST may be those of no connection (RFC 9293, section 3.10.7.1).
        if segment.flags.contains(Flags::RST) {
            return;
        }
        let syn = segment.flags.contains(Flags::SYN);
        let direction = self.direction_mut(segment.from);
        direction.next = newest(direction.next, segment.end(), syn);
        if segment.flags.contains(Flags::ACK) {
            direction.acked = newest(direction.acked, segment.ack, syn);
        }
    }

    /// The number after the highest one that `party` has sent.
    pub(super) fn next(&self, party: Party) -> Option<Seq> {
        self.direction(party).next
    }

    /// The highest acknowledgment that `party` has sent.
    pub(super) fn acked(&self, party: Party) -> Option<Seq> {
        self.direction(party).acked
    }

    fn direction(&self, party: Party) -> &Direction {
        match party {
            Party::Client => &self.client,
            Party::Server => &self.server,
        }
    }

    fn direction_mut(&mut self, party: Party) -> &mut Direction {
        match party {
            Party::Client => &mut self.client,
            Party::Server => &mut self.server,
        }
    }
}

/// A SYN begins a new numbering; otherwise numbers only grow.
fn newest(old: Option<Seq>, new: Seq, begins: bool) -> Option<Seq> {
    Some(old.filter(|old| !begins && new.is_before(*old)).unwrap_or(new))
}
