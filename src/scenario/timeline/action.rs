//! Action lines: `+1s client send "Hello" -> EPIPE &`.

use std::net::IpAddr;

use super::errno;
use super::icmp;
use super::injection;
use super::payload::{self, FORMS, Payloads};
use super::quantity;
use super::token::{Kind, Line};
use super::wire;
use crate::scenario::diagnostic::{Diagnostic, did_you_mean, list, nearest, quote};
use crate::scenario::{Action, Address, Outcome, Payload, ShutdownHow, SocketOption, Span, Verb, Want};
use crate::tcp::{Party, State};

/// The accept queue's length when `listen` does not name one.
const BACKLOG: u32 = 5;
/// The most bytes that `recv`, `echo` or `stream` can name.
pub(super) const MAX_BYTES: u64 = 1 << 30;

const VERBS: [&str; 16] = [
    "bind", "listen", "connect", "accept", "send", "write", "recv", "read", "echo", "shutdown", "close", "abort",
    "set", "get", "state", "wait",
];
/// The verbs that can wait for the peer, and so can end with `&`.
const BLOCKING: [&str; 7] = ["connect", "accept", "send", "write", "recv", "read", "echo"];

/// Reads one action line; `None` if there was a mistake.
pub(super) fn parse(line: &mut Line, payloads: &mut Payloads, diagnostics: &mut Vec<Diagnostic>) -> Option<Action> {
    let before = diagnostics.len();
    let span = line.span()?;
    let head = head(line, payloads);
    if head.is_err() {
        line.skip_until(|token, _| matches!(token.kind, Kind::Arrow | Kind::Symbol('&')));
    }
    let verb = head.as_ref().ok().map(|(_, _, verb)| verb);
    let ending = ending(line, verb);
    match (head, ending) {
        (Ok((delay, party, verb)), Ok((outcome, background))) if diagnostics.len() == before => Some(Action {
            span,
            delay,
            party,
            verb,
            outcome: outcome.as_ref().map_or(Outcome::Success, |(outcome, _)| *outcome),
            outcome_span: outcome.map(|(_, span)| span),
            background,
        }),
        (head, ending) => {
            diagnostics.extend(head.err());
            diagnostics.extend(ending.err());
            None
        }
    }
}

type Head = (Option<std::time::Duration>, Party, Verb);

fn head(line: &mut Line, payloads: &mut Payloads) -> Result<Head, Diagnostic> {
    let delay = delay(line)?;
    if line.eat("peer") {
        if line.eat("icmp") {
            let error = icmp::parse(line)?;
            return Ok((delay, error.from, Verb::Icmp(error)));
        }
        let injection = injection::parse(line, payloads)?;
        return Ok((delay, injection.segment.from, Verb::Peer(injection)));
    }
    if line.eat("wire") {
        let fault = wire::parse(line, payloads)?;
        let (party, verb) = (fault.sender(), Verb::Wire(fault));
        return match line.peek().map(|token| &token.kind) {
            None | Some(Kind::Arrow | Kind::Symbol('&')) => Ok((delay, party, verb)),
            Some(_) => Err(surplus(line, &verb)),
        };
    }
    let party = party(line)?;
    let verb = verb(line, party, payloads)?;
    match line.peek().map(|token| &token.kind) {
        None | Some(Kind::Arrow | Kind::Symbol('&')) => Ok((delay, party, verb)),
        Some(_) => Err(surplus(line, &verb)),
    }
}

fn delay(line: &mut Line) -> Result<Option<std::time::Duration>, Diagnostic> {
    let Some(rest) = line.peek_word().and_then(|word| word.strip_prefix('+')) else {
        return Ok(None);
    };
    let span = line.here();
    line.advance();
    if rest.is_empty() {
        return Err(
            Diagnostic::new(span, "expected a duration after `+`", "nothing follows at once")
                .help("without a blank: `+1s`"),
        );
    }
    quantity::duration(rest, span.start + 1..span.end).map(Some)
}

fn party(line: &mut Line) -> Result<Party, Diagnostic> {
    let names = ["client", "server", "peer"];
    let found = Party::ALL.into_iter().find(|party| line.eat(party.name()));
    found.ok_or_else(|| {
        line.unexpected("expected `client`, `server`, `peer` or `wire`")
            .help(did_you_mean(line.peek_str(), &names))
    })
}

fn verb(line: &mut Line, party: Party, payloads: &mut Payloads) -> Result<Verb, Diagnostic> {
    let span = line.here();
    let Some(name) = line.peek_word() else {
        let help = match line.peek_str() {
            "->" => "the way of a segment is written `C > S`".to_owned(),
            _ => format!("a verb: {}", list(&VERBS)),
        };
        return Err(line
            .unexpected(format!("expected a verb: what the {party} does"))
            .help(help));
    };
    line.advance();
    let verb = match name {
        "listen" => Verb::Listen {
            backlog: backlog(line)?,
        },
        "bind" => Verb::Bind(address(line, name)?),
        "connect" if line.eat("to") => Verb::ConnectTo(address(line, "connect to")?),
        "connect" => {
            let to_self = line.peek_word() == Some("self");
            if to_self && party == Party::Server {
                let message = "expected `server connect` or `server connect to ADDRESS`";
                return Err(
                    Diagnostic::new(line.here(), message, "only the client can connect to itself")
                        .help("did you mean `client connect self`?"),
                );
            }
            line.eat("self");
            Verb::Connect { to_self }
        }
        "accept" => Verb::Accept,
        "send" | "write" => {
            let payload = something(line, payloads, name)?;
            match (name, line.eat("more")) {
                ("send", false) => Verb::Send(payload),
                ("send", true) => Verb::SendMore(payload),
                (_, false) => Verb::Write(payload),
                (_, true) => Verb::WriteMore(payload),
            }
        }
        "recv" => Verb::Recv(want(line, payloads, name)?),
        "read" if at_ending(line) => Verb::Read(Want::Anything),
        "read" => Verb::Read(want(line, payloads, name)?),
        "echo" => echo(line, payloads)?,
        "shutdown" => Verb::Shutdown(shutdown(line)?),
        "close" => Verb::Close {
            listener: line.eat("listener"),
        },
        "abort" => Verb::Abort,
        "set" => option(line, name).map(|(option, value)| Verb::Set(option, value))?,
        "get" => option(line, name).map(|(option, value)| Verb::Get(option, value))?,
        "state" => Verb::State(state(line)?),
        "wait" => Verb::Wait,
        _ => {
            let message = format!("expected a verb: what the {party} does");
            return Err(Diagnostic::new(span, message, format!("{} is not a verb", quote(name)))
                .help(did_you_mean(name, &VERBS)));
        }
    };
    let listens = matches!(
        verb,
        Verb::Listen { .. } | Verb::Accept | Verb::Close { listener: true }
    );
    if party == Party::Server || !listens {
        return Ok(verb);
    }
    let message = format!("expected something that a {party} can do");
    let label = "the client has no listening socket";
    Err(Diagnostic::new(span, message, label).help(format!("did you mean `server {verb}`?")))
}

/// An IP address, a port, or both.
fn address(line: &mut Line, name: &str) -> Result<Address, Diagnostic> {
    let ip = match line.peek_word() {
        None | Some("port") => None,
        Some(word) => match word.parse::<IpAddr>() {
            Ok(ip) => {
                line.advance();
                Some(ip)
            }
            Err(_) => {
                let help = match word
                    .rsplit_once(':')
                    .filter(|(ip, _)| ip.is_empty() || ip.contains('.'))
                {
                    Some((ip, port)) => {
                        format!("write the port as a word: `{name} {ip} port {port}`").replace("  ", " ")
                    }
                    None => format!("such as `{name} 127.0.0.5`, `{name} port 40002`, `{name} ::1 port 40002`"),
                };
                return Err(line
                    .unexpected(format!("expected an IP address or `port N` after `{name}`"))
                    .help(help));
            }
        },
    };
    let port = match line.eat("port") {
        true => Some(line.number("port", u16::MAX.into())? as u16),
        false => None,
    };
    if ip.is_none() && port.is_none() {
        return Err(line
            .unexpected(format!("expected an IP address or `port N` after `{name}`"))
            .help(format!(
                "such as `{name} 127.0.0.5`, `{name} port 40002`, `{name} ::1 port 40002`"
            )));
    }
    Ok(Address { ip, port })
}

/// Whether the next token begins what can follow any verb.
fn at_ending(line: &Line) -> bool {
    matches!(
        line.peek().map(|token| &token.kind),
        None | Some(Kind::Arrow | Kind::Symbol('&'))
    )
}

fn backlog(line: &mut Line) -> Result<u32, Diagnostic> {
    if !line.eat("backlog") {
        return Ok(BACKLOG);
    }
    Ok(line.number("backlog", i32::MAX as u64)? as u32)
}

/// A payload of at least one byte.
fn something(line: &mut Line, payloads: &mut Payloads, name: &str) -> Result<Payload, Diagnostic> {
    let span = line.here();
    let payload = payloads.parse(line, name)?;
    if payload.bytes.is_empty() {
        let message = format!("expected at least one byte after `{name}`");
        return Err(Diagnostic::new(span, message, "an empty payload sends no segment"));
    }
    Ok(payload)
}

fn want(line: &mut Line, payloads: &mut Payloads, name: &str) -> Result<Want, Diagnostic> {
    let span = line.here();
    if line.eat("eof") {
        return Ok(Want::Eof);
    }
    let empty = if payload::begins(line) {
        let payload = payloads.parse(line, name)?;
        if !payload.bytes.is_empty() {
            return Ok(Want::Payload(payload));
        }
        true
    } else if line.peek_word().is_some_and(quantity::starts_numeric) {
        match line.size(name, MAX_BYTES)? {
            0 => true,
            bytes => return Ok(Want::Bytes(bytes)),
        }
    } else {
        false
    };
    if empty {
        let message = format!("expected at least one byte after `{name}`");
        return Err(Diagnostic::new(span, message, "nothing to wait for")
            .help(format!("for the end of the stream write `{name} eof`")));
    }
    Err(line
        .unexpected(format!("expected a payload, a number of bytes or `eof` after `{name}`"))
        .help(FORMS))
}

fn echo(line: &mut Line, payloads: &mut Payloads) -> Result<Verb, Diagnostic> {
    if line.eat("strlen") {
        let stale = match line.eat("stale") {
            true => payloads.parse(line, "stale")?,
            false => Payload::default(),
        };
        return Ok(Verb::EchoStrlen { stale });
    }
    if at_ending(line) {
        return Ok(Verb::Echo { bytes: None });
    }
    let span = line.here();
    if payload::begins(line) || !line.peek_word().is_some_and(quantity::starts_numeric) {
        return Err(line
            .unexpected("expected nothing, a number of bytes or `strlen` after `echo`")
            .help("`echo` returns what arrives; to write something else use `send`"));
    }
    match line.size("echo", MAX_BYTES)? {
        0 => Err(
            Diagnostic::new(span, "expected at least one byte after `echo`", "nothing to echo")
                .help("`echo` alone returns what one read brings"),
        ),
        bytes => Ok(Verb::Echo { bytes: Some(bytes) }),
    }
}

fn shutdown(line: &mut Line) -> Result<ShutdownHow, Diagnostic> {
    for (name, how) in [
        ("read", ShutdownHow::Read),
        ("write", ShutdownHow::Write),
        ("both", ShutdownHow::Both),
    ] {
        if line.eat(name) {
            return Ok(how);
        }
    }
    Err(line
        .unexpected("expected `read`, `write` or `both` after `shutdown`")
        .help("`shutdown write` sends FIN and goes on reading"))
}

fn option(line: &mut Line, name: &str) -> Result<(SocketOption, i64), Diagnostic> {
    let word = line.peek_str();
    let Some((spelling, option)) = SocketOption::NAMES.into_iter().find(|(name, _)| line.eat(name)) else {
        let names = SocketOption::NAMES.map(|(name, _)| name);
        let spellings = ["", "TCP_", "SO_", "IP_", "IPV6_"].map(|prefix| format!("{prefix}{word}"));
        let near = spellings.iter().find(|spelling| nearest(spelling, names).is_some());
        return Err(line
            .unexpected(format!("expected a socket option after `{name}`"))
            .help(did_you_mean(near.map_or(word, String::as_str), &names)));
    };
    let message = format!("expected a number after `{spelling}`");
    let Some((word, span)) = line.word() else {
        return Err(line.unexpected(message).help("a switch is on with 1 and off with 0"));
    };
    match word.parse::<i64>() {
        Ok(value) if i32::try_from(value).is_ok() => Ok((option, value)),
        Ok(_) => Err(Diagnostic::new(
            span,
            message,
            "too large for a socket option (32 bits)",
        )),
        Err(_) => Err(
            Diagnostic::new(span, message, format!("{} is not a number of 32 bits", quote(word)))
                .help("a switch is on with 1 and off with 0"),
        ),
    }
}

fn state(line: &mut Line) -> Result<State, Diagnostic> {
    let names = State::ALL.map(State::name);
    match State::ALL.into_iter().find(|state| line.eat(state.name())) {
        Some(state) => Ok(state),
        None => {
            let word = line.peek_str().replace('_', "-");
            Err(line
                .unexpected("expected a state as RFC 9293 spells it")
                .help(did_you_mean(&word, &names)))
        }
    }
}

/// What stands behind a complete verb and cannot stand there.
fn surplus(line: &Line, verb: &Verb) -> Diagnostic {
    let word = line.peek_str();
    let name = verb.name();
    let diagnostic = line.unexpected(format!("expected `->`, `&` or the end of the line after `{name}`"));
    match (verb, word) {
        (_, "=" | "=>" | "-" | ">" | "→") => diagnostic.help("an outcome follows `->`: `-> ECONNREFUSED`"),
        (Verb::Wait, _) => {
            diagnostic.help("`wait` waits for all background actions; to pause write `+1s` before an action")
        }
        (Verb::Connect { .. }, _) => diagnostic
            .help("`connect` goes to the server, `connect self` to the socket itself, `connect to ADDRESS` elsewhere"),
        (Verb::Send(_) | Verb::Write(_), _) if nearest(word, ["more"]).is_some() => {
            diagnostic.help("did you mean `more`? (MSG_MORE: more will follow soon)")
        }
        (Verb::Wire(_), "byte" | "header" | "unnoticed") => {
            diagnostic.help("only `corrupt` is about one byte, and may go `unnoticed`")
        }
        (Verb::Listen { .. }, _) => diagnostic.help("to set the length of the accept queue write `listen backlog 5`"),
        (Verb::Recv(_) | Verb::Read(_), "bytes" | "byte") => {
            diagnostic.help("leave it out: a number alone counts bytes")
        }
        (Verb::Echo { .. }, "strlen") => diagnostic.help("`strlen` stands right behind `echo` and reads once"),
        _ if errno::by_name(word).is_some() => diagnostic.help(format!("did you mean `-> {word}`?")),
        _ => diagnostic,
    }
}

type Ending = (Option<(Outcome, Span)>, bool);

/// Reads `[-> OUTCOME] [&]`.
fn ending(line: &mut Line, verb: Option<&Verb>) -> Result<Ending, Diagnostic> {
    let mut outcome = None;
    if line.peek().is_some_and(|token| token.kind == Kind::Arrow) {
        line.advance();
        let span = line.here();
        outcome = Some((self::outcome(line, verb)?, span));
    }
    let ampersand = line.here();
    let background = line.eat_symbol('&');
    if !line.is_done() {
        let (span, message) = match background {
            true => (ampersand, "expected `&` at the end of the line"),
            false => (line.rest(), "expected `&` or the end of the line after the outcome"),
        };
        return Err(Diagnostic::new(span, message, "more follows").help("the order is: verb, `-> OUTCOME`, `&`"));
    }
    match verb {
        Some(verb) if background && !BLOCKING.contains(&verb.name()) => {
            let message = "expected `&` only behind an action that can wait for the peer";
            let label = format!("`{}` never does", verb.name());
            Err(Diagnostic::new(ampersand, message, label)
                .help(format!("delete it; it can follow {}", list(&BLOCKING))))
        }
        _ => Ok((outcome, background)),
    }
}

fn outcome(line: &mut Line, verb: Option<&Verb>) -> Result<Outcome, Diagnostic> {
    let expected = "expected an error name or `eof` after `->`";
    let Some((word, span)) = line.word() else {
        return Err(line
            .unexpected(expected)
            .help("such as `-> ECONNREFUSED`; for success leave `->` out"));
    };
    match verb {
        Some(Verb::State(_) | Verb::Wait | Verb::Wire(_)) => {
            let name = verb.map_or("", Verb::name);
            return Err(Diagnostic::new(
                span,
                format!("expected no outcome after `{name}`"),
                "it makes no system call",
            )
            .help("delete `->` and what follows"));
        }
        Some(Verb::Recv(Want::Eof) | Verb::Read(Want::Eof)) if word == "eof" => {
            let message = "expected no outcome: `eof` is what the verb asks for";
            return Err(Diagnostic::new(span, message, "said twice").help("delete `-> eof`"));
        }
        Some(Verb::Recv(_) | Verb::Read(_) | Verb::Echo { .. } | Verb::EchoStrlen { .. }) | None if word == "eof" => {
            return Ok(Outcome::Eof);
        }
        Some(verb) if word == "eof" => {
            let message = "expected `-> eof` only behind `recv`, `read` or `echo`";
            return Err(
                Diagnostic::new(span, message, format!("`{}` does not read", verb.name()))
                    .help("to wait for the peer's FIN use `recv eof`"),
            );
        }
        _ => {}
    }
    if let Some(number) = errno::by_name(word) {
        return Ok(Outcome::Errno(number));
    }
    let help = match word.to_ascii_lowercase().as_str() {
        "ok" | "success" | "0" => "success needs no outcome: delete `->` and what follows".to_owned(),
        _ => match word.parse().map(errno::errno_name) {
            Ok(name) if errno::by_name(&name).is_some() => format!("did you mean `{name}`?"),
            _ => match nearest(word, errno::names().chain(["eof"])) {
                Some(name) => format!("did you mean `{name}`?"),
                None => "the names are those of errno(3), such as `ECONNREFUSED`, `ECONNRESET`, `EPIPE`".to_owned(),
            },
        },
    };
    Err(Diagnostic::new(span, expected, format!("unknown: {}", quote(word))).help(help))
}
