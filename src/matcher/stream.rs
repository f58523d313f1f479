//! A `stream` line: many new bytes in full-sized segments, and the other end's acknowledgments.

use super::fields::{Difference, arrow};
use super::program::StreamLine;
use super::wire::{Seen, Wire};
use crate::tcp::{Flags, Seq};

/// How far a stream has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct Flow {
    sent: u64,
    /// The payload of a full-sized segment; 0 before the first one.
    full: u32,
    /// The number after the last byte, once that was sent.
    end: Option<Seq>,
}

impl StreamLine {
    /// Whether all bytes have been sent, and acknowledged by the other end.
    pub(super) fn is_complete(&self, flow: &Flow, wire: &Wire) -> bool {
        if self.bytes == 0 {
            return true;
        }
        match (flow.end, wire.acked(self.to)) {
            (Some(end), Some(acked)) => !acked.is_before(end),
            _ => false,
        }
    }

    /// The stream after this segment.
    ///
    /// # Errors
    /// In what the segment is none of the stream.
    pub(super) fn take(&self, flow: &Flow, seen: &Seen<'_>, wire: &Wire) -> Result<Flow, Vec<Difference>> {
        let segment = seen.segment;
        let direction = (segment.from, segment.to);
        // On a connection to itself both rules share one direction; there only data has a length.
        if direction == (self.to, self.from) && (self.from != self.to || segment.len == 0) {
            return self.take_ack(flow, seen, wire);
        }
        let mut wrong = Vec::new();
        let mut require = |holds: bool, field, expected: &dyn ToString, actual: &dyn ToString| {
            if !holds {
                wrong.push(Difference::new(field, expected.to_string(), actual.to_string()));
            }
        };
        let expected = (self.from, self.to);
        require(direction == expected, "direction", &arrow(expected), &arrow(direction));
        let flags = segment.flags.difference(Flags::PSH);
        require(flags == Flags::ACK, "flags", &"ACK, or PSH ACK", &segment.flags);
        let next = wire.next(self.from);
        require(
            next.is_none_or(|next| next == segment.seq),
            "seq",
            &next.map_or(0, |next| wire.conversation.relative_to(self.from, next)),
            &seen.relative.seq,
        );
        let sent = flow.sent + u64::from(segment.len);
        let rest = self.bytes - flow.sent;
        let full = if flow.full == 0 { segment.len } else { flow.full };
        let is_last = sent == self.bytes;
        let size_fits = segment.len > 0 && sent <= self.bytes && (segment.len == full || segment.len < full && is_last);
        let expected_len = if flow.full == 0 {
            format!("1 to {rest}")
        } else {
            rest.min(u64::from(full)).to_string()
        };
        require(size_fits, "len", &expected_len, &segment.len);
        if !wrong.is_empty() {
            return Err(wrong);
        }
        Ok(Flow {
            sent,
            full,
            end: is_last.then(|| segment.end()),
        })
    }

    fn take_ack(&self, flow: &Flow, seen: &Seen<'_>, wire: &Wire) -> Result<Flow, Vec<Difference>> {
        let segment = seen.segment;
        let mut wrong = Vec::new();
        if segment.flags != Flags::ACK {
            wrong.push(Difference::new("flags", Flags::ACK, segment.flags));
        }
        if segment.len != 0 {
            wrong.push(Difference::new("len", 0, segment.len));
        }
        if let Some(acked) = wire.acked(self.to)
            && segment.ack.is_before(acked)
        {
            let relative = wire.conversation.relative_to(self.from, acked);
            let actual = seen.relative.ack.unwrap_or_default();
            wrong.push(Difference::new("ack", format!("{relative} or more"), actual));
        }
        if wrong.is_empty() { Ok(*flow) } else { Err(wrong) }
    }
}
