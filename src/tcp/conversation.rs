//! Relative sequence numbers: each direction counts from its own initial sequence number.

use super::{Flags, Party, Segment, Seq};

/// The numbers of one segment, relative to the initial sequence numbers (ISN) of the two directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Relative {
    /// SEG.SEQ minus the sender's ISN; the raw number while the sender has not sent a SYN.
    pub seq: u32,
    /// SEG.ACK minus the receiver's ISN; `None` without the ACK bit.
    pub ack: Option<u32>,
}

/// Remembers both ISNs while it is fed the segments in the order of the capture.
///
/// An end that never sent a SYN has no ISN: its numbers stay raw, as in the RST of a closed port, whose SEQ is 0
/// (RFC 9293, section 3.10.7.1).
#[derive(Debug, Clone, Default)]
pub struct Conversation {
    client: Option<Seq>,
    server: Option<Seq>,
}

impl Conversation {
    /// Takes note of the segment (a SYN sets its sender's ISN) and returns its relative numbers. A SYN that the lab made
    /// sets it only where there is none yet: what follows keeps counting from the SYN of the true end, or from the first
    /// one of a fake end.
    pub fn relate(&mut self, segment: &Segment) -> Relative {
        let opens = !segment.is_injected() || self.isn(segment.from).is_none();
        if segment.flags.contains(Flags::SYN) && opens {
            *self.isn_mut(segment.from) = Some(segment.seq);
        }
        // A closed port answers a segment without ACK with SEQ 0 (section 3.10.7.1), also where an earlier connection had
        // an ISN.
        let of_closed_port = segment.flags.contains(Flags::RST | Flags::ACK) && segment.seq == Seq(0);
        Relative {
            seq: if of_closed_port {
                0
            } else {
                self.relative_to(segment.from, segment.seq)
            },
            ack: segment
                .flags
                .contains(Flags::ACK)
                .then(|| self.relative_to(segment.to, segment.ack)),
        }
    }

    /// A number of `party`'s sequence space relative to its ISN; raw while it has none.
    pub fn relative_to(&self, party: Party, number: Seq) -> u32 {
        number.since(self.isn(party).unwrap_or_default())
    }

    /// The initial sequence number of `party`, once its SYN was seen.
    pub fn isn(&self, party: Party) -> Option<Seq> {
        match party {
            Party::Client => self.client,
            Party::Server => self.server,
        }
    }

    fn isn_mut(&mut self, party: Party) -> &mut Option<Seq> {
        match party {
            Party::Client => &mut self.client,
            Party::Server => &mut self.server,
        }
    }
}
