//! How an action must end, against how it ended.

use nix::errno::Errno;

use super::fields::quoted;
use crate::endpoint::ActionResult;
use crate::scenario::{Action, Outcome, Payload, Verb, Want};

/// Holds an action's result against what its line says: the outcome, the bytes that it must bring or write, the value
/// that it must see.
///
/// # Errors
/// What came instead, in words that follow the action's text.
pub fn check_result(action: &Action, result: &ActionResult) -> Result<(), String> {
    match (action.outcome, result) {
        (_, ActionResult::Impossible { reason }) => Err(format!("could not be tried: {reason}")),
        (_, ActionResult::Unfinished) => Err("had not ended when the run ended".to_owned()),
        (Outcome::Errno(expected), ActionResult::Failed { errno, .. }) if expected == *errno => Ok(()),
        (Outcome::Errno(expected), _) => Err(format!(
            "must fail with {}, but {}",
            errno_text(expected),
            result_text(result)
        )),
        (Outcome::Eof, ActionResult::Eof { received }) => match &action.verb {
            Verb::Recv(Want::Payload(payload)) | Verb::Read(Want::Payload(payload)) => begins(payload, received),
            _ => Ok(()),
        },
        (Outcome::Eof, _) => Err(format!(
            "must come to the end of the stream, but {}",
            result_text(result)
        )),
        (Outcome::Success, ActionResult::Failed { .. }) => Err(result_text(result)),
        (Outcome::Success, ActionResult::Eof { received }) => match &action.verb {
            Verb::Recv(Want::Eof) | Verb::Read(Want::Eof) if received.is_empty() => Ok(()),
            _ => Err(result_text(result)),
        },
        (Outcome::Success, ActionResult::Done { received, sent, value }) => {
            let received = received.as_deref().unwrap_or_default();
            let sent = sent.as_deref().unwrap_or_default();
            check_done(&action.verb, received, sent, value.as_deref())
        }
    }
}

fn check_done(verb: &Verb, received: &[u8], sent: &[u8], value: Option<&str>) -> Result<(), String> {
    match verb {
        Verb::Recv(want) | Verb::Read(want) => match want {
            Want::Anything => Ok(()),
            Want::Bytes(count) => right_length(*count, received),
            Want::Payload(payload) => begins(payload, received).and(right_length(payload.bytes.len() as u64, received)),
            Want::Eof => Err(format!(
                "must see the end of the stream, but received {}",
                quoted(received)
            )),
        },
        Verb::Echo { bytes: Some(count) } => right_length(*count, received),
        Verb::Send(payload) | Verb::Write(payload) | Verb::SendMore(payload) | Verb::WriteMore(payload)
            if payload.bytes[..] != *sent =>
        {
            Err(format!(
                "must write {} bytes, but wrote {}",
                payload.bytes.len(),
                sent.len()
            ))
        }
        Verb::Get(_, expected) => right_value(&expected.to_string(), value),
        Verb::State(expected) => right_value(expected.name(), value),
        _ => Ok(()),
    }
}

fn right_length(expected: u64, received: &[u8]) -> Result<(), String> {
    if received.len() as u64 == expected {
        Ok(())
    } else {
        Err(format!(
            "must receive {expected} bytes, but received {}: {}",
            received.len(),
            quoted(received)
        ))
    }
}

fn begins(expected: &Payload, received: &[u8]) -> Result<(), String> {
    let wrong = received
        .iter()
        .zip(&expected.bytes[..])
        .position(|(actual, expected)| actual != expected);
    match wrong {
        None if received.len() <= expected.bytes.len() => Ok(()),
        wrong => Err(format!(
            "must receive {}, but received {}; they differ from byte {}",
            quoted(&expected.bytes),
            quoted(received),
            wrong.unwrap_or(expected.bytes.len())
        )),
    }
}

fn right_value(expected: &str, value: Option<&str>) -> Result<(), String> {
    match value {
        Some(value) if value == expected => Ok(()),
        value => Err(format!("must see {expected}, but saw {}", value.unwrap_or("nothing"))),
    }
}

fn result_text(result: &ActionResult) -> String {
    match result {
        ActionResult::Done { .. } => "it succeeded".to_owned(),
        ActionResult::Eof { received } if received.is_empty() => {
            "the peer had closed its direction: the read returned 0".to_owned()
        }
        ActionResult::Eof { received } => format!(
            "the peer closed its direction after {} bytes: {}",
            received.len(),
            quoted(received)
        ),
        ActionResult::Failed { call, errno, .. } => format!("`{call}` failed with {}", errno_text(*errno)),
        ActionResult::Impossible { reason } => format!("it could not be tried: {reason}"),
        ActionResult::Unfinished => "it had not ended".to_owned(),
    }
}

/// `ECONNREFUSED (Connection refused)`.
fn errno_text(number: i32) -> String {
    match Errno::from_raw(number) {
        Errno::UnknownErrno => format!("error {number}"),
        errno => format!("{errno:?} ({})", errno.desc()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matcher::support::action;
    use crate::scenario::SocketOption;
    use crate::tcp::{Party, State};

    fn payload(text: &str) -> Payload {
        Payload {
            bytes: text.as_bytes().into(),
        }
    }

    fn eof(received: &[u8]) -> ActionResult {
        ActionResult::Eof {
            received: received.to_vec(),
        }
    }

    fn failed(errno: i32) -> ActionResult {
        ActionResult::Failed {
            call: "connect".to_owned(),
            errno,
            received: Vec::new(),
            sent: Vec::new(),
        }
    }

    fn with(verb: Verb, outcome: Outcome) -> Action {
        Action {
            outcome,
            ..action(Party::Client, verb)
        }
    }

    #[test]
    fn each_result_suits_its_own_line_only() {
        let received = |text: &str| ActionResult::received(text.as_bytes().to_vec());
        let plain = |verb| with(verb, Outcome::Success);
        let lines = [
            (plain(Verb::Recv(Want::Payload(payload("abc")))), received("abc")),
            (plain(Verb::Recv(Want::Bytes(2))), received("xy")),
            (plain(Verb::Recv(Want::Eof)), eof(b"")),
            (
                with(Verb::Recv(Want::Payload(payload("abcd"))), Outcome::Eof),
                eof(b"ab"),
            ),
            (
                with(Verb::Connect { to_self: false }, Outcome::Errno(libc::ECONNREFUSED)),
                failed(libc::ECONNREFUSED),
            ),
            (
                plain(Verb::Send(payload("Hello"))),
                ActionResult::sent(b"Hello".to_vec()),
            ),
            (
                plain(Verb::Get(SocketOption::TcpNodelay, 1)),
                ActionResult::value("1".to_owned()),
            ),
            (
                plain(Verb::State(State::CloseWait)),
                ActionResult::value("CLOSE-WAIT".to_owned()),
            ),
        ];
        for (line, (action, _)) in lines.iter().enumerate() {
            for (other, (_, result)) in lines.iter().enumerate() {
                // `recv … -> eof` allows the stream to end before the first byte.
                let fits = line == other || (line, other) == (3, 2);
                assert_eq!(check_result(action, result).is_ok(), fits, "{action:?} {result:?}");
            }
            assert!(check_result(action, &ActionResult::Unfinished).is_err());
            assert!(check_result(action, &ActionResult::impossible("no socket")).is_err());
        }
    }

    #[test]
    fn a_wrong_byte_is_named_with_its_place() {
        let action = with(Verb::Recv(Want::Payload(payload("Hello"))), Outcome::Success);
        let message = check_result(&action, &ActionResult::received(b"Help!".to_vec())).unwrap_err();
        assert_eq!(
            message,
            r#"must receive "Hello", but received "Help!"; they differ from byte 3"#
        );
    }

    #[test]
    fn an_error_is_named_as_the_manual_names_it() {
        let action = with(Verb::Accept, Outcome::Success);
        let message = check_result(&action, &failed(libc::ECONNRESET)).unwrap_err();
        assert_eq!(message, "`connect` failed with ECONNRESET (Connection reset by peer)");
    }
}
