//! The bytes that the applications wrote and read against the bytes on the wire.
//!
//! Of each connection and direction: what was on the wire is what the sender wrote, all of it unless the connection died;
//! and what the receiver read is what arrived, in order, from its beginning: what was on the wire, but for a byte that the
//! recording says was altered on the way. The order of reads and writes is that
//! in which they ended; where one end reads or writes twice at a time, only the lengths are compared.

use std::collections::BTreeMap;

use super::connection::Connections;
use super::{Check, Status};
use crate::run::{ActionResult, Ending, Entry, Fates, Recording};
use crate::scenario::{Action, Scenario, Verb};
use crate::tcp::{Flags, Origin, Party, Segment, Seq};

/// Holds the applications' bytes against the wire's.
pub(super) fn check(scenario: &Scenario, recording: &Recording) -> Check {
    let actions: Vec<&Action> = scenario.steps().map(|step| &step.action).collect();
    let mut wrong = Vec::new();
    let mut bytes = 0;
    for connection in connections(&actions, recording) {
        for party in connection.senders() {
            let direction = connection.direction(*party);
            bytes += direction.wire.len();
            wrong.extend(direction.contradictions(recording));
        }
    }
    let detail = format!("{bytes} bytes on the wire, as written and read");
    Check::unless(&wrong, "payload", Status::Failed, detail)
}

/// What one connection carried.
#[derive(Default)]
struct Connection<'r> {
    segments: Vec<&'r Segment>,
    /// Those that arrived, as they arrived, in this order.
    arrived: Vec<Segment>,
    results: Vec<(Party, &'r ActionResult)>,
    /// Ends that read twice at a time.
    mixed_readers: Vec<Party>,
    /// Ends that wrote twice at a time.
    mixed_writers: Vec<Party>,
}

/// Deals out segments and results: what ended after a SYN belongs to the connection that it began.
fn connections<'r>(actions: &[&Action], recording: &'r Recording) -> Vec<Connection<'r>> {
    let mut all = vec![Connection::default()];
    let mut running: Vec<&Action> = Vec::new();
    let mut starts = Connections::default();
    let mut fates = Fates::of(recording);
    // The connection of each segment: one that was held may arrive in the time of another.
    let mut owners: Vec<usize> = Vec::new();
    for entry in &recording.entries {
        let delivered = fates.way(entry).delivered.cloned();
        match entry {
            Entry::Segment(segment) => {
                let begins = starts.begins(segment);
                if begins && all.last().is_some_and(|connection| !connection.segments.is_empty()) {
                    all.push(Connection::default());
                }
                owners.push(all.len() - 1);
                if let Some(connection) = all.last_mut() {
                    connection.segments.push(segment);
                    connection.arrived.extend(delivered);
                }
            }
            Entry::ActionStarted { step, .. } => {
                if let (Some(connection), Some(action)) = (all.last_mut(), actions.get(*step)) {
                    let others = || running.iter().filter(|other| other.party == action.party);
                    if reads(&action.verb) && others().any(|other| reads(&other.verb)) {
                        connection.mixed_readers.push(action.party);
                    }
                    if writes(&action.verb) && others().any(|other| writes(&other.verb)) {
                        connection.mixed_writers.push(action.party);
                    }
                    running.push(action);
                }
            }
            Entry::ActionEnded { step, result, .. } => {
                if let (Some(connection), Some(action)) = (all.last_mut(), actions.get(*step)) {
                    connection.results.push((action.party, result));
                    running.retain(|other| other.span != action.span);
                }
            }
            Entry::Fault { segment, .. } => {
                if let Some(connection) = owners.get(*segment).and_then(|owner| all.get_mut(*owner)) {
                    connection.arrived.extend(delivered);
                }
            }
            Entry::Icmp(_) | Entry::Settled { .. } => {}
        }
    }
    all
}

fn reads(verb: &Verb) -> bool {
    matches!(
        verb,
        Verb::Recv(_) | Verb::Read(_) | Verb::Echo { .. } | Verb::EchoStrlen { .. }
    )
}

fn writes(verb: &Verb) -> bool {
    verb.written().is_some() || matches!(verb, Verb::Echo { .. } | Verb::EchoStrlen { .. })
}

/// The bytes of one direction, by each of its three accounts.
struct Direction {
    from: Party,
    to: Party,
    written: Vec<u8>,
    wire: Vec<u8>,
    /// What arrived of it, as it arrived, and what the lab has added to it.
    arrived: Vec<u8>,
    read: Vec<u8>,
    /// Two segments hold different bytes for one number.
    is_contradictory: bool,
    /// The bytes written and those on the wire can only be counted.
    only_written_len: bool,
    /// The bytes read and those on the wire can only be counted.
    only_read_len: bool,
    /// Whether bytes that were written may never have been sent.
    died: bool,
    /// Whether more may have been written, or read, than is known.
    is_open: bool,
}

impl Connection<'_> {
    /// Both ends; only the client when it is connected to itself.
    fn senders(&self) -> &[Party] {
        let to_itself = self.segments.iter().any(|segment| segment.from == segment.to);
        if to_itself { &[Party::Client] } else { &Party::ALL }
    }

    /// Whether the answer to a SYN acknowledges the data on it: with Fast Open a server takes it at once (RFC 7413), else not
    /// at all.
    fn takes_data_of(&self, syn: &Segment) -> bool {
        let answers = |segment: &&&Segment| segment.from == syn.to && segment.flags.contains(Flags::SYN | Flags::ACK);
        syn.flags.contains(Flags::SYN)
            && self
                .segments
                .iter()
                .find(answers)
                .is_some_and(|answer| answer.ack == syn.end())
    }

    fn direction(&self, from: Party) -> Direction {
        let sent = || {
            self.segments
                .iter()
                .copied()
                .filter(move |segment| segment.from == from)
        };
        let to = sent().next().map_or(from.peer(), |segment| segment.to);
        let of = |party: Party| {
            self.results
                .iter()
                .filter(move |(who, _)| *who == party)
                .map(|(_, result)| *result)
        };
        // The capture may hold only the beginning of a payload.
        let is_cut = sent().any(|segment| segment.payload.len() < segment.len as usize);
        let Wire {
            bytes,
            is_contradictory,
        } = Wire::reassemble(sent(), |segment| !segment.is_injected());
        // What arrives is also what the lab has sent in the end's name, if the receiver can take it.
        let arrives = |segment: &Segment| {
            let acceptable = segment.flags.contains(Flags::ACK) || self.takes_data_of(segment);
            !segment.is_injected() || (segment.is_intact() && acceptable)
        };
        let arrived = self.arrived.iter().filter(|segment| segment.from == from);
        let arrived = Wire::reassemble(arrived, arrives).bytes;
        Direction {
            from,
            to,
            written: of(from).flat_map(ActionResult::bytes_sent).copied().collect(),
            wire: bytes,
            arrived,
            read: of(to).flat_map(ActionResult::bytes_received).copied().collect(),
            is_contradictory,
            only_written_len: is_cut || self.mixed_writers.contains(&from),
            only_read_len: is_cut || self.mixed_readers.contains(&to),
            died: self.segments.iter().any(|segment| segment.flags.contains(Flags::RST))
                || of(from).any(|result| matches!(result, ActionResult::Failed { .. })),
            is_open: of(from).chain(of(to)).any(|result| *result == ActionResult::Unfinished),
        }
    }
}

impl Direction {
    fn contradictions(&self, recording: &Recording) -> Vec<String> {
        let (from, to) = (self.from, self.to);
        let mut wrong = Vec::new();
        if self.is_contradictory {
            wrong.push(format!("the {from} sent different bytes for one sequence number"));
        }
        if self.is_open {
            return wrong;
        }
        let (written, wire) = (self.written.len(), self.wire.len());
        let (arrived, read) = (self.arrived.len(), self.read.len());
        if wire > written || !self.only_written_len && self.wire[..] != self.written[..wire] {
            wrong.push(format!(
                "the {from} wrote {written} bytes, but sent others on the wire ({wire} bytes){}",
                first_difference(&self.written, &self.wire)
            ));
        } else if wire < written && !self.died && recording.ending == Ending::Completed {
            wrong.push(format!(
                "the {from} wrote {written} bytes, but only {wire} came on the wire"
            ));
        }
        if read > arrived || !self.only_read_len && self.read[..] != self.arrived[..read] {
            wrong.push(format!(
                "the {to} read {read} bytes, but others arrived ({arrived} bytes){}",
                first_difference(&self.arrived, &self.read)
            ));
        }
        wrong
    }
}

fn first_difference(one: &[u8], other: &[u8]) -> String {
    one.iter()
        .zip(other)
        .position(|(one, other)| one != other)
        .map_or_else(String::new, |at| format!(": they differ from byte {at}"))
}

/// More than any IP packet carries: a damaged recording can claim any length.
const LARGEST_PAYLOAD: u32 = 1 << 20;

/// One direction's bytes in order.
struct Wire {
    bytes: Vec<u8>,
    is_contradictory: bool,
}

impl Wire {
    /// Puts the payloads together by their numbers, up to the first gap. Without a SYN the first byte's number is unknown,
    /// and nothing is put together.
    fn reassemble<'s>(sent: impl Iterator<Item = &'s Segment>, counts: impl Fn(&Segment) -> bool) -> Wire {
        let mut isn: Option<Seq> = None;
        let mut pieces: BTreeMap<u32, Vec<&[u8]>> = BTreeMap::new();
        let mut padded: Vec<Vec<u8>> = Vec::new();
        let sent: Vec<&Segment> = sent.collect();
        for segment in &sent {
            // A payload that the capture cut is filled up, so that the lengths are right.
            let mut payload = segment.payload.clone();
            payload.resize(segment.len.min(LARGEST_PAYLOAD) as usize, 0);
            padded.push(payload);
        }
        for (segment, payload) in sent.iter().zip(&padded) {
            let is_syn = segment.flags.contains(Flags::SYN);
            if is_syn && segment.origin != Origin::Spoofed {
                isn = isn.or(Some(segment.seq));
            }
            if let Some(isn) = isn.filter(|_| !payload.is_empty() && counts(segment)) {
                let first = segment.seq + u32::from(is_syn);
                pieces.entry(first.since(isn + 1)).or_default().push(payload);
            }
        }
        let mut wire = Wire {
            bytes: Vec::new(),
            is_contradictory: false,
        };
        for (offset, payloads) in pieces {
            let Some(known) = wire.bytes.len().checked_sub(offset as usize) else {
                break;
            };
            for payload in payloads {
                let known = known.max(wire.bytes.len() - offset as usize).min(payload.len());
                let (old, new) = payload.split_at(known);
                wire.is_contradictory |= wire.bytes[offset as usize..][..known] != *old;
                wire.bytes.extend_from_slice(new);
            }
        }
        wire
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matcher::support::{Sketch, Tape, payload};
    use crate::run::{Damage, Fate};
    use crate::scenario::{Place, Want};

    const HANDSHAKE: [&str; 3] = ["C > S SYN seq 0", "S > C SYN ACK seq 0 ack 1", "C > S ACK seq 1 ack 1"];

    /// The client sends, then the server reads.
    fn status(written: &str, segments: &[&str], read: &str) -> Status {
        let scenario = Sketch::default()
            .act(Party::Client, Verb::Send(payload(written)))
            .act(Party::Server, Verb::Read(Want::Anything))
            .scenario();
        let tape = Tape::new()
            .segments(&HANDSHAKE)
            .start(0)
            .end(0, ActionResult::sent(written.into()))
            .segments(segments)
            .start(1)
            .end(1, ActionResult::received(read.into()));
        check(&scenario, &tape.recording).status
    }

    #[test]
    fn bytes_are_put_together_by_their_numbers() {
        let (abc, def) = (r#"C > S ACK seq 1 ack 1 "abc""#, r#"C > S PSH ACK seq 4 ack 1 "def""#);
        assert_eq!(status("abcdef", &[abc, def], "abcdef"), Status::Ok);
        assert_eq!(status("abcdef", &[def, abc, abc], "abcd"), Status::Ok);
        assert_eq!(
            status("abcdef", &[r#"C > S ACK seq 1 ack 1 "abcd""#, def], "abcdef"),
            Status::Ok
        );
        assert_eq!(status("abcdef", &[abc], "abc"), Status::Failed, "never sent");
        assert_eq!(status("abc", &[abc, def], "abc"), Status::Failed, "never written");
        assert_eq!(
            status("abcdef", &[abc, def], "abcdeg"),
            Status::Failed,
            "read otherwise"
        );
        assert_eq!(
            status("abcdef", &[abc, def], "bcdef"),
            Status::Failed,
            "read from the middle"
        );
        let other = r#"C > S ACK seq 1 ack 1 "abx""#;
        assert_eq!(
            status("abcdef", &[abc, other, def], "abcdef"),
            Status::Failed,
            "two bytes for one number"
        );
    }

    #[test]
    fn a_reset_may_lose_what_was_written() {
        let abc = r#"C > S ACK seq 1 ack 1 "abc""#;
        assert_eq!(status("abcdef", &[abc, "S > C RST ACK seq 1 ack 4"], "abc"), Status::Ok);
        assert_eq!(
            status("abcdef", &[abc, "S > C RST ACK seq 1 ack 4"], "abcd"),
            Status::Failed
        );
    }

    #[test]
    fn each_connection_has_its_own_bytes() {
        let scenario = Sketch::default()
            .act(Party::Client, Verb::Send(payload("abc")))
            .act(Party::Client, Verb::Send(payload("def")))
            .act(Party::Server, Verb::Read(Want::Anything))
            .scenario();
        let judged = |read: &str| {
            let tape = Tape::new()
                .segments(&HANDSHAKE)
                .start(0)
                .segment(r#"C > S PSH ACK seq 1 ack 1 "abc""#)
                .end(0, ActionResult::sent("abc".into()))
                .segment("C > S SYN seq 70000")
                .start(1)
                .segment(r#"C > S PSH ACK seq 70001 ack 1 "def""#)
                .end(1, ActionResult::sent("def".into()))
                .start(2)
                .end(2, ActionResult::received(read.into()));
            check(&scenario, &tape.recording).status
        };
        assert_eq!(judged("def"), Status::Ok);
        assert_eq!(judged("abc"), Status::Failed);
    }

    #[test]
    fn a_socket_connected_to_itself_reads_what_it_wrote() {
        let scenario = Sketch::default()
            .act(Party::Client, Verb::Send(payload("abc")))
            .act(Party::Client, Verb::Read(Want::Anything))
            .scenario();
        let judged = |read: &str| {
            let tape = Tape::new()
                .segments(&["C > C SYN seq 0", "C > C SYN ACK seq 0 ack 1", "C > C ACK seq 1 ack 1"])
                .start(0)
                .end(0, ActionResult::sent("abc".into()))
                .segments(&[r#"C > C PSH ACK seq 1 ack 1 "abc""#, "C > C ACK seq 4 ack 4"])
                .start(1)
                .end(1, ActionResult::received(read.into()));
            check(&scenario, &tape.recording).status
        };
        assert_eq!(judged("abc"), Status::Ok);
        assert_eq!(judged("abd"), Status::Failed);
    }

    #[test]
    fn data_on_a_syn_made_by_hand_arrives_when_the_answer_acknowledges_it() {
        let scenario = Sketch::default()
            .act(Party::Server, Verb::Read(Want::Anything))
            .scenario();
        let judged = |answer: &str, read: &str| {
            let mut tape = Tape::new()
                .segment(r#"C > S SYN seq 0 "abc""#)
                .segment(answer)
                .start(0)
                .end(0, ActionResult::received(read.into()));
            if let Some(Entry::Segment(syn)) = tape.recording.entries.first_mut() {
                syn.origin = Origin::FakeEnd;
            }
            check(&scenario, &tape.recording).status
        };
        let (taken, not_taken) = ("S > C SYN ACK seq 0 ack 4", "S > C SYN ACK seq 0 ack 1");
        assert_eq!(judged(taken, "abc"), Status::Ok);
        assert_eq!(judged(taken, "abd"), Status::Failed);
        assert_eq!(judged(not_taken, "abc"), Status::Failed);
    }

    #[test]
    fn writes_at_the_same_time_are_only_counted() {
        let scenario = Sketch::default()
            .act(Party::Client, Verb::Send(payload("abc")))
            .act(Party::Client, Verb::Send(payload("def")))
            .scenario();
        let judged = |data: &str| {
            let tape = Tape::new().segments(&HANDSHAKE).start(0).start(1).segment(data);
            let tape = tape
                .end(1, ActionResult::sent("def".into()))
                .end(0, ActionResult::sent("abc".into()));
            check(&scenario, &tape.recording).status
        };
        assert_eq!(judged(r#"C > S PSH ACK seq 1 ack 1 "abcdef""#), Status::Ok);
        assert_eq!(judged(r#"C > S PSH ACK seq 1 ack 1 "abcde""#), Status::Failed);
    }

    /// The client's `abcdef` meets this on its way; the server reads.
    fn read_after(fate: Fate, damage: Option<Damage>, again: &[&str], read: &str) -> Status {
        let scenario = Sketch::default()
            .act(Party::Client, Verb::Send(payload("abcdef")))
            .act(Party::Server, Verb::Read(Want::Anything))
            .scenario();
        let mut tape = Tape::new()
            .segments(&HANDSHAKE)
            .start(0)
            .end(0, ActionResult::sent("abcdef".into()))
            .segment(r#"C > S PSH ACK seq 1 ack 1 "abcdef""#);
        tape.recording.entries.push(Entry::Fault {
            step: 0,
            at: 0,
            segment: 3,
            fate,
            damage,
        });
        let tape = tape
            .segments(again)
            .start(1)
            .end(1, ActionResult::received(read.into()));
        check(&scenario, &tape.recording).status
    }

    #[test]
    fn an_altered_byte_is_read_altered_and_no_other_byte_is() {
        let third = Some(Damage {
            place: Place::Payload(2),
            mask: 1,
        });
        let read = |read: &str| read_after(Fate::Altered, third, &[], read);
        assert_eq!(read("abbdef"), Status::Ok);
        assert_eq!(read("abb"), Status::Ok);
        assert_eq!(read("abcdef"), Status::Failed, "what was sent has not arrived");
        assert_eq!(read("abadef"), Status::Failed, "another bit");
        assert_eq!(read("abbeef"), Status::Failed, "another byte too");
    }

    #[test]
    fn what_was_lost_or_noticed_cannot_be_read_before_it_comes_again() {
        let again = r#"C > S PSH ACK seq 1 ack 1 "abcdef""#;
        for fate in [Fate::Dropped, Fate::Corrupted] {
            assert_eq!(read_after(fate, None, &[], "abcdef"), Status::Failed, "{fate:?}");
            assert_eq!(read_after(fate, None, &[again], "abcdef"), Status::Ok, "{fate:?}");
        }
        assert_eq!(read_after(Fate::Marked, None, &[], "abcdef"), Status::Ok);
    }

    #[test]
    fn of_a_byte_that_comes_twice_the_first_one_counts() {
        let third = Some(Damage {
            place: Place::Payload(2),
            mask: 1,
        });
        let again = r#"C > S PSH ACK seq 1 ack 1 "abcdef""#;
        assert_eq!(read_after(Fate::Altered, third, &[again], "abbdef"), Status::Ok);
        assert_eq!(read_after(Fate::Altered, third, &[again], "abcdef"), Status::Failed);
    }

    #[test]
    fn an_altered_number_moves_the_bytes() {
        let seq = Some(Damage {
            place: Place::Header(7),
            mask: 1,
        });
        assert_eq!(read_after(Fate::Altered, seq, &[], "abcdef"), Status::Failed);
    }
}
