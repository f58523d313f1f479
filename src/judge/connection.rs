//! Which segments belong to which connection: an end may connect again and again, from the same address.

use crate::tcp::{Flags, Origin, Replay, Segment, Seq, State};

/// Tells where a new connection begins, when it is shown all segments in order.
#[derive(Debug, Default)]
pub(super) struct Connections {
    /// The number of each end's last SYN that had no ACK.
    isns: [Option<Seq>; 2],
    replay: Replay,
}

impl Connections {
    /// Whether this segment is the first of a connection: a SYN that neither repeats the one before nor crosses one of the
    /// other end. One that the
    /// lab made for a fake client opens something only where the server has no connection; one that it sent in the name of
    /// a real client opens nothing that this client knows of.
    pub(super) fn begins(&mut self, segment: &Segment) -> bool {
        let is_syn = segment.flags.contains(Flags::SYN) && !segment.flags.contains(Flags::ACK);
        let peer = self.replay.state(segment.from.peer());
        let is_new = is_syn
            && self.isns[segment.from as usize] != Some(segment.seq)
            && match segment.origin {
                Origin::Kernel => true,
                Origin::Spoofed => self.isns == [None; 2],
                Origin::FakeEnd => matches!(peer, State::Closed | State::Listen | State::TimeWait),
            };
        let crosses = segment.from != segment.to && peer == State::SynSent;
        self.replay.segment(segment);
        if is_new {
            self.isns[segment.from as usize] = Some(segment.seq);
        }
        is_new && !crosses
    }
}

/// The segments of the last connection that had begun.
pub(super) fn last(segments: &[Segment]) -> &[Segment] {
    let mut connections = Connections::default();
    let starts = segments
        .iter()
        .enumerate()
        .filter(|(_, segment)| connections.begins(segment));
    &segments[starts.last().map_or(0, |(index, _)| index)..]
}

/// How many of one end's segments say again what it has said: retransmissions, as the kernel counts them.
pub(super) fn repeats<'s>(sent: impl Iterator<Item = &'s Segment>) -> usize {
    let mut next: Option<Seq> = None;
    let mut syns: Vec<(Seq, bool)> = Vec::new();
    let mut count = 0;
    for segment in sent.filter(|segment| segment.sequence_len() > 0 && !segment.flags.contains(Flags::RST)) {
        let is_new = if segment.flags.contains(Flags::SYN) {
            // The SYN,ACK of a simultaneous open has the number of the SYN before it, but says something new.
            let syn = (segment.seq, segment.flags.contains(Flags::ACK));
            let is_new = !syns.contains(&syn);
            syns.push(syn);
            next = Some(segment.end());
            is_new
        } else {
            next.is_none_or(|next| next.is_before(segment.end()))
        };
        if is_new {
            next = Some(segment.end());
        } else {
            count += 1;
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matcher::support::segment;

    #[test]
    fn a_syn_that_crosses_another_begins_no_connection() {
        let begins = |lines: &[&str]| -> Vec<bool> {
            let mut connections = Connections::default();
            lines.iter().map(|line| connections.begins(&segment(line))).collect()
        };
        let (of_client, of_server) = ("C > S SYN seq 0", "S > C SYN seq 0");
        assert_eq!(begins(&[of_client, of_server]), [true, false]);
        assert_eq!(begins(&[of_server, of_client]), [true, false]);
        assert_eq!(
            begins(&[of_server, "S > C SYN seq 0", "S > C SYN seq 900"]),
            [true, false, true]
        );
        assert_eq!(
            begins(&[of_client, "S > C RST ACK seq 0 ack 1", of_server]),
            [true, false, true]
        );
    }
}
