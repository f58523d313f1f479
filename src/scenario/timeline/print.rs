//! The canonical spelling of what a timeline says. Parsing it again gives the same meaning.

use std::fmt::{self, Display, Formatter, Write};

use super::errno::errno_name;
use super::quantity::{duration_text, size_text};
use super::wire::ordinal;
use crate::scenario::{
    Action, Address, Aim, Count, Expect, Fault, How, IcmpError, OptionPattern, OptionsPattern, Outcome, Payload, Place,
    Scope, SegmentPattern, ShutdownHow, SocketOption, Timing, Verb, Want, Which,
};

/// Payloads of at least this many bytes are searched for a repeating pattern.
const REPEATED: usize = 128;
/// The longest pattern searched for.
const LONGEST_PATTERN: usize = 64;

impl Display for Action {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        if let Some(delay) = self.delay {
            write!(f, "+{} ", duration_text(delay))?;
        }
        match &self.verb {
            // The segment itself says in whose name it is sent.
            Verb::Peer(_) | Verb::Icmp(_) => write!(f, "{}", self.verb)?,
            Verb::Wire(fault) => write!(f, "wire {fault}")?,
            verb => write!(f, "{} {verb}", self.party)?,
        }
        if self.outcome != Outcome::Success {
            write!(f, " -> {}", self.outcome)?;
        }
        f.write_str(if self.background { " &" } else { "" })
    }
}

impl Display for Verb {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        if let Verb::Wire(fault) = self {
            return fault.fmt(f);
        }
        f.write_str(self.name())?;
        match self {
            Verb::Listen { backlog: 5 } => Ok(()),
            Verb::Listen { backlog } => write!(f, " backlog {backlog}"),
            Verb::Connect { to_self: true } => f.write_str(" self"),
            Verb::ConnectTo(address) => write!(f, " to{address}"),
            Verb::Bind(address) => write!(f, "{address}"),
            Verb::Send(payload) | Verb::Write(payload) => write!(f, " {payload}"),
            Verb::SendMore(payload) | Verb::WriteMore(payload) => write!(f, " {payload} more"),
            Verb::Read(Want::Anything) => Ok(()),
            Verb::Recv(want) | Verb::Read(want) => write!(f, " {want}"),
            Verb::Echo { bytes: Some(bytes) } => write!(f, " {}", size_text(*bytes)),
            Verb::EchoStrlen { stale } if stale.bytes.is_empty() => f.write_str(" strlen"),
            Verb::EchoStrlen { stale } => write!(f, " strlen stale {stale}"),
            Verb::Shutdown(how) => write!(f, " {how}"),
            Verb::Close { listener: true } => f.write_str(" listener"),
            Verb::Set(option, value) | Verb::Get(option, value) => write!(f, " {option} {value}"),
            Verb::State(state) => write!(f, " {state}"),
            Verb::Peer(injection) => {
                write!(f, " {}", injection.segment)?;
                field(f, "offset ", injection.offset)?;
                f.write_str(if injection.bad_checksum { " bad checksum" } else { "" })?;
                match &injection.ip_options[..] {
                    [] => Ok(()),
                    options => {
                        f.write_str(" ip-options hex ")?;
                        options.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
                    }
                }
            }
            Verb::Icmp(error) => write!(f, " {error}"),
            Verb::Connect { to_self: false }
            | Verb::Echo { bytes: None }
            | Verb::Close { listener: false }
            | Verb::Accept
            | Verb::Abort
            | Verb::Wire(_)
            | Verb::Wait => Ok(()),
        }
    }
}

/// With a blank in front, as it follows a word.
impl Display for Address {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        if let Some(ip) = self.ip {
            write!(f, " {ip}")?;
        }
        match self.port {
            Some(port) => write!(f, " port {port}"),
            None => Ok(()),
        }
    }
}

/// What stands behind `peer icmp`.
impl Display for IcmpError {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        let (from, to) = (self.from.letter(), self.to.letter());
        write!(f, "{} about {from} > {to}", self.kind)?;
        field(f, "seq ", self.seq)?;
        field(f, "mtu ", self.mtu)
    }
}

/// What stands behind `wire`.
impl Display for Fault {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Fault::Strike { how, which, aim } => {
                if let How::Delay(time) = how {
                    write!(f, " {}", duration_text(*time))?;
                }
                match which {
                    Which::Next(1) => {}
                    Which::Next(count) => write!(f, " {count} of")?,
                    Which::Nth(nth) => write!(f, " {nth}{} of", ordinal(*nth))?,
                }
                write!(f, " {aim}")?;
                let How::Corrupt { place, unnoticed } = how else {
                    return Ok(());
                };
                match place {
                    Place::Payload(0) => {}
                    Place::Payload(byte) => write!(f, " byte {byte}")?,
                    Place::Header(byte) => write!(f, " header byte {byte}")?,
                }
                f.write_str(if *unnoticed { " unnoticed" } else { "" })
            }
            Fault::Release { backwards, aim } => {
                f.write_str(if *backwards { " backwards" } else { "" })?;
                aim.as_ref().map_or(Ok(()), |aim| write!(f, " {aim}"))
            }
            Fault::Cut { from, to } | Fault::Restore { from, to } => {
                write!(f, " {} > {}", from.letter(), to.letter())
            }
        }
    }
}

impl Display for Aim {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        write!(f, "{}{}", self.pattern, if self.data { " data" } else { "" })
    }
}

impl Display for Want {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        match self {
            Want::Anything => Ok(()),
            Want::Bytes(bytes) => f.write_str(&size_text(*bytes)),
            Want::Payload(payload) => payload.fmt(f),
            Want::Eof => f.write_str("eof"),
        }
    }
}

impl Display for ShutdownHow {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        f.write_str(match self {
            ShutdownHow::Read => "read",
            ShutdownHow::Write => "write",
            ShutdownHow::Both => "both",
        })
    }
}

impl Display for SocketOption {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        let known = SocketOption::NAMES.iter().find(|(_, option)| option == self);
        f.write_str(known.map_or("", |(name, _)| name))
    }
}

/// What stands behind `->`; `success` for what is not written.
impl Display for Outcome {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        match self {
            Outcome::Success => f.write_str("success"),
            Outcome::Errno(number) => f.write_str(&errno_name(*number)),
            Outcome::Eof => f.write_str("eof"),
        }
    }
}

/// All of the payload, however long; what repeats itself is written `64KiB of "x"`.
impl Display for Payload {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        match period(&self.bytes) {
            Some(length) => {
                write!(f, "{} of ", size_text(self.bytes.len() as u64))?;
                text(&self.bytes[..length], f)
            }
            None => text(&self.bytes, f),
        }
    }
}

/// The length of the shortest pattern of which a long payload is a repetition.
fn period(bytes: &[u8]) -> Option<usize> {
    let repeats = |length: &usize| bytes[*length..] == bytes[..bytes.len() - length];
    (bytes.len() >= REPEATED)
        .then(|| (1..=LONGEST_PATTERN).find(repeats))
        .flatten()
}

/// The bytes in quotation marks. Three apostrophes in a row would end the TOML string around a timeline: the third is
/// escaped.
fn text(bytes: &[u8], f: &mut Formatter) -> fmt::Result {
    let mut apostrophes = 0;
    f.write_char('"')?;
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            apostrophes = if c == '\'' { apostrophes + 1 } else { 0 };
            match c {
                '\'' if apostrophes % 3 == 0 => escape(b"'", f)?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                '\\' | '"' => write!(f, "\\{c}")?,
                '\'' => f.write_char(c)?,
                // What would not be visible is written as bytes.
                c if c.escape_debug().len() > 1 => escape(c.encode_utf8(&mut [0; 4]).as_bytes(), f)?,
                c => f.write_char(c)?,
            }
        }
        escape(chunk.invalid(), f)?;
    }
    f.write_char('"')
}

fn escape(bytes: &[u8], f: &mut Formatter) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "\\x{byte:02x}"))
}

impl Display for Expect {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        block(self, 0, f)
    }
}

/// Writes the expectation with its first line and all others indented.
fn block(expect: &Expect, indent: usize, f: &mut Formatter) -> fmt::Result {
    let margin = " ".repeat(indent);
    let lines = |items: &[Expect], f: &mut Formatter| {
        items.iter().try_for_each(|item| {
            block(item, indent + 2, f)?;
            f.write_char('\n')
        })
    };
    f.write_str(&margin)?;
    match expect {
        Expect::Segment(pattern) => pattern.fmt(f),
        Expect::Stream { from, to, bytes, .. } => {
            write!(f, "{} > {} stream {}", from.letter(), to.letter(), size_text(*bytes))
        }
        Expect::Anything { .. } => f.write_str("..."),
        Expect::AnyOrder { items, .. } => {
            f.write_str("any order {\n")?;
            lines(items, f)?;
            write!(f, "{margin}}}")
        }
        Expect::Either { alternatives, .. } => {
            f.write_str("either {\n")?;
            for (index, items) in alternatives.iter().enumerate() {
                if index > 0 {
                    writeln!(f, "{margin}}} or {{")?;
                }
                lines(items, f)?;
            }
            write!(f, "{margin}}}")
        }
    }
}

impl Display for SegmentPattern {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        write!(f, "{} > {}", self.from.letter(), self.to.letter())?;
        field(f, "", self.flags)?;
        field(f, "seq ", self.seq)?;
        field(f, "ack ", self.ack)?;
        field(f, "len ", self.len)?;
        field(f, "", self.payload.as_ref())?;
        field(f, "win ", self.window)?;
        field(f, "urg ", self.urgent)?;
        field(f, "dscp ", self.dscp)?;
        field(f, "ecn ", self.ecn)?;
        field(f, "ttl ", self.ttl)?;
        field(f, "", self.options.as_ref())?;
        field(f, "", (self.count != Count::ONE).then_some(self.count))?;
        field(f, "", self.timing.as_ref())
    }
}

fn field(f: &mut Formatter, name: &str, value: Option<impl Display>) -> fmt::Result {
    value.map_or(Ok(()), |value| write!(f, " {name}{value}"))
}

/// `x3`, `x2..5` or `?`.
impl Display for Count {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        match (self.min, self.max) {
            (0, 1) => f.write_str("?"),
            (min, max) if min == max => write!(f, "x{min}"),
            (min, max) => write!(f, "x{min}..{max}"),
        }
    }
}

impl Display for OptionsPattern {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        let items = self.items.iter().map(OptionPattern::to_string);
        let rest = self.open.then(|| "...".to_owned());
        write!(f, "<{}>", items.chain(rest).collect::<Vec<_>>().join(", "))
    }
}

impl Display for OptionPattern {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        match self {
            OptionPattern::End => f.write_str("eol"),
            OptionPattern::Nop => f.write_str("nop"),
            OptionPattern::Mss(Some(size)) => write!(f, "mss {size}"),
            OptionPattern::Mss(None) => f.write_str("mss"),
            OptionPattern::WindowScale(Some(shift)) => write!(f, "wscale {shift}"),
            OptionPattern::WindowScale(None) => f.write_str("wscale"),
            OptionPattern::SackPermitted => f.write_str("sack_ok"),
            OptionPattern::Sack(blocks) => {
                f.write_str("sack")?;
                let blocks = blocks.iter().flatten();
                blocks
                    .into_iter()
                    .try_for_each(|(left, right)| write!(f, " {left}:{right}"))
            }
            OptionPattern::Timestamps => f.write_str("ts"),
            OptionPattern::FastOpen => f.write_str("tfo"),
            OptionPattern::Unknown(kind) => write!(f, "kind {kind}"),
        }
    }
}

/// `within 250ms`, `after 1s`, `after 180ms..220ms`.
impl Display for Timing {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        let min = duration_text(self.min);
        match (self.since, self.max) {
            (Scope::Action, Some(max)) => write!(f, "within {}", duration_text(max)),
            (Scope::Action, None) => Ok(()),
            (Scope::PreviousSegment, Some(max)) => write!(f, "after {min}..{}", duration_text(max)),
            (Scope::PreviousSegment, None) => write!(f, "after {min}"),
        }
    }
}
