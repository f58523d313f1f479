//! What the lines below an action mean: which segments must come.

use std::time::Duration;

use super::{Payload, Span};
use crate::tcp::{Ecn, Flags, Party};

/// One expectation about segments.
#[derive(Debug, Clone, PartialEq)]
pub enum Expect {
    /// A pattern for one segment, or for several in a row.
    Segment(SegmentPattern),
    /// `C > S stream 1MiB`: this many payload bytes in new, full-sized segments (each but the last carries the effective
    /// MSS), in order and none twice, among them any number of pure ACKs of the other end.
    Stream {
        /// Where it was written.
        span: Span,
        /// Who sends the bytes.
        from: Party,
        /// Who receives them.
        to: Party,
        /// How many payload bytes.
        bytes: u64,
    },
    /// `any order { … }`: all of these, in any order.
    AnyOrder {
        /// Where it was written.
        span: Span,
        /// The lines in the braces.
        items: Vec<Expect>,
    },
    /// `either { … } or { … }`: one of these sequences.
    Either {
        /// Where it was written.
        span: Span,
        /// The sequences.
        alternatives: Vec<Vec<Expect>>,
    },
    /// `...`: any number of any segments, as few as possible.
    Anything {
        /// Where it was written.
        span: Span,
    },
}

impl Expect {
    /// Where it was written.
    pub fn span(&self) -> &Span {
        match self {
            Expect::Segment(pattern) => &pattern.span,
            Expect::Stream { span, .. }
            | Expect::AnyOrder { span, .. }
            | Expect::Either { span, .. }
            | Expect::Anything { span } => span,
        }
    }
}

/// A segment line. What is `None` is not checked.
#[derive(Debug, Clone, PartialEq)]
pub struct SegmentPattern {
    /// The whole line, without indentation, comment and line end.
    pub span: Span,
    /// The sender.
    pub from: Party,
    /// The receiver.
    pub to: Party,
    /// How many segments in a row must match.
    pub count: Count,
    /// Exactly these flags.
    pub flags: Option<Flags>,
    /// SEG.SEQ relative to the sender's ISN.
    pub seq: Option<u32>,
    /// SEG.ACK relative to the receiver's ISN; a segment without ACK does not match.
    pub ack: Option<u32>,
    /// Payload bytes.
    pub len: Option<u32>,
    /// The payload itself.
    pub payload: Option<Payload>,
    /// The window field, not scaled.
    pub window: Option<u16>,
    /// The urgent pointer.
    pub urgent: Option<u16>,
    /// The Differentiated Services code point of the IP header, 0 to 63.
    pub dscp: Option<u8>,
    /// The ECN codepoint of the IP header.
    pub ecn: Option<Ecn>,
    /// The TTL of the IP header, or the hop limit.
    pub ttl: Option<u8>,
    /// The options.
    pub options: Option<OptionsPattern>,
    /// When it must come.
    pub timing: Option<Timing>,
}

/// How many segments in a row a line stands for: `x3`, `x2..5`, `?`; without any of them, one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// At least this many.
    pub min: u32,
    /// At most this many.
    pub max: u32,
}

impl Count {
    /// Exactly one.
    pub const ONE: Count = Count { min: 1, max: 1 };
}

/// `<mss 1460, sack_ok, ts, nop, wscale>`: the options in header order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionsPattern {
    /// What must be there, in this order.
    pub items: Vec<OptionPattern>,
    /// Whether the list ends with `...`: others may follow.
    pub open: bool,
}

/// One option; what is `None` is not checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OptionPattern {
    /// `eol`.
    End,
    /// `nop`.
    Nop,
    /// `mss` or `mss 1460`.
    Mss(Option<u16>),
    /// `wscale` or `wscale 7`.
    WindowScale(Option<u8>),
    /// `sack_ok`.
    SackPermitted,
    /// `sack` or `sack 1:13`, relative to the ISN of the segment's receiver.
    Sack(Option<Vec<(u32, u32)>>),
    /// `ts`.
    Timestamps,
    /// `tfo`.
    FastOpen,
    /// `kind 99`.
    Unknown(u8),
}

impl OptionPattern {
    /// How many bytes the option takes in the header when it holds what the pattern says and nothing else.
    #[expect(clippy::len_without_is_empty, reason = "no option is empty")]
    pub fn len(&self) -> usize {
        match self {
            OptionPattern::End | OptionPattern::Nop => 1,
            OptionPattern::Mss(_) => 4,
            OptionPattern::WindowScale(_) => 3,
            OptionPattern::SackPermitted | OptionPattern::FastOpen | OptionPattern::Unknown(_) => 2,
            OptionPattern::Sack(blocks) => 2 + 8 * blocks.as_ref().map_or(0, Vec::len),
            OptionPattern::Timestamps => 10,
        }
    }
}

/// When a segment must come, measured from `Scope`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timing {
    /// Not before.
    pub min: Duration,
    /// Not after; `None` for no limit.
    pub max: Option<Duration>,
    /// From where it is measured.
    pub since: Scope,
}

/// What a time is relative to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The start of the step's action: `within 250ms`.
    Action,
    /// The segment before this one in the capture: `after 200ms..220ms`, `after ~200ms` (a tenth more or less).
    PreviousSegment,
}
