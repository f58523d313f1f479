//! The states that the kernel reported at the end of each step against those that RFC 9293's machine comes to when it
//! replays the segments and the applications' calls.
//!
//! An entry of the recording that says that an action has ended may stand before or after the segments that it caused. So a
//! call counts from its beginning on, with the result that is known from later. A call that failed is different: it took its
//! time.
//!
//! Two things that the replay cannot know are granted to the kernel: that a timer ended a connection, and that Linux leaves
//! a connection in SYN-RECEIVED although the handshake's ACK has come, because the accept queue is full or accepting is
//! deferred until data comes (TCP_DEFER_ACCEPT, tcp(7)).

use std::time::Duration;

use super::{Check, Status};
use crate::run::{Entry, Fates, Recording, call_at_once, ends_connection};
use crate::scenario::{Action, Scenario, SocketOption, Verb};
use crate::tcp::{Call, Flags, Nanos, Party, Replay, Segment, State};

/// After this long without a segment the kernel may have ended a connection by a timer (TIME-WAIT, FIN-WAIT-2, user
/// timeout), which the replay does not know. Shorter ones cannot be set.
const SHORTEST_TIMER: Duration = Duration::from_secs(1);

/// Compares the states at the end of each step.
pub(super) fn check(scenario: &Scenario, recording: &Recording) -> Check {
    const NAME: &str = "states";
    let actions: Vec<&Action> = scenario.steps().map(|step| &step.action).collect();
    let results = recording.results();
    let mut replay = Replay::new();
    let (mut now, mut last_segment): (Nanos, Nanos) = (0, 0);
    // Only then does Linux leave a connection in SYN-RECEIVED although the handshake is complete.
    let may_wait = actions.iter().any(|action| {
        matches!(
            action.verb,
            Verb::Listen { backlog: 0 } | Verb::Set(SocketOption::TcpDeferAccept, _)
        )
    });
    let mut only_syn_acks = true;
    let mut compared = 0;
    let mut wrong = Vec::new();
    let mut fates = Fates::of(recording);
    for entry in &recording.entries {
        fates.replay(entry, &mut replay);
        match entry {
            Entry::ActionStarted { step, at } => {
                now = *at;
                if let (Some(action), Some(result)) = (actions.get(*step), results.get(step))
                    && let Some(call) = call_at_once(&action.verb, result)
                {
                    replay.call(action.party, call);
                }
            }
            Entry::ActionEnded { step, at, result } => {
                now = *at;
                if let Some(action) = actions
                    .get(*step)
                    .filter(|action| ends_connection(&action.verb, result))
                {
                    replay.call(action.party, Call::Failed);
                }
            }
            Entry::Segment(segment) => {
                (now, last_segment) = (segment.at, segment.at);
                only_syn_acks = keeps_silent(only_syn_acks, segment);
            }
            // What they do to a state the replay has taken note of.
            Entry::Fault { .. } | Entry::Icmp(_) => {}
            Entry::Settled { step, client, server } => {
                let quiet = Duration::from_nanos(now.saturating_sub(last_segment));
                for (party, reported) in [(Party::Client, *client), (Party::Server, *server)] {
                    // An end without a socket has no state but the inferred one.
                    let Some(reported) = reported else { continue };
                    compared += 1;
                    let inferred = replay.state(party);
                    let timed_out = reported == State::Closed && quiet >= SHORTEST_TIMER;
                    let not_taken = may_wait
                        && only_syn_acks
                        && party == Party::Server
                        && (reported, inferred) == (State::SynReceived, State::Established);
                    if timed_out {
                        // From here on the kernel knows no such connection.
                        replay.call(party, Call::Failed);
                    }
                    if reported != inferred && !timed_out && !not_taken {
                        wrong.push(contradiction(scenario, *step, party, reported, inferred));
                    }
                }
            }
        }
    }
    if compared == 0 {
        return Check::integrity(NAME, Status::NotChecked, "the kernel was never asked for its states");
    }
    let detail = format!("{compared} reports of the kernel agree with RFC 9293's state machine");
    Check::unless(&wrong, NAME, Status::Failed, detail)
}

/// Whether the server has still sent nothing but SYN,ACKs since the client's last SYN.
fn keeps_silent(so_far: bool, segment: &Segment) -> bool {
    let is_syn = segment.flags.contains(Flags::SYN);
    (so_far || segment.from == Party::Client && is_syn) && (segment.from == Party::Client || is_syn)
}

fn contradiction(scenario: &Scenario, step: usize, party: Party, reported: State, inferred: State) -> String {
    let action = scenario.steps().nth(step).map_or_else(String::new, |step| {
        let span = &step.action.span;
        format!("after `{}` (line {}) ", scenario.text(span), scenario.line(span))
    });
    format!(
        "{action}the kernel reported {reported} for the {party}, but by the segments and calls so far it is in {inferred} \
         (RFC 9293, section 3.3.2)"
    )
}
