//! Option lists: `<mss 1460, sack_ok, ts, nop, wscale 7, ...>`.

use super::quantity::starts_numeric;
use super::token::Line;
use crate::scenario::diagnostic::{Diagnostic, did_you_mean, quote};
use crate::scenario::{OptionPattern, OptionsPattern, Span};

const NAMES: [&str; 9] = ["eol", "nop", "mss", "wscale", "sack_ok", "sack", "ts", "tfo", "kind"];
/// The header has room for 40 bytes of options, and each takes at least one (RFC 9293, section 3.1).
const MAX_ITEMS: usize = 40;

/// Reads the list behind its `<`, which stands at `open`.
pub(super) fn parse(line: &mut Line, open: Span) -> Result<OptionsPattern, Diagnostic> {
    let mut pattern = OptionsPattern {
        items: Vec::new(),
        open: false,
    };
    if line.eat_symbol('>') {
        return Ok(pattern);
    }
    loop {
        if line.is_done() {
            return Err(Diagnostic::new(
                open.start..line.here().end,
                "expected `>` at the end of the options",
                "never closed",
            ));
        }
        if line.eat("...") {
            pattern.open = true;
            return match line.eat_symbol('>') {
                true => Ok(pattern),
                false => Err(line
                    .unexpected("expected `>` after `...`")
                    .help("`...` stands at the end: others may follow")),
            };
        }
        pattern.items.push(option(line)?);
        if pattern.items.len() > MAX_ITEMS {
            let message = format!("expected at most {MAX_ITEMS} options");
            return Err(Diagnostic::new(open, message, "the header has no room for more"));
        }
        if line.eat_symbol('>') {
            return Ok(pattern);
        }
        if !line.eat_symbol(',') && !line.is_done() {
            return Err(line
                .unexpected("expected `,` or `>` after an option")
                .help("such as `<mss 1460, sack_ok, ts, nop, wscale 7>`"));
        }
    }
}

fn option(line: &mut Line) -> Result<OptionPattern, Diagnostic> {
    let Some((word, span)) = line.word() else {
        return Err(line
            .unexpected("expected the name of an option")
            .help(did_you_mean("", &NAMES)));
    };
    let value = line.peek_word().is_some_and(starts_numeric);
    Ok(match word {
        "eol" => OptionPattern::End,
        "nop" => OptionPattern::Nop,
        "mss" if value => OptionPattern::Mss(Some(line.number("mss", u16::MAX.into())? as u16)),
        "mss" => OptionPattern::Mss(None),
        "wscale" if value => OptionPattern::WindowScale(Some(line.number("wscale", u8::MAX.into())? as u8)),
        "wscale" => OptionPattern::WindowScale(None),
        "sack_ok" => OptionPattern::SackPermitted,
        "sack" if value => OptionPattern::Sack(Some(blocks(line)?)),
        "sack" => OptionPattern::Sack(None),
        "ts" if value => {
            return Err(line
                .unexpected("expected no number after `ts`")
                .help("timestamps differ from run to run: only their presence is checked"));
        }
        "ts" => OptionPattern::Timestamps,
        "tfo" => OptionPattern::FastOpen,
        "kind" => OptionPattern::Unknown(line.number("kind", u8::MAX.into())? as u8),
        _ => {
            let help = match word.to_lowercase().as_str() {
                "sackok" | "sack_permitted" | "sack-permitted" | "sackperm" => "did you mean `sack_ok`?".to_owned(),
                "timestamp" | "timestamps" => "did you mean `ts`?".to_owned(),
                "ws" | "window_scale" | "wsopt" => "did you mean `wscale`?".to_owned(),
                _ => did_you_mean(word, &NAMES),
            };
            let label = format!("unknown option {}", quote(word));
            return Err(Diagnostic::new(span, "expected the name of an option", label).help(help));
        }
    })
}

/// Reads one or more `1:13`.
fn blocks(line: &mut Line) -> Result<Vec<(u32, u32)>, Diagnostic> {
    let mut blocks = Vec::new();
    while line.peek_word().is_some_and(starts_numeric) {
        let (word, span) = line.word().unwrap_or_default();
        let edges = word
            .split_once(':')
            .and_then(|(left, right)| Some((left.parse().ok()?, right.parse().ok()?)));
        match edges {
            Some((left, right)) if left == right => {
                return Err(
                    Diagnostic::new(span, "expected a block of received bytes", "an empty block")
                        .help("the second number is the first one behind the block"),
                );
            }
            Some(edges) => blocks.push(edges),
            None => {
                let label = format!("{} is not a block", quote(word));
                return Err(Diagnostic::new(
                    span,
                    "expected a block such as `1:13` after `sack`",
                    label,
                ));
            }
        }
    }
    Ok(blocks)
}
