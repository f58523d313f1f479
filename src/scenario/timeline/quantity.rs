//! Numbers, sizes and durations, and their canonical spelling.

use std::time::Duration;

use super::token::Line;
use crate::scenario::Span;
use crate::scenario::diagnostic::{Diagnostic, did_you_mean, list, quote};

/// The longest duration that a scenario may name.
const LONGEST: Duration = Duration::from_secs(3600);

const DURATION_UNITS: [(&str, u64); 5] = [
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("min", 60_000_000_000),
];
const SIZE_UNITS: [(&str, u64); 3] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

impl Line<'_> {
    /// A number from 0 to `max`, which `what` needs behind it.
    pub(super) fn number(&mut self, what: &str, max: u64) -> Result<u64, Diagnostic> {
        let message = format!("expected a number after `{what}`");
        match self.peek_word() {
            Some(word) if starts_numeric(word) => {}
            _ => return Err(self.unexpected(message)),
        }
        let (word, span) = self.word().unwrap_or_default();
        if !word.bytes().all(|b| b.is_ascii_digit()) {
            let label = format!("{} is not a whole decimal number", quote(word));
            return Err(Diagnostic::new(span, message, label));
        }
        bounded(word, span, what, max)
    }

    /// A count of bytes, `12` or `64KiB`, from 0 to `max`.
    pub(super) fn size(&mut self, what: &str, max: u64) -> Result<u64, Diagnostic> {
        let message = format!("expected a number of bytes after `{what}`");
        match self.peek_word() {
            Some(word) if starts_numeric(word) => {}
            _ => {
                return Err(self.unexpected(message).help("such as `12`, `64KiB` or `1MiB`"));
            }
        }
        let (word, span) = self.word().unwrap_or_default();
        let (digits, unit) = split_unit(word);
        let factor = match SIZE_UNITS.iter().find(|(name, _)| *name == unit) {
            Some((_, factor)) => *factor,
            None if unit.is_empty() => 1,
            None => {
                let units = SIZE_UNITS.map(|(name, _)| name);
                let help = match unit {
                    "B" | "b" | "bytes" | "byte" => format!("bytes have no unit: write `{digits}`"),
                    _ => did_you_mean(unit, &units),
                };
                let label = format!("unknown unit {}", quote(unit));
                return Err(Diagnostic::new(span, "expected a number of bytes", label).help(help));
            }
        };
        let number = bounded(digits, span.clone(), what, max)?;
        if matches!(self.peek_word(), Some("bytes" | "byte" | "KiB" | "MiB" | "GiB")) {
            let unit = self.peek_str();
            let spelling = if unit.starts_with("byte") {
                word.to_owned()
            } else {
                format!("{word}{unit}")
            };
            return Err(self
                .unexpected("expected a number of bytes as one word")
                .help(format!("write `{spelling}`")));
        }
        match number.checked_mul(factor).filter(|bytes| *bytes <= max) {
            Some(bytes) => Ok(bytes),
            None => Err(too_large(span, what, max)),
        }
    }

    /// A duration, which `what` needs behind it.
    pub(super) fn duration(&mut self, what: &str) -> Result<Duration, Diagnostic> {
        match self.word() {
            Some((word, span)) => duration(word, span),
            None => Err(self
                .unexpected(format!("expected a duration after `{what}`"))
                .help("such as `250ms` or `1s`")),
        }
    }
}

/// Reads `250ms`: a whole number and a unit.
pub(in crate::scenario) fn duration(word: &str, span: Span) -> Result<Duration, Diagnostic> {
    let units = DURATION_UNITS.map(|(name, _)| name);
    let expected = "expected a duration: a whole number and a unit";
    let (digits, unit) = split_unit(word);
    if digits.is_empty() {
        let label = format!("{} does not begin with a number", quote(word));
        return Err(Diagnostic::new(span, expected, label).help("such as `250ms` or `1s`"));
    }
    let Some((_, nanos)) = DURATION_UNITS.iter().find(|(name, _)| *name == unit) else {
        let (label, help) = if unit.is_empty() {
            ("no unit".to_owned(), format!("write `{digits}ms` or `{digits}s`"))
        } else if unit.starts_with('.') {
            (
                "not a whole number".to_owned(),
                "take a smaller unit: `1500ms` for 1.5 s".to_owned(),
            )
        } else {
            let help = match unit {
                "m" | "minutes" | "minute" => {
                    "did you mean `min`? The units are `ns`, `us`, `ms`, `s`, `min`".to_owned()
                }
                "sec" | "secs" | "seconds" | "second" => "did you mean `s`?".to_owned(),
                "µs" | "μs" => "did you mean `us`?".to_owned(),
                _ if unit.len() < 3 => format!("known here: {}", list(&units)),
                _ => did_you_mean(unit, &units),
            };
            (format!("unknown unit {}", quote(unit)), help)
        };
        return Err(Diagnostic::new(span, expected, label).help(help));
    };
    let duration = digits
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(*nanos))
        .map(Duration::from_nanos);
    match duration {
        Some(duration) if duration <= LONGEST => Ok(duration),
        _ => Err(Diagnostic::new(
            span,
            "expected a duration of at most `60min`",
            "longer than that",
        )),
    }
}

/// Whether the word is meant as a number, whatever follows its first digit.
pub(super) fn starts_numeric(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit())
}

fn split_unit(word: &str) -> (&str, &str) {
    word.split_at(word.find(|c: char| !c.is_ascii_digit()).unwrap_or(word.len()))
}

fn bounded(digits: &str, span: Span, what: &str, max: u64) -> Result<u64, Diagnostic> {
    match digits.parse::<u64>() {
        Ok(number) if number <= max => Ok(number),
        _ => Err(too_large(span, what, max)),
    }
}

fn too_large(span: Span, what: &str, max: u64) -> Diagnostic {
    let message = format!("expected a number of at most {} after `{what}`", size_text(max));
    Diagnostic::new(span, message, "too large")
}

/// The size as a scenario spells it: `64KiB`, `1000`.
pub(in crate::scenario) fn size_text(bytes: u64) -> String {
    match SIZE_UNITS
        .iter()
        .rev()
        .find(|(_, factor)| bytes > 0 && bytes.is_multiple_of(*factor))
    {
        Some((unit, factor)) => format!("{}{unit}", bytes / factor),
        None => bytes.to_string(),
    }
}

/// The duration as a scenario spells it: in the largest unit that keeps it whole.
pub(in crate::scenario) fn duration_text(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    DURATION_UNITS
        .iter()
        .rev()
        .find(|(_, factor)| nanos.is_multiple_of(u128::from(*factor)) && nanos >= u128::from(*factor))
        .map_or("0s".to_owned(), |(unit, factor)| {
            format!("{}{unit}", nanos / u128::from(*factor))
        })
}
