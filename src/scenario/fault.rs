//! What a line of the actor `wire` does to segments on their way.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Payload, SegmentPattern};
use crate::tcp::{Party, Segment};

/// One line of the wire: `wire drop 2 of S > C data`.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// Something happens to a segment, once or several times.
    Strike {
        /// What.
        how: How,
        /// To which of the segments that match.
        which: Which,
        /// Which segments match.
        aim: Aim,
    },
    /// `release [backwards] [SEGMENT]`: what is held goes on, in the order in which it was held, or the last one first.
    Release {
        /// The last one first.
        backwards: bool,
        /// Only the held segments that match; `None` for all.
        aim: Option<Aim>,
    },
    /// `cut C > S`: from now on everything in this direction is lost.
    Cut {
        /// The sender.
        from: Party,
        /// The receiver.
        to: Party,
    },
    /// `restore C > S`: the direction works again.
    Restore {
        /// The sender.
        from: Party,
        /// The receiver.
        to: Party,
    },
}

/// What happens to a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// It is lost.
    Drop,
    /// It waits for `wire release`.
    Hold,
    /// It arrives so much later.
    Delay(Duration),
    /// It arrives twice: its copy follows it at once.
    Duplicate,
    /// The lowest bit of one byte changes on the way.
    Corrupt {
        /// Which byte.
        place: Place,
        /// `unnoticed`: the checksum changes with it, so that the receiver cannot tell.
        unnoticed: bool,
    },
    /// `mark`: a router that is congested sets the ECN codepoint CE (RFC 3168, section 5).
    Mark,
}

impl How {
    /// Whether it can happen to this segment. A router marks only what is ECN-capable; a byte that a segment does not have
    /// cannot be damaged.
    pub fn can_strike(self, segment: &Segment) -> bool {
        match self {
            How::Corrupt { place, .. } => place.within(segment).is_some(),
            How::Mark => segment.ip.ecn.can_be_marked(),
            How::Drop | How::Hold | How::Delay(_) | How::Duplicate => true,
        }
    }
}

/// A byte of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// `byte N`: of the payload, from 0; without a payload, the last byte of the urgent pointer, which means nothing without
    /// URG.
    Payload(u32),
    /// `header byte N`: of the TCP header, from 0.
    Header(u32),
}

impl Place {
    /// The last byte of the urgent pointer.
    const URGENT: Place = Place::Header(19);

    /// The byte that is meant in this segment; `None` if it has no such byte.
    pub fn within(self, segment: &Segment) -> Option<Place> {
        if segment.offset.is_some() {
            // Nobody can tell where its payload begins.
            return None;
        }
        let options: usize = segment.options.iter().map(|option| option.encode().len()).sum();
        self.among(20 + options.next_multiple_of(4), segment.payload.len())
    }

    /// The byte that is meant where header and payload have so many bytes.
    pub fn among(self, header: usize, payload: usize) -> Option<Place> {
        match self {
            Place::Payload(_) if payload == 0 => Some(Place::URGENT),
            Place::Payload(byte) => ((byte as usize) < payload).then_some(self),
            Place::Header(byte) => ((byte as usize) < header).then_some(self),
        }
    }
}

/// Which segments of those that match, counted from the line on; retransmissions are segments too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// `2 of`: the next two; not written, the next one.
    Next(u32),
    /// `3rd of`: only the third.
    Nth(u32),
}

impl Which {
    /// How many segments are meant.
    pub fn count(self) -> u32 {
        match self {
            Which::Next(count) => count,
            Which::Nth(_) => 1,
        }
    }

    /// How many segments that match pass before the first one that is meant.
    pub fn before(self) -> u32 {
        match self {
            Which::Next(_) => 0,
            Which::Nth(nth) => nth.saturating_sub(1),
        }
    }
}

/// Which segments a line of the wire is about: a segment line, or `data`.
#[derive(Debug, Clone, PartialEq)]
pub struct Aim {
    /// What a segment must be like, without a count and a time.
    pub pattern: SegmentPattern,
    /// `data`: it must carry payload, whatever its flags.
    pub data: bool,
}

impl Fault {
    /// The word behind `wire`.
    pub fn name(&self) -> &'static str {
        match self {
            Fault::Strike { how, .. } => how.name(),
            Fault::Release { .. } => "release",
            Fault::Cut { .. } => "cut",
            Fault::Restore { .. } => "restore",
        }
    }

    /// Whose segments it is about; the client for a release of everything.
    pub fn sender(&self) -> Party {
        match self {
            Fault::Strike { aim, .. } | Fault::Release { aim: Some(aim), .. } => aim.pattern.from,
            Fault::Release { aim: None, .. } => Party::Client,
            Fault::Cut { from, .. } | Fault::Restore { from, .. } => *from,
        }
    }

    /// The payload that its pattern names.
    pub fn payload(&self) -> Option<&Payload> {
        match self {
            Fault::Strike { aim, .. } | Fault::Release { aim: Some(aim), .. } => aim.pattern.payload.as_ref(),
            _ => None,
        }
    }
}

impl How {
    /// The word behind `wire`.
    pub fn name(self) -> &'static str {
        match self {
            How::Drop => "drop",
            How::Hold => "hold",
            How::Delay(_) => "delay",
            How::Duplicate => "duplicate",
            How::Corrupt { .. } => "corrupt",
            How::Mark => "mark",
        }
    }
}
