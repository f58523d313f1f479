//! One segment line against one segment, field by field.

use std::iter::once_with;
use std::time::Duration;

use super::wire::Seen;
use crate::scenario::{OptionPattern, OptionsPattern, Payload, Scope, SegmentPattern, Timing};
use crate::tcp::{Nanos, TcpOption};

/// A field in which a segment is not as its line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The field: `direction`, `flags`, `seq`, `ack`, `len`, `payload`, `win`, `urg`, `dscp`, `ecn`,
    /// `ttl`, `options` or `time`.
    pub field: &'static str,
    /// What the scenario says.
    pub expected: String,
    /// What was captured.
    pub actual: String,
}

impl Difference {
    pub(super) fn new(field: &'static str, expected: impl ToString, actual: impl ToString) -> Difference {
        Difference {
            field,
            expected: expected.to_string(),
            actual: actual.to_string(),
        }
    }

    /// How much it sets two segments apart: a wrong flag more than a wrong number.
    pub(super) fn weight(&self) -> u32 {
        match self.field {
            "direction" => 4,
            "flags" => 3,
            "len" => 2,
            _ => 1,
        }
    }
}

/// Whether the segment is as the line says. `action` is when the line's action began.
pub(super) fn fits(pattern: &SegmentPattern, seen: &Seen<'_>, action: Option<Nanos>) -> bool {
    differences(pattern, seen, action).next().is_none()
}

/// The fields that differ, found one by one.
pub(super) fn differences<'a>(
    pattern: &'a SegmentPattern,
    seen: &'a Seen<'_>,
    action: Option<Nanos>,
) -> impl Iterator<Item = Difference> + 'a {
    let segment = seen.segment;
    once_with(move || {
        let (expected, actual) = ((pattern.from, pattern.to), (segment.from, segment.to));
        (expected != actual).then(|| Difference::new("direction", arrow(expected), arrow(actual)))
    })
    .chain(once_with(move || differs("flags", pattern.flags, segment.flags)))
    .chain(once_with(move || differs("seq", pattern.seq, seen.relative.seq)))
    .chain(once_with(move || match (pattern.ack, seen.relative.ack) {
        (Some(expected), None) => Some(Difference::new("ack", expected, "no ACK flag")),
        (expected, actual) => differs("ack", expected, actual.unwrap_or_default()),
    }))
    .chain(once_with(move || differs("len", pattern.len, segment.len)))
    .chain(once_with(move || payload(pattern.payload.as_ref()?, seen)))
    .chain(once_with(move || differs("win", pattern.window, segment.window)))
    .chain(once_with(move || differs("urg", pattern.urgent, segment.urgent)))
    .chain(once_with(move || differs("dscp", pattern.dscp, segment.ip.dscp)))
    .chain(once_with(move || differs("ecn", pattern.ecn, segment.ip.ecn)))
    .chain(once_with(move || differs("ttl", pattern.ttl, segment.ip.ttl)))
    .chain(once_with(move || options(pattern.options.as_ref()?, seen)))
    .chain(once_with(move || time(pattern.timing.as_ref()?, seen, action)))
    .flatten()
}

fn differs<T: PartialEq + ToString>(field: &'static str, expected: Option<T>, actual: T) -> Option<Difference> {
    let expected = expected?;
    (expected != actual).then(|| Difference::new(field, expected, actual))
}

pub(super) fn arrow((from, to): (crate::tcp::Party, crate::tcp::Party)) -> String {
    format!("{} > {}", from.letter(), to.letter())
}

/// Compares what was captured of the payload, and all of its length.
fn payload(expected: &Payload, seen: &Seen<'_>) -> Option<Difference> {
    let (expected, captured) = (&expected.bytes[..], &seen.segment.payload[..]);
    if expected.len() == seen.segment.len as usize && expected.starts_with(captured) {
        return None;
    }
    let at = expected
        .iter()
        .zip(captured)
        .position(|(expected, actual)| expected != actual)
        .unwrap_or(expected.len().min(captured.len()));
    Some(Difference::new(
        "payload",
        quoted(expected),
        format!("{} (differs from byte {at})", quoted(captured)),
    ))
}

/// Bytes as a scenario writes them, shortened.
pub(crate) fn quoted(bytes: &[u8]) -> String {
    const SHOWN: usize = 48;
    if bytes.len() <= SHOWN {
        format!("\"{}\"", bytes.escape_ascii())
    } else {
        format!("\"{}…\" ({} bytes)", bytes[..SHOWN].escape_ascii(), bytes.len())
    }
}

fn options(expected: &OptionsPattern, seen: &Seen<'_>) -> Option<Difference> {
    let actual = &seen.segment.options;
    let lengths_fit = if expected.open {
        actual.len() >= expected.items.len()
    } else {
        actual.len() == expected.items.len()
    };
    let fits = lengths_fit
        && expected
            .items
            .iter()
            .zip(actual)
            .all(|(expected, actual)| option_fits(expected, actual, seen));
    if fits {
        return None;
    }
    let mut items: Vec<String> = expected.items.iter().map(option_text).collect();
    if expected.open {
        items.push("...".to_owned());
    }
    let actual: Vec<String> = actual.iter().map(|option| actual_text(option, seen)).collect();
    Some(Difference::new(
        "options",
        format!("<{}>", items.join(", ")),
        format!("<{}>", actual.join(", ")),
    ))
}

fn option_fits(expected: &OptionPattern, actual: &TcpOption, seen: &Seen<'_>) -> bool {
    match (expected, actual) {
        (OptionPattern::End, TcpOption::End)
        | (OptionPattern::Nop, TcpOption::Nop)
        | (OptionPattern::SackPermitted, TcpOption::SackPermitted)
        | (OptionPattern::Timestamps, TcpOption::Timestamps { .. })
        | (OptionPattern::FastOpen, TcpOption::FastOpen(_)) => true,
        (OptionPattern::Mss(expected), TcpOption::Mss(actual)) => expected.is_none_or(|expected| expected == *actual),
        (OptionPattern::WindowScale(expected), TcpOption::WindowScale(actual)) => {
            expected.is_none_or(|expected| expected == *actual)
        }
        (OptionPattern::Sack(expected), TcpOption::Sack(_)) => expected.is_none() || *expected == seen.sack,
        (OptionPattern::Unknown(expected), TcpOption::Unknown { kind, .. }) => expected == kind,
        _ => false,
    }
}

fn option_text(option: &OptionPattern) -> String {
    match option {
        OptionPattern::End => "eol".to_owned(),
        OptionPattern::Nop => "nop".to_owned(),
        OptionPattern::Mss(size) => with_value("mss", size.as_ref()),
        OptionPattern::WindowScale(shift) => with_value("wscale", shift.as_ref()),
        OptionPattern::SackPermitted => "sack_ok".to_owned(),
        OptionPattern::Sack(blocks) => sack_text(blocks.as_deref().unwrap_or_default()),
        OptionPattern::Timestamps => "ts".to_owned(),
        OptionPattern::FastOpen => "tfo".to_owned(),
        OptionPattern::Unknown(kind) => format!("kind {kind}"),
    }
}

fn with_value(name: &str, value: Option<&impl ToString>) -> String {
    value.map_or_else(|| name.to_owned(), |value| format!("{name} {}", value.to_string()))
}

/// As the scenario would write it: timestamps without values, SACK blocks relative.
fn actual_text(option: &TcpOption, seen: &Seen<'_>) -> String {
    match option {
        TcpOption::Timestamps { .. } => "ts".to_owned(),
        TcpOption::Sack(_) => sack_text(seen.sack.as_deref().unwrap_or_default()),
        TcpOption::Unknown { kind, .. } => format!("kind {kind}"),
        other => other.to_string(),
    }
}

fn sack_text(blocks: &[(u32, u32)]) -> String {
    blocks.iter().fold("sack".to_owned(), |text, (left, right)| {
        format!("{text} {left}:{right}")
    })
}

fn time(expected: &Timing, seen: &Seen<'_>, action: Option<Nanos>) -> Option<Difference> {
    let (start, whence) = match expected.since {
        Scope::Action => (action?, "the action"),
        // The first segment of all has only its action before it.
        Scope::PreviousSegment => (seen.previous.or(action)?, "the segment before"),
    };
    let elapsed = Duration::from_nanos(seen.segment.at.saturating_sub(start));
    let fits = elapsed >= expected.min && expected.max.is_none_or(|max| elapsed <= max);
    if fits {
        return None;
    }
    let range = match expected.max {
        Some(max) if expected.min.is_zero() => format!("within {max:?}"),
        Some(max) => format!("{:?} to {max:?}", expected.min),
        None => format!("{:?} or later", expected.min),
    };
    Some(Difference::new(
        "time",
        format!("{range} after {whence}"),
        format!("{elapsed:.3?}"),
    ))
}
