//! Segments that the lab makes and sends: `peer send C > S RST seq 13`.
//!
//! The parts are those of a segment line. What only an expectation can say (how many, when, other options may follow) is a
//! mistake here.

use super::payload::Payloads;
use super::segment;
use super::token::{Kind, Line};
use crate::scenario::diagnostic::{Diagnostic, did_you_mean};
use crate::scenario::{Count, Injection, OptionPattern, SegmentPattern, Span};
use crate::tcp::Flags;

/// The most payload bytes of a segment that the lab makes: an Ethernet packet without options.
const MAX_PAYLOAD: usize = 1460;
/// The most bytes of options that a header holds (RFC 9293, section 3.1).
const MAX_OPTIONS: usize = 40;

/// Reads what follows `peer`.
pub(super) fn parse(line: &mut Line, payloads: &mut Payloads) -> Result<Injection, Diagnostic> {
    if !line.eat("send") {
        return Err(line
            .unexpected("expected `send` or `icmp` after `peer`")
            .help(did_you_mean(line.peek_str(), &["send", "icmp"])));
    }
    let segment = segment::one(line, payloads)?;
    let mut injection = Injection {
        segment,
        bad_checksum: false,
        offset: None,
        ip_options: Vec::new(),
    };
    loop {
        let here = line.here();
        let is_second = match line.peek_word() {
            Some("bad") => injection.bad_checksum,
            Some("offset") => injection.offset.is_some(),
            Some("ip-options") => !injection.ip_options.is_empty(),
            _ => break,
        };
        if is_second {
            let message = format!("expected `{}` once in a line", line.peek_str());
            return Err(Diagnostic::new(here, message, "the second one").help("delete one of them"));
        }
        if line.eat("bad") {
            if !line.eat("checksum") {
                return Err(line
                    .unexpected("expected `checksum` after `bad`")
                    .help("`bad checksum` stands at the end of the line"));
            }
            injection.bad_checksum = true;
        } else if line.eat("offset") {
            let number = line.number("offset", 15)? as u8;
            impossible(&injection.segment, number, here.start..line.previous_end())?;
            injection.offset = Some(number);
        } else {
            line.advance();
            injection.ip_options = ip_options(line, here)?;
        }
    }
    if let Some(Kind::Arrow | Kind::Symbol('&')) = line.peek().map(|token| &token.kind) {
        return Err(line
            .unexpected("expected the end of the line after the segment")
            .help("sending a segment has no outcome but what it causes: list that below the line"));
    }
    if !line.is_done() {
        return Err(line
            .unexpected("expected `offset`, `bad checksum`, `ip-options` or the end of the line")
            .help("the parts of the segment itself stand before these"));
    }
    check(&injection.segment)?;
    Ok(injection)
}

/// A data offset that could be right would only make bytes of the payload options.
fn impossible(segment: &SegmentPattern, offset: u8, span: Span) -> Result<(), Diagnostic> {
    if segment.options.is_some() {
        let message = "expected no options beside `offset`";
        let label = "where the options end is what the offset says";
        return Err(Diagnostic::new(span, message, label).help("leave one of them out"));
    }
    let payload = segment.payload.as_ref().map_or(0, |payload| payload.bytes.len());
    if offset >= 5 && usize::from(offset) * 4 <= 20 + payload {
        let message = "expected an offset that cannot be right: below 5, or beyond the end of the segment";
        let label = format!("the segment has {} words of 32 bits", (20 + payload) / 4);
        return Err(Diagnostic::new(span, message, label)
            .help("with this one bytes of the payload would be options: write them as such, `<…>`"));
    }
    Ok(())
}

/// Reads `hex 01010100`.
fn ip_options(line: &mut Line, start: Span) -> Result<Vec<u8>, Diagnostic> {
    if !line.eat("hex") {
        return Err(line
            .unexpected("expected `hex` after `ip-options`")
            .help("such as `ip-options hex 01010100`: three times NOP and the end of the list"));
    }
    let mut digits = String::new();
    while let Some(word) = line.peek_word()
        && word.bytes().all(|byte| byte.is_ascii_hexdigit())
        && line.nth_str(1) != "checksum"
    {
        digits += word;
        line.advance();
    }
    let span = start.start..line.previous_end();
    let bytes: Option<Vec<u8>> = digits
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?, 16).ok())
        .collect();
    match bytes {
        Some(bytes) if !bytes.is_empty() && bytes.len() <= MAX_OPTIONS && bytes.len() % 4 == 0 => Ok(bytes),
        _ => {
            let message = "expected 4 to 40 bytes of IP options, a multiple of 4";
            let label = format!("{} hexadecimal digits", digits.len());
            Err(Diagnostic::new(span, message, label).help("fill the list up with zeros"))
        }
    }
}

/// What an expectation may say and a segment that is to be made cannot.
fn check(segment: &SegmentPattern) -> Result<(), Diagnostic> {
    let wrong = |message: &str, label: &str, help: &str| {
        Err(Diagnostic::new(segment.span.clone(), message, label).help(help.to_owned()))
    };
    if segment.flags.is_none() {
        return wrong(
            "expected the flags of the segment to send",
            "none are named",
            "such as `SYN`, `PSH ACK`; a segment without flags is written `none`",
        );
    }
    if segment.count != Count::ONE {
        return wrong(
            "expected one segment",
            "a count",
            "write a line for each segment to send",
        );
    }
    if segment.timing.is_some() {
        return wrong(
            "expected no time in a segment to send",
            "a time",
            "to pause, begin the line with `+1s`",
        );
    }
    if segment.flags.is_some_and(|flags| flags.contains(Flags::ACK)) && segment.ack.is_none() {
        return wrong(
            "expected `ack N` with the flag `ACK`",
            "no number",
            "such as `ACK seq 1 ack 1`",
        );
    }
    let bytes = segment.payload.as_ref().map_or(0, |payload| payload.bytes.len());
    if segment.len.is_some_and(|len| len as usize != bytes) {
        return wrong(
            "expected a payload in place of `len`",
            "the bytes themselves are needed",
            "write them, such as `\"abc\"` or `100 of \"x\"`",
        );
    }
    if bytes > MAX_PAYLOAD {
        return wrong(
            "expected at most 1460 bytes in a segment to send",
            "too long for Ethernet",
            "send several",
        );
    }
    let Some(options) = &segment.options else { return Ok(()) };
    if options.open {
        return wrong(
            "expected no `...` in the options to send",
            "which others?",
            "name all of them",
        );
    }
    let lacks_value = options.items.iter().find_map(|option| match option {
        OptionPattern::Mss(None) => Some("`mss` needs a number here: `mss 1460`"),
        OptionPattern::WindowScale(None) => Some("`wscale` needs a number here: `wscale 7`"),
        OptionPattern::Sack(None) => Some("`sack` needs blocks here: `sack 1:13`"),
        _ => None,
    });
    if let Some(help) = lacks_value {
        return wrong("expected the value of every option to send", "a value is missing", help);
    }
    if options.items.iter().map(OptionPattern::len).sum::<usize>() > MAX_OPTIONS {
        return wrong(
            "expected at most 40 bytes of options",
            "the header has no room for more",
            "leave some out",
        );
    }
    Ok(())
}
