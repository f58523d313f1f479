//! Segment lines: `C > S PSH ACK seq 1 len 12 "Hello World!" x2 within 1s`, and `C > S stream 1MiB`.

use super::action::MAX_BYTES;
use super::field::{count, ecn, small, timing};
use super::options;
use super::payload::{self, Payloads};
use super::quantity;
use super::token::{Kind, Line, Token};
use crate::scenario::diagnostic::{Diagnostic, did_you_mean, list, nearest, quote};
use crate::scenario::{Aim, Count, Expect, SegmentPattern, Span};
use crate::tcp::{Flags, IpFields, Party};

/// The most payload bytes that one segment can carry: what is left of the largest IP packet behind the smallest headers.
const MAX_LEN: u64 = 65_535 - 20;

/// How many mistakes of one line are told; who has more has written something else.
const MAX_MISTAKES: usize = 10;

/// What a line can begin with.
const BEGINNINGS: [&str; 9] = [
    "client",
    "server",
    "peer",
    "wire",
    "C",
    "S",
    "any order {",
    "either {",
    "table",
];
const FIELDS: [&str; 12] = [
    "seq", "ack", "len", "win", "urg", "dscp", "ttl", "ecn", "within", "after", "hex", "file",
];

/// Whether the line is meant as a segment line: it begins with two parties, or with something and `>`.
pub(super) fn begins(line: &Line) -> bool {
    matches!(line.peek_str(), "C" | "S") || line.nth_str(1) == ">"
}

/// Reads the parts of one segment that the lab is to make: the same as in a segment line, up to `offset`, `ip-options`, `bad` or the end.
pub(super) fn one(line: &mut Line, payloads: &mut Payloads) -> Result<SegmentPattern, Diagnostic> {
    let start = line.here().start;
    let parties = parties(line)?;
    let mut reader = Items::new(start..start, parties);
    let ends = |line: &Line| {
        let is_ending = line
            .peek()
            .is_none_or(|token| matches!(token.kind, Kind::Arrow | Kind::Symbol('&')));
        is_ending || matches!(line.peek_word(), Some("bad" | "offset" | "ip-options"))
    };
    while !ends(line) {
        reader.item(line, payloads)?;
    }
    if let Some(diagnostic) = reader.contradictions() {
        return Err(diagnostic);
    }
    reader.pattern.span = line.since(start);
    Ok(reader.pattern)
}

/// Reads one segment line; `None` if there was a mistake.
pub(super) fn parse(line: &mut Line, payloads: &mut Payloads, diagnostics: &mut Vec<Diagnostic>) -> Option<Expect> {
    let before = diagnostics.len();
    let span = line.span()?;
    let parties = parties(line).map_err(|diagnostic| diagnostics.push(diagnostic)).ok()?;
    if line.eat("stream") {
        let stream = stream(line, span, parties);
        return stream.map_err(|diagnostic| diagnostics.push(diagnostic)).ok();
    }
    let mut reader = Items::new(span, parties);
    while !line.is_done() && diagnostics.len() < before + MAX_MISTAKES {
        if let Err(diagnostic) = reader.item(line, payloads) {
            diagnostics.push(diagnostic);
            // What follows a mistake is read again from the next thing that is known.
            line.skip_until(begins_item);
        }
    }
    if diagnostics.len() == before {
        diagnostics.extend(reader.contradictions());
    }
    (diagnostics.len() == before).then_some(Expect::Segment(reader.pattern))
}

/// Reads the segments that a line of the wire is about: a segment line without count and time, and `data`. It ends at
/// `byte`, `header`, `unnoticed`, `->` and `&`, which belong to the wire's line.
pub(super) fn aim(line: &mut Line, payloads: &mut Payloads) -> Result<Aim, Diagnostic> {
    let start = line.here().start;
    let mut reader = Items::new(start..start, parties(line)?);
    let mut data = false;
    while !line.is_done()
        && !["byte", "header", "unnoticed"].contains(&line.peek_str())
        && !line
            .peek()
            .is_some_and(|token| matches!(token.kind, Kind::Arrow | Kind::Symbol('&')))
    {
        let here = line.here();
        if line.eat("data") {
            if data {
                return Err(twice(here, "data"));
            }
            data = true;
            continue;
        }
        reader.item(line, payloads)?;
        if reader.counted || reader.pattern.timing.is_some() {
            let span = here.start..line.previous_end();
            return Err(Diagnostic::new(
                span,
                "expected no count and no time in a line of the wire",
                "means nothing here",
            )
            .help("how many segments is said before them: `wire drop 2 of S > C data`"));
        }
    }
    match reader.contradictions() {
        Some(diagnostic) => Err(diagnostic),
        None => {
            reader.pattern.span = line.since(start);
            Ok(Aim {
                pattern: reader.pattern,
                data,
            })
        }
    }
}

pub(super) fn parties(line: &mut Line) -> Result<(Party, Party), Diagnostic> {
    let from = party(line)?;
    if !line.eat_symbol('>') {
        let help = match line.peek_str() {
            "->" | "=>" | "→" | "-" | "=" => "`->` leads to an outcome; the way of a segment is `C > S`",
            "<" => "the sender stands on the left: `S > C`",
            _ => "the way of a segment is `C > S` or `S > C`",
        };
        return Err(line.unexpected("expected `>` between sender and receiver").help(help));
    }
    Ok((from, party(line)?))
}

fn party(line: &mut Line) -> Result<Party, Diagnostic> {
    if let Some(party) = Party::ALL
        .into_iter()
        .find(|party| line.peek_str() == party.letter().to_string())
    {
        line.advance();
        return Ok(party);
    }
    let help = match line.peek_str().to_lowercase().as_str() {
        "c" | "client" => "write `C` for the client",
        "s" | "server" => "write `S` for the server",
        _ => "the way of a segment is `C > S` or `S > C`",
    };
    Err(line.unexpected("expected `C` or `S`").help(help))
}

fn stream(line: &mut Line, span: Span, (from, to): (Party, Party)) -> Result<Expect, Diagnostic> {
    let at = line.here();
    let bytes = line.size("stream", MAX_BYTES)?;
    if bytes == 0 {
        return Err(Diagnostic::new(
            at,
            "expected at least one byte after `stream`",
            "no bytes need no segments",
        ));
    }
    if !line.is_done() {
        return Err(line
            .unexpected("expected the end of the line after `stream`")
            .help("`stream` stands for many segments: only their number of bytes can be said"));
    }
    Ok(Expect::Stream { span, from, to, bytes })
}

fn begins_item(token: &Token, text: &str) -> bool {
    match &token.kind {
        Kind::Text(_) | Kind::Symbol('<' | '?') => true,
        Kind::Word => FIELDS.contains(&text) || Flags::by_name(text).is_some() || is_count(text),
        _ => false,
    }
}

fn is_count(word: &str) -> bool {
    word.strip_prefix('x').is_some_and(quantity::starts_numeric)
}

/// A segment line, read item by item.
struct Items {
    pattern: SegmentPattern,
    counted: bool,
    ack_span: Option<Span>,
    len_span: Option<Span>,
}

impl Items {
    fn new(span: Span, (from, to): (Party, Party)) -> Items {
        Items {
            pattern: SegmentPattern {
                span,
                from,
                to,
                count: Count::ONE,
                flags: None,
                seq: None,
                ack: None,
                len: None,
                payload: None,
                window: None,
                urgent: None,
                dscp: None,
                ecn: None,
                ttl: None,
                options: None,
                timing: None,
            },
            counted: false,
            ack_span: None,
            len_span: None,
        }
    }

    fn item(&mut self, line: &mut Line, payloads: &mut Payloads) -> Result<(), Diagnostic> {
        let start = line.here();
        let pattern = &mut self.pattern;
        if payload::begins(line) {
            let payload = payloads.parse(line, "the segment")?;
            let span = start.start..line.previous_end();
            if payload.bytes.len() as u64 > MAX_LEN {
                return Err(too_long(span));
            }
            self.len_span.get_or_insert(span.clone());
            return set(&mut pattern.payload, payload, span, "a payload");
        }
        if line.eat_symbol('?') {
            return self.count(Count { min: 0, max: 1 }, start);
        }
        if line.eat_symbol('<') {
            let options = options::parse(line, start.clone())?;
            return set(
                &mut pattern.options,
                options,
                start.start..line.previous_end(),
                "an option list",
            );
        }
        let Some((word, span)) = line.word() else {
            let help = match line.peek_str() {
                "," => "parts of a line are separated by blanks",
                "->" => "an outcome belongs to an action line",
                "{" | "}" => "braces stand in lines of their own: `any order {`, `}`",
                _ => "a line holds flags, fields, a payload, options, a count and a time",
            };
            let diagnostic = line.unexpected("expected a flag or a field").help(help);
            line.advance();
            return Err(diagnostic);
        };
        match word {
            "seq" => set(
                &mut pattern.seq,
                line.number("seq", u32::MAX.into())? as u32,
                span,
                "seq",
            ),
            "ack" => {
                if !line.peek_word().is_some_and(quantity::starts_numeric) {
                    return Err(line
                        .unexpected("expected a number after `ack`")
                        .help("the flag is written `ACK`"));
                }
                let number = line.number("ack", u32::MAX.into())? as u32;
                self.ack_span = Some(span.start..line.previous_end());
                set(&mut pattern.ack, number, span, "ack")
            }
            "len" => {
                let number = line.number("len", u32::MAX.into())?;
                let whole = span.start..line.previous_end();
                if number > MAX_LEN {
                    return Err(too_long(whole));
                }
                self.len_span = Some(whole);
                set(&mut pattern.len, number as u32, span, "len")
            }
            "win" => set(
                &mut pattern.window,
                line.number("win", u16::MAX.into())? as u16,
                span,
                "win",
            ),
            "urg" => {
                if !line.peek_word().is_some_and(quantity::starts_numeric) {
                    return Err(line
                        .unexpected("expected a number after `urg`")
                        .help("the flag is written `URG`"));
                }
                set(
                    &mut pattern.urgent,
                    line.number("urg", u16::MAX.into())? as u16,
                    span,
                    "urg",
                )
            }
            "dscp" => {
                let number = small(line, "dscp", IpFields::MAX_DSCP)?;
                set(&mut pattern.dscp, number, span, "dscp")
            }
            "ttl" => set(&mut pattern.ttl, small(line, "ttl", u8::MAX)?, span, "ttl"),
            "ecn" => set(&mut pattern.ecn, ecn(line)?, span, "ecn"),
            "within" | "after" => {
                let timing = timing(line, word)?;
                set(&mut pattern.timing, timing, span, "a time")
            }
            "none" => match pattern.flags {
                Some(_) => Err(Diagnostic::new(
                    span,
                    "expected `none` only without any flag",
                    "there are flags already",
                )),
                None => set(&mut pattern.flags, Flags::empty(), span, "flags"),
            },
            _ if is_count(word) => self.count(count(word, span.clone())?, span),
            _ => match Flags::by_name(word) {
                Some(flag) => self.flag(flag, word, span),
                None => Err(unknown(word, span)),
            },
        }
    }

    fn flag(&mut self, flag: Flags, word: &str, span: Span) -> Result<(), Diagnostic> {
        let flags = self.pattern.flags;
        if flags == Some(Flags::empty()) {
            return Err(Diagnostic::new(span, "expected no flag after `none`", "a flag"));
        }
        let flags = flags.unwrap_or_default();
        if flags.contains(flag) {
            return Err(twice(span, word));
        }
        self.pattern.flags = Some(flags | flag);
        Ok(())
    }

    fn count(&mut self, count: Count, span: Span) -> Result<(), Diagnostic> {
        if self.counted {
            return Err(twice(span, "a count"));
        }
        self.counted = true;
        self.pattern.count = count;
        Ok(())
    }

    /// What the parts of a line say against each other.
    fn contradictions(&self) -> Option<Diagnostic> {
        let pattern = &self.pattern;
        if let (Some(flags), Some(_), Some(span)) = (pattern.flags, pattern.ack, &self.ack_span)
            && !flags.contains(Flags::ACK)
        {
            let message = "expected the flag `ACK` in a line with `ack`";
            return Some(
                Diagnostic::new(span.clone(), message, "means nothing without the flag")
                    .help("add `ACK` to the flags, or delete the field"),
            );
        }
        if let (Some(len), Some(payload), Some(span)) = (pattern.len, &pattern.payload, &self.len_span)
            && payload.bytes.len() != len as usize
        {
            let bytes = payload.bytes.len();
            let message = "expected `len` and the payload to agree";
            return Some(
                Diagnostic::new(span.clone(), message, format!("the payload has {bytes} bytes"))
                    .help(format!("write `len {bytes}`, or leave `len` out")),
            );
        }
        None
    }
}

fn set<T>(field: &mut Option<T>, value: T, span: Span, name: &str) -> Result<(), Diagnostic> {
    if field.is_some() {
        return Err(twice(span, name));
    }
    *field = Some(value);
    Ok(())
}

fn twice(span: Span, name: &str) -> Diagnostic {
    let name = if name.contains(' ') {
        name.to_owned()
    } else {
        format!("`{name}`")
    };
    Diagnostic::new(span, format!("expected {name} once in a line"), "the second one").help("delete one of them")
}

fn too_long(span: Span) -> Diagnostic {
    let message = format!("expected a segment of at most {MAX_LEN} bytes");
    Diagnostic::new(span, message, "no segment is that long")
        .help("for many bytes in many segments write `C > S stream 1MiB`")
}

fn unknown(word: &str, span: Span) -> Diagnostic {
    let flags = Flags::NAMES.map(|(name, _)| name);
    let message = "expected a flag or a field";
    let upper = word.to_uppercase();
    let parts: Vec<&str> = upper.split(['|', '+', '/', '-']).collect();
    let (label, help) = if flags.contains(&&*upper) {
        (
            format!("{} in lower case", quote(word)),
            format!("flags are written in capitals: `{upper}`"),
        )
    } else if parts.len() > 1 && parts.iter().all(|part| flags.contains(part)) {
        let label = format!("{} is not a flag", quote(word));
        (label, format!("flags are separated by blanks: `{}`", parts.join(" ")))
    } else if upper == "STREAM" {
        let label = "`stream` among other parts".to_owned();
        (label, "it stands alone: `C > S stream 1MiB`".to_owned())
    } else if ["offset", "ip-options", "bad"].contains(&word) {
        let label = format!("{} belongs to segments made by hand", quote(word));
        (label, "it stands at the end of a line `peer send …`".to_owned())
    } else if quantity::starts_numeric(word) {
        let label = format!("a number without a field: {}", quote(word));
        (label, format!("numbers follow {}", list(&FIELDS[..7])))
    } else {
        let label = format!("unknown: {}", quote(word));
        let capitals = word.chars().all(|c| c.is_ascii_uppercase());
        let known: Vec<&str> = match capitals {
            true => flags.into_iter().chain(FIELDS).collect(),
            false => FIELDS.into_iter().chain(flags).collect(),
        };
        let help = match nearest(word, known.iter().copied().chain(["unnoticed"])) {
            Some(name) => format!("did you mean `{name}`?"),
            None => format!("flags are {}; fields are {}", list(&flags[..8]), list(&FIELDS)),
        };
        (label, help)
    };
    Diagnostic::new(span, message, label).help(help)
}

/// The nearest word that can begin a line inside the timeline.
pub(super) fn line_help(word: &str) -> String {
    did_you_mean(word, &BEGINNINGS)
}
