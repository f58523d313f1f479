//! The transcript: a run as normalised lines, and their text, which is what a snapshot holds.
//!
//! This is the one place of normalisation: terminal, ladder, JSON and snapshot show these fields.
//!
//! # The text
//!
//! ```text
//!                                                      client        server
//!
//! == handshake ==
//! server listen
//!                                                                    LISTEN
//! client connect
//!   C > S  SYN          seq 0     ack -     len 0      SYN-SENT      SYN-RECEIVED  <mss 1460, sack_ok, ts, nop, wscale>
//!   S > C  SYN ACK      seq 0     ack 1     len 0      ESTABLISHED                 <mss 1460, sack_ok, ts, nop, wscale>
//!   C > S  ACK          seq 1     ack 1     len 0                    ESTABLISHED   <nop, nop, ts>
//! ```
//!
//! The columns have fixed places, so that one changed value changes one line. A state is written where it changes: it is
//! the state of that end after the line. Any change of a flag, a number, a payload byte, an option, an action's result or
//! a state changes the text. Segment numbers are not in it: one more segment would change all lines after it. The
//! alternate form (`{:#}`) has them, for people who talk about a run.
//!
//! # What is left out, because it differs between hosts or runs of the same TCP
//!
//! Addresses and ports; times; initial sequence numbers; windows, window scales (they follow from `rmem_max`); timestamp
//! values; fast open cookies; and how many pure ACKs a stream drew. The price: a change of the receive window does not
//! show, nor does a timer's; scenarios that are about them say `win` and `after` in the timeline.

use std::fmt;

use super::narrate::narrate;
use crate::run::{Fate, Recording};
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
    /// An action was begun.
    ///
    /// Its result stands here even if it came later: the end of an action and the capture of a segment are learned of in
    /// no certain order.
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
        /// The line's number among the transcript's segment and stream lines, from 1.
        number: usize,
        /// The number in the capture, from 1, of the first segment.
        first: usize,
        /// The number in the capture of the last segment. Others may stand between, with lines of their own.
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
    /// An application's call or a timeout changed a state without a segment.
    States {
        /// The client's state now.
        client: State,
        /// The server's state now.
        server: State,
    },
    /// How the run ended, when it was not played to its end.
    Ending(String),
}

/// One segment, its fields ready to print.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentLine {
    /// The line's number among the transcript's segment and stream lines, from 1. Without a stream before it, this is
    /// the segment's number in the capture.
    pub number: usize,
    /// The segment's index in [`Recording::segments`], from 0.
    pub index: usize,
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
    /// What is out of the ordinary: `urgent 5`, `checksum wrong`, `dropped`; mostly empty.
    pub notes: String,
    /// What the wire did with it, if anything.
    pub fate: Option<Fate>,
    /// The client's state after this segment.
    pub client: State,
    /// The server's state after this segment.
    pub server: State,
}

impl Transcript {
    /// The transcript of a run.
    ///
    /// A recording that belongs to another version of the scenario has a transcript, too: a step that the scenario does
    /// not have is named by its number.
    pub fn of(scenario: &Scenario, recording: &Recording) -> Transcript {
        Transcript {
            lines: narrate(scenario, recording),
        }
    }
}

impl Line {
    /// The states after this line, if it tells them.
    pub fn states(&self) -> Option<(State, State)> {
        match self {
            Line::Segment(SegmentLine { client, server, .. })
            | Line::Stream { client, server, .. }
            | Line::States { client, server } => Some((*client, *server)),
            Line::Phase(_) | Line::Action { .. } | Line::Ending(_) => None,
        }
    }
}

/// The snapshot's text, each line with a line feed; with `{:#}` segments and streams are numbered.
impl fmt::Display for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut known = (State::Closed, State::Closed);
        Row::heading().write(f)?;
        for line in &self.lines {
            let states = line.states().unwrap_or(known);
            let changes = Changes {
                client: (states.0 != known.0).then_some(states.0),
                server: (states.1 != known.1).then_some(states.1),
            };
            known = states;
            match line {
                Line::Phase(title) => writeln!(f, "\n== {title} ==")?,
                Line::Action { text, result: None, .. } => writeln!(f, "{text}")?,
                Line::Action {
                    text,
                    result: Some(result),
                    ..
                } => writeln!(f, "{text} {result}")?,
                Line::Segment(segment) => Row::of_segment(segment, changes).write(f)?,
                Line::Stream {
                    number, from, to, text, ..
                } => Row::of_stream(*number, *from, *to, text, changes).write(f)?,
                Line::States { .. } => Row::of_states(changes).write(f)?,
                Line::Ending(text) => writeln!(f, "\n{text}")?,
            }
        }
        Ok(())
    }
}

/// The states that a line changes.
struct Changes {
    client: Option<State>,
    server: Option<State>,
}

/// The columns of a line. Their widths are fixed: a value too wide for its column shifts its own line only.
#[derive(Default)]
struct Row {
    number: String,
    direction: String,
    flags: String,
    seq: String,
    ack: String,
    len: String,
    client: String,
    server: String,
    rest: String,
}

impl Row {
    fn heading() -> Row {
        Row {
            client: "client".to_owned(),
            server: "server".to_owned(),
            ..Row::default()
        }
    }

    fn of_segment(segment: &SegmentLine, changes: Changes) -> Row {
        let rest = [&segment.payload, &segment.notes, &segment.options];
        Row {
            number: segment.number.to_string(),
            direction: direction(segment.from, segment.to),
            flags: segment.flags.clone(),
            seq: format!("seq {}", segment.seq),
            ack: segment
                .ack
                .map_or_else(|| "ack -".to_owned(), |ack| format!("ack {ack}")),
            len: format!("len {}", segment.len),
            rest: rest
                .into_iter()
                .filter(|part| !part.is_empty())
                .cloned()
                .collect::<Vec<_>>()
                .join("  "),
            ..Row::of_states(changes)
        }
    }

    fn of_stream(number: usize, from: Party, to: Party, text: &str, changes: Changes) -> Row {
        Row {
            number: number.to_string(),
            direction: direction(from, to),
            flags: "stream".to_owned(),
            rest: text.to_owned(),
            ..Row::of_states(changes)
        }
    }

    fn of_states(changes: Changes) -> Row {
        let name = |state: Option<State>| state.map_or_else(String::new, |state| state.name().to_owned());
        Row {
            client: name(changes.client),
            server: name(changes.server),
            ..Row::default()
        }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = if f.alternate() {
            format!("{:>4}", self.number)
        } else {
            String::new()
        };
        let line = format!(
            "{number}  {:<5}  {:<11}  {:<9} {:<9} {:<9}  {:<12}  {:<12}  {}",
            self.direction, self.flags, self.seq, self.ack, self.len, self.client, self.server, self.rest
        );
        writeln!(f, "{}", line.trim_end())
    }
}

/// `C > S`.
fn direction(from: Party, to: Party) -> String {
    format!("{} > {}", from.letter(), to.letter())
}

/// The direction of a line of a transcript's text, if it is that of a segment or a stream.
pub(super) fn direction_of(line: &str) -> Option<&str> {
    let direction = line.strip_prefix("  ")?.get(..5)?;
    let is_party = |letter: char| Party::ALL.iter().any(|party| party.letter() == letter);
    (direction.starts_with(is_party) && direction[1..].starts_with(" > ") && direction.ends_with(is_party))
        .then_some(direction)
}
