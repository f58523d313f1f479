//! What the judge makes of segments that the lab has sent itself.

use super::{Check, Status, counters, lints, payload, sockets, states};
use crate::endpoint::ActionResult;
use crate::matcher;
use crate::matcher::support::{Sketch, Tape, action, pattern, payload as bytes, segment};
use crate::run::{Counters, Entry, SocketReport};
use crate::scenario::{Injection, Scenario, Verb, Want};
use crate::tcp::{Checksum, Origin, Party, Segment, State};

const HANDSHAKE: [&str; 3] = ["C > S SYN seq 0", "S > C SYN ACK seq 0 ack 1", "C > S ACK seq 1 ack 1"];

fn spoofed(text: &str) -> Entry {
    Entry::Segment(Segment {
        origin: Origin::Spoofed,
        window: Injection::WINDOW,
        ..segment(text)
    })
}

fn with(mut tape: Tape, entry: Entry) -> Tape {
    tape.recording.entries.push(entry);
    tape
}

fn peer_send(text: &str) -> Verb {
    Verb::Peer(Injection {
        segment: pattern(text),
        bad_checksum: false,
        offset: None,
        ip_options: Vec::new(),
    })
}

/// A scenario that forges one segment, which causes one other.
fn scenario(sent: &str, caused: &[&str]) -> Scenario {
    Sketch::default()
        .act(Party::Client, Verb::Connect { to_self: false })
        .lines(&HANDSHAKE)
        .act(Party::Client, peer_send(sent))
        .lines(caused)
        .scenario()
}

fn forged(sent: &str, caused: &[&str]) -> Tape {
    let tape = Tape::new().start(0).segments(&HANDSHAKE).start(1);
    with(tape, spoofed(sent)).segments(caused)
}

#[test]
fn the_forged_segment_is_the_lines_own_and_only_what_it_causes_is_listed() {
    let (rst, challenge) = ("C > S RST seq 2", "S > C ACK seq 1 ack 1");
    let fits = |scenario: &Scenario, tape: Tape| matcher::compare(scenario, &tape.recording).mismatch.is_none();
    assert!(fits(&scenario(rst, &[challenge]), forged(rst, &[challenge])));
    assert!(!fits(&scenario(rst, &[challenge]), forged(rst, &[])), "no answer");
    assert!(!fits(&scenario(rst, &[]), forged(rst, &[challenge])), "an answer");
    assert!(
        !fits(&scenario(rst, &[challenge]), forged("C > S RST seq 3", &[challenge])),
        "another one was sent"
    );
    let never_seen = Tape::new().start(0).segments(&HANDSHAKE).start(1).segment(challenge);
    assert!(!fits(&scenario(rst, &[challenge]), never_seen), "it was never captured");
    let by_the_kernel = Tape::new()
        .start(0)
        .segments(&HANDSHAKE)
        .start(1)
        .segments(&[rst, challenge]);
    assert!(!fits(&scenario(rst, &[challenge]), by_the_kernel), "the kernel sent it");
}

#[test]
fn a_forged_rst_moves_its_receiver_and_not_the_end_in_whose_name_it_comes() {
    let judged = |client: State, server: State| {
        let tape = with(
            forged("C > S RST seq 1", &[]),
            Entry::Settled {
                step: 1,
                client: Some(client),
                server: Some(server),
            },
        );
        states::check(&scenario("C > S RST seq 1", &[]), &tape.recording).status
    };
    assert_eq!(judged(State::Established, State::Closed), Status::Ok);
    assert_eq!(judged(State::Closed, State::Closed), Status::Failed);
    assert_eq!(judged(State::Established, State::Established), Status::Failed);
}

#[test]
fn an_end_that_was_not_asked_contradicts_nothing() {
    let tape = with(
        forged("C > S RST seq 1", &[]),
        Entry::Settled {
            step: 1,
            client: None,
            server: Some(State::Closed),
        },
    );
    let check = states::check(&scenario("C > S RST seq 1", &[]), &tape.recording);
    assert_eq!(
        (check.status, check.detail.starts_with("1 report")),
        (Status::Ok, true),
        "{}",
        check.detail
    );
}

#[test]
fn forged_segments_come_in_but_do_not_go_out() {
    let judged = |in_segs, out_segs| {
        let mut recording = forged("C > S RST seq 2", &["S > C ACK seq 1 ack 1"]).recording;
        recording.counters = Some(Counters {
            in_segs,
            out_segs,
            ..Counters::default()
        });
        counters::kernel(&recording).status
    };
    assert_eq!(judged(5, 4), Status::Ok);
    assert_eq!(judged(5, 5), Status::Doubtful);
    assert_eq!(judged(4, 4), Status::Doubtful);
}

#[test]
fn sockets_count_what_they_receive_of_it() {
    let judged = |segs_in| {
        let mut recording = forged("C > S RST seq 2", &["S > C ACK seq 1 ack 1"]).recording;
        recording.sockets.push(SocketReport {
            party: Party::Server,
            after_segments: 5,
            state: State::Established,
            segs_in,
            segs_out: 1,
            bytes_received: 0,
            bytes_acked: 0,
            bytes_sent: 0,
            retransmits: 0,
            undelivered: Vec::new(),
        });
        sockets::check(&scenario("C > S RST seq 2", &[]), &recording).status
    };
    assert_eq!(judged(3), Status::Ok);
    assert_eq!(judged(2), Status::Doubtful);
}

#[test]
fn forged_bytes_are_read_though_nobody_wrote_them() {
    let judged = |read: &str, checksum: Checksum| {
        let line = r#"C > S PSH ACK seq 1 ack 1 "evil""#;
        let scenario = Sketch::default()
            .act(Party::Client, peer_send(line))
            .act(Party::Server, Verb::Read(Want::Anything))
            .scenario();
        let forged = Segment {
            origin: Origin::Spoofed,
            checksum,
            ..segment(line)
        };
        let tape = with(Tape::new().segments(&HANDSHAKE).start(0), Entry::Segment(forged));
        let tape = tape.start(1).end(1, ActionResult::received(read.into()));
        payload::check(&scenario, &tape.recording).status
    };
    assert_eq!(judged("evil", Checksum::Correct), Status::Ok);
    assert_eq!(judged("good", Checksum::Correct), Status::Failed);
    assert_eq!(judged("evil", Checksum::Wrong), Status::Failed, "it is dropped");
    let written = Sketch::default()
        .act(Party::Client, Verb::Send(bytes("evil")))
        .scenario();
    let tape = with(
        Tape::new()
            .segments(&HANDSHAKE)
            .start(0)
            .end(0, ActionResult::sent("evil".into())),
        spoofed(r#"C > S PSH ACK seq 1 ack 1 "evil""#),
    );
    assert_eq!(
        payload::check(&written, &tape.recording).status,
        Status::Failed,
        "the client never sent it"
    );
}

#[test]
fn no_rule_is_held_against_a_forged_segment_but_against_its_answer() {
    let broken = |checks: Vec<Check>| checks.iter().filter(|check| check.status == Status::Failed).count();
    let nothing = Sketch::default().scenario();
    let sins = forged("C > S SYN FIN URG R1 seq 999999 ack 77", &[]);
    assert_eq!(broken(lints::check(&nothing, &sins.recording)), 0);
    let answer = forged("C > S RST seq 2", &["S > C ACK seq 1 ack 9"]);
    assert_eq!(
        broken(lints::check(&nothing, &answer.recording)),
        1,
        "ACK of what was never sent"
    );
    let data = forged(r#"C > S PSH ACK seq 1 ack 1 "evil""#, &["S > C ACK seq 1 ack 5"]);
    assert_eq!(
        broken(lints::check(&nothing, &data.recording)),
        0,
        "it acknowledges the forged bytes"
    );
}

#[test]
fn the_action_of_a_forged_segment_must_succeed() {
    let line = action(Party::Client, peer_send("C > S RST seq 1"));
    assert!(matcher::check_result(&line, &ActionResult::done()).is_ok());
    assert!(matcher::check_result(&line, &ActionResult::Unfinished).is_err());
}
