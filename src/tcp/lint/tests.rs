use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use proptest::prelude::*;

use super::*;
use crate::tcp::arbitrary;
use crate::tcp::sample::{client, itself, server, session};
use crate::tcp::{Origin, Seq, SocketPair};

fn rules(segments: &[Segment]) -> Vec<(usize, &'static str)> {
    lint(segments)
        .iter()
        .map(|violation| (violation.segment, violation.rule))
        .collect()
}

fn with(mut segment: Segment, change: impl FnOnce(&mut Segment)) -> Segment {
    change(&mut segment);
    segment
}

fn window(segment: Segment, window: u16) -> Segment {
    with(segment, |segment| segment.window = window)
}

fn timed(segment: Segment, value: u32) -> Segment {
    with(segment, |segment| {
        segment.options.push(TcpOption::Timestamps { value, echo: 0 });
    })
}

/// The handshake, and then these.
fn opened(then: impl IntoIterator<Item = Segment>) -> Vec<Segment> {
    session(b"x").into_iter().take(3).chain(then).collect()
}

/// The basic session with segment `index` changed.
fn changed(index: usize, change: impl FnOnce(&mut Segment)) -> Vec<Segment> {
    let mut segments = session(b"Hello World!");
    change(&mut segments[index]);
    segments
}

#[test]
fn each_rule_finds_its_violation_and_no_other_rule_does() {
    let bad: Vec<(Rule, usize, Vec<Segment>)> = vec![
        (CHECKSUM, 3, changed(3, |segment| segment.checksum = Checksum::Wrong)),
        (RESERVED, 3, changed(3, |segment| segment.flags |= Flags::R2)),
        (
            DSCP,
            7,
            changed(7, |segment| segment.ip.dscp = 46).into_iter().take(8).collect(),
        ),
        (ACK_SET, 3, changed(3, |segment| segment.flags = Flags::PSH)),
        (URGENT, 3, changed(3, |segment| segment.flags |= Flags::URG)),
        (
            MSS_ELSEWHERE,
            4,
            changed(4, |segment| segment.options.push(TcpOption::Mss(1460))),
        ),
        (ISN_CLOCK, 1, vec![reopening(0, 0), reopening(1_000, 7)]),
        (MSS_MISSING, 1, changed(1, |segment| _ = segment.options.remove(0))),
        (
            OPTIONS,
            2,
            changed(2, |segment| segment.options.push(TcpOption::Malformed(vec![8, 1]))),
        ),
        (
            OPTIONS,
            2,
            changed(2, |segment| {
                segment.options.push(TcpOption::Unknown {
                    kind: 8,
                    data: vec![0; 4],
                });
            }),
        ),
        (
            PADDING,
            2,
            changed(2, |segment| {
                segment.options = vec![TcpOption::Nop, TcpOption::End, TcpOption::Malformed(vec![0, 7])];
            }),
        ),
        (PUSH, 3, changed(3, |segment| segment.flags = Flags::ACK)),
        (SEQUENCE, 3, opened([client("ACK", 2, 1, b"ab")])),
        (
            SEQUENCE,
            3,
            opened([with(client("ACK", 0, 1, b""), |segment| segment.seq = segment.seq - 9)]),
        ),
        (COUNT_ONE, 2, changed(2, |segment| segment.seq = segment.seq - 1)),
        (COUNT_ONE, 3, opened([server("PSH ACK", 0, 1, b"ab")])),
        (
            COUNT_ONE,
            4,
            opened([client("FIN ACK", 1, 1, b""), client("ACK", 1, 1, b"")]),
        ),
        (
            AFTER_FIN,
            4,
            opened([client("FIN ACK", 1, 1, b""), client("PSH ACK", 2, 1, b"ab")]),
        ),
        (ACK_SENT, 4, changed(4, |segment| segment.ack += 1)),
        (
            ACK_SENT,
            1,
            changed(1, |segment| segment.ack += 1).into_iter().take(2).collect(),
        ),
        (
            ACK_BACK,
            5,
            opened([
                client("PSH ACK", 1, 1, b"ab"),
                server("ACK", 1, 3, b""),
                server("ACK", 1, 2, b""),
            ]),
        ),
        (WINDOW, 3, opened([client("PSH ACK", 1, 1, &[b'x'; 64_241])])),
        (
            RIGHT_EDGE,
            4,
            opened([
                window(client("ACK", 1, 1, b""), 600),
                window(client("ACK", 1, 1, b""), 599),
            ]),
        ),
        (
            RST_FOR_RST,
            5,
            opened([
                server("ACK", 1, 1, b""),
                client("RST ACK", 1, 1, b""),
                server("RST", 1, 0, b""),
            ]),
        ),
    ];
    for rule in RULES {
        assert!(bad.iter().any(|(known, ..)| known == rule), "no row for {rule:?}");
    }
    for (rule, at, segments) in bad {
        assert_eq!(rules(&segments), [(at, rule.name)], "{rule:?}");
    }
}

#[test]
fn ordinary_sessions_violate_nothing() {
    let good: Vec<(&str, Vec<Segment>)> = vec![
        ("the basic session", session(b"Hello World!")),
        (
            "a closed port",
            vec![
                client("SYN", 0, 0, b""),
                with(server("RST ACK", 0, 1, b""), |segment| segment.seq = Seq(0)),
            ],
        ),
        (
            "a socket connected to itself",
            vec![
                itself("SYN", 0, 0, b""),
                itself("SYN ACK", 0, 1, b""),
                itself("ACK", 1, 1, b""),
                itself("PSH ACK", 1, 1, b"Hello"),
                itself("ACK", 6, 6, b""),
                itself("FIN ACK", 6, 6, b""),
                itself("ACK", 7, 7, b""),
            ],
        ),
        (
            "a self-connection that is aborted",
            vec![
                itself("SYN", 0, 0, b""),
                itself("SYN ACK", 0, 1, b""),
                itself("ACK", 1, 1, b""),
                itself("RST ACK", 1, 1, b""),
            ],
        ),
        (
            "keep-alives before data, after data and after the FIN, of either end",
            opened([
                client("ACK", 0, 1, b""),
                server("ACK", 1, 1, b""),
                server("ACK", 0, 1, b""),
                client("ACK", 1, 1, b""),
                client("PSH ACK", 1, 1, b"a"),
                server("ACK", 1, 2, b""),
                client("ACK", 1, 1, b""),
                server("ACK", 1, 2, b""),
                client("ACK", 1, 1, b"?"),
                server("ACK", 1, 2, b""),
                client("FIN ACK", 2, 1, b""),
                server("ACK", 1, 3, b""),
                client("ACK", 2, 1, b""),
                server("ACK", 1, 3, b""),
            ]),
        ),
        (
            "a closed window and its probes",
            opened([
                client("PSH ACK", 1, 1, &[b'x'; 65_160 - 920]),
                window(server("ACK", 1, 64_241, b""), 0),
                client("ACK", 64_240, 1, b""),
                window(server("ACK", 1, 64_241, b""), 0),
                client("ACK", 64_241, 1, b"y"),
                window(server("ACK", 1, 64_241, b""), 0),
                window(server("ACK", 1, 64_241, b""), 1),
                client("PSH ACK", 64_241, 1, b"y"),
            ]),
        ),
        (
            "a window that only rounding moves back",
            opened([
                window(client("ACK", 1, 1, b""), 502),
                server("PSH ACK", 1, 1, b"abc"),
                window(client("ACK", 1, 4, b""), 501),
            ]),
        ),
        (
            "a retransmission, and one that goes on with new data",
            opened([
                client("ACK", 1, 1, b"abc"),
                client("ACK", 1, 1, b"abc"),
                client("PSH ACK", 1, 1, b"abcdef"),
                server("ACK", 1, 7, b""),
            ]),
        ),
        (
            "a FIN that carries the last data",
            opened([client("FIN ACK", 1, 1, b"abc"), server("ACK", 1, 5, b"")]),
        ),
        (
            "an abort of each end, of which the other did not hear",
            opened([client("RST ACK", 1, 1, b""), server("RST ACK", 1, 1, b"")]),
        ),
        (
            "a RST that answers data, not the RST before it",
            opened([
                client("PSH ACK", 1, 1, b"abc"),
                client("RST ACK", 4, 1, b""),
                server("RST", 1, 0, b""),
            ]),
        ),
        (
            "a half-open connection that is discovered (figure 9)",
            opened([
                client("SYN", 5_000, 0, b""),
                server("ACK", 1, 1, b""),
                client("RST", 1, 0, b""),
                client("SYN", 5_000, 0, b""),
                server("SYN ACK", 90_000, 5_001, b""),
                client("ACK", 5_001, 90_001, b""),
            ]),
        ),
        (
            "segments that were overtaken",
            opened([
                client("ACK", 1, 1, b"abc"),
                client("ACK", 7, 1, b"ghi"),
                client("ACK", 4, 1, b"def"),
                timed(server("ACK", 1, 10, b""), 5),
                timed(window(server("ACK", 1, 10, b""), 400), 5),
                timed(server("ACK", 1, 4, b""), 4),
                client("PSH ACK", 10, 1, b"x"),
                timed(client("FIN ACK", 11, 1, b""), 9),
                timed(client("ACK", 11, 1, b""), 8),
            ]),
        ),
        (
            "a receiver that runs out of memory",
            opened([server("ACK", 1, 1, b""), window(server("ACK", 1, 1, b""), 0)]),
        ),
        ("the middle of a session", session(b"Hello World!").split_off(5)),
        (
            "a SYN and SYN,ACK that are repeated",
            vec![
                client("SYN", 0, 0, b""),
                client("SYN", 0, 0, b""),
                server("SYN ACK", 0, 1, b""),
                server("SYN ACK", 0, 1, b""),
                client("ACK", 1, 1, b""),
            ],
        ),
    ];
    for (name, segments) in good {
        assert_eq!(lint(&segments), [], "{name}");
    }
}

#[test]
fn a_window_without_a_scale_is_taken_as_it_is() {
    let mut segments = opened([client("PSH ACK", 1, 1, &[b'x'; 600])]);
    segments[1].options.truncate(1);
    segments[1].window = 500;
    assert_eq!(rules(&segments), [(3, WINDOW.name)]);
}

#[test]
fn violations_are_told_in_relative_numbers() {
    let mut segments = session(b"Hello World!");
    segments[4].ack += 1;
    assert_eq!(
        lint(&segments)[0].detail,
        "ACK 14 is not among what was sent, from 1 to 13"
    );
}

#[test]
fn a_long_stream_is_linted_across_the_wrap() {
    let mut segments = opened([]);
    let mut at = 1_u32;
    for _ in 0..3 {
        // Three gigabytes in segments that no link could carry.
        for _ in 0..16 {
            let mut data = client("ACK", at, 1, b"");
            data.len = 1 << 26;
            at = at.wrapping_add(1 << 26);
            segments.push(data);
            segments.push(server("ACK", 1, at, b""));
        }
    }
    let found: Vec<_> = lint(&segments)
        .into_iter()
        .filter(|violation| violation.rule != WINDOW.name)
        .collect();
    assert_eq!(found, []);
}

proptest! {
    #[test]
    fn any_segments_can_be_linted(segments in arbitrary::segments()) {
        lint(&segments);
    }

    #[test]
    fn violations_do_not_depend_on_the_initial_numbers(
        segments in arbitrary::session(),
        client_shift: u32,
        server_shift: u32,
    ) {
        let shifted: Vec<Segment> = segments
            .iter()
            .map(|segment| arbitrary::shifted(segment, client_shift, server_shift))
            .collect();
        prop_assert_eq!(lint(&segments), lint(&shifted));
    }
}

#[test]
fn rules_have_distinct_names() {
    let mut names: Vec<_> = RULES.iter().map(|rule| rule.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), RULES.len());
}

#[test]
fn what_acknowledges_the_fin_may_offer_a_smaller_window() {
    let window = |mut segment: Segment, window| {
        segment.window = window;
        segment
    };
    let fin = server("FIN ACK", 1, 1, b"");
    let small = |ack| window(client("ACK", 1, ack, b""), 500);
    let before = opened([window(client("ACK", 1, 1, b""), 600), fin.clone(), small(2)]);
    assert_eq!(rules(&before), []);
    let not_yet = opened([window(client("ACK", 1, 1, b""), 600), small(1), fin]);
    assert_eq!(rules(&not_yet), [(4, RIGHT_EDGE.name)]);
}

const PORTS: SocketPair = SocketPair {
    source: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 40_001),
    destination: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7_000),
};

/// A SYN of the client between these sockets, so many milliseconds after the first one, whose ISN is so many ticks higher.
fn reopening(ms: u64, ticks: u32) -> Segment {
    with(client("SYN", 0, 0, b""), |syn| {
        syn.at = ms * 1_000_000;
        syn.seq += ticks;
        syn.sockets = Some(PORTS);
    })
}

#[test]
fn the_isn_of_a_pair_that_is_opened_again_follows_a_clock_of_64_ns() {
    const SECOND: u32 = 1_000_000_000 / 64;
    let after = |syn: Segment| rules(&[reopening(0, 0), syn]);
    let off = vec![(1, ISN_CLOCK.name)];
    assert_eq!(after(reopening(1_000, SECOND)), []);
    assert_eq!(
        after(reopening(1_000, SECOND + SECOND / 20)),
        [],
        "the first SYN was held up"
    );
    assert_eq!(
        after(reopening(1_000, SECOND - SECOND / 20)),
        [],
        "the second SYN was held up"
    );
    assert_eq!(after(reopening(1_000, SECOND + SECOND / 5)), off);
    assert_eq!(after(reopening(1_000, SECOND - SECOND / 5)), off);
    assert_eq!(after(reopening(1_000, SECOND.wrapping_neg())), off, "it runs backwards");
    // Once round the clock.
    assert_eq!(after(reopening(274_878, 4_294_968_750_u64 as u32)), []);
    // Where the clock counts for nothing.
    assert_eq!(
        after(reopening(0, 1 + 65_537)),
        [],
        "65,537 behind what a connection in TIME-WAIT has sent"
    );
    assert_eq!(after(with(reopening(1_000, 7), |syn| syn.sockets = None)), []);
    assert_eq!(
        after(with(reopening(1_000, 7), |syn| syn.sockets = Some(PORTS.reversed()))),
        []
    );
    assert_eq!(after(with(reopening(1_000, 7), |syn| syn.origin = Origin::Spoofed)), []);
    let other_port = |syn: &mut Segment| {
        syn.sockets = Some(SocketPair {
            source: SocketAddr::new(PORTS.source.ip(), 40_002),
            ..PORTS
        });
    };
    assert_eq!(after(with(reopening(1_000, 7), other_port)), []);
}

#[test]
fn a_connection_after_time_wait_is_no_measure_for_the_clock() {
    const SECOND: u32 = 1_000_000_000 / 64;
    let after = |third| rules(&[reopening(0, 0), reopening(1_000, 1 + 65_537), third]);
    assert_eq!(after(reopening(2_000, 2 * SECOND)), []);
    assert_eq!(after(reopening(2_000, 65_538 + SECOND)), [(2, ISN_CLOCK.name)]);
}
