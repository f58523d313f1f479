//! The lints that need the numbers of the segments before: one sequence space per sender, and what its peer has
//! acknowledged and allowed in it.
//!
//! Loopback has one queue per CPU, so a segment can overtake another one of the same sender. Rules about numbers that
//! must not go back therefore speak only when a segment was surely sent later: when its timestamp option says so, or when
//! there are no timestamps to ask. A gap counts only when nothing fills it later.

use super::{ACK_BACK, ACK_SENT, AFTER_FIN, COUNT_ONE, Found, PUSH, RIGHT_EDGE, RST_FOR_RST, SEQUENCE, WINDOW};
use crate::tcp::{Flags, Origin, Segment, Seq, TcpOption, slot};

/// How far behind SND.NXT a number still counts as old; a longer way back is taken for the future.
const MEMORY: u32 = 1 << 30;
/// The largest shift count (RFC 7323, section 2.3).
const LARGEST_SHIFT: u8 = 14;

/// Gaps that may still be filled, per sender; the oldest is reported when there are more.
const OPEN_GAPS: usize = 64;

/// Both senders' sequence spaces, and what each end heard since it last spoke.
#[derive(Default)]
pub(super) struct Spaces {
    /// By [`Party`], client first; `None` until the party's SYN.
    of: [Option<Space>; 2],
    heard: [Heard; 2],
    /// The latest TSval of each party.
    clocks: [Option<Seq>; 2],
}

/// What an end received since it last sent something.
#[derive(Default, Clone, Copy)]
enum Heard {
    #[default]
    Nothing,
    /// RSTs and nothing else; the last one's flags, acknowledgment and end.
    OnlyRst {
        flags: Flags,
        ack: Seq,
        end: Seq,
    },
    Something,
}

impl Spaces {
    pub(super) fn segment(&mut self, index: usize, segment: &Segment, found: &mut Found) {
        let (from, to) = (slot(segment.from), slot(segment.to));
        self.rst_for_rst(index, segment, found);
        self.heard[from] = Heard::Nothing;
        self.heard[to] = match self.heard[to] {
            Heard::Nothing | Heard::OnlyRst { .. } if segment.flags.contains(Flags::RST) => Heard::OnlyRst {
                flags: segment.flags,
                ack: segment.ack,
                end: segment.end(),
            },
            _ => Heard::Something,
        };
        if !segment.is_intact() {
            return;
        }
        if segment.origin == Origin::Spoofed {
            self.spoofed(segment);
            return;
        }
        // The numbers of a RST follow those of the segment that it answers, which may come from an older connection.
        if segment.flags.contains(Flags::RST) {
            return;
        }
        if segment.flags.contains(Flags::SYN) {
            let known = &mut self.of[from];
            if known.as_ref().is_none_or(|space| space.initial != segment.seq) {
                if let Some(old) = known {
                    old.report_gaps(found);
                }
                *known = Some(Space::opened_by(segment, known.is_some()));
                self.clocks[from] = None;
            }
        }
        let later = self.surely_later(segment);
        if let Some(space) = &mut self.of[from] {
            space.sent(index, segment, later, found);
        }
        if segment.flags.contains(Flags::ACK) {
            let shift = self.shift(segment);
            if let Some(space) = &mut self.of[to]
                && space.acknowledged_by(index, segment, later, found)
                && let Some(shift) = shift
            {
                space.offered_by(index, segment, shift, later, found);
            }
        }
    }

    /// A segment in the name of an end that did not send it. Its receiver may take it and acknowledge it like that end's
    /// own, if its numbers are the next ones.
    fn spoofed(&mut self, segment: &Segment) {
        if let Some(space) = &mut self.of[slot(segment.from)]
            && !segment.flags.intersects(Flags::RST | Flags::SYN)
            && !space.next.is_before(segment.seq)
            && space.next.is_before(segment.end())
        {
            space.next = segment.end();
        }
    }

    /// Ends the capture: what may still have come has not.
    pub(super) fn end(&self, found: &mut Found) {
        for space in self.of.iter().flatten() {
            space.report_gaps(found);
        }
    }

    /// Whether the segment was sent after all segments of its sender that were captured before it.
    fn surely_later(&mut self, segment: &Segment) -> bool {
        let time = segment.options.iter().find_map(|option| match option {
            TcpOption::Timestamps { value, .. } => Some(Seq(*value)),
            _ => None,
        });
        let clock = &mut self.clocks[slot(segment.from)];
        match (time, &clock) {
            (Some(time), Some(latest)) if !latest.is_before(time) => false,
            (Some(time), _) => {
                *clock = Some(time);
                true
            }
            (None, _) => true,
        }
    }

    /// The shift count of a segment's window: both SYNs must have offered one, and a SYN's own window is never scaled
    /// (RFC 7323, section 2.2). `None` when a SYN was not captured.
    fn shift(&self, segment: &Segment) -> Option<u8> {
        let from = self.of[slot(segment.from)].as_ref()?;
        let to = self.of[slot(segment.to)].as_ref()?;
        Some(match (from.scale, to.scale) {
            (Some(shift), Some(_)) if !segment.flags.contains(Flags::SYN) => shift.min(LARGEST_SHIFT),
            _ => 0,
        })
    }

    /// A RST that its sender can only have sent because of a RST: it heard nothing else, and the numbers are those of
    /// such an answer (section 3.10.7.1).
    fn rst_for_rst(&self, index: usize, segment: &Segment, found: &mut Found) {
        let Heard::OnlyRst { flags, ack, end } = self.heard[slot(segment.from)] else {
            return;
        };
        let answers = if flags.contains(Flags::ACK) {
            !segment.flags.contains(Flags::ACK) && segment.seq == ack
        } else {
            segment.flags.contains(Flags::ACK) && segment.seq == Seq(0) && segment.ack == end
        };
        if segment.flags.contains(Flags::RST) && answers {
            found.add(
                index,
                RST_FOR_RST,
                format!("the {} answers a RST with a RST", segment.from),
            );
        }
    }
}

/// One sender's numbers, since its last SYN.
struct Space {
    initial: Seq,
    /// Whether the SYN carried no ACK.
    active: bool,
    /// Whether the same party had another connection before: its peer may not know yet that that one is gone.
    reopened: bool,
    /// The window scale option of the SYN.
    scale: Option<u8>,
    /// The lowest number that can be told from one in the future.
    oldest: Seq,
    /// SND.NXT.
    next: Seq,
    /// Numbers that were skipped and not sent since: the segment that skipped them, and [left, right).
    gaps: Vec<(usize, Seq, Seq)>,
    /// Whether a segment after the SYN was seen.
    spoke: bool,
    /// The last segment with the highest data so far: its index, the number after it, and whether PSH was set.
    last_data: Option<(usize, Seq, bool)>,
    /// The number after the FIN.
    fin: Option<Seq>,
    /// The highest acknowledgment of the peer.
    acknowledged: Option<Seq>,
    /// The highest right edge of the window that the peer offered.
    edge: Option<Seq>,
}

impl Space {
    fn opened_by(syn: &Segment, reopened: bool) -> Space {
        Space {
            initial: syn.seq,
            active: !syn.flags.contains(Flags::ACK),
            reopened,
            scale: syn.options.iter().find_map(|option| match option {
                TcpOption::WindowScale(shift) => Some(*shift),
                _ => None,
            }),
            oldest: syn.seq,
            next: syn.seq + 1,
            gaps: Vec::new(),
            spoke: false,
            last_data: None,
            fin: None,
            acknowledged: None,
            edge: None,
        }
    }

    fn relative(&self, number: Seq) -> u32 {
        number.since(self.initial)
    }

    /// Holds a segment of this space's sender against it.
    fn sent(&mut self, index: usize, segment: &Segment, later: bool, found: &mut Found) {
        let syn = segment.flags.contains(Flags::SYN);
        let fin = segment.flags.contains(Flags::FIN);
        let seq = segment.seq;
        if seq.is_before(self.oldest) {
            found.add(
                index,
                SEQUENCE,
                format!(
                    "SEQ lies {} before the first number of the connection",
                    self.oldest.since(seq)
                ),
            );
            return;
        }
        self.fill_gaps(segment);
        if self.next.is_before(seq) {
            self.gaps.push((index, self.next, seq));
            if self.gaps.len() > OPEN_GAPS {
                let oldest = self.gaps.remove(0);
                self.report_gap(oldest, found);
            }
        }
        if !syn {
            self.counts_one(index, segment, later, found);
            self.spoke = true;
        } else {
            self.active &= !segment.flags.contains(Flags::ACK);
        }
        let data_end = seq + u32::from(syn) + segment.len;
        if segment.len > 0 {
            if let Some(fin) = self.fin
                && !data_end.is_before(fin)
                && !(segment.len == 1 && data_end == fin)
            {
                let (end, fin) = (self.relative(data_end), self.relative(fin));
                found.add(
                    index,
                    AFTER_FIN,
                    format!("data up to {end}, but the FIN's number was {}", fin.wrapping_sub(1)),
                );
            }
            self.fits_window(index, segment, found);
            let pushed = segment.flags.contains(Flags::PSH);
            match &mut self.last_data {
                Some((_, end, known)) if *end == data_end => *known |= pushed,
                Some((_, end, _)) if data_end.is_before(*end) => {}
                last => *last = Some((index, data_end, pushed)),
            }
        }
        if fin && self.fin.is_none() {
            if let Some((last, end, false)) = self.last_data
                && segment.len == 0
                && end == seq
            {
                found.add(last, PUSH, "the last data before the FIN goes without PSH");
            }
            self.fin = Some(segment.end());
        }
        if self.next.is_before(segment.end()) {
            self.next = segment.end();
        }
        if self.next.since(self.oldest) > MEMORY {
            self.oldest = self.next - MEMORY;
        }
    }

    /// A segment that begins at the number of the SYN or the FIN was sent by an end that did not count it, unless it is a
    /// keep-alive (section 3.8.4), which may carry one byte and is sent only when all is acknowledged.
    fn counts_one(&self, index: usize, segment: &Segment, later: bool, found: &mut Found) {
        let probe = segment.len <= 1 && !segment.flags.contains(Flags::FIN);
        let all_acknowledged = self.acknowledged == Some(self.next);
        if segment.seq == self.initial && !(probe && all_acknowledged && (self.spoke || !self.active)) {
            found.add(
                index,
                COUNT_ONE,
                "SEQ 0 after the SYN: the SYN takes number 0, so the next is 1",
            );
        }
        if let Some(fin) = self.fin
            && later
            && segment.sequence_len() == 0
            && segment.seq + 1 == fin
            && !all_acknowledged
        {
            let number = self.relative(segment.seq);
            found.add(
                index,
                COUNT_ONE,
                format!(
                    "SEQ {number} after the FIN, which takes that number: the next is {}",
                    number.wrapping_add(1)
                ),
            );
        }
    }

    fn fill_gaps(&mut self, segment: &Segment) {
        let (seq, end) = (segment.seq, segment.end());
        self.gaps.retain_mut(|(_, left, right)| {
            if !left.is_before(seq) && left.is_before(end) {
                *left = end;
            }
            left.is_before(*right)
        });
    }

    fn report_gaps(&self, found: &mut Found) {
        for gap in &self.gaps {
            self.report_gap(*gap, found);
        }
    }

    fn report_gap(&self, (index, left, right): (usize, Seq, Seq), found: &mut Found) {
        let (count, left, right) = (right.since(left), self.relative(left), self.relative(right));
        found.add(
            index,
            SEQUENCE,
            format!("SEQ {right} leaves a gap: the {count} numbers from {left} on were never sent"),
        );
    }

    fn fits_window(&self, index: usize, segment: &Segment, found: &mut Found) {
        let end = segment.seq + segment.len;
        if let Some(edge) = self.edge
            && !segment.flags.contains(Flags::SYN)
            && edge.is_before(end)
            // A zero-window probe may hold one new byte (MUST-36).
            && !(segment.len == 1 && segment.seq == edge)
        {
            let (end, edge) = (self.relative(end), self.relative(edge));
            found.add(
                index,
                WINDOW,
                format!("data up to {end}, but the right edge of the offered window is {edge}"),
            );
        }
    }

    /// Holds the ACK field of a peer's segment against this space; whether it belongs to it.
    fn acknowledged_by(&mut self, index: usize, segment: &Segment, later: bool, found: &mut Found) -> bool {
        let ack = segment.ack;
        let (number, next) = (self.relative(ack), self.relative(self.next));
        let sent = self.oldest.is_before(ack) && !self.next.is_before(ack);
        match self.acknowledged {
            // The peer may still speak of the connection before (section 3.5.1).
            None if !sent && self.reopened && !segment.flags.contains(Flags::SYN) => return false,
            None | Some(_) if !sent => {
                found.add(
                    index,
                    ACK_SENT,
                    format!("ACK {number} is not among what was sent, from 1 to {next}"),
                );
                return false;
            }
            Some(highest) if ack.is_before(highest) => {
                if later && !segment.flags.contains(Flags::SYN) {
                    let highest = self.relative(highest);
                    found.add(index, ACK_BACK, format!("ACK {number} after ACK {highest}"));
                }
                return false;
            }
            _ => {}
        }
        self.acknowledged = Some(ack);
        true
    }

    /// Takes note of the window that a peer's segment offers.
    fn offered_by(&mut self, index: usize, segment: &Segment, shift: u8, later: bool, found: &mut Found) {
        let edge = segment.ack + (u32::from(segment.window) << shift);
        match self.edge {
            Some(highest) if edge.is_before(highest) => {
                // The scale rounds a window down by less than its unit (RFC 7323, section 2.4). Linux closes its window
                // when it has no memory left for what it had invited.
                let back = highest.since(edge);
                // What acknowledges the FIN invites nothing more. (Linux's record of TIME-WAIT offers another window than the
                // connection did when that was not scaled: 64,352 bytes after 65,535, measured on 6.18.)
                let has_ended = self.fin == Some(segment.ack);
                if later && !has_ended && back >= 1 << shift && segment.window > 0 {
                    let (edge, highest) = (self.relative(edge), self.relative(highest));
                    found.add(
                        index,
                        RIGHT_EDGE,
                        format!("the right edge of the window moves left by {back} bytes, from {highest} to {edge}"),
                    );
                }
            }
            _ => self.edge = Some(edge),
        }
    }
}
