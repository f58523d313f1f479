//! What each segment of a capture is in the course of its connection: new data, a retransmission, a duplicate ACK, a probe.
//!
//! Everything is told from the order of the capture, in which a segment stands where its sender sent it. So what the wire
//! did afterwards does not matter, and a segment that was reordered on its way is no different. Two things no capture can
//! tell, and both are given from outside: which segments are copies made by the wire, and which were made by the lab in
//! the name of an end that knows nothing of them ([`Origin::Spoofed`]).
//!
//! Not modelled: why a sender retransmits (timer or duplicate ACKs), and what the receiver made of it.

use std::collections::{HashMap, HashSet};

use super::{Flags, Origin, Segment, Seq, SocketPair, TcpOption, slot};

/// The largest shift count (RFC 7323, section 2.3).
const LARGEST_SHIFT: u8 = 14;

/// What one segment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Role {
    /// What it does with the sequence numbers of its sender.
    pub numbers: Numbers,
    /// What its ACK field says.
    pub acknowledgment: Acknowledgment,
    /// The number after the highest one that its sender had sent before: SND.NXT.
    pub next: Option<Seq>,
    /// The probe that it is.
    pub probe: Option<Probe>,
    /// The probe that it answers.
    pub answers: Option<Probe>,
    /// A SYN that opens a sequence space.
    pub opens: bool,
    /// Such a SYN, of a sender who had a sequence space already between the same sockets.
    pub reopens: bool,
    /// The window that it offers, in bytes: scaled as both SYNs agreed (RFC 7323, section 2.2).
    pub window: u32,
    /// Whether that is another window than its sender offered before.
    pub resized: bool,
}

/// What a segment does with the sequence numbers of its sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbers {
    /// It takes none, or they count for nothing: an empty ACK, a RST.
    None,
    /// It takes the next ones.
    Next,
    /// It leaves numbers out that were not sent so far.
    Beyond,
    /// It brings numbers that were left out before.
    Late,
    /// It begins with numbers that were sent before: a retransmission, perhaps with new numbers behind them.
    Again {
        /// The segment that began with the same number, by its index among all segments, from 0.
        first: Option<usize>,
        /// Whether the peer had acknowledged all of it already.
        acknowledged: bool,
    },
    /// Its sender has sent it once; this is the wire's copy.
    Copy,
    /// Its sender has not sent it at all.
    Forged,
}

/// What the ACK field of a segment says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acknowledgment {
    /// There is none, or it rides on a segment that was sent for something else, or on a RST.
    None,
    /// It acknowledges something for the first time.
    New,
    /// A duplicate ACK (RFC 5681, section 2): empty, the same number and window as before while something is
    /// outstanding, or with a new SACK block (RFC 6675, section 2).
    Duplicate,
    /// The same number, and another window.
    Update,
    /// The same number and window, and nothing is outstanding: the answer to a probe or to something old.
    Repeated,
    /// Less than was acknowledged before.
    Old,
    /// What the peer has not sent.
    Unsent,
}

/// A segment that is sent only to be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    /// One number below SND.NXT, all acknowledged (section 3.8.4).
    KeepAlive,
    /// The same, or one byte, into a window that is closed (section 3.8.6.1).
    ZeroWindow,
}

/// Follows a capture, segment by segment.
#[derive(Debug, Clone, Default)]
pub struct Analysis {
    ends: [End; 2],
    /// The pairs of sockets whose source has sent a SYN.
    opened: HashSet<SocketPair>,
    count: usize,
}

/// One end, since its last SYN.
#[derive(Debug, Clone, Default)]
struct End {
    initial: Option<Seq>,
    /// SND.NXT.
    next: Option<Seq>,
    /// Numbers that were skipped: [left, right).
    gaps: Vec<(Seq, Seq)>,
    /// The segments by the number with which they begin.
    begun: HashMap<Seq, usize>,
    scale: Option<u8>,
    /// The highest acknowledgment that this end has sent, its last window in bytes, its last SACK blocks.
    acknowledged: Option<Seq>,
    offered: Option<u32>,
    sack: Vec<(Seq, Seq)>,
    /// The probe that the peer has just sent.
    probed: Option<Probe>,
}

impl Analysis {
    /// The next segment of the capture; `copied` when the wire made it out of the one before.
    pub fn next(&mut self, segment: &Segment, copied: bool) -> Role {
        let index = self.count;
        self.count += 1;
        let (from, to) = (slot(segment.from), slot(segment.to));
        let own = !copied && segment.origin != Origin::Spoofed;
        let opens = own && takes_numbers(segment) && self.opens(segment);
        let reopens = opens
            && match segment.sockets {
                Some(pair) => !self.opened.insert(pair),
                None => self.ends[from].initial.is_some(),
            };
        if opens {
            self.open(segment);
        }
        let window = self.window(segment);
        let next = self.ends[from].next;
        let numbers = match segment.origin {
            _ if copied => Numbers::Copy,
            Origin::Spoofed => Numbers::Forged,
            _ => self.numbers(segment),
        };
        let probe = self.probe(segment).filter(|_| own);
        let acknowledgment = if own {
            self.acknowledgment(segment, window)
        } else {
            Acknowledgment::None
        };
        let sender = &mut self.ends[from];
        let resized = sender.offered.is_some_and(|offered| offered != window);
        let quiet = matches!(
            acknowledgment,
            Acknowledgment::Repeated | Acknowledgment::Update | Acknowledgment::Duplicate
        );
        let answers = sender.probed.filter(|_| own && quiet);
        if own {
            sender.probed = None;
            sender.sent(index, segment);
            if !segment.flags.contains(Flags::RST) {
                sender.offered = Some(window);
            }
            if acknowledgment == Acknowledgment::New {
                sender.acknowledged = Some(segment.ack);
            }
            if segment.flags.contains(Flags::ACK) {
                sender.sack = blocks(segment).to_vec();
            }
        }
        self.ends[to].probed = probe;
        Role {
            numbers: if probe == Some(Probe::KeepAlive) {
                Numbers::None
            } else {
                numbers
            },
            acknowledgment,
            next,
            probe,
            answers,
            opens,
            reopens,
            window,
            resized,
        }
    }

    /// Whether a segment is a SYN with another initial sequence number than its sender's last.
    fn opens(&self, segment: &Segment) -> bool {
        segment.flags.contains(Flags::SYN) && self.ends[slot(segment.from)].initial != Some(segment.seq)
    }

    /// Takes note of a SYN that opens a sequence space.
    fn open(&mut self, segment: &Segment) {
        let sender = &mut self.ends[slot(segment.from)];
        sender.initial = Some(segment.seq);
        sender.next = None;
        sender.gaps.clear();
        sender.begun.clear();
        sender.scale = segment.options.iter().find_map(|option| match option {
            TcpOption::WindowScale(shift) => Some(*shift),
            _ => None,
        });
        self.ends[slot(segment.to)].acknowledged = None;
    }

    fn window(&self, segment: &Segment) -> u32 {
        let scales = (self.ends[slot(segment.from)].scale, self.ends[slot(segment.to)].scale);
        match scales {
            (Some(shift), Some(_)) if !segment.flags.contains(Flags::SYN) => {
                u32::from(segment.window) << shift.min(LARGEST_SHIFT)
            }
            _ => u32::from(segment.window),
        }
    }

    fn numbers(&self, segment: &Segment) -> Numbers {
        let sender = &self.ends[slot(segment.from)];
        let Some(next) = sender.next else {
            return if takes_numbers(segment) {
                Numbers::Next
            } else {
                Numbers::None
            };
        };
        if !takes_numbers(segment) {
            Numbers::None
        } else if segment.seq == next {
            Numbers::Next
        } else if next.is_before(segment.seq) {
            Numbers::Beyond
        } else if sender.leaves_out(segment) {
            Numbers::Late
        } else {
            let acknowledged = self.ends[slot(segment.to)].acknowledged;
            Numbers::Again {
                first: sender.begun.get(&segment.seq).copied(),
                acknowledged: acknowledged.is_some_and(|ack| !ack.is_before(segment.end())),
            }
        }
    }

    fn probe(&self, segment: &Segment) -> Option<Probe> {
        let (sender, receiver) = (&self.ends[slot(segment.from)], &self.ends[slot(segment.to)]);
        let next = sender.next?;
        if segment.len > 1 || segment.flags.intersects(Flags::SYN | Flags::FIN | Flags::RST) {
            return None;
        }
        let closed = receiver.offered == Some(0);
        if segment.seq + 1 == next && receiver.acknowledged == Some(next) {
            Some(if closed { Probe::ZeroWindow } else { Probe::KeepAlive })
        } else {
            (closed && segment.len == 1 && segment.seq == next).then_some(Probe::ZeroWindow)
        }
    }

    fn acknowledgment(&self, segment: &Segment, window: u32) -> Acknowledgment {
        let (sender, peer) = (&self.ends[slot(segment.from)], &self.ends[slot(segment.to)]);
        if !segment.flags.contains(Flags::ACK) || segment.flags.contains(Flags::RST) {
            return Acknowledgment::None;
        }
        let ack = segment.ack;
        let Some(next) = peer.next else {
            return Acknowledgment::Unsent;
        };
        if next.is_before(ack) {
            return Acknowledgment::Unsent;
        }
        let Some(highest) = sender.acknowledged else {
            return Acknowledgment::New;
        };
        if highest.is_before(ack) {
            Acknowledgment::New
        } else if ack.is_before(highest) {
            Acknowledgment::Old
        } else if segment.sequence_len() > 0 {
            Acknowledgment::None
        } else {
            let sacks = blocks(segment);
            let news = sacks
                .iter()
                .any(|(left, right)| ack.is_before(*right) && !sender.sack.contains(&(*left, *right)));
            if news && ack.is_before(next) {
                Acknowledgment::Duplicate
            } else if sender.offered.is_some_and(|offered| offered != window) {
                Acknowledgment::Update
            } else if ack.is_before(next) {
                Acknowledgment::Duplicate
            } else {
                Acknowledgment::Repeated
            }
        }
    }
}

impl End {
    /// Takes note of a segment of this end.
    fn sent(&mut self, index: usize, segment: &Segment) {
        if !takes_numbers(segment) {
            return;
        }
        let (seq, end) = (segment.seq, segment.end());
        let gaps = std::mem::take(&mut self.gaps);
        for (left, right) in gaps {
            // What lies before the segment, and what lies behind it, is still missing.
            for (left, right) in [(left, earlier(right, seq)), (later(left, end), right)] {
                if left.is_before(right) {
                    self.gaps.push((left, right));
                }
            }
        }
        let next = self.next.unwrap_or(seq);
        if next.is_before(seq) {
            self.gaps.push((next, seq));
        }
        self.next = Some(later(next, end));
        self.begun.entry(seq).or_insert(index);
    }

    /// Whether a segment brings numbers that this end has left out.
    fn leaves_out(&self, segment: &Segment) -> bool {
        let (seq, end) = (segment.seq, segment.end());
        self.gaps
            .iter()
            .any(|(left, right)| left.is_before(end) && seq.is_before(*right))
    }
}

/// Whether the numbers of a segment count: those of a RST follow the segment that it answers.
fn takes_numbers(segment: &Segment) -> bool {
    segment.sequence_len() > 0 && !segment.flags.contains(Flags::RST)
}

fn blocks(segment: &Segment) -> &[(Seq, Seq)] {
    let found = segment.options.iter().find_map(|option| match option {
        TcpOption::Sack(blocks) => Some(blocks.as_slice()),
        _ => None,
    });
    found.unwrap_or_default()
}

fn earlier(one: Seq, other: Seq) -> Seq {
    if other.is_before(one) { other } else { one }
}

fn later(one: Seq, other: Seq) -> Seq {
    if one.is_before(other) { other } else { one }
}

#[cfg(test)]
mod tests;
