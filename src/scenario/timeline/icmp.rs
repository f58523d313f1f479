//! ICMP errors that the lab makes: `peer icmp fragmentation-needed about C > S mtu 1000`.

use super::segment::parties;
use super::token::{Kind, Line};
use crate::scenario::diagnostic::{Diagnostic, list, nearest, quote};
use crate::scenario::{IcmpError, IcmpKind};

/// Reads what follows `peer icmp`.
pub(super) fn parse(line: &mut Line) -> Result<IcmpError, Diagnostic> {
    let (kind, span) = kind(line)?;
    if !line.eat("about") {
        return Err(line
            .unexpected(format!("expected `about` after `{kind}`"))
            .help(format!("the segment that the error quotes: `{kind} about C > S`")));
    }
    let (from, to) = parties(line)?;
    let mut error = IcmpError {
        kind,
        span: span.clone(),
        from,
        to,
        seq: None,
        mtu: None,
    };
    loop {
        let here = line.here();
        if error.seq.is_none() && line.eat("seq") {
            error.seq = Some(line.number("seq", u32::MAX.into())? as u32);
        } else if error.mtu.is_none() && line.eat("mtu") {
            if !kind.has_mtu() {
                let message = "expected `mtu` only with `fragmentation-needed` or `packet-too-big`";
                let label = format!("`{kind}` tells no size");
                return Err(Diagnostic::new(here, message, label).help("delete it"));
            }
            error.mtu = Some(line.number("mtu", u16::MAX.into())? as u16);
        } else {
            break;
        }
    }
    match line.peek().map(|token| &token.kind) {
        None => {}
        Some(Kind::Arrow | Kind::Symbol('&')) => {
            return Err(line
                .unexpected("expected the end of the line after the error")
                .help("sending an error has no outcome but what it causes: list that below the line"));
        }
        Some(_) => {
            return Err(line
                .unexpected("expected `seq N`, `mtu N` or the end of the line, each once")
                .help("such as `about C > S seq 1`; an error quotes no more than a number"));
        }
    }
    if kind.has_mtu() && error.mtu.is_none() {
        let message = format!("expected `mtu N` with `{kind}`");
        return Err(Diagnostic::new(span, message, "how large may a packet be?")
            .help(format!("such as `{kind} about C > S mtu 1280`")));
    }
    Ok(error)
}

fn kind(line: &mut Line) -> Result<(IcmpKind, crate::scenario::Span), Diagnostic> {
    let expected = "expected what the ICMP error says";
    let names = IcmpKind::NAMES.map(|(name, _)| name);
    let Some((word, span)) = line.word() else {
        return Err(line.unexpected(expected).help(list(&names)));
    };
    match IcmpKind::NAMES.iter().find(|(name, _)| *name == word) {
        Some((_, kind)) => Ok((*kind, span)),
        None => {
            let help = match nearest(word, names) {
                Some(name) => format!("did you mean `{name}`?"),
                None => format!("one of {}", list(&names)),
            };
            Err(Diagnostic::new(span, expected, format!("unknown: {}", quote(word))).help(help))
        }
    }
}
