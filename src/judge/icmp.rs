//! ICMP errors made by hand: each line of the scenario has sent the one that it says, and the kernel has counted it.
//!
//! Two checks, of two witnesses. The log against the scenario: kind, direction, number and size are found out again from the
//! line and the captured segments. The log against the kernel's ICMP counters: what was sent and not counted makes the
//! verdict inconclusive, for then nobody knows what TCP would have done with it. Errors that the kernel sends itself are
//! counted twice, going out and coming in, and so are told apart.

use std::collections::HashMap;

use super::{Check, Status};
use crate::bench::IcmpTypes;
use crate::run::{Ending, Entry, IcmpEvent, IcmpFate, Recording};
use crate::scenario::{Family, IcmpError, IcmpKind, Scenario, Verb};
use crate::tcp::{Conversation, Party, Seq};

/// Holds the errors in the log against the lines that say so; nothing for a scenario without any.
pub(super) fn sent(scenario: &Scenario, recording: &Recording) -> Option<Check> {
    const NAME: &str = "icmp";
    let lines: Vec<Option<&IcmpError>> = scenario
        .steps()
        .map(|step| match &step.action.verb {
            Verb::Icmp(error) => Some(error),
            _ => None,
        })
        .collect();
    let events = recording.entries.iter().filter_map(Entry::icmp).count();
    if events == 0 && lines.iter().all(Option::is_none) {
        return None;
    }
    let mut conversation = Conversation::default();
    let mut last: HashMap<(Party, Party), Seq> = HashMap::new();
    // The line whose error has not been sent yet.
    let mut open: Option<usize> = None;
    let mut wrong = Vec::new();
    for entry in &recording.entries {
        match entry {
            Entry::ActionStarted { step, .. } => {
                wrong.extend(open.take().map(|step| format!("{} sent nothing", line(scenario, step))));
                open = lines.get(*step).copied().flatten().map(|_| *step);
            }
            Entry::Segment(segment) => {
                conversation.relate(segment);
                last.insert((segment.from, segment.to), segment.seq);
            }
            Entry::Icmp(event) => match open.take() {
                Some(step) if event.step == step => {
                    let error = lines.get(step).copied().flatten();
                    let number = |error: &IcmpError| match error.seq {
                        Some(seq) => Some(conversation.isn(error.from).unwrap_or_default() + seq),
                        None => last.get(&(error.from, error.to)).copied(),
                    };
                    let is_family = event.family == scenario.settings.family;
                    if !is_family || error.is_none_or(|error| !is_it(event, error, number(error))) {
                        wrong.push(format!("{} says another error than was sent", line(scenario, step)));
                    }
                }
                other => {
                    open = other;
                    wrong.push(format!("an ICMP error was sent that no line says: {}", event.kind));
                }
            },
            Entry::ActionEnded { .. } | Entry::Fault { .. } | Entry::Settled { .. } => {}
        }
    }
    if recording.ending == Ending::Completed {
        wrong.extend(open.map(|step| format!("{} sent nothing", line(scenario, step))));
    }
    let status = if wrong.is_empty() { Status::Ok } else { Status::Failed };
    let detail = match status {
        Status::Ok => format!("{events} errors made by hand, as the lines say"),
        _ => wrong.join("\n"),
    };
    Some(Check::expectation(NAME, status, detail))
}

fn is_it(event: &IcmpEvent, error: &IcmpError, seq: Option<Seq>) -> bool {
    (event.kind, event.from, event.to, event.mtu) == (error.kind, error.from, error.to, error.mtu)
        && seq == Some(event.seq)
}

fn line(scenario: &Scenario, step: usize) -> String {
    scenario.steps().nth(step).map_or_else(String::new, |step| {
        let span = &step.action.span;
        format!("`{}` (line {})", scenario.text(span), scenario.line(span))
    })
}

/// Holds the errors in the log against the kernel's counters; nothing for a run without any.
///
/// Measured on Linux 6.18: what a raw socket sends counts as sent over IPv4, and does not over IPv6.
pub(super) fn counted(scenario: &Scenario, recording: &Recording) -> Option<Check> {
    const NAME: &str = "icmp counters";
    let events: Vec<&IcmpEvent> = recording.entries.iter().filter_map(Entry::icmp).collect();
    if events.is_empty() {
        return None;
    }
    let Some(counters) = recording.counters.map(|counters| counters.icmp) else {
        return Some(Check::integrity(
            NAME,
            Status::NotChecked,
            "others use the host's loopback too, so that its counters say nothing",
        ));
    };
    let mut wrong: Vec<String> = events
        .iter()
        .filter(|event| event.fate == IcmpFate::Lost)
        .map(|event| format!("the kernel has not received the error made by hand: {}", event.kind))
        .collect();
    let mut made = IcmpTypes::default();
    for event in &events {
        *of_kind(&mut made, event.kind) += 1;
    }
    let sent = match scenario.settings.family {
        Family::Ipv4 => counters.sent,
        Family::Ipv6 => counters.sent + made,
    };
    if counters.received != sent || made - sent != IcmpTypes::default() {
        wrong.push(format!(
            "of ICMP errors the kernel counted coming in: {}; going out: {sent}; made by hand: {made}",
            counters.received
        ));
    }
    let fated = |fate: IcmpFate| events.iter().filter(|event| event.fate == fate).count() as u64;
    for (what, counted, logged) in [
        (
            "quote a number outside SND.UNA..SND.NXT",
            counters.out_of_window,
            fated(IcmpFate::OutOfWindow),
        ),
        (
            "are about no connection",
            counters.in_errors,
            fated(IcmpFate::NoConnection),
        ),
    ] {
        if counted != logged {
            wrong.push(format!(
                "the kernel counted {counted} errors that {what}, the lab saw {logged}"
            ));
        }
    }
    let detail = format!("the kernel received all {} errors made by hand", events.len());
    Some(Check::unless(&wrong, NAME, Status::Doubtful, detail))
}

/// The counter of the kind's type: IPv4's `fragmentation-needed` is one of the unreachables.
fn of_kind(types: &mut IcmpTypes, kind: IcmpKind) -> &mut u64 {
    use IcmpKind::*;
    match kind {
        NetUnreachable | HostUnreachable | ProtocolUnreachable | PortUnreachable | FragmentationNeeded
        | SourceRouteFailed | AdminProhibited | NoRoute | AddressUnreachable => &mut types.dest_unreachs,
        TtlExceeded | ReassemblyTimeout | HopLimitExceeded => &mut types.time_excds,
        ParameterProblem => &mut types.parm_probs,
        SourceQuench => &mut types.src_quenchs,
        PacketTooBig => &mut types.pkt_too_bigs,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::IcmpCounters;
    use crate::endpoint::ActionResult;
    use crate::judge::states;
    use crate::matcher::support::{Sketch, Tape};
    use crate::run::Counters;
    use crate::tcp::State;

    const SYN: &str = "C > S SYN seq 0";

    fn error(kind: IcmpKind, seq: Option<u32>) -> IcmpError {
        IcmpError {
            kind,
            span: 0..0,
            from: Party::Client,
            to: Party::Server,
            seq,
            mtu: kind.has_mtu().then_some(1000),
        }
    }

    fn scenario(seq: Option<u32>) -> Scenario {
        Sketch::default()
            .act(Party::Client, Verb::Connect { to_self: false })
            .lines(&[SYN])
            .act(Party::Client, Verb::Icmp(error(IcmpKind::HostUnreachable, seq)))
            .scenario()
    }

    /// A SYN, then an error about it, then what the kernel reports.
    fn run(fate: IcmpFate, change: impl FnOnce(&mut IcmpEvent)) -> Recording {
        let mut recording = Tape::new().start(0).segment(SYN).start(1).recording;
        let isn = recording.segments().next().expect("a SYN").seq;
        let mut event = IcmpEvent {
            step: 1,
            at: 0,
            family: Family::Ipv4,
            kind: IcmpKind::HostUnreachable,
            from: Party::Client,
            to: Party::Server,
            seq: isn,
            mtu: None,
            fate,
        };
        change(&mut event);
        recording.entries.push(Entry::Icmp(event));
        recording.entries.push(Entry::ActionEnded {
            step: 1,
            at: 0,
            result: ActionResult::done(),
        });
        recording
    }

    fn status(scenario: &Scenario, recording: &Recording) -> Option<Status> {
        sent(scenario, recording).map(|check| check.status)
    }

    #[test]
    fn a_line_has_sent_what_it_says_and_nothing_else() {
        let judged = |change: fn(&mut IcmpEvent)| status(&scenario(None), &run(IcmpFate::Received, change));
        assert_eq!(judged(|_| {}), Some(Status::Ok));
        assert_eq!(
            judged(|event| event.kind = IcmpKind::NetUnreachable),
            Some(Status::Failed)
        );
        assert_eq!(judged(|event| event.seq += 1), Some(Status::Failed));
        assert_eq!(judged(|event| event.family = Family::Ipv6), Some(Status::Failed));
        assert_eq!(judged(|event| event.mtu = Some(1000)), Some(Status::Failed));
        assert_eq!(judged(|event| event.step = 0), Some(Status::Failed));
        let turned = |event: &mut IcmpEvent| (event.from, event.to) = (event.to, event.from);
        assert_eq!(judged(turned), Some(Status::Failed));
        let mut none = run(IcmpFate::Received, |_| {});
        none.entries.retain(|entry| entry.icmp().is_none());
        assert_eq!(status(&scenario(None), &none), Some(Status::Failed));
        let mut twice = run(IcmpFate::Received, |_| {});
        let again = twice.entries.iter().find(|entry| entry.icmp().is_some()).cloned();
        twice.entries.extend(again);
        assert_eq!(status(&scenario(None), &twice), Some(Status::Failed));
    }

    #[test]
    fn a_named_number_counts_from_the_senders_syn() {
        let far = |seq| {
            status(
                &scenario(Some(seq)),
                &run(IcmpFate::OutOfWindow, |event| event.seq += 500),
            )
        };
        assert_eq!((far(500), far(0)), (Some(Status::Ok), Some(Status::Failed)));
    }

    #[test]
    fn an_error_that_the_kernel_did_not_count_leaves_a_doubt() {
        let judged = |fate, counters: fn(&mut IcmpCounters)| {
            let mut recording = run(fate, |_| {});
            let mut icmp = IcmpCounters::default();
            icmp.received.dest_unreachs = 1;
            icmp.sent.dest_unreachs = 1;
            counters(&mut icmp);
            recording.counters = Some(Counters {
                icmp,
                ..Counters::default()
            });
            counted(&scenario(None), &recording).map(|check| check.status)
        };
        assert_eq!(judged(IcmpFate::Received, |_| {}), Some(Status::Ok));
        assert_eq!(judged(IcmpFate::Lost, |_| {}), Some(Status::Doubtful));
        assert_eq!(judged(IcmpFate::OutOfWindow, |_| {}), Some(Status::Doubtful));
        assert_eq!(
            judged(IcmpFate::OutOfWindow, |icmp| icmp.out_of_window = 1),
            Some(Status::Ok)
        );
        assert_eq!(
            judged(IcmpFate::NoConnection, |icmp| icmp.in_errors = 1),
            Some(Status::Ok)
        );
        assert_eq!(
            judged(IcmpFate::Received, |icmp| icmp.received.dest_unreachs = 0),
            Some(Status::Doubtful)
        );
        let by_itself = |icmp: &mut IcmpCounters| {
            icmp.received.dest_unreachs += 1;
            icmp.sent.dest_unreachs += 1;
        };
        assert_eq!(judged(IcmpFate::Received, by_itself), Some(Status::Ok));
    }

    #[test]
    fn an_open_ends_by_an_error_that_tcp_takes() {
        let judged = |fate, kind, state| {
            let mut recording = run(fate, |event| event.kind = kind);
            recording.entries.push(Entry::Settled {
                step: 1,
                client: Some(state),
                server: None,
            });
            states::check(&scenario(None), &recording).status
        };
        let (open, closed) = (State::SynSent, State::Closed);
        assert_eq!(
            judged(IcmpFate::Received, IcmpKind::HostUnreachable, closed),
            Status::Ok
        );
        assert_eq!(
            judged(IcmpFate::Received, IcmpKind::HostUnreachable, open),
            Status::Failed
        );
        assert_eq!(
            judged(IcmpFate::OutOfWindow, IcmpKind::HostUnreachable, open),
            Status::Ok
        );
        assert_eq!(judged(IcmpFate::Received, IcmpKind::SourceQuench, open), Status::Ok);
        assert_eq!(
            judged(IcmpFate::Received, IcmpKind::SourceQuench, closed),
            Status::Failed
        );
    }
}
