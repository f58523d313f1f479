//! The sentences. Each names the numbers and the rule of RFC 9293 that they follow.

use super::facts::{Acknowledged, Facts, Sent, slot};
use super::header::{congestion, ip};
use crate::run::Fate;
use crate::scenario::{Family, Verb};
use crate::tcp::{Flags, Origin, Party, Probe, Segment, State, TcpOption};

/// What the segment does and why its numbers are these, and what the wire did with it.
pub(super) fn sentence(facts: &Facts<'_>, family: Family) -> String {
    let Facts { segment, fate, .. } = facts;
    let (from, to) = (segment.from, segment.to);
    let waits = if segment.sequence_len() > 0 && !segment.flags.contains(Flags::RST) {
        format!(" The {from} cannot know: it waits for the ACK until its retransmission timer runs out (RFC 6298).")
    } else {
        // What only acknowledges is not acknowledged itself.
        format!(" Nobody will miss it as such: the {to} goes by what it has heard so far.")
    };
    let met = match fate {
        None | Some(Fate::Released) => return said(facts, family),
        Some(Fate::Copied) => {
            return format!(
                "The wire delivers this segment a second time; the {from} sent it once. The {to} has its numbers already, and \
                 drops it with an ACK (RFC 9293 section 3.10.7.4)."
            );
        }
        Some(Fate::Dropped) => format!("But the wire loses it.{waits}"),
        Some(Fate::Corrupted) => {
            format!(
                "But a bit of it changes on the way: the checksum is wrong, and the {to} drops it silently (RFC 9293 section 3.1).{waits}"
            )
        }
        Some(Fate::Altered) => format!(
            "But a bit of it changes on the way, and the checksum with it, as in a faulty router or card that computes it anew: \
             the {to} takes what has arrived for what was sent. Only the application could tell (RFC 9293 section 3.1)."
        ),
        Some(Fate::Marked) => format!(
            "A congested router marks it CE in place of dropping it: the {to} says so with ECE in its ACKs until the {from} \
             answers with CWR (RFC 3168 section 6.1)."
        ),
        Some(Fate::Held) => format!("But the wire holds it: the {to} will have it later."),
        Some(Fate::Delayed) => format!("But it takes its time on the wire: the {to} will have it later."),
        Some(Fate::Duplicated) => "The wire delivers it twice.".to_owned(),
    };
    format!("{} {met}", said(facts, family))
}

/// What the segment does, why its numbers are these, and what its header says beside that.
fn said(facts: &Facts<'_>, family: Family) -> String {
    [does(facts, family), congestion(facts), ip(facts)].concat()
}

/// What the segment does and why its numbers are these.
fn does(facts: &Facts<'_>, family: Family) -> String {
    let flags = facts.segment.flags;
    if facts.segment.is_injected() {
        by_hand(facts)
    } else if flags.contains(Flags::RST) {
        reset(facts)
    } else if let Some(first) = facts.again {
        repeated(facts, first)
    } else if flags.contains(Flags::SYN) {
        synchronize(facts, family)
    } else if flags.contains(Flags::FIN) {
        finish(facts)
    } else if facts.segment.len > 0 {
        data(facts)
    } else if let Some(acknowledged) = facts.acknowledges {
        acknowledgment(facts, acknowledged)
    } else {
        repeated_acknowledgment(facts)
    }
}

/// A segment that the lab has made: in whose name, and what its receiver makes of it.
fn by_hand(facts: &Facts<'_>) -> String {
    let Facts { segment, relative, .. } = facts;
    let (from, to) = (segment.from, segment.to);
    let made = match segment.origin {
        Origin::FakeEnd => format!("Made by hand: the {from} has no kernel socket in this scenario."),
        _ => format!("Made by hand: the {from} itself has not sent this and knows nothing of it."),
    };
    let (before, after) = (facts.before[slot(to)], facts.after[slot(to)]);
    let seq = relative.seq;
    let flags = segment.flags;
    let effect = if let Some(offset) = segment.offset {
        format!(
            "Its data offset of {offset} words cannot be right, so the {to} drops it in silence (RFC 9293 section 3.1)."
        )
    } else if !segment.is_intact() {
        format!("Its checksum is wrong, so the {to} drops it in silence (RFC 9293 section 3.1, MUST-3).")
    } else if flags.contains(Flags::RST) && before != after {
        format!(
            "SEQ {seq} is exactly the number that the {to} expects, so it believes the RST and goes from {before} to {after} \
             (RFC 9293 section 3.10.7.4)."
        )
    } else if flags.contains(Flags::RST) && matches!(before, State::Closed | State::Listen) {
        "There is no connection that it could end, and a RST is never answered (RFC 9293 section 3.10.7).".to_owned()
    } else if flags.contains(Flags::RST) {
        format!("SEQ {seq} is not the number that the {to} expects, so the RST ends nothing (RFC 5961 section 3.2).")
    } else if before != after {
        format!("The {to} goes from {before} to {after} (RFC 9293 section 3.10.7).")
    } else if flags.contains(Flags::SYN) && !matches!(before, State::Closed | State::Listen) {
        format!("The {to} has a connection already: whatever its number, the SYN opens nothing (RFC 5961 section 4.2).")
    } else {
        return made;
    };
    format!("{made} {effect}")
}

/// An empty ACK that answers a segment made by hand.
fn challenge(facts: &Facts<'_>) -> Option<String> {
    let heard = facts.heard.filter(|heard| heard.segment.is_injected())?;
    let (from, ack) = (facts.segment.from, facts.relative.ack?);
    let (number, flags) = (heard.number, heard.segment.flags);
    let (what, section) = if flags.contains(Flags::RST) {
        (
            format!("the RST of segment {number} is not exactly the next number"),
            "3.2",
        )
    } else if flags.contains(Flags::SYN) {
        (format!("the SYN of segment {number} comes into a connection"), "4.2")
    } else {
        return None;
    };
    Some(format!(
        "A challenge ACK: {what}, so the {from} only says that it expects number {ack}. A peer that has really lost its \
         connection answers with a RST of this number, and that one counts (RFC 5961 section {section})."
    ))
}

fn state(facts: &Facts<'_>, party: Party) -> State {
    facts.after[slot(party)]
}

fn reset(facts: &Facts<'_>) -> String {
    let Facts { segment, relative, .. } = facts;
    let from = segment.from;
    let before = facts.before[slot(from)];
    let heard = facts
        .heard
        .filter(|_| before == State::Closed || before == State::Listen);
    match (heard, relative.ack) {
        (Some(heard), Some(ack)) if segment.seq.0 == 0 => format!(
            "The {from} refuses: nobody listens there. Without a connection it has no number of its own, so SEQ is 0; \
             ACK {ack} = SEQ {} + {} of segment {} (RFC 9293 section 3.10.7.1).",
            heard.relative.seq,
            heard.segment.sequence_len(),
            heard.number
        ),
        (Some(heard), None) => format!(
            "The {from} has no connection for segment {}: the RST takes its SEQ {} from that segment's ACK and \
             acknowledges nothing (RFC 9293 section 3.10.7.1).",
            heard.number, relative.seq
        ),
        _ if facts.unread > 0 && closing(facts) => format!(
            "The {from} closes with {} unread. A FIN would say that all was taken, so TCP sends RST: the {} learns that \
             data was lost (RFC 9293 section 3.6.1).",
            bytes(facts.unread),
            segment.to
        ),
        (_, None) if matches!(before, State::FinWait1 | State::FinWait2) => match facts.heard {
            Some(heard) if heard.segment.len > 0 => format!(
                "The {from} has closed, and nobody will read the data of segment {}: RST, with SEQ {} from that \
                 segment's ACK, tells so (RFC 9293 section 3.6.1).",
                heard.number, relative.seq
            ),
            _ => abort(facts),
        },
        _ => abort(facts),
    }
}

/// Whether the sender's application closes at this moment.
fn closing(facts: &Facts<'_>) -> bool {
    facts
        .step
        .is_some_and(|step| step.action.party == facts.segment.from && matches!(step.action.verb, Verb::Close { .. }))
}

fn abort(facts: &Facts<'_>) -> String {
    let Facts { segment, relative, .. } = facts;
    format!(
        "The {} aborts: RST takes the next number, SEQ {}, and ends the connection for both ends at once. Nobody \
         acknowledges a RST (RFC 9293 section 3.10.5).",
        segment.from, relative.seq
    )
}

fn repeated(facts: &Facts<'_>, first: usize) -> String {
    let Facts { segment, relative, .. } = facts;
    let from = segment.from;
    if segment.flags.contains(Flags::SYN | Flags::ACK) && facts.acknowledges.is_some() {
        let ack = relative.ack.unwrap_or_default();
        return format!(
            "Two SYNs have crossed: the {from} repeats its own, SEQ {}, and acknowledges the other with ACK {ack}. A \
             simultaneous open needs no listener (RFC 9293 section 3.5, figure 7).",
            relative.seq
        );
    }
    let what = match (segment.flags, segment.len) {
        (flags, _) if flags.contains(Flags::SYN) => "its SYN".to_owned(),
        (_, 0) => "its FIN".to_owned(),
        (_, len) => span(relative.seq, len),
    };
    let too_big = facts.icmp.and_then(|event| event.mtu);
    let why = if let Some(mtu) = too_big.filter(|_| !facts.needless) {
        return format!(
            "The {from} repeats what was in segment {first}, in smaller pieces ({what}): the ICMP error says that a packet of \
             more than {mtu} bytes does not get through, so waiting for an ACK is no use (RFC 1191 section 6.5, RFC 9293 \
             section 3.7.2)."
        );
    } else if facts.needless {
        "although it was acknowledged: that ACK had not reached it".to_owned()
    } else if facts.asked >= 3 {
        format!("because {} duplicate ACKs say that it is missing", facts.asked)
    } else {
        "because no ACK came in time".to_owned()
    };
    format!(
        "The {from} repeats segment {first} ({what}) {why}. The numbers stay the same, so that the receiver can tell what it \
         has already (RFC 9293 section 3.8.1)."
    )
}

fn synchronize(facts: &Facts<'_>, family: Family) -> String {
    let Facts { segment, relative, .. } = facts;
    let (from, isn) = (segment.from, segment.seq);
    let announces = announced(segment, family);
    match (relative.ack, facts.acknowledges) {
        (Some(ack), Some(acknowledged)) => {
            let of = acknowledged
                .segment
                .map_or(String::new(), |sent| format!(" of segment {}", sent.number));
            format!(
                "The {from} agrees: ACK {ack} = SEQ 0 + 1, for the SYN{of} counts one. Its own SYN opens the other \
                 direction, with an ISN of its own, {isn}, as SEQ 0 (RFC 9293 section 3.4)."
            )
        }
        _ => format!(
            "The {from} asks to open a connection and chooses its ISN, {isn}, which is SEQ 0 from here on (RFC 9293 section \
             3.4.1).{announces}"
        ),
    }
}

/// The options of a SYN, as a sentence with a blank before it.
fn announced(segment: &Segment, family: Family) -> String {
    let headers = match family {
        Family::Ipv4 => 40,
        Family::Ipv6 => 60,
    };
    let names: Vec<String> = segment
        .options
        .iter()
        .filter_map(|option| match option {
            TcpOption::Mss(size) => Some(format!("MSS {size} = {} - {headers}", u32::from(*size) + headers)),
            TcpOption::SackPermitted => Some("SACK".to_owned()),
            TcpOption::Timestamps { .. } => Some("timestamps".to_owned()),
            TcpOption::WindowScale(shift) => Some(format!("window scale {shift}")),
            _ => None,
        })
        .collect();
    if names.is_empty() {
        String::new()
    } else {
        format!(" It announces {}.", names.join(", "))
    }
}

fn finish(facts: &Facts<'_>) -> String {
    let Facts { segment, relative, .. } = facts;
    let from = segment.from;
    let number = relative.seq.wrapping_add(segment.len);
    let next = number.wrapping_add(1);
    let carried = match segment.len {
        0 => String::new(),
        len => format!(" after {}", span(relative.seq, len)),
    };
    let moves = match (state(facts, from), segment.from == segment.to) {
        (_, true) => "The FIN comes back to its own sender, as in a simultaneous close".to_owned(),
        (State::LastAck, _) => format!("Both directions are closed now; the {from} waits in LAST-ACK for that ACK"),
        (state, _) => format!(
            "The {from} goes to {state}, the {} to {}",
            segment.to,
            facts.after[slot(segment.to)]
        ),
    };
    format!(
        "The {from} has no more to send: FIN takes number {number}{carried}, so it will be acknowledged with {next}. {moves} \
         (RFC 9293 section 3.6)."
    )
}

fn data(facts: &Facts<'_>) -> String {
    let Facts { segment, relative, .. } = facts;
    let from = segment.from;
    let push = if segment.flags.contains(Flags::PSH) {
        "; PSH says that it has no more for now"
    } else {
        ""
    };
    let sends = format!("The {from} sends {}{push}.", span(relative.seq, segment.len));
    if let Some(wrong) = wrong_echo(facts) {
        return format!("{sends} {wrong}");
    }
    let ack = relative.ack.unwrap_or_default();
    match facts.acknowledges {
        Some(acknowledged) => format!(
            "{sends} On the way it acknowledges: {} (RFC 9293 section 3.4).",
            sum(ack, acknowledged)
        ),
        None => format!(
            "{sends} SEQ {} is the first byte's number; ACK stays {ack}, for nothing new has come (RFC 9293 section 3.4).",
            relative.seq
        ),
    }
}

/// What an echo brings back that was not sent.
fn wrong_echo(facts: &Facts<'_>) -> Option<String> {
    let (received, sent) = super::echo(facts.step?, facts.result?).filter(|(received, sent)| received != sent)?;
    if facts.step?.action.party != facts.segment.from {
        return None;
    }
    let came = bytes(received.len() as u64);
    let what = if sent.starts_with(received) {
        format!("Only {came} had come: what follows them is no echo.")
    } else {
        format!("But these are not the {came} that had come.")
    };
    Some(format!(
        "{what} TCP carries faithfully what it is given; the mistake is the application's."
    ))
}

fn acknowledgment(facts: &Facts<'_>, acknowledged: Acknowledged) -> String {
    let Facts { segment, relative, .. } = facts;
    let from = segment.from;
    let ack = relative.ack.unwrap_or_default();
    let sum = sum(ack, acknowledged);
    match acknowledged.segment {
        Some(Sent { syn: true, len: 0, .. }) => format!(
            "The {from} acknowledges the SYN: {sum}. An ACK takes no number itself, so the first byte of data will be SEQ {} \
             too (RFC 9293 section 3.4).{}",
            relative.seq,
            established(facts)
        ),
        Some(Sent { fin: true, .. }) => format!(
            "The {from} acknowledges the FIN, which counts one: {sum} (RFC 9293 section 3.4). {}",
            closed(facts)
        ),
        _ => format!(
            "The {from} acknowledges: {sum} (RFC 9293 section 3.4). It carries no data, so it consumes no sequence number."
        ),
    }
}

/// `ACK 13 = SEQ 1 + 12 bytes of segment 4`.
fn sum(ack: u32, acknowledged: Acknowledged) -> String {
    let covered = match acknowledged.covers {
        Some((first, last)) if first < last => format!("; it covers segments {first} to {last}"),
        _ => String::new(),
    };
    match acknowledged.segment {
        Some(Sent {
            number,
            seq,
            len,
            syn,
            fin,
        }) => {
            let terms: Vec<String> = [
                syn.then(|| "1 for the SYN".to_owned()),
                (len > 0).then(|| bytes(u64::from(len))),
                fin.then(|| "1 for the FIN".to_owned()),
            ]
            .into_iter()
            .flatten()
            .collect();
            format!(
                "ACK {ack} = SEQ {seq} + {} of segment {number}{covered}",
                terms.join(" + ")
            )
        }
        None => format!("ACK {ack}: everything before number {ack} has arrived{covered}"),
    }
}

fn established(facts: &Facts<'_>) -> String {
    if facts.after == [State::Established; 2] && facts.before != facts.after {
        " Both ends are ESTABLISHED.".to_owned()
    } else {
        String::new()
    }
}

/// What an acknowledged FIN means for the two ends.
fn closed(facts: &Facts<'_>) -> String {
    let Facts { segment, .. } = facts;
    let (from, to) = (segment.from, segment.to);
    match (state(facts, from), state(facts, to)) {
        (State::TimeWait, State::Closed) => {
            format!("The {to} is CLOSED; the {from} stays in TIME-WAIT, in case this ACK is lost (section 3.6.1).")
        }
        (State::TimeWait, _) if from == to => {
            "Both of the socket's directions are closed: it waits in TIME-WAIT (section 3.6.1).".to_owned()
        }
        (_, State::FinWait2) => format!(
            "The {to} goes to FIN-WAIT-2: its direction is closed, but the {from} may go on sending (section 3.6.1)."
        ),
        (from_state, to_state) => format!("The {from} is in {from_state}, the {to} in {to_state}."),
    }
}

fn repeated_acknowledgment(facts: &Facts<'_>) -> String {
    let Facts { segment, relative, .. } = facts;
    let (from, to) = (segment.from, segment.to);
    let ack = relative.ack.unwrap_or_default();
    if let Some(challenge) = challenge(facts) {
        return challenge;
    }
    let (window, changed) = facts.window;
    if let Some(probe) = facts.probe {
        let seq = relative.seq;
        let number = format!("SEQ {seq} is one below the next number, which the {to} must answer");
        return match probe {
            Probe::ZeroWindow => format!(
                "The {from} probes the closed window: {number}, and so tell whether there is room again (RFC 9293 section 3.8.6.1)."
            ),
            Probe::KeepAlive => format!(
                "A keep-alive: {number}. So the {from} learns whether the {to} still lives (RFC 9293 section 3.8.4)."
            ),
        };
    }
    if let Some(heard) = facts.heard.filter(|heard| heard.probe) {
        return format!(
            "The {from} answers the probe of segment {}: it still expects number {ack} and has room for {} (RFC 9293 section \
             3.10.7.4).",
            heard.number,
            bytes(u64::from(window))
        );
    }
    let sack = segment
        .options
        .iter()
        .any(|option| matches!(option, TcpOption::Sack(blocks) if !blocks.is_empty()));
    if sack && !facts.gap {
        return format!(
            "The {from} repeats ACK {ack}, and SACK names what has come twice (RFC 2883). Old numbers are answered, but not \
             taken again (RFC 9293 section 3.10.7.4)."
        );
    }
    if facts.gap {
        let known = if sack {
            ", and SACK names what lies beyond the gap"
        } else {
            ""
        };
        return format!(
            "The {from} repeats ACK {ack}{known}: it has received something later, but still lacks number {ack}. Three such \
             duplicates make the {to} send it again (RFC 9293 section 3.8.2)."
        );
    }
    if changed {
        return format!(
            "The {from} changes its window: from number {ack} on the {to} may send {} (RFC 9293 section 3.8.6).",
            bytes(u64::from(window))
        );
    }
    format!("The {from} repeats ACK {ack}: nothing new has come in order since (RFC 9293 section 3.10.7.4).")
}

/// `12 bytes as numbers 1 to 12`.
fn span(seq: u32, len: u32) -> String {
    match len {
        1 => format!("1 byte as number {seq}"),
        len => format!(
            "{len} bytes as numbers {seq} to {}",
            seq.wrapping_add(len).wrapping_sub(1)
        ),
    }
}

fn bytes(count: u64) -> String {
    match count {
        1 => "1 byte".to_owned(),
        count => format!("{count} bytes"),
    }
}
