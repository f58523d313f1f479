//! Which transitions took place in a run.

use std::collections::BTreeMap;

use nix::errno::Errno;

use crate::run::{ActionResult, Calls, Entry, Fates, IcmpEvent, IcmpFate, Recording, Way, ends_connection};
use crate::scenario::{Action, IcmpKind, Scenario, Severity, ShutdownHow, Verb};
use crate::tcp::{Call, Named, Party, Repeats, State, Transitions};

/// What shows that a transition took place; the better, the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Evidence {
    /// The segments on the wire and the calls of the applications.
    Wire,
    /// The kernel reported the state that it leads to, as well.
    Kernel,
}

/// The transitions that took place, by their ids.
pub fn observe(scenario: &Scenario, recording: &Recording) -> BTreeMap<&'static str, Evidence> {
    let actions: Vec<&Action> = scenario.steps().map(|step| &step.action).collect();
    let results = recording.results();
    let calls = Calls::of(scenario, recording);
    let mut found = Found::default();
    let mut transitions = Transitions::new();
    let mut fates = Fates::of(recording);
    let mut repeats = [Repeats::default(), Repeats::default()];
    let mut now = 0;
    for entry in &recording.entries {
        match entry {
            Entry::ActionStarted { step, at } => {
                now = *at;
                let (Some(action), Some(result)) = (actions.get(*step), results.get(step)) else {
                    continue;
                };
                let state = transitions.state(action.party);
                found.add(call_without_segment(&action.verb, result, state).map(|id| (action.party, id)));
                if let Some(call) = calls.at_once(*step) {
                    found.add(transitions.call(action.party, call));
                }
            }
            Entry::ActionEnded { step, result, at } => {
                now = *at;
                let Some(action) = actions.get(*step) else { continue };
                if errno(result) == Some(Errno::ETIMEDOUT) {
                    found.add(transitions.timed_out(action.party));
                } else if ends_connection(&action.verb, result) {
                    found.add(transitions.call(action.party, Call::Failed));
                }
            }
            Entry::Segment(_) | Entry::Fault { .. } => {
                let Way { sent, delivered } = fates.way(entry);
                sent.into_iter()
                    .for_each(|segment| repeats[segment.from as usize].sent(segment));
                delivered
                    .into_iter()
                    .for_each(|segment| repeats[segment.to as usize].delivered(segment));
                let sent = sent.and_then(|segment| transitions.sent(segment));
                let delivered = delivered.and_then(|segment| transitions.delivered(segment));
                // What is made by hand for an end without a socket shows nothing about a TCP.
                let named = sent.into_iter().chain(delivered);
                found.add(named.filter(|(party, _)| scenario.settings.peer != Some(*party)));
            }
            Entry::Icmp(event) => {
                let state = transitions.state(event.from);
                let call = event.call();
                let ends = state == State::SynSent && call.is_some();
                match by_icmp(event, state) {
                    // Linux goes on where the row ends, or ends where it goes on: no report of the kernel confirms that.
                    Some((id, row_ends)) if row_ends != ends => drop(found.0.entry(id).or_insert(Evidence::Wire)),
                    Some((id, _)) => found.add([(event.from, id)]),
                    None => {}
                }
                if let Some(call) = call {
                    transitions.call(event.from, call);
                }
            }
            Entry::Settled { client, server, .. } => {
                for (party, reported) in [(Party::Client, *client), (Party::Server, *server)] {
                    // An end without a socket has none that the kernel could confirm.
                    let Some(reported) = reported else { continue };
                    let inferred = transitions.state(party);
                    if inferred == reported {
                        found.confirm(party);
                    } else if let Some(id) = timer(inferred).filter(|_| reported == State::Closed) {
                        found.0.insert(id, Evidence::Kernel);
                        transitions.call(party, Call::Failed);
                    } else if (inferred, reported) == (State::SynReceived, State::Listen)
                        && repeats[party as usize].may_have_given_up(now)
                    {
                        // A handshake that nobody completed; its listener goes on.
                        found.0.insert("T43", Evidence::Kernel);
                        transitions.call(party, Call::Failed);
                        transitions.call(party, Call::StillListening);
                    }
                }
                found.forget();
            }
        }
    }
    found.into_evidence()
}

/// What has been found, and the last transition of each end since the kernel was last asked.
#[derive(Default)]
struct Found(BTreeMap<&'static str, Evidence>, Vec<Named>);

impl Found {
    fn add(&mut self, named: impl IntoIterator<Item = Named>) {
        for (party, id) in named {
            self.0.entry(id).or_insert(Evidence::Wire);
            self.1.retain(|(other, _)| *other != party);
            self.1.push((party, id));
        }
    }

    /// The kernel reports the state of this end to which its last transition has led.
    fn confirm(&mut self, party: Party) {
        let last = self.1.iter().find(|(other, _)| *other == party);
        if let Some((_, id)) = last {
            self.0.insert(id, Evidence::Kernel);
        }
    }

    fn forget(&mut self) {
        self.1.clear();
    }

    fn into_evidence(self) -> BTreeMap<&'static str, Evidence> {
        self.0
    }
}

/// The transition by a timer from a state that the kernel no longer reports.
fn timer(state: State) -> Option<&'static str> {
    Some(match state {
        State::TimeWait => "T20",
        State::FinWait1 => "T46",
        State::FinWait2 => "T47",
        State::Closing => "T48",
        State::LastAck => "T49",
        _ => return None,
    })
}

/// What happens when an error comes that TCP takes for one about its connection: the row of the table is named by state and
/// error, also where Linux goes on otherwise than the row says. With it, whether the connection ends by the row.
fn by_icmp(event: &IcmpEvent, state: State) -> Option<(&'static str, bool)> {
    use IcmpKind::PortUnreachable;
    if event.fate != IcmpFate::Received {
        return None;
    }
    Some(match (state, event.kind, event.kind.severity()?) {
        (State::SynSent, PortUnreachable, _) => ("T112", true),
        (State::SynSent, _, Severity::Soft) => ("T113", false),
        (State::Established, _, Severity::Soft) => ("T114", false),
        (State::Established, _, Severity::Hard) => ("T115", true),
        _ => return None,
    })
}

/// What a call shows that leaves the wire alone, made in this state.
fn call_without_segment(verb: &Verb, result: &ActionResult, state: State) -> Option<&'static str> {
    use State::*;
    let is_write = verb.written().is_some();
    let is_read = matches!(verb, Verb::Recv(_) | Verb::Read(_));
    let is_shutdown = matches!(verb, Verb::Shutdown(ShutdownHow::Write | ShutdownHow::Both));
    let failed = errno(result).is_some();
    match state {
        FinWait1 | FinWait2 if is_shutdown && !failed => Some("T104"),
        Closing | LastAck | TimeWait if is_shutdown && failed => Some("T105"),
        FinWait1 | FinWait2 | Closing | LastAck | TimeWait if is_write && failed => Some("T106"),
        // It waits, or has to come again: whatever it does, it does not send.
        SynSent | SynReceived if is_write && (!failed || errno(result) == Some(Errno::EAGAIN)) => Some("T109"),
        Closed if (is_write || is_read) && failed => Some("T107"),
        Established | SynSent
            if errno(result).is_some_and(|errno| matches!(errno, Errno::EISCONN | Errno::EALREADY)) =>
        {
            Some("T108")
        }
        Closing | LastAck | TimeWait if is_read && matches!(result, ActionResult::Eof { .. }) => Some("T111"),
        _ => None,
    }
}

fn errno(result: &ActionResult) -> Option<Errno> {
    match result {
        ActionResult::Failed { errno, .. } => Some(Errno::from_raw(*errno)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matcher::support::{Sketch, Tape};
    use crate::scenario::{Family, IcmpError};

    const HANDSHAKE: [&str; 3] = ["C > S SYN seq 0", "S > C SYN ACK seq 0 ack 1", "C > S ACK seq 1 ack 1"];

    /// What an error shows that comes to the client after these segments, and after which the kernel reports this state.
    fn shown(segments: &[&str], kind: IcmpKind, fate: IcmpFate, reported: State) -> Option<(&'static str, Evidence)> {
        let (from, to) = (Party::Client, Party::Server);
        let line = IcmpError {
            kind,
            span: 0..0,
            from,
            to,
            seq: None,
            mtu: None,
        };
        let scenario = Sketch::default()
            .act(Party::Client, Verb::Connect { to_self: false })
            .act(Party::Client, Verb::Icmp(line))
            .scenario();
        let mut recording = Tape::new().start(0).segments(segments).start(1).recording;
        let seq = recording.segments().last().expect("a segment").seq;
        recording.entries.push(Entry::Settled {
            step: 0,
            client: None,
            server: None,
        });
        recording.entries.push(Entry::Icmp(IcmpEvent {
            step: 1,
            at: 0,
            family: Family::Ipv4,
            kind,
            from,
            to,
            seq,
            mtu: None,
            fate,
        }));
        recording.entries.push(Entry::Settled {
            step: 1,
            client: Some(reported),
            server: None,
        });
        let shown = observe(&scenario, &recording);
        shown
            .into_iter()
            .find(|(id, _)| ["T112", "T113", "T114", "T115"].contains(id))
    }

    #[test]
    fn an_icmp_error_is_named_by_state_and_kind_and_confirmed_where_linux_keeps_to_the_row() {
        use IcmpKind::*;
        let (syn, all) = (&HANDSHAKE[..1], &HANDSHAKE[..]);
        let taken = IcmpFate::Received;
        let (closed, open) = (State::Closed, State::Established);
        assert_eq!(
            shown(syn, PortUnreachable, taken, closed),
            Some(("T112", Evidence::Kernel))
        );
        assert_eq!(
            shown(syn, HostUnreachable, taken, closed),
            Some(("T113", Evidence::Wire))
        );
        assert_eq!(shown(all, NoRoute, taken, open), Some(("T114", Evidence::Kernel)));
        assert_eq!(
            shown(all, ProtocolUnreachable, taken, open),
            Some(("T115", Evidence::Wire))
        );
        assert_eq!(shown(all, SourceQuench, taken, open), None);
        assert_eq!(shown(all, HostUnreachable, IcmpFate::OutOfWindow, open), None);
        assert_eq!(shown(syn, PortUnreachable, IcmpFate::Lost, State::SynSent), None);
    }
}
