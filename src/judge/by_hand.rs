//! What the judge makes of segments that the lab has sent itself.

use super::{Check, Status, counters, lints, payload, sockets, states};
use crate::endpoint::ActionResult;
use crate::matcher;
use crate::matcher::support::{Sketch, Tape, action, pattern, payload as bytes, segment};
use crate::run::{Counters, Damage, Entry, Fate, SocketReport};
use crate::scenario::{Injection, Place, Scenario, SocketOption, Verb, Want};
use crate::tcp::{Checksum, Ecn, Origin, Party, Segment, State};

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

/// The client's connection, then a segment of the lab with a data offset that cannot be right, and an answer to it.
fn with_offset(offset: u8, answer: &[&str]) -> Tape {
    let tape = Tape::new().segments(&HANDSHAKE);
    let bad = Segment {
        origin: Origin::Spoofed,
        offset: Some(offset),
        ..segment(r#"C > S PSH ACK seq 1 ack 1 "evil""#)
    };
    with(tape, Entry::Segment(bad)).segments(answer)
}

#[test]
fn a_segment_with_an_impossible_offset_is_received_by_nobody() {
    let read = |read: &str| {
        let scenario = Sketch::default()
            .act(Party::Server, Verb::Read(Want::Anything))
            .scenario();
        let tape = with_offset(4, &[]).start(0).end(0, ActionResult::received(read.into()));
        payload::check(&scenario, &tape.recording).status
    };
    assert_eq!(read("evil"), Status::Failed);
    let nothing = Sketch::default().scenario();
    let acknowledged = with_offset(4, &["S > C ACK seq 1 ack 5"]);
    let broken = lints::check(&nothing, &acknowledged.recording);
    assert!(
        broken.iter().any(|check| check.status == Status::Failed),
        "it acknowledges what it must have dropped"
    );
}

#[test]
fn a_short_offset_is_an_error_to_the_kernel_and_a_long_one_is_not() {
    let judged = |offset, in_errs, in_csum_errors| {
        let mut recording = with_offset(offset, &[]).recording;
        recording.counters = Some(Counters {
            in_segs: 4,
            out_segs: 3,
            in_errs,
            in_csum_errors,
            ..Counters::default()
        });
        counters::kernel(&recording).status
    };
    assert_eq!(judged(4, 1, 0), Status::Ok);
    assert_eq!(judged(15, 0, 0), Status::Ok);
    assert_eq!(judged(15, 1, 0), Status::Doubtful);
    assert_eq!(judged(4, 1, 1), Status::Doubtful, "its checksum is right");
}

#[test]
fn what_the_line_says_of_the_ip_header_is_what_was_sent() {
    let sent = |injection: &dyn Fn(&mut Injection), captured: &dyn Fn(&mut Segment)| {
        let line = "C > S RST seq 1";
        let mut verb = peer_send(line);
        if let Verb::Peer(made) = &mut verb {
            injection(made);
        }
        let scenario = Sketch::default()
            .act(Party::Client, Verb::Connect { to_self: false })
            .lines(&HANDSHAKE)
            .act(Party::Client, verb)
            .scenario();
        let Entry::Segment(mut forged) = spoofed(line) else {
            unreachable!("a segment");
        };
        captured(&mut forged);
        let tape = Tape::new().start(0).segments(&HANDSHAKE).start(1);
        let tape = with(tape, Entry::Segment(forged));
        matcher::compare(&scenario, &tape.recording).mismatch.is_none()
    };
    type Both = (fn(&mut Injection), fn(&mut Segment));
    let all: [Both; 5] = [
        (|made| made.segment.dscp = Some(46), |seen| seen.ip.dscp = 46),
        (|made| made.segment.ecn = Some(Ecn::Ce), |seen| seen.ip.ecn = Ecn::Ce),
        (|made| made.segment.ttl = Some(1), |seen| seen.ip.ttl = 1),
        (
            |made| made.ip_options = vec![1, 1, 1, 0],
            |seen| seen.ip.options = vec![1, 1, 1, 0],
        ),
        (|made| made.offset = Some(4), |seen| seen.offset = Some(4)),
    ];
    assert!(sent(&|_| {}, &|_| {}));
    for (number, (injection, captured)) in all.into_iter().enumerate() {
        assert!(sent(&injection, &captured), "{number}");
        assert!(!sent(&injection, &|_| {}), "{number}: it was sent without");
        assert!(!sent(&|_| {}, &captured), "{number}: nobody asked for it");
    }
}

#[test]
fn who_sets_the_dscp_may_change_it() {
    let broken = |verbs: Vec<Verb>| {
        let sketch = Sketch::default();
        let scenario = verbs
            .into_iter()
            .fold(sketch, |sketch, verb| sketch.act(Party::Client, verb))
            .scenario();
        let mut tape = Tape::new().segments(&HANDSHAKE);
        if let Some(Entry::Segment(ack)) = tape.recording.entries.last_mut() {
            ack.ip.dscp = 46;
        }
        lints::check(&scenario, &tape.recording)
            .iter()
            .any(|check| check.name == "lint: one DSCP")
    };
    assert!(broken(vec![]));
    assert!(!broken(vec![Verb::Set(SocketOption::IpTos, 184)]));
    assert!(broken(vec![Verb::Set(SocketOption::IpTtl, 184)]));
}

#[test]
fn an_altered_flag_is_what_its_receiver_goes_by() {
    let judged = |damage: Option<Damage>, server: State| {
        let mut tape = Tape::new().segments(&HANDSHAKE);
        tape.recording
            .entries
            .push(Entry::Segment(segment("C > S PSH ACK seq 1 ack 1")));
        tape.recording.entries.push(Entry::Fault {
            step: 0,
            at: 0,
            segment: 3,
            fate: Fate::Altered,
            damage,
        });
        let answer = tape.segment("S > C ACK seq 1 ack 2");
        let scenario = Sketch::default().act(Party::Client, Verb::Wait).scenario();
        let lints = lints::check(&scenario, &answer.recording);
        let tape = with(
            answer,
            Entry::Settled {
                step: 0,
                client: Some(State::Established),
                server: Some(server),
            },
        );
        let broken = lints.iter().any(|check| check.status == Status::Failed);
        (states::check(&scenario, &tape.recording).status, broken)
    };
    // The lowest bit of the flags is FIN.
    let fin = Some(Damage {
        place: Place::Header(13),
        mask: 1,
    });
    assert_eq!(judged(fin, State::CloseWait), (Status::Ok, false));
    assert_eq!(judged(fin, State::Established).0, Status::Failed);
    assert_eq!(judged(None, State::CloseWait), (Status::Failed, true));
}
