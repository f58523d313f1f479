//! Printing and parsing again gives the same meaning.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::{expectations, play, step};
use crate::scenario::{
    Action, Address, Aim, Count, Expect, Family, Fault, How, IcmpError, IcmpKind, Injection, OptionPattern,
    OptionsPattern, Outcome, Payload, Place, Scope, SegmentPattern, ShutdownHow, SocketOption, Timing, Verb, Want,
    Which, errno_name,
};
use crate::tcp::{Ecn, Flags, Party, State};

fn payload(least: usize) -> impl Strategy<Value = Payload> {
    let bytes = prop_oneof![
        prop::collection::vec(any::<u8>(), least..40),
        r#"[ -~"\\é\n]{1,20}"#.prop_map(String::into_bytes),
        "[a']{1,9}".prop_map(String::into_bytes),
        // Within what one segment can carry.
        (prop::collection::vec(any::<u8>(), 1..5), 100..5000usize).prop_map(|(pattern, length)| pattern
            .iter()
            .copied()
            .cycle()
            .take(length)
            .collect()),
    ];
    bytes.prop_map(|bytes| Payload {
        bytes: Arc::from(bytes),
    })
}

fn duration() -> impl Strategy<Value = Duration> {
    prop_oneof![
        (0..3_600_000u64).prop_map(Duration::from_millis),
        (0..2_000_000_000u64).prop_map(Duration::from_nanos)
    ]
}

fn want() -> impl Strategy<Value = Want> {
    prop_oneof![
        payload(1).prop_map(Want::Payload),
        (1..1_000_000_000u64).prop_map(Want::Bytes),
        (1..1024u64).prop_map(|size| Want::Bytes(size << 10)),
        Just(Want::Eof),
    ]
}

// Boxed, as others below: a strategy of strategies is too large for the stack of a test.
fn fault() -> BoxedStrategy<Fault> {
    let aim = || {
        (pattern(), any::<bool>()).prop_map(|(pattern, data)| Aim {
            pattern: SegmentPattern {
                count: Count::ONE,
                timing: None,
                ..pattern
            },
            data,
        })
    };
    let how = prop_oneof![
        Just(How::Drop),
        Just(How::Hold),
        duration().prop_map(How::Delay),
        Just(How::Duplicate),
        ((0..1000u32), any::<bool>()).prop_map(|(byte, unnoticed)| How::Corrupt {
            place: Place::Payload(byte),
            unnoticed,
        }),
        (0..60u32).prop_map(|byte| How::Corrupt {
            place: Place::Header(byte),
            unnoticed: (4..16).contains(&byte),
        }),
        Just(How::Mark),
    ];
    let which = prop_oneof![(1..200u32).prop_map(Which::Next), (1..200u32).prop_map(Which::Nth)];
    let ends = || {
        (
            prop::sample::select(Party::ALL.to_vec()),
            prop::sample::select(Party::ALL.to_vec()),
        )
    };
    prop_oneof![
        (how, which, aim()).prop_map(|(how, which, aim)| Fault::Strike { how, which, aim }),
        (any::<bool>(), prop::option::of(aim())).prop_map(|(backwards, aim)| Fault::Release { backwards, aim }),
        ends().prop_map(|(from, to)| Fault::Cut { from, to }),
        ends().prop_map(|(from, to)| Fault::Restore { from, to }),
    ]
    .boxed()
}

fn verb() -> impl Strategy<Value = (Party, Verb)> {
    let option = || prop::sample::select(SocketOption::NAMES.to_vec()).prop_map(|(_, option)| option);
    let server = prop_oneof![
        (0..100u32).prop_map(|backlog| Verb::Listen { backlog }),
        Just(Verb::Accept),
        Just(Verb::Close { listener: true }),
    ];
    let client = Just(Verb::Connect { to_self: true });
    let either = prop_oneof![
        Just(Verb::Connect { to_self: false }),
        address().prop_map(Verb::ConnectTo),
        address().prop_map(Verb::Bind),
        payload(1).prop_map(Verb::Send),
        payload(1).prop_map(Verb::Write),
        payload(1).prop_map(Verb::SendMore),
        payload(1).prop_map(Verb::WriteMore),
        want().prop_map(Verb::Recv),
        want().prop_map(Verb::Read),
        Just(Verb::Read(Want::Anything)),
        prop::option::of(1..1_000_000u64).prop_map(|bytes| Verb::Echo { bytes }),
        payload(0).prop_map(|stale| Verb::EchoStrlen { stale }),
        prop::sample::select(vec![ShutdownHow::Read, ShutdownHow::Write, ShutdownHow::Both]).prop_map(Verb::Shutdown),
        Just(Verb::Close { listener: false }),
        Just(Verb::Abort),
        (option(), any::<i32>()).prop_map(|(option, value)| Verb::Set(option, value.into())),
        (option(), any::<i32>()).prop_map(|(option, value)| Verb::Get(option, value.into())),
        prop::sample::select(State::ALL.to_vec()).prop_map(Verb::State),
        Just(Verb::Wait),
    ];
    prop_oneof![
        fault().prop_map(|fault| (fault.sender(), Verb::Wire(fault))),
        server.prop_map(|verb| (Party::Server, verb)),
        client.prop_map(|verb| (Party::Client, verb)),
        (prop::sample::select(Party::ALL.to_vec()), either),
    ]
}

/// Any action, its outcome an error wherever it can be: so its place in a play does not matter.
fn action() -> impl Strategy<Value = Action> {
    (prop::option::of(duration()), verb(), 1..=133i32, any::<bool>()).prop_map(
        |(delay, (party, verb), errno, background)| {
            let silent = matches!(verb, Verb::State(_) | Verb::Wait | Verb::Wire(_));
            let known = errno_name(errno).starts_with('E');
            let blocking = ["connect", "accept", "send", "write", "recv", "read", "echo"].contains(&verb.name());
            Action {
                span: 0..0,
                delay,
                party,
                outcome: if silent {
                    Outcome::Success
                } else {
                    Outcome::Errno(if known { errno } else { 104 })
                },
                outcome_span: None,
                background: background && blocking,
                verb,
            }
        },
    )
}

fn option() -> impl Strategy<Value = OptionPattern> {
    let blocks = prop::collection::vec((any::<u32>(), 1..1000u32), 1..4);
    let blocks = blocks.prop_map(|blocks| {
        blocks
            .into_iter()
            .map(|(left, n)| (left, left.wrapping_add(n)))
            .collect()
    });
    prop_oneof![
        Just(OptionPattern::End),
        Just(OptionPattern::Nop),
        any::<Option<u16>>().prop_map(OptionPattern::Mss),
        any::<Option<u8>>().prop_map(OptionPattern::WindowScale),
        Just(OptionPattern::SackPermitted),
        prop::option::of(blocks).prop_map(OptionPattern::Sack),
        Just(OptionPattern::Timestamps),
        Just(OptionPattern::FastOpen),
        any::<u8>().prop_map(OptionPattern::Unknown),
    ]
}

fn timing() -> impl Strategy<Value = Timing> {
    (duration(), prop::option::of(duration()), any::<bool>()).prop_map(|(min, width, since_action)| {
        let longest = Duration::from_secs(3600);
        match (since_action, width) {
            (true, _) => Timing {
                min: Duration::ZERO,
                max: Some(min),
                since: Scope::Action,
            },
            (false, width) => Timing {
                min,
                max: width.map(|width| (min + width).min(longest)),
                since: Scope::PreviousSegment,
            },
        }
    })
}

fn segment() -> impl Strategy<Value = Expect> {
    pattern().prop_map(Expect::Segment)
}

fn pattern() -> BoxedStrategy<SegmentPattern> {
    let parts = (
        prop::option::of((0..1u16 << 12).prop_map(Flags::from_bits_truncate)),
        (
            any::<Option<u32>>(),
            any::<Option<u32>>(),
            prop::option::of(0..65_000u32),
        ),
        prop::option::of(payload(0)),
        (any::<Option<u16>>(), any::<Option<u16>>()),
        (
            prop::option::of(0..64_u8),
            prop::option::of(prop::sample::select(Ecn::ALL.to_vec())),
            any::<Option<u8>>(),
        ),
        prop::option::of((prop::collection::vec(option(), 0..6), any::<bool>())),
        (0..4u32, 1..4u32),
        prop::option::of(timing()),
        any::<bool>(),
    );
    parts
        .prop_map(
            |(
                flags,
                (seq, ack, len),
                payload,
                (window, urgent),
                (dscp, ecn, ttl),
                options,
                (min, more),
                timing,
                back,
            )| {
                let (from, to) = if back {
                    (Party::Server, Party::Client)
                } else {
                    (Party::Client, Party::Server)
                };
                SegmentPattern {
                    span: 0..0,
                    from,
                    to,
                    count: Count { min, max: min + more },
                    flags,
                    seq,
                    ack: ack.filter(|_| flags.is_none_or(|flags| flags.contains(Flags::ACK))),
                    len: payload
                        .as_ref()
                        .map_or(len, |payload| len.map(|_| payload.bytes.len() as u32)),
                    payload,
                    window,
                    urgent,
                    dscp,
                    ecn,
                    ttl,
                    options: options.map(|(items, open)| OptionsPattern { items, open }),
                    timing,
                }
            },
        )
        .boxed()
}

fn expect() -> impl Strategy<Value = Expect> {
    let stream = (1..1u64 << 30).prop_map(|bytes| Expect::Stream {
        span: 0..0,
        from: Party::Client,
        to: Party::Server,
        bytes,
    });
    let leaf = prop_oneof![4 => segment(), 1 => stream];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let items = |least| prop::collection::vec(inner.clone(), least..4);
        let sequence = (items(1), any::<bool>()).prop_map(|(mut items, gap)| {
            items.extend(gap.then_some(Expect::Anything { span: 0..0 }));
            items
        });
        prop_oneof![
            items(2).prop_map(|items| Expect::AnyOrder { span: 0..0, items }),
            prop::collection::vec(sequence, 2..4).prop_map(|alternatives| Expect::Either {
                span: 0..0,
                alternatives
            }),
        ]
    })
}

/// The expectation without its places.
fn bare(expect: Expect) -> Expect {
    let bare_all = |items: Vec<Expect>| items.into_iter().map(bare).collect();
    match expect {
        Expect::Segment(pattern) => Expect::Segment(SegmentPattern { span: 0..0, ..pattern }),
        Expect::Stream { from, to, bytes, .. } => Expect::Stream {
            span: 0..0,
            from,
            to,
            bytes,
        },
        Expect::Anything { .. } => Expect::Anything { span: 0..0 },
        Expect::AnyOrder { items, .. } => Expect::AnyOrder {
            span: 0..0,
            items: bare_all(items),
        },
        Expect::Either { alternatives, .. } => Expect::Either {
            span: 0..0,
            alternatives: alternatives.into_iter().map(bare_all).collect(),
        },
    }
}

/// A segment line with values for all that the lab must know to send it.
fn injection() -> impl Strategy<Value = Injection> {
    let ip_options = prop::collection::vec(any::<[u8; 4]>(), 0..=10);
    let parts = (segment(), any::<bool>(), prop::option::of(0..5_u8), ip_options);
    parts.prop_filter_map(
        "an option without a value",
        |(expect, bad_checksum, offset, ip_options)| {
            let Expect::Segment(mut segment) = expect else {
                return None;
            };
            segment.count = Count::ONE;
            segment.timing = None;
            segment.len = None;
            segment.payload = segment.payload.filter(|payload| payload.bytes.len() <= 1460);
            let flags = segment.flags.unwrap_or(Flags::SYN);
            segment.flags = Some(flags);
            segment.ack = flags.contains(Flags::ACK).then(|| segment.ack.unwrap_or(1));
            if let Some(options) = &mut segment.options {
                options.open = false;
                options.items.truncate(2);
                let lacks_value = |option: &OptionPattern| {
                    matches!(
                        option,
                        OptionPattern::Mss(None) | OptionPattern::WindowScale(None) | OptionPattern::Sack(_)
                    )
                };
                if options.items.iter().any(lacks_value) {
                    return None;
                }
            }
            let offset = offset.filter(|_| segment.options.is_none());
            Some(Injection {
                segment,
                bad_checksum,
                offset,
                ip_options: ip_options.iter().flat_map(|word: &[u8; 4]| *word).collect(),
            })
        },
    )
}

/// An ICMP error of IPv4: the family of a file that names none.
fn icmp() -> impl Strategy<Value = IcmpError> {
    let kinds = IcmpKind::NAMES.map(|(_, kind)| kind);
    let kinds = kinds.into_iter().filter(|kind| kind.numbers(Family::Ipv4).is_some());
    let kinds = prop::sample::select(kinds.collect::<Vec<_>>());
    (kinds, any::<bool>(), any::<Option<u32>>(), 68..=u16::MAX).prop_map(|(kind, turned, seq, mtu)| {
        let (from, to) = if turned {
            (Party::Server, Party::Client)
        } else {
            (Party::Client, Party::Server)
        };
        IcmpError {
            kind,
            span: 0..0,
            from,
            to,
            seq,
            mtu: kind.has_mtu().then_some(mtu),
        }
    })
}

/// The last action of the timeline, without its places.
fn last_action(timeline: &str) -> Action {
    let scenario = play(timeline).unwrap_or_else(|diagnostics| panic!("{timeline}\n{diagnostics}"));
    let mut action = scenario.steps().last().expect("a step").action.clone();
    if let Verb::Wire(Fault::Strike { aim, .. } | Fault::Release { aim: Some(aim), .. }) = &mut action.verb {
        aim.pattern.span = 0..0;
    }
    Action {
        span: 0..0,
        outcome_span: None,
        ..action
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_printed_action_means_the_same(action in action()) {
        let text = action.to_string();
        let prelude = "client connect -> EPIPE &\nserver recv 1 -> EPIPE &\n";
        prop_assert_eq!(last_action(&format!("{prelude}{text}")), action);
    }

    #[test]
    fn a_printed_segment_made_by_hand_means_the_same(injection in injection()) {
        let verb = Verb::Peer(injection.clone());
        let mut action = last_action(&verb.to_string());
        prop_assert_eq!(action.party, injection.segment.from);
        if let Verb::Peer(parsed) = &mut action.verb {
            parsed.segment.span = 0..0;
        }
        prop_assert_eq!(action.verb, verb);
    }

    #[test]
    fn a_printed_icmp_error_means_the_same(error in icmp()) {
        let verb = Verb::Icmp(error.clone());
        let mut action = last_action(&verb.to_string());
        prop_assert_eq!(action.party, error.from);
        if let Verb::Icmp(parsed) = &mut action.verb {
            parsed.span = 0..0;
        }
        prop_assert_eq!(action.verb, verb);
    }

    #[test]
    fn a_printed_expectation_means_the_same(expect in expect()) {
        let text = expect.to_string();
        let parsed: Vec<Expect> = expectations(&text).into_iter().map(bare).collect();
        prop_assert_eq!(parsed, vec![expect]);
    }
}

/// Each line as it is written and as it is printed.
#[test]
fn lines_have_one_canonical_spelling() {
    for (written, printed) in [
        ("+60s client connect", "+1min client connect"),
        ("server listen backlog 5 -> EADDRINUSE", "server listen -> EADDRINUSE"),
        ("client connect -> EWOULDBLOCK &", "client connect -> EAGAIN &"),
        (
            "client send hex 48 65 6C6C 6f 00 -> EPIPE",
            r#"client send "Hello\x00" -> EPIPE"#,
        ),
        (
            "client send 1024 of \"ab\" -> EPIPE",
            "client send 1KiB of \"ab\" -> EPIPE",
        ),
        ("client recv 2048 -> EPIPE", "client recv 2KiB -> EPIPE"),
        ("wire drop 1 of C > S data PSH ACK", "wire drop C > S PSH ACK data"),
        ("wire hold 22nd of S > C seq 1", "wire hold 22nd of S > C seq 1"),
        ("wire corrupt C > S data byte 0", "wire corrupt C > S data"),
        (
            "wire corrupt C > S data header byte 13 unnoticed",
            "wire corrupt C > S data header byte 13 unnoticed",
        ),
        ("wire mark 1 of S > C data ecn ect0", "wire mark S > C ecn ect0 data"),
        (
            "peer send C > S RST ttl 1 dscp 0x2e bad checksum offset 4",
            "peer send C > S RST dscp 46 ttl 1 offset 4 bad checksum",
        ),
        (
            "peer send C > S RST ip-options hex 01 01 0100 bad checksum",
            "peer send C > S RST bad checksum ip-options hex 01010100",
        ),
        ("client write \"x\" more -> EPIPE", "client write \"x\" more -> EPIPE"),
        (
            "+1s peer icmp fragmentation-needed about C > S mtu 1000 seq 1",
            "+1s peer icmp fragmentation-needed about C > S seq 1 mtu 1000",
        ),
    ] {
        assert_eq!(step(written).action.to_string(), printed);
    }
    for (written, printed) in [
        ("C > C ACK SYN seq 0", "C > C SYN ACK seq 0"),
        ("C > C ? len 1", "C > C len 1 ?"),
        ("C > C x2..2", "C > C x2"),
        ("C > C x1", "C > C"),
        ("C > C after ~200ms", "C > C after 180ms..220ms"),
        ("C > C <mss 1460,sack_ok,...>", "C > C <mss 1460, sack_ok, ...>"),
    ] {
        assert_eq!(expectations(written)[0].to_string(), printed);
    }
}

#[test]
fn three_apostrophes_never_stand_in_a_row() {
    let action = step(r#"client send "''\x27''\x27'" -> EPIPE"#).action;
    assert_eq!(action.to_string(), r#"client send "''\x27''\x27'" -> EPIPE"#);
}

fn address() -> impl Strategy<Value = Address> {
    prop_oneof![
        any::<(std::net::IpAddr, Option<u16>)>().prop_map(|(ip, port)| Address { ip: Some(ip), port }),
        any::<u16>().prop_map(|port| Address {
            ip: None,
            port: Some(port)
        }),
    ]
}
