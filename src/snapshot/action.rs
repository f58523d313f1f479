//! Action lines: what an end was told to do, and what came of it where that says more than success.

use nix::errno::Errno;

use super::payload::describe;
use super::text::{single_blanks, visible};
use crate::run::ActionResult;
use crate::scenario::{Action, Scenario, SocketOption, Verb, Want};

/// The action as the scenario writes it, without its outcome, with single blanks.
pub(super) fn text(scenario: &Scenario, action: &Action) -> String {
    let line = scenario.text(&action.span);
    let written = match &action.outcome_span {
        Some(_) => without_outcome(line),
        None => line.to_owned(),
    };
    visible(&single_blanks(&written)).into_owned()
}

/// The line without the last arrow and the word behind it, which are its outcome.
fn without_outcome(line: &str) -> String {
    let Some((call, outcome)) = line.rsplit_once("->") else {
        return line.to_owned();
    };
    let outcome = outcome.trim_start();
    let end = outcome.find([' ', '\t', '&']).unwrap_or(outcome.len());
    format!("{call} {}", &outcome[end..])
}

/// `-> ECONNREFUSED`, `-> "Hello World!"`; nothing where the action did exactly what its text says.
///
/// `None` for the result stands for an action of which the recording knows no end.
pub(super) fn result(action: &Action, result: Option<&ActionResult>) -> Option<String> {
    let said = match result {
        None | Some(ActionResult::Unfinished) => "unfinished".to_owned(),
        Some(ActionResult::Impossible { reason }) => format!("impossible: {}", visible(&single_blanks(reason))),
        Some(ActionResult::Eof { received }) => eof(action, received)?,
        Some(ActionResult::Failed {
            call,
            errno,
            received,
            sent,
        }) => failed(action, call, *errno, received, sent),
        Some(ActionResult::Done { received, sent, value }) => {
            done(action, received.as_deref(), sent.as_deref(), value.as_deref())?
        }
    };
    Some(format!("-> {said}"))
}

fn eof(action: &Action, received: &[u8]) -> Option<String> {
    let asked_for = matches!(action.verb, Verb::Recv(Want::Eof) | Verb::Read(Want::Eof));
    match (received, asked_for) {
        ([], true) => None,
        ([], false) => Some("eof".to_owned()),
        (bytes, _) => Some(format!("{}, then eof", describe(bytes))),
    }
}

fn failed(action: &Action, call: &str, errno: i32, received: &[u8], sent: &[u8]) -> String {
    let mut said = error_name(errno);
    if call != action.verb.name() {
        said.push_str(&format!(" in {}", visible(call)));
    }
    for (verb, bytes) in [("reading", received), ("writing", sent)] {
        if !bytes.is_empty() {
            said.push_str(&format!(", after {verb} {}", describe(bytes)));
        }
    }
    said
}

fn done(action: &Action, received: Option<&[u8]>, sent: Option<&[u8]>, value: Option<&str>) -> Option<String> {
    let (wanted, given, known) = match &action.verb {
        Verb::Recv(Want::Payload(payload)) | Verb::Read(Want::Payload(payload)) => (Some(&payload.bytes), None, None),
        Verb::Get(_, number) => (None, None, Some(number.to_string())),
        Verb::State(state) => (None, None, Some(state.name().to_owned())),
        verb => (None, verb.written().map(|payload| &payload.bytes), None),
    };
    let received = received.filter(|bytes| wanted.is_none_or(|wanted| **wanted != **bytes));
    let sent = sent.filter(|bytes| given.is_none_or(|given| **given != **bytes));
    let value = value.filter(|value| known.as_deref() != Some(value));
    let mut said = Vec::new();
    match (received, sent) {
        // An echo that returned what it got.
        (Some(received), Some(sent)) if received == sent => said.push(describe(received)),
        (Some(received), Some(sent)) => said.push(format!("read {}, wrote {}", describe(received), describe(sent))),
        (Some(received), None) => said.push(describe(received)),
        (None, Some(sent)) => said.push(format!("wrote {}", describe(sent))),
        (None, None) => {}
    }
    if let Some(value) = value {
        said.push(value_text(&action.verb, value));
    }
    (!said.is_empty()).then(|| said.join(", "))
}

/// An option's value; SO_ERROR holds an error number, which people know by its name.
fn value_text(verb: &Verb, value: &str) -> String {
    match (verb, value.parse()) {
        (Verb::Get(SocketOption::SoError, _), Ok(errno)) if errno > 0 => error_name(errno),
        _ => visible(value).into_owned(),
    }
}

/// `ECONNREFUSED`; `errno 4095` for a number without a name.
fn error_name(errno: i32) -> String {
    match Errno::from_raw(errno) {
        Errno::UnknownErrno => format!("errno {errno}"),
        known => format!("{known:?}"),
    }
}
