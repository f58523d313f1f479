//! The transcript: a run as normalised lines.

use crate::run::Recording;
use crate::scenario::Scenario;
use crate::tcp::{Party, State};

/// A run, normalised: relative numbers, parties instead of addresses, no clock times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transcript {
    /// What happened, in order.
    pub lines: Vec<Line>,
}

/// One line of a transcript.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// A phase begins.
    Phase(String),
    /// An action was performed.
    Action {
        /// The step's number, from 0.
        step: usize,
        /// The action as the scenario writes it, without its outcome.
        text: String,
        /// What came of it, where that says more than success: `-> ECONNREFUSED`, `-> "Hello World!"`.
        result: Option<String>,
    },
    /// A segment was captured.
    Segment(SegmentLine),
    /// Many segments of a `stream` expectation, told in one line.
    Stream {
        /// The number of the first segment, from 1.
        first: usize,
        /// The number of the last segment.
        last: usize,
        /// Who sends the bytes.
        from: Party,
        /// Who receives them.
        to: Party,
        /// The summary: bytes, segments, sizes.
        text: String,
        /// The client's state after the last of them.
        client: State,
        /// The server's state after the last of them.
        server: State,
    },
    /// How the run ended, when it was not played to its end.
    Ending(String),
}

/// One segment, its fields ready to print.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentLine {
    /// The segment's number in the capture, from 1.
    pub number: usize,
    /// The sender.
    pub from: Party,
    /// The receiver.
    pub to: Party,
    /// `PSH ACK`.
    pub flags: String,
    /// Relative SEG.SEQ.
    pub seq: u32,
    /// Relative SEG.ACK, with the ACK bit.
    pub ack: Option<u32>,
    /// Payload bytes.
    pub len: u32,
    /// `<mss 1460, sack_ok, ts, nop, wscale>`, host-dependent values left out; empty without options.
    pub options: String,
    /// `"Hello World!"`, or the beginning of a longer payload with its length and digest; empty without payload.
    pub payload: String,
    /// The client's state after this segment.
    pub client: State,
    /// The server's state after this segment.
    pub server: State,
}

impl Transcript {
    /// The transcript of a run.
    pub fn of(_scenario: &Scenario, _recording: &Recording) -> Transcript {
        Transcript { lines: Vec::new() }
    }
}
