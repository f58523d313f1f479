//! What the applications' calls say about states, where no segment does (RFC 9293, section 3.10).

use std::collections::HashMap;

use nix::errno::Errno;

use super::{ActionResult, Recording};
use crate::scenario::{Scenario, ShutdownHow, Verb};
use crate::tcp::{Call, State};

/// The calls of a run that change a state from their beginning on, before any segment: they open or close a listener, take a
/// connection from it, or end a connection.
#[derive(Debug, Clone, Default)]
pub struct Calls(HashMap<usize, Call>);

/// The connection of an end as its own calls know it.
#[derive(Debug, Clone, Copy, Default)]
struct Held {
    /// Whether there is one; else `close` means the listener.
    open: bool,
    /// How many octets the application has read from it.
    read: u64,
}

impl Calls {
    /// Those of a recording. Only calls that succeeded count: what failed has changed nothing.
    pub fn of(scenario: &Scenario, recording: &Recording) -> Calls {
        let results = recording.results();
        let mut calls = HashMap::new();
        let mut ends = [Held::default(); 2];
        for (number, step) in scenario.steps().enumerate() {
            let action = &step.action;
            let held = &mut ends[action.party as usize];
            let result = results.get(&number);
            if opens(&action.verb, result) {
                *held = Held { open: true, read: 0 };
            }
            // A connection can be closed only when nothing reads from it any more, so the order of the steps will do.
            held.read += result.map_or(0, |result| result.bytes_received().len() as u64);
            if !matches!(result, Some(ActionResult::Done { .. })) {
                continue;
            }
            let call = match &action.verb {
                Verb::Listen { backlog } => Call::Listen { backlog: *backlog },
                Verb::Accept => Call::Accept,
                Verb::Close { listener: false } if held.open => Call::Close { read: held.read },
                Verb::Close { .. } => Call::CloseListener,
                Verb::Shutdown(ShutdownHow::Write | ShutdownHow::Both) => Call::CloseWriting,
                Verb::Abort => Call::Abort,
                _ => continue,
            };
            if matches!(call, Call::Close { .. } | Call::Abort) {
                held.open = false;
            }
            calls.insert(number, call);
        }
        Calls(calls)
    }

    /// The call of the step with this number, if it is one.
    pub fn at_once(&self, step: usize) -> Option<Call> {
        self.0.get(&step).copied()
    }
}

/// Whether the end has a new connection after the call, be it one that still opens or has failed to.
fn opens(verb: &Verb, result: Option<&&ActionResult>) -> bool {
    match (verb, result) {
        (Verb::Accept, Some(ActionResult::Done { .. })) => true,
        (Verb::Connect { .. } | Verb::ConnectTo(_), Some(ActionResult::Failed { call, errno, .. })) => {
            call == "connect" && !is_about_another(Errno::from_raw(*errno))
        }
        (Verb::Connect { .. } | Verb::ConnectTo(_), _) => true,
        _ => false,
    }
}

/// Whether connect() failed because the socket connects or is connected already.
fn is_about_another(errno: Errno) -> bool {
    matches!(errno, Errno::EISCONN | Errno::EALREADY | Errno::EINPROGRESS)
}

/// Whether the failed call leaves a closed socket: an open that failed, or a connection that the kernel gave up. Where the
/// program itself has closed a socket that was connecting, that call has said so already.
pub fn ends_connection(verb: &Verb, result: &ActionResult) -> bool {
    let ActionResult::Failed { errno, .. } = result else {
        return false;
    };
    match (verb, Errno::from_raw(*errno)) {
        (Verb::Connect { .. } | Verb::ConnectTo(_), errno) => errno != Errno::ECANCELED && !is_about_another(errno),
        (_, errno) => errno == Errno::ETIMEDOUT,
    }
}

/// What an action that has ended says where no segment does: an open has failed, the kernel has given a connection up, or it
/// reports a state to which a timer has led (TIME-WAIT, FIN-WAIT-2, and repeats that nobody acknowledged).
pub fn calls_in_the_end(verb: &Verb, result: &ActionResult) -> &'static [Call] {
    match (verb, result) {
        (Verb::State(State::Closed), ActionResult::Done { .. }) => &[Call::Failed],
        // A handshake that nobody completed is forgotten; its listener goes on.
        (Verb::State(State::Listen), ActionResult::Done { .. }) => &[Call::Failed, Call::StillListening],
        _ if ends_connection(verb, result) => &[Call::Failed],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matcher::support::{Sketch, Tape};
    use crate::scenario::Want;
    use crate::tcp::Party;

    #[test]
    fn a_close_means_the_connection_and_knows_what_was_read_from_it() {
        let (c, s) = (Party::Client, Party::Server);
        let close = || Verb::Close { listener: false };
        let read = || Verb::Read(Want::Anything);
        let connect = || Verb::Connect { to_self: false };
        let failed = |call: &str, errno| ActionResult::Failed {
            call: call.to_owned(),
            errno,
            received: b"early".to_vec(),
            sent: Vec::new(),
        };
        let done = ActionResult::done;
        let steps = [
            (
                s,
                Verb::Listen { backlog: 3 },
                done(),
                Some(Call::Listen { backlog: 3 }),
            ),
            (c, connect(), done(), None),
            (c, read(), ActionResult::received(b"Hello".to_vec()), None),
            (c, connect(), failed("connect", libc::EISCONN), None),
            (c, read(), failed("read", libc::ECONNRESET), None),
            (c, close(), done(), Some(Call::Close { read: 15 })),
            // A new connection, of which nothing is read, and one that cannot be closed.
            (c, connect(), done(), None),
            (c, close(), failed("close", libc::EIO), None),
            (c, close(), done(), Some(Call::Close { read: 5 })),
            // No connection was accepted: the listener is meant.
            (s, close(), done(), Some(Call::CloseListener)),
        ];
        let (mut sketch, mut tape) = (Sketch::default(), Tape::new());
        for (step, (party, verb, result, _)) in steps.iter().enumerate() {
            sketch = sketch.act(*party, verb.clone());
            tape = tape.start(step).end(step, result.clone());
        }
        let calls = Calls::of(&sketch.scenario(), &tape.recording);
        for (step, (_, verb, _, call)) in steps.iter().enumerate() {
            assert_eq!(calls.at_once(step), *call, "step {step}, {}", verb.name());
        }
    }
}
