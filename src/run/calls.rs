//! What the applications' calls say about states, where no segment does (RFC 9293, section 3.10).

use nix::errno::Errno;

use super::ActionResult;
use crate::scenario::Verb;
use crate::tcp::{Call, State};

/// What a call that succeeded changes from its beginning on, before any segment: it opens or closes a listener, or gives up a
/// connection.
pub fn call_at_once(verb: &Verb, result: &ActionResult) -> Option<Call> {
    let call = match verb {
        Verb::Listen { .. } => Call::Listen,
        Verb::Close { listener: true } => Call::CloseListener,
        Verb::Close { listener: false } => Call::Close,
        Verb::Abort => Call::Abort,
        _ => return None,
    };
    matches!(result, ActionResult::Done { .. }).then_some(call)
}

/// Whether the failed call leaves a closed socket: an open that failed, or a connection that the kernel gave up.
pub fn ends_connection(verb: &Verb, result: &ActionResult) -> bool {
    let ActionResult::Failed { errno, .. } = result else {
        return false;
    };
    match (verb, Errno::from_raw(*errno)) {
        (Verb::Connect { .. } | Verb::ConnectTo(_), errno) => {
            !matches!(errno, Errno::EISCONN | Errno::EALREADY | Errno::EINPROGRESS)
        }
        (_, errno) => errno == Errno::ETIMEDOUT,
    }
}

/// What an action that has ended says where no segment does: an open has failed, the kernel has given a connection up, or it
/// reports a state to which a timer has led (TIME-WAIT, FIN-WAIT-2, and repeats that nobody acknowledged).
pub fn calls_in_the_end(verb: &Verb, result: &ActionResult) -> &'static [Call] {
    match (verb, result) {
        (Verb::State(State::Closed), ActionResult::Done { .. }) => &[Call::Failed],
        // A handshake that nobody completed is forgotten; its listener goes on.
        (Verb::State(State::Listen), ActionResult::Done { .. }) => &[Call::Failed, Call::Listen],
        _ if ends_connection(verb, result) => &[Call::Failed],
        _ => &[],
    }
}
