//! Lines of the wire: `wire drop 2 of S > C data`.

use super::payload::Payloads;
use super::quantity;
use super::segment::{self, parties};
use super::token::Line;
use crate::scenario::diagnostic::{Diagnostic, did_you_mean, list, quote};
use crate::scenario::{Aim, Fault, How, Place, Which};

const FAULTS: [&str; 9] = [
    "drop",
    "hold",
    "release",
    "delay",
    "duplicate",
    "corrupt",
    "mark",
    "cut",
    "restore",
];
/// The most segments that a fault can count.
const MAX_COUNT: u64 = 10_000;
/// The most bytes of a TCP header (RFC 9293, section 3.1).
const MAX_HEADER: u64 = 60;
const AIM_HELP: &str = "such as `C > S SYN`, `S > C data`, `2 of C > S ACK` or `3rd of S > C data`";

/// Reads what follows `wire`.
pub(super) fn parse(line: &mut Line, payloads: &mut Payloads) -> Result<Fault, Diagnostic> {
    let expected = "expected what happens on the wire";
    let Some((name, span)) = line.word() else {
        return Err(line.unexpected(expected).help(list(&FAULTS)));
    };
    let how = match name {
        "drop" => How::Drop,
        "hold" => How::Hold,
        "delay" => How::Delay(line.duration("delay")?),
        "duplicate" => How::Duplicate,
        "corrupt" => How::Corrupt {
            place: Place::Payload(0),
            unnoticed: false,
        },
        "mark" => How::Mark,
        "release" => {
            let backwards = line.eat("backwards");
            let aim = match line.is_done() {
                true => None,
                false => Some(aim(line, payloads, name)?),
            };
            return Ok(Fault::Release { backwards, aim });
        }
        "cut" | "restore" => {
            let (from, to) = parties(line)?;
            if !line.is_done() {
                return Err(line
                    .unexpected(format!(
                        "expected the end of the line after `{name} {} > {}`",
                        from.letter(),
                        to.letter()
                    ))
                    .help(format!(
                        "`{name}` is about everything in a direction; to lose a segment write `wire drop`"
                    )));
            }
            return Ok(match name {
                "cut" => Fault::Cut { from, to },
                _ => Fault::Restore { from, to },
            });
        }
        _ => {
            return Err(
                Diagnostic::new(span, expected, format!("unknown: {}", quote(name))).help(did_you_mean(name, &FAULTS))
            );
        }
    };
    let which = which(line)?;
    let aim = aim(line, payloads, name)?;
    let how = match how {
        How::Corrupt { .. } => damage(line)?,
        how => how,
    };
    Ok(Fault::Strike { how, which, aim })
}

/// `[byte N | header byte N] [unnoticed]`.
fn damage(line: &mut Line) -> Result<How, Diagnostic> {
    let start = line.here();
    let header = line.eat("header");
    if header && line.peek_str() != "byte" {
        return Err(line
            .unexpected("expected `byte` after `header`")
            .help("bytes of the TCP header are counted from 0: `header byte 13` holds the flags"));
    }
    let place = match (line.eat("byte"), header) {
        (true, true) => Place::Header(line.number("byte", MAX_HEADER - 1)? as u32),
        (true, false) => Place::Payload(line.number("byte", u16::MAX.into())? as u32),
        (false, _) => Place::Payload(0),
    };
    let span = start.start..line.previous_end();
    let unnoticed = line.eat("unnoticed");
    let help = match place {
        Place::Header(0..4) => "with other ports it belongs to another connection",
        Place::Header(16..18) => "that is the checksum itself",
        _ => return Ok(How::Corrupt { place, unnoticed }),
    };
    if !unnoticed {
        return Ok(How::Corrupt { place, unnoticed });
    }
    let message = "expected a byte from 4 on, and not 16 or 17, for a change that goes unnoticed";
    Err(Diagnostic::new(span, message, help).help("leave `unnoticed` out: the receiver then drops the segment"))
}

/// `2 of`, `3rd of`, or nothing.
fn which(line: &mut Line) -> Result<Which, Diagnostic> {
    let Some(word) = line.peek_word().filter(|word| quantity::starts_numeric(word)) else {
        return Ok(Which::Next(1));
    };
    let span = line.here();
    let digits = word.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let suffix = &word[digits.len()..];
    let number = match digits.parse::<u64>() {
        Ok(number @ 1..=MAX_COUNT) => number as u32,
        _ => {
            let message = format!("expected a number from 1 to {MAX_COUNT} before `of`");
            return Err(Diagnostic::new(
                span,
                message,
                format!("not such a number: {}", quote(word)),
            ));
        }
    };
    let which = match suffix {
        "" => Which::Next(number),
        _ if suffix == ordinal(number) => Which::Nth(number),
        _ => {
            let message = "expected a count such as `2 of` or `3rd of`";
            let label = format!("unknown: {}", quote(word));
            return Err(
                Diagnostic::new(span, message, label).help(format!("did you mean `{number}{} of`?", ordinal(number)))
            );
        }
    };
    line.advance();
    if !line.eat("of") {
        return Err(line
            .unexpected(format!("expected `of` after `{word}`"))
            .help("`2 of S > C data`: the next two; `2nd of S > C data`: only the second"));
    }
    Ok(which)
}

/// `st`, `nd`, `rd` or `th`.
pub(super) fn ordinal(number: u32) -> &'static str {
    match (number % 10, number % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    }
}

fn aim(line: &mut Line, payloads: &mut Payloads, name: &str) -> Result<Aim, Diagnostic> {
    if !segment::begins(line) {
        return Err(line
            .unexpected(format!("expected a segment after `{name}`"))
            .help(AIM_HELP));
    }
    segment::aim(line, payloads)
}
