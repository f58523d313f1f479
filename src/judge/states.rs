//! The states that the kernel reported at the end of each step against those that RFC 9293's machine comes to when it
//! replays the segments and the applications' calls.
//!
//! An entry of the recording that says that an action has ended may stand before or after the segments that it caused. So a
//! call counts from its beginning on, with the result that is known from later. A call that failed is different: it took its
//! time.
//!
//! Two things that the replay cannot know are granted to the kernel: that a timer ended a connection, after a silence or
//! after repeats that nobody acknowledged, and that Linux leaves a connection in SYN-RECEIVED although the handshake's ACK has
//! come, because accepting is deferred until data comes (TCP_DEFER_ACCEPT, tcp(7)).
//!
//! That an accept queue was full is inferred too, and the kernel's count of such segments (`ListenOverflows`) must agree.

use std::time::Duration;

use super::{Check, Status};
use crate::run::{ActionResult, Calls, Entry, Fates, Recording, Way, ends_connection};
use crate::scenario::{Action, Scenario, SocketOption, Verb};
use crate::tcp::{Call, Flags, Nanos, Party, Repeats, Replay, Segment, State};

/// After this long without a segment the kernel may have ended a connection by a timer of its state (TIME-WAIT, FIN-WAIT-2),
/// which the replay does not know. Shorter ones cannot be set; what ends repeats does so by [`Repeats`].
const SHORTEST_TIMER: Duration = Duration::from_secs(1);

/// Compares the states at the end of each step.
pub(super) fn check(scenario: &Scenario, recording: &Recording) -> Check {
    const NAME: &str = "states";
    let actions: Vec<&Action> = scenario.steps().map(|step| &step.action).collect();
    let calls = Calls::of(scenario, recording);
    let mut replay = Replay::new();
    let (mut now, mut last_segment): (Nanos, Nanos) = (0, 0);
    // Only then does Linux leave a connection in SYN-RECEIVED although the handshake is complete.
    let may_wait = actions
        .iter()
        .any(|action| matches!(action.verb, Verb::Set(SocketOption::TcpDeferAccept, _)));
    let mut only_syn_acks = true;
    let mut compared = 0;
    let mut wrong = Vec::new();
    let mut fates = Fates::of(recording);
    let mut repeats = [Repeats::default(), Repeats::default()];
    for entry in &recording.entries {
        let Way { sent, delivered } = fates.way(entry);
        if let Some(segment) = sent {
            replay.sent(segment);
            repeats[segment.from as usize].sent(segment);
        }
        if let Some(segment) = delivered {
            replay.delivered(segment);
            repeats[segment.to as usize].delivered(segment);
        }
        match entry {
            Entry::ActionStarted { step, at } => {
                now = *at;
                if let (Some(action), Some(call)) = (actions.get(*step), calls.at_once(*step)) {
                    replay.call(action.party, call);
                }
            }
            Entry::ActionEnded { step, at, result } => {
                now = *at;
                // The kernel was asked here, too.
                if let Some(Action {
                    party,
                    verb: Verb::State(reported),
                    ..
                }) = actions.get(*step)
                    && matches!(result, ActionResult::Done { .. })
                {
                    let quiet = Duration::from_nanos(now.saturating_sub(last_segment));
                    let gave_up = repeats[*party as usize].may_have_given_up(now);
                    if may_time_out(replay.state(*party), *reported, gave_up, quiet) {
                        forget(&mut replay, *party, *reported);
                    }
                }
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
            Entry::Icmp(event) => {
                if let Some(call) = event.call() {
                    replay.call(event.from, call);
                }
            }
            // What they do to a state the replay has taken note of.
            Entry::Fault { .. } => {}
            Entry::Settled { step, client, server } => {
                let quiet = Duration::from_nanos(now.saturating_sub(last_segment));
                for (party, reported) in [(Party::Client, *client), (Party::Server, *server)] {
                    // An end without a socket has no state but the inferred one.
                    let Some(reported) = reported else { continue };
                    compared += 1;
                    let inferred = replay.state(party);
                    let gave_up = repeats[party as usize].may_have_given_up(now);
                    let timed_out = may_time_out(inferred, reported, gave_up, quiet);
                    let not_taken = may_wait
                        && only_syn_acks
                        && party == Party::Server
                        && (reported, inferred) == (State::SynReceived, State::Established);
                    if timed_out {
                        forget(&mut replay, party, reported);
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
    let overflows: u64 = Party::ALL.into_iter().map(|party| replay.overflows(party)).sum();
    let counted = recording.counters.and_then(|counters| counters.listen_overflows);
    // A deferred accept keeps a connection out of the queue.
    if let Some(counted) = counted.filter(|counted| *counted != overflows && !may_wait) {
        wrong.push(format!(
            "the kernel dropped {counted} segments because an accept queue was full, but by the segments and calls \
             {overflows} were to be dropped (TcpExtListenOverflows)"
        ));
    }
    let mut detail = format!("{compared} reports of the kernel agree with RFC 9293's state machine");
    if overflows > 0 && counted.is_some() {
        detail.push_str(&format!("; {overflows} segments met a full accept queue"));
    }
    Check::unless(&wrong, NAME, Status::Failed, detail)
}

/// Whether a timer can have led from the inferred state to the reported one: after repeats that nobody acknowledged, or
/// after a silence in a state that a timer ends by itself.
fn may_time_out(inferred: State, reported: State, gave_up: bool, quiet: Duration) -> bool {
    use State::*;
    match (inferred, reported) {
        // Nobody had accepted the connection, and its listener goes on.
        (SynReceived, Listen) => gave_up,
        (FinWait1 | FinWait2 | Closing | LastAck | TimeWait, Closed) => gave_up || quiet >= SHORTEST_TIMER,
        (SynSent | SynReceived | Established | CloseWait, Closed) => gave_up,
        _ => false,
    }
}

/// From here on the kernel knows no such connection.
fn forget(replay: &mut Replay, party: Party, reported: State) {
    replay.call(party, Call::Failed);
    if reported == State::Listen {
        replay.call(party, Call::StillListening);
    }
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
