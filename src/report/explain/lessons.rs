//! What a run teaches: general rules, each said only when this run shows it.

use super::facts::{Facts, Sent, facts, slot};
use crate::run::{ActionResult, Entry, IcmpEvent, IcmpFate, Recording};
use crate::scenario::{IcmpKind, Scenario, Step, Verb};
use crate::tcp::{Flags, Party, State};

/// The rules that this run shows, in ASCII, each with its evidence, in the order in which a beginner meets them.
pub fn lessons_shown(scenario: &Scenario, recording: &Recording) -> Vec<String> {
    let facts = facts(scenario, recording);
    [
        acknowledgment_rule(&facts),
        two_sequence_spaces(&facts),
        nobody_asks_for_a_packet(&facts),
        icmp_counts_for_its_connection(recording),
        wrong_echo(scenario, recording),
        first_closer_waits(&facts),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// ACK = SEQ + SEG.LEN, shown by a data segment that is acknowledged on its own.
fn acknowledgment_rule(facts: &[Facts<'_>]) -> Option<String> {
    let (number, ack, sent) = facts.iter().find_map(|facts| {
        let sent = facts.acknowledges?.segment?;
        (sent.len > 0 && !sent.syn && !sent.fin).then_some((facts.number, facts.relative.ack?, sent))
    })?;
    let Sent { seq, len, .. } = sent;
    let counted = facts
        .iter()
        .find_map(|facts| {
            let sent = facts.acknowledges?.segment?;
            (sent.len == 0 && (sent.syn || sent.fin)).then_some(facts.number)
        })
        .map_or(String::new(), |number| format!(", as in segment {number}"));
    Some(format!(
        "ACK = SEQ + SEG.LEN, not SEQ + LEN + 1: segment {number} has ACK {ack} = {seq} + {len}. Only SYN and FIN add one of \
         their own{counted} (RFC 9293 section 3.4)."
    ))
}

/// Two SYNs of two ends with two initial numbers.
fn two_sequence_spaces(facts: &[Facts<'_>]) -> Option<String> {
    let isn = |party: Party| {
        facts
            .iter()
            .filter(|facts| facts.segment.from == party && facts.segment.to != party)
            .find(|facts| facts.segment.flags.contains(Flags::SYN))
            .map(|facts| facts.segment.seq)
    };
    let (client, server) = (isn(Party::Client)?, isn(Party::Server)?);
    Some(format!(
        "The two directions count independently: the client began at {client}, the server at {server}. SEQ counts what an \
         end sends, ACK what it has received from the other (RFC 9293 section 3.4)."
    ))
}

fn nobody_asks_for_a_packet(facts: &[Facts<'_>]) -> Option<String> {
    let rule = "A receiver never asks for a packet: its ACK says what it has";
    let lost = facts.iter().find_map(|facts| {
        facts.again.filter(|_| facts.segment.len > 0).map(|first| {
            (
                facts.number,
                first,
                facts.asked,
                facts.icmp.is_some_and(|event| event.mtu.is_some()),
            )
        })
    });
    if let Some((again, first, asked, too_big)) = lost {
        let why = if too_big {
            "when ICMP told it the largest packet that gets through".to_owned()
        } else if asked >= 3 {
            format!("after {asked} duplicate ACKs")
        } else {
            "when its timer ran out".to_owned()
        };
        return Some(format!(
            "{rule}. Segment {again} repeats segment {first} because the sender decided to, {why} (RFC 9293 section 3.8.1)."
        ));
    }
    let (number, ack) = facts.iter().find_map(|facts| {
        let data = facts.acknowledges?.segment.is_some_and(|sent| sent.len > 0);
        (data && facts.segment.sequence_len() == 0).then_some((facts.number, facts.relative.ack?))
    })?;
    Some(format!(
        "{rule}. ACK {ack} in segment {number} means that everything before number {ack} has arrived; what is lost the \
         sender repeats by its own timer (RFC 9293 section 3.8.1)."
    ))
}

/// An ICMP error, and what TCP makes of it.
fn icmp_counts_for_its_connection(recording: &Recording) -> Option<String> {
    let events: Vec<&IcmpEvent> = recording.entries.iter().filter_map(Entry::icmp).collect();
    let rule =
        "An ICMP error counts for the connection whose segment it quotes, if its number lies from SND.UNA to SND.NXT";
    let ignored = events.iter().find(|event| event.fate == IcmpFate::OutOfWindow);
    let shown = ignored.or(events.first())?;
    let (kind, to) = (shown.kind, shown.from);
    let effect = match shown.fate {
        IcmpFate::OutOfWindow => "it does not, so the {to} ignores the error (RFC 5927 section 4.1)",
        IcmpFate::NoConnection | IcmpFate::Lost => return None,
        IcmpFate::Received if kind.has_mtu() => "the {to} makes its segments smaller and sends them again (RFC 1191)",
        IcmpFate::Received if kind == IcmpKind::SourceQuench => {
            "the {to} drops a source quench in silence (RFC 9293 MUST-55)"
        }
        IcmpFate::Received => {
            "Linux gives up an open because of it, and never an established connection (RFC 9293 section 3.9.2.2, RFC 5461)"
        }
    };
    let effect = effect.replace("{to}", to.name());
    Some(format!(
        "{rule}. Here comes `{kind}` to the {to}, made by hand: {effect}."
    ))
}

/// An echo that brings back other bytes than were sent.
fn wrong_echo(scenario: &Scenario, recording: &Recording) -> Option<String> {
    let steps: Vec<&Step> = scenario.steps().collect();
    recording.entries.iter().find_map(|entry| match entry {
        Entry::ActionEnded { step, result, .. } => wrong_echo_of(steps.get(*step)?, result),
        _ => None,
    })
}

fn wrong_echo_of(step: &Step, result: &ActionResult) -> Option<String> {
    let (received, sent) = super::echo(step, result).filter(|(received, sent)| received != sent)?;
    let who = step.action.party;
    let strlen = matches!(step.action.verb, Verb::EchoStrlen { .. });
    Some(match sent.strip_prefix(received) {
        Some([byte, ..]) if strlen => format!(
            "Byte {} of the reply, {byte:02x}, means nothing: it is a stale byte of the {who}'s uncleared buffer. {} bytes \
             came, and strlen ran past them to the next zero. TCP was right, the program was wrong.",
            received.len() + 1,
            received.len()
        ),
        None if strlen && received.starts_with(sent) => format!(
            "The {who} got {} bytes and sent {} back: strlen stops at a zero byte, for TCP one like any other. TCP was right, \
             the program was wrong.",
            received.len(),
            sent.len()
        ),
        _ => format!(
            "The {who} got {} bytes and sent {} others back: an echo server must return what came. TCP carries any bytes; \
             only who knows the program's contract sees the mistake.",
            received.len(),
            sent.len()
        ),
    })
}

/// The states of the end that closed first, as it went through them.
fn first_closer_waits(facts: &[Facts<'_>]) -> Option<String> {
    let party = Party::ALL.into_iter().find(|party| {
        facts
            .last()
            .is_some_and(|last| last.after[slot(*party)] == State::TimeWait)
    })?;
    let mut path: Vec<State> = Vec::new();
    for facts in facts {
        for state in [facts.before[slot(party)], facts.after[slot(party)]] {
            if path.last() != Some(&state) {
                path.push(state);
            }
        }
    }
    let names: Vec<&str> = path.iter().map(|state| state.name()).collect();
    let rule = if path.contains(&State::Closing) {
        "FINs that cross let their senders wait in the end"
    } else {
        "Who closes first waits in the end"
    };
    Some(format!(
        "{rule}: the {party} went through {} (RFC 9293 section 3.3.2), and stays there so that a lost last ACK can be repeated.",
        names.join(", ")
    ))
}
