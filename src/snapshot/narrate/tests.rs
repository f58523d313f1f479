use nix::libc::{ECONNREFUSED, EISCONN, EPIPE, ETIMEDOUT};

use super::super::play::{C, Play, S, done, failed, number, received, segment};
use super::super::transcript::Transcript;
use super::*;
use crate::scenario::{Expect, Payload, SocketOption, Want};

const SYN: Flags = Flags::SYN;
const ACK: Flags = Flags::ACK;
const SYN_ACK: Flags = Flags::SYN.union(Flags::ACK);
const PSH_ACK: Flags = Flags::PSH.union(Flags::ACK);
const FIN_ACK: Flags = Flags::FIN.union(Flags::ACK);
const LISTEN: Verb = Verb::Listen { backlog: 5 };
const CONNECT: Verb = Verb::Connect { to_self: false };
const CLOSE: Verb = Verb::Close { listener: false };

fn lines(play: &Play) -> Vec<Line> {
    Transcript::of(&play.scenario, &play.recording).lines
}

fn text(play: &Play) -> String {
    Transcript::of(&play.scenario, &play.recording).to_string()
}

/// The text without what state inference adds to it, which has tests of its own.
fn stateless(play: &Play) -> String {
    let mut transcript = Transcript::of(&play.scenario, &play.recording);
    transcript.lines.retain(|line| !matches!(line, Line::States { .. }));
    for line in &mut transcript.lines {
        if let Line::Segment(SegmentLine { client, server, .. }) | Line::Stream { client, server, .. } = line {
            (*client, *server) = (State::Closed, State::Closed);
        }
    }
    transcript.to_string()
}

fn payload(text: &str) -> Payload {
    Payload {
        bytes: text.as_bytes().into(),
    }
}

fn handshake(play: &mut Play) -> &mut Play {
    play.segment(C, SYN, 0, 0, b"")
        .segment(S, SYN_ACK, 0, 1, b"")
        .segment(C, ACK, 1, 1, b"")
}

fn basic() -> Play {
    let mut play = Play::new();
    play.phase("handshake").step("server  listen", LISTEN);
    play.begin("client  connect", CONNECT, vec![]);
    handshake(&mut play).end(1, done()).step("server  accept", Verb::Accept);
    play.phase("data")
        .step("client  send \"Hello  World!\"", Verb::Send(payload("Hello  World!")));
    play.segment(C, PSH_ACK, 1, 1, b"Hello  World!")
        .segment(S, ACK, 1, 14, b"");
    play.begin("server  recv 13", Verb::Recv(Want::Bytes(13)), vec![])
        .end(4, received(b"Hello  World!"));
    play.phase("close").step("client  close", CLOSE);
    play.segment(C, FIN_ACK, 14, 1, b"").segment(S, ACK, 1, 15, b"");
    play.begin("server  recv eof", Verb::Recv(Want::Eof), vec![])
        .end(6, ActionResult::Eof { received: vec![] });
    play
}

#[test]
fn a_session_reads_like_its_timeline() {
    insta::assert_snapshot!(text(&basic()));
}

#[test]
fn the_alternate_form_numbers_the_segments() {
    let play = basic();
    let transcript = Transcript::of(&play.scenario, &play.recording);
    let numbered: Vec<String> = format!("{transcript:#}")
        .lines()
        .filter(|line| line.contains(" > "))
        .map(|line| line[..6].to_owned())
        .collect();
    assert_eq!(
        numbered,
        ["   1  ", "   2  ", "   3  ", "   4  ", "   5  ", "   6  ", "   7  "]
    );
}

#[test]
fn every_field_on_the_wire_changes_the_text() {
    let original = text(&basic());
    type Change = (&'static str, fn(&mut Segment));
    let changes: [Change; 14] = [
        ("flag", |s| s.flags.insert(Flags::CWR)),
        ("reserved bit", |s| s.flags.insert(Flags::R2)),
        ("seq", |s| s.seq += 1),
        ("ack", |s| s.ack += 1),
        ("len", |s| s.len += 1),
        ("payload", |s| s.payload[7] = b'w'),
        ("options", |s| s.options.truncate(2)),
        ("option order", |s| s.options.reverse()),
        ("checksum", |s| s.checksum = Checksum::Wrong),
        ("DSCP", |s| s.ip.dscp = 46),
        ("ECN", |s| s.ip.ecn = crate::tcp::Ecn::Ect0),
        ("TTL", |s| s.ip.ttl = 63),
        ("IP options", |s| s.ip.options = vec![1, 1, 1, 0]),
        ("data offset", |s| s.offset = Some(4)),
    ];
    let mut seen = vec![original];
    for (what, change) in changes {
        let mut play = basic();
        let data = play.recording.entries.iter_mut().find_map(|entry| match entry {
            Entry::Segment(segment) if segment.len > 0 => Some(segment),
            _ => None,
        });
        change(data.expect("the session has data"));
        let changed = text(&play);
        assert!(!seen.contains(&changed), "{what} does not show:\n{changed}");
        seen.push(changed);
    }
}

#[test]
fn what_differs_between_hosts_is_left_out() {
    let original = text(&basic());
    let mut play = basic();
    for entry in &mut play.recording.entries {
        if let Entry::Segment(segment) = entry {
            segment.at += 1_000_000;
            segment.window = 11;
            segment.seq += 12345;
            if segment.flags.contains(ACK) {
                segment.ack += 12345;
            }
            segment.checksum = Checksum::Correct;
            for option in &mut segment.options {
                match option {
                    TcpOption::Timestamps { value, echo } => (*value, *echo) = (1, 2),
                    TcpOption::WindowScale(shift) => *shift = 14,
                    _ => {}
                }
            }
        }
    }
    play.recording.environment.kernel = "7.0".into();
    assert_eq!(text(&play), original);
}

#[test]
fn the_moment_in_which_an_action_ends_does_not_matter() {
    let original = text(&basic());
    let mut play = basic();
    let (ends, rest): (Vec<_>, Vec<_>) = play
        .recording
        .entries
        .into_iter()
        .partition(|entry| matches!(entry, Entry::ActionEnded { .. }));
    play.recording.entries = [rest, ends].concat();
    assert_eq!(text(&play), original);
}

#[test]
fn results_say_what_the_action_line_does_not() {
    let bytes = |text: &str| Some(text.as_bytes().to_vec());
    let both = |received, sent| ActionResult::Done {
        received: bytes(received),
        sent: bytes(sent),
        value: None,
    };
    let value = |value: &str| ActionResult::Done {
        received: None,
        sent: None,
        value: Some(value.into()),
    };
    let echo = || Verb::Echo { bytes: None };
    let nodelay = Verb::Get(SocketOption::TcpNodelay, 1);
    let read_eof = || Verb::Read(Want::Eof);
    let cases: [(&str, Verb, ActionResult, &str); 17] = [
        (
            "client connect -> ECONNREFUSED",
            CONNECT,
            failed("connect", ECONNREFUSED),
            "client connect -> ECONNREFUSED",
        ),
        (
            "client connect",
            CONNECT,
            failed("socket", 4095),
            "client connect -> errno 4095 in socket",
        ),
        (
            "client  send \"a\"  -> EPIPE  &",
            Verb::Send(payload("a")),
            failed("send", EPIPE),
            "client send \"a\" & -> EPIPE",
        ),
        (
            "client send \"a\"",
            Verb::Send(payload("a")),
            both("", "a"),
            "client send \"a\" -> \"\"",
        ),
        ("server echo", echo(), both("abc", "abc"), "server echo -> \"abc\""),
        (
            "server echo",
            echo(),
            both("abc", "ab"),
            "server echo -> read \"abc\", wrote \"ab\"",
        ),
        (
            "client recv \"a\"",
            Verb::Recv(Want::Payload(payload("a"))),
            received(b"a"),
            "client recv \"a\"",
        ),
        (
            "client recv \"a\"",
            Verb::Recv(Want::Payload(payload("a"))),
            received(b"b"),
            "client recv \"a\" -> \"b\"",
        ),
        (
            "client read",
            Verb::Read(Want::Anything),
            ActionResult::Eof { received: vec![] },
            "client read -> eof",
        ),
        (
            "client read eof",
            read_eof(),
            ActionResult::Eof { received: vec![] },
            "client read eof",
        ),
        (
            "client read eof",
            read_eof(),
            ActionResult::Eof {
                received: b"x".to_vec(),
            },
            "client read eof -> \"x\", then eof",
        ),
        (
            "client get TCP_NODELAY 1",
            nodelay.clone(),
            value("1"),
            "client get TCP_NODELAY 1",
        ),
        (
            "client get TCP_NODELAY 1",
            nodelay,
            value("0"),
            "client get TCP_NODELAY 1 -> 0",
        ),
        (
            "client get SO_ERROR 0",
            Verb::Get(SocketOption::SoError, 0),
            value("111"),
            "client get SO_ERROR 0 -> ECONNREFUSED",
        ),
        (
            "client wait",
            Verb::Wait,
            ActionResult::Unfinished,
            "client wait -> unfinished",
        ),
        (
            "client wait",
            Verb::Wait,
            ActionResult::Impossible {
                reason: "no\n socket".into(),
            },
            "client wait -> impossible: no socket",
        ),
        (
            "client state CLOSED",
            Verb::State(State::Closed),
            value("TIME-WAIT"),
            "client state CLOSED -> TIME-WAIT",
        ),
    ];
    for (written, verb, result, expected) in cases {
        let mut play = Play::new();
        play.begin(written, verb, vec![]).end(0, result);
        assert_eq!(text(&play).lines().nth(1), Some(expected));
    }
}

#[test]
fn an_action_that_never_ended_is_unfinished() {
    let mut play = Play::new();
    play.begin("client connect &", CONNECT, vec![]);
    assert_eq!(text(&play).lines().nth(1), Some("client connect & -> unfinished"));
}

#[test]
fn sack_blocks_are_relative_to_the_space_they_are_about() {
    let mut play = Play::new();
    handshake(&mut play);
    let mut duplicate = segment(S, ACK, 1, 5, b"");
    duplicate.options = vec![
        TcpOption::Nop,
        TcpOption::Nop,
        TcpOption::Sack(vec![(number(C, 9), number(C, 13))]),
    ];
    play.push(duplicate);
    assert!(text(&play).ends_with("<nop, nop, sack 9:13>\n"), "{}", text(&play));
}

#[test]
fn options_show_what_is_the_same_on_every_host() {
    let mut play = Play::new();
    let mut syn = segment(C, SYN, 0, 0, b"");
    syn.options = vec![
        TcpOption::FastOpen(vec![]),
        TcpOption::FastOpen(vec![1; 8]),
        TcpOption::Unknown {
            kind: 99,
            data: vec![0xab],
        },
        TcpOption::Unknown { kind: 98, data: vec![] },
        TcpOption::Malformed(vec![2, 0]),
        TcpOption::End,
    ];
    syn.flags.insert(Flags::URG);
    syn.urgent = 5;
    play.push(syn);
    assert!(
        text(&play).ends_with("urgent 5  <tfo request, tfo 8 bytes, kind 99 ab, kind 98, malformed 0200, eol>\n"),
        "{}",
        text(&play)
    );
}

#[test]
fn a_reset_of_an_end_without_syn_keeps_its_raw_numbers() {
    let mut play = Play::new();
    play.segment(C, SYN, 0, 0, b"");
    let mut reset = segment(S, Flags::RST | ACK, 0, 1, b"");
    reset.seq = crate::tcp::Seq(0);
    play.push(reset);
    assert!(stateless(&play).contains("S > C  RST ACK      seq 0     ack 1     len 0"));
}

#[test]
fn a_payload_cut_by_the_capture_says_so() {
    let mut play = Play::new();
    let mut data = segment(C, PSH_ACK, 1, 1, b"abc");
    data.len = 1448;
    play.push(data);
    assert!(text(&play).contains("len 1448  "));
    assert!(text(&play).contains("\"abc\", 3 of 1448 bytes captured"));
}

/// What is told about states, line by line: a segment's flags or `-`, then both states.
fn states_told(play: &Play) -> Vec<(String, &'static str, &'static str)> {
    lines(play)
        .iter()
        .filter_map(|line| {
            let (client, server) = line.states()?;
            let flags = match line {
                Line::Segment(segment) => segment.flags.clone(),
                _ => "-".to_owned(),
            };
            Some((flags, client.name(), server.name()))
        })
        .collect()
}

fn told<const N: usize>(
    expected: [(&str, &'static str, &'static str); N],
) -> Vec<(String, &'static str, &'static str)> {
    expected
        .map(|(flags, client, server)| (flags.to_owned(), client, server))
        .to_vec()
}

#[test]
fn a_listener_that_closes_is_told_without_a_segment() {
    let mut play = Play::new();
    play.step("server listen", LISTEN).step("server close", CLOSE);
    assert_eq!(
        states_told(&play),
        told([("-", "CLOSED", "LISTEN"), ("-", "CLOSED", "CLOSED")])
    );
}

#[test]
fn an_open_that_times_out_is_told_after_its_segments_wherever_its_end_was_learned_of() {
    let expected = told([
        ("SYN", "SYN-SENT", "CLOSED"),
        ("SYN", "SYN-SENT", "CLOSED"),
        ("-", "CLOSED", "CLOSED"),
    ]);
    for end_at in [1, 2, 3] {
        let mut play = Play::new();
        play.begin("client connect", CONNECT, vec![]);
        play.segment(C, SYN, 0, 0, b"")
            .segment(C, SYN, 0, 0, b"")
            .end(0, failed("connect", ETIMEDOUT));
        let end = play.recording.entries.pop().expect("pushed");
        play.recording.entries.insert(end_at, end);
        assert_eq!(states_told(&play), expected);
    }
}

#[test]
fn a_refused_open_is_closed_by_the_reset() {
    let mut play = Play::new();
    play.begin("client connect", CONNECT, vec![]).segment(C, SYN, 0, 0, b"");
    let mut reset = segment(S, Flags::RST | ACK, 0, 1, b"");
    reset.seq = crate::tcp::Seq(0);
    play.push(reset).end(0, failed("connect", ECONNREFUSED));
    assert_eq!(
        states_told(&play),
        told([("SYN", "SYN-SENT", "CLOSED"), ("RST ACK", "CLOSED", "CLOSED")])
    );
}

#[test]
fn a_background_calls_failure_counts_from_the_wait_on() {
    let session = |end_first: bool| {
        let mut play = Play::new();
        play.begin("client connect &", CONNECT, vec![])
            .segment(C, SYN, 0, 0, b"");
        if end_first {
            play.end(0, failed("connect", ETIMEDOUT));
        }
        play.step("server listen", LISTEN)
            .begin("client wait", Verb::Wait, vec![]);
        if !end_first {
            play.end(0, failed("connect", ETIMEDOUT));
        }
        play.end(2, done()).step("server close", CLOSE);
        play
    };
    let expected = told([
        ("SYN", "SYN-SENT", "CLOSED"),
        ("-", "SYN-SENT", "LISTEN"),
        ("-", "CLOSED", "LISTEN"),
        ("-", "CLOSED", "CLOSED"),
    ]);
    assert_eq!(states_told(&session(true)), expected);
    assert_eq!(text(&session(true)), text(&session(false)));
}

#[test]
fn a_second_connect_on_an_open_connection_changes_no_state() {
    let mut play = basic();
    let before = states_told(&play);
    play.step("client connect", CONNECT).end(7, failed("connect", EISCONN));
    assert_eq!(states_told(&play), before);
}

#[test]
fn an_ending_before_the_end_is_told() {
    let mut play = basic();
    for (ending, expected) in [
        (
            Ending::Mismatch { step: 3 },
            "stopped: the segments after `client send \"Hello  World!\"` are not those expected",
        ),
        (
            Ending::Deadline { step: 99 },
            "stopped: step 100 and its segments did not come to an end in time",
        ),
        (Ending::Interrupted, "stopped: the run was interrupted"),
    ] {
        play.recording.ending = ending;
        assert_eq!(text(&play).lines().last(), Some(expected));
    }
}

#[test]
fn a_recording_of_another_version_of_the_scenario_is_told_too() {
    let mut play = Play::new();
    play.recording.entries.push(Entry::ActionStarted { step: 6, at: 0 });
    play.segment(C, SYN, 0, 0, b"");
    assert!(text(&play).contains("\nstep 7 of another version of the scenario\n"));
}

/// A stream of four segments; `acks` says after which of them the receiver acknowledges.
fn stream(acks: [bool; 4]) -> Play {
    let mut play = Play::new();
    handshake(&mut play);
    let expectation = Expect::Stream {
        span: 0..0,
        from: C,
        to: S,
        bytes: 3500,
    };
    play.begin("client send 3500 of \"x\"", Verb::Wait, vec![expectation])
        .end(0, done());
    for (index, size) in [1000, 1000, 1000, 500].into_iter().enumerate() {
        let seq = 1 + 1000 * index as u32;
        play.segment(
            C,
            if index == 3 { PSH_ACK } else { ACK },
            seq,
            1,
            &vec![b'x'; size as usize],
        );
        if acks[index] {
            play.segment(S, ACK, 1, seq + size, b"");
        }
    }
    play
}

#[test]
fn a_stream_is_one_line_whatever_the_rhythm_of_its_acknowledgments() {
    let every = stateless(&stream([true; 4]));
    assert_eq!(every, stateless(&stream([false, true, false, true])));
    assert_eq!(every, stateless(&stream([false, false, false, true])));
    // head -c 3500 /dev/zero | tr '\0' x | sha256sum
    let expected = "3500 bytes from seq 1 in 4 segments of 1000, the last 500, sha256 6a512275aeccc612, <nop, nop, ts>";
    let last = every.lines().last().unwrap_or_default();
    assert!(
        last.starts_with("  C > S  stream  ") && last.ends_with(expected),
        "{last}"
    );
}

#[test]
fn a_stream_in_a_block_is_one_line_too() {
    let plain = stream([true; 4]);
    for block in [
        |items| Expect::AnyOrder { span: 0..0, items },
        |items| Expect::Either {
            span: 0..0,
            alternatives: vec![vec![], items],
        },
    ] {
        let mut play = stream([true; 4]);
        let expect = &mut play.scenario.phases[0].steps[0].expect;
        *expect = vec![block(std::mem::take(expect))];
        assert_eq!(text(&play), text(&plain));
    }
}

#[test]
fn the_segment_after_a_stream_has_the_next_number_and_its_own_index() {
    let mut play = stream([true; 4]);
    play.segment(C, FIN_ACK, 3501, 1, b"");
    let lines = lines(&play);
    let Some(Line::Segment(fin)) = lines.last() else {
        panic!("{lines:?}")
    };
    assert_eq!((fin.number, fin.index), (5, 11));
    assert!(lines.iter().any(|line| matches!(
        line,
        Line::Stream {
            number: 4,
            first: 4,
            last: 11,
            ..
        }
    )));
}

#[test]
fn what_a_stream_does_not_explain_has_its_own_line() {
    let mut other_options = segment(C, ACK, 1001, 1, &[b'x'; 1000]);
    other_options.options.clear();
    let mut duplicate = segment(S, ACK, 1, 1001, b"");
    duplicate.options = vec![TcpOption::Sack(vec![(number(C, 2001), number(C, 3001))])];
    for strange in [
        segment(C, ACK, 1, 1, &[b'x'; 1000]),
        segment(C, ACK, 2001, 1, &[b'x'; 1000]),
        segment(C, ACK | Flags::CWR, 1001, 1, &[b'x'; 1000]),
        segment(C, ACK, 1001, 1, b""),
        other_options,
        duplicate,
    ] {
        let mut play = stream([false, false, false, true]);
        let expected = text(&play);
        // Right after the first segment of the stream, which is the fourth of the session.
        let first = play
            .recording
            .entries
            .iter()
            .position(|entry| matches!(entry, Entry::Segment(s) if s.len > 0));
        play.recording
            .entries
            .insert(first.expect("data") + 1, Entry::Segment(strange.clone()));
        assert!(text(&play).starts_with(&expected), "{strange:?}");
        assert!(
            matches!(lines(&play).last(), Some(Line::Segment(line)) if line.index == 4),
            "{strange:?}"
        );
    }
}

#[test]
fn an_incomplete_or_unacknowledged_stream_says_so() {
    let mut play = stream([false; 4]);
    assert!(text(&play).contains("3500 bytes unacknowledged"), "{}", text(&play));
    play.recording.entries.pop();
    assert!(text(&play).contains("3000 of 3500 bytes from seq 1 in 3 segments of 1000, sha256"));
}

#[test]
fn every_byte_of_a_stream_matters() {
    let mut play = stream([true; 4]);
    let original = text(&play);
    for entry in &mut play.recording.entries {
        if let Entry::Segment(segment) = entry
            && segment.len == 500
        {
            segment.payload[499] = b'y';
        }
    }
    assert_ne!(text(&play), original);
}

#[test]
fn the_ack_after_an_unexpected_segment_behind_a_full_stream_is_shown() {
    let mut play = stream([false, false, false, true]);
    play.segment(C, FIN_ACK, 3501, 1, b"").segment(S, ACK, 1, 3502, b"");
    assert!(
        stateless(&play)
            .lines()
            .last()
            .is_some_and(|line| line.contains("ack 3502"))
    );
}
