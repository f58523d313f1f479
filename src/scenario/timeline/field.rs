//! Values in a segment line that are no plain numbers: counts, times, and fields of the IP header.

use std::time::Duration;

use super::quantity;
use super::token::Line;
use crate::scenario::diagnostic::{Diagnostic, did_you_mean, list, quote};
use crate::scenario::{Count, Scope, Span, Timing};
use crate::tcp::Ecn;

/// The most segments that one line can stand for.
const MAX_COUNT: u64 = 10_000;

/// A number of one byte; DSCPs are often written as `0x2e`.
pub(super) fn small(line: &mut Line, name: &str, most: u8) -> Result<u8, Diagnostic> {
    let hex = line.peek_word().and_then(|word| word.strip_prefix("0x"));
    match hex.map(|digits| u32::from_str_radix(digits, 16)) {
        Some(Ok(number)) if number <= most.into() => {
            line.advance();
            return Ok(number as u8);
        }
        Some(Ok(_)) => {
            let message = format!("expected a number of at most {most} after `{name}`");
            return Err(Diagnostic::new(line.here(), message, "too large"));
        }
        _ => {}
    }
    Ok(line.number(name, most.into())? as u8)
}

pub(super) fn ecn(line: &mut Line) -> Result<Ecn, Diagnostic> {
    let names = Ecn::ALL.map(Ecn::name);
    let found = Ecn::ALL.into_iter().find(|ecn| line.eat(ecn.name()));
    found.ok_or_else(|| {
        line.unexpected(format!("expected {} after `ecn`", list(&names)))
            .help(did_you_mean(&line.peek_str().to_lowercase(), &names))
    })
}

/// Reads `x3` or `x2..5`.
pub(super) fn count(word: &str, span: Span) -> Result<Count, Diagnostic> {
    let message = "expected a count such as `x3` or `x2..5`";
    let number = |digits: &str| {
        let whole = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        match digits.parse::<u64>() {
            Ok(number) if whole && number <= MAX_COUNT => Ok(number as u32),
            _ if whole => Err(format!("more than {MAX_COUNT} segments")),
            _ => Err(format!("{} is not a number", quote(digits))),
        }
    };
    let (min, max) = match word[1..].split_once("..") {
        Some((min, max)) => (number(min), number(max)),
        None => (number(&word[1..]), number(&word[1..])),
    };
    let problem = match (min, max) {
        (Ok(_), Ok(0)) => "that is no segment at all".to_owned(),
        (Ok(min), Ok(max)) if min > max => "an empty range".to_owned(),
        (Ok(min), Ok(max)) => return Ok(Count { min, max }),
        (Err(problem), _) | (_, Err(problem)) => problem,
    };
    let help = match problem.as_str() {
        "that is no segment at all" => Some("delete the line: what no line names must not come"),
        "an empty range" => Some("the smaller number stands first"),
        _ => None,
    };
    let diagnostic = Diagnostic::new(span, message, problem);
    Err(match help {
        Some(help) => diagnostic.help(help),
        None => diagnostic,
    })
}

/// Reads what follows `within` or `after`.
pub(super) fn timing(line: &mut Line, word: &str) -> Result<Timing, Diagnostic> {
    if word == "within" {
        let max = line.duration("within")?;
        return Ok(Timing {
            min: Duration::ZERO,
            max: Some(max),
            since: Scope::Action,
        });
    }
    let (min, max) = match line.peek_word() {
        Some(range) if range.contains("..") => {
            let span = line.here();
            line.advance();
            let (min, max) = range.split_once("..").unwrap_or((range, ""));
            let split = span.start + min.len();
            let (min, max) = (
                quantity::duration(min, span.start..split)?,
                quantity::duration(max, split + 2..span.end)?,
            );
            if min > max {
                return Err(
                    Diagnostic::new(span, "expected a range from shorter to longer", "an empty range")
                        .help("the shorter duration stands first"),
                );
            }
            (min, Some(max))
        }
        Some(about) if about.starts_with('~') => {
            let span = line.here();
            line.advance();
            let about = quantity::duration(&about[1..], span.start + 1..span.end)?;
            (about - about / 10, Some(about + about / 10))
        }
        _ => (line.duration("after")?, None),
    };
    Ok(Timing {
        min,
        max,
        since: Scope::PreviousSegment,
    })
}
