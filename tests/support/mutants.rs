//! Mutants of a scenario: each differs from the original in one flag, number, byte or line of what it expects.
//!
//! Only expectations are changed, never what the ends are told to do: a mutant is judged against a recording of the original.

use std::sync::Arc;
use std::time::Duration;

use tcplab::scenario::{
    Action, Aim, Count, Expect, Fault, Finding, How, IcmpError, IcmpKind, Injection, OptionPattern, OptionsPattern,
    Outcome, Payload, Place, Scenario, SegmentPattern, Span, Step, Timing, Verb, Want, Which,
};
use tcplab::tcp::{Ecn, Flags, State};

/// A changed scenario.
pub struct Mutant {
    /// What was changed: line, text, change.
    pub change: String,
    /// The scenario with the change.
    pub scenario: Scenario,
}

/// Payload bytes are changed one by one up to this length, and at this many places of a longer payload.
const BYTES: usize = 64;

/// All mutants.
pub fn of(scenario: &Scenario) -> Vec<Mutant> {
    let mut mutants = Vec::new();
    for (phase, steps) in scenario.phases.iter().map(|phase| &phase.steps).enumerate() {
        for (step, original) in steps.iter().enumerate() {
            for (change, mutant) in of_step(scenario, original) {
                let mut scenario = scenario.clone();
                scenario.phases[phase].steps[step] = mutant;
                mutants.push(Mutant { change, scenario });
            }
        }
    }
    for finding in Finding::ALL {
        let mut mutant = scenario.clone();
        match mutant.findings.iter().position(|listed| *listed == finding) {
            Some(index) => drop(mutant.findings.remove(index)),
            None => mutant.findings.push(finding),
        }
        mutants.push(Mutant {
            change: format!("finding {} listed or not", finding.name()),
            scenario: mutant,
        });
    }
    mutants
}

fn of_step(scenario: &Scenario, step: &Step) -> Vec<(String, Step)> {
    let described =
        |change: &str, span: &Span| format!("line {}: `{}`: {change}", scenario.line(span), scenario.text(span));
    let mut mutants = Vec::new();
    for (change, action) in of_action(&step.action) {
        let described = described(&change, &step.action.span);
        mutants.push((
            described,
            Step {
                action,
                expect: step.expect.clone(),
            },
        ));
    }
    for (change, span, expect) in of_sequence(&step.expect) {
        mutants.push((
            described(&change, &span),
            Step {
                action: step.action.clone(),
                expect,
            },
        ));
    }
    mutants
}

fn of_action(action: &Action) -> Vec<(String, Action)> {
    let mut mutants = Vec::new();
    let mut outcome = |outcome, change: &str| {
        mutants.push((
            change.to_owned(),
            Action {
                outcome,
                ..action.clone()
            },
        ))
    };
    match action.outcome {
        Outcome::Success => {
            outcome(Outcome::Errno(libc::EPIPE), "success becomes EPIPE");
            if !matches!(action.verb, Verb::Recv(Want::Eof) | Verb::Read(Want::Eof)) {
                outcome(Outcome::Eof, "success becomes eof");
            }
        }
        Outcome::Errno(number) => {
            outcome(Outcome::Success, "error becomes success");
            outcome(Outcome::Errno(number + 1), "another error");
        }
        Outcome::Eof => outcome(Outcome::Success, "eof becomes success"),
    }
    let mut verb = |verb, change: String| mutants.push((change, Action { verb, ..action.clone() }));
    match &action.verb {
        // A call that must fail returns nothing, so how much it asks for is no expectation.
        Verb::Recv(_) | Verb::Read(_) if action.outcome != Outcome::Success => {}
        Verb::Recv(want) => of_want(want)
            .into_iter()
            .for_each(|(change, want)| verb(Verb::Recv(want), change)),
        Verb::Read(want) => of_want(want)
            .into_iter()
            .for_each(|(change, want)| verb(Verb::Read(want), change)),
        Verb::Get(option, value) => {
            verb(Verb::Get(*option, value + 1), "value + 1".to_owned());
            verb(Verb::Get(*option, value - 1), "value - 1".to_owned());
        }
        Verb::State(state) => {
            for other in State::ALL.into_iter().filter(|other| other != state) {
                verb(Verb::State(other), format!("state {other}"));
            }
        }
        // The judge holds the line against the segment that was captured.
        Verb::Peer(injection) => {
            let with = |segment| {
                Verb::Peer(Injection {
                    segment,
                    ..injection.clone()
                })
            };
            of_pattern(&injection.segment)
                .into_iter()
                .filter(|(change, _)| !["one more", "one less"].contains(&change.as_str()))
                .for_each(|(change, segment)| verb(with(segment), change));
            let bad_checksum = !injection.bad_checksum;
            let other = Injection {
                bad_checksum,
                ..injection.clone()
            };
            verb(Verb::Peer(other), "checksum".to_owned());
            let other = Injection {
                offset: injection.offset.xor(Some(4)),
                ..injection.clone()
            };
            verb(Verb::Peer(other), "data offset".to_owned());
            let other = Injection {
                ip_options: [&injection.ip_options[..], &[1, 1, 1, 0]].concat(),
                ..injection.clone()
            };
            verb(Verb::Peer(other), "IP options".to_owned());
            // What a segment to send does not name is ordinary.
            let unnamed = [
                (
                    "dscp",
                    SegmentPattern {
                        dscp: Some(1),
                        ..injection.segment.clone()
                    },
                    injection.segment.dscp.is_none(),
                ),
                (
                    "ecn",
                    SegmentPattern {
                        ecn: Some(Ecn::Ce),
                        ..injection.segment.clone()
                    },
                    injection.segment.ecn.is_none(),
                ),
                (
                    "ttl",
                    SegmentPattern {
                        ttl: Some(1),
                        ..injection.segment.clone()
                    },
                    injection.segment.ttl.is_none(),
                ),
            ];
            for (name, segment, _) in unnamed.into_iter().filter(|(.., is_unnamed)| *is_unnamed) {
                verb(with(segment), format!("{name} named"));
            }
        }
        Verb::Icmp(error) => {
            let mut other = |change: &str, error: IcmpError| verb(Verb::Icmp(error), change.to_owned());
            for (name, kind) in IcmpKind::NAMES {
                if kind != error.kind {
                    other(name, IcmpError { kind, ..error.clone() });
                }
            }
            let seq = Some(error.seq.map_or(12_345, |seq| seq ^ 1));
            other("number", IcmpError { seq, ..error.clone() });
            let mtu = error.mtu.xor(Some(1));
            other("mtu", IcmpError { mtu, ..error.clone() });
            let (from, to) = (error.to, error.from);
            other(
                "direction",
                IcmpError {
                    from,
                    to,
                    ..error.clone()
                },
            );
        }
        Verb::Wire(fault) => of_fault(fault)
            .into_iter()
            .for_each(|(change, fault)| verb(Verb::Wire(fault), change)),
        _ => {}
    }
    mutants
}

/// Another fault, another byte, another number of segments, other segments.
fn of_fault(fault: &Fault) -> Vec<(String, Fault)> {
    match fault {
        Fault::Strike { how, which, aim } => {
            let strike = |how, which, aim: &Aim| Fault::Strike {
                how,
                which,
                aim: aim.clone(),
            };
            let corrupt = |place, unnoticed| How::Corrupt { place, unnoticed };
            let mut hows = vec![
                How::Drop,
                How::Hold,
                How::Duplicate,
                How::Mark,
                How::Delay(Duration::from_secs(86_400)),
                corrupt(Place::Header(18), false),
                corrupt(Place::Header(18), true),
            ];
            if let How::Corrupt { place, unnoticed } = *how {
                hows.push(corrupt(place, !unnoticed));
                hows.push(corrupt(
                    match place {
                        Place::Payload(byte) => Place::Payload(byte + 1),
                        Place::Header(byte) => Place::Header(byte - 1),
                    },
                    unnoticed,
                ));
            }
            let mut mutants: Vec<(String, Fault)> = hows
                .into_iter()
                .filter(|other| other != how)
                .map(|other| (format!("{how:?} becomes {other:?}"), strike(other, *which, aim)))
                .collect();
            let more = match which {
                Which::Next(count) => Which::Next(count + 1),
                Which::Nth(nth) => Which::Nth(nth + 1),
            };
            mutants.push(("one more".to_owned(), strike(*how, more, aim)));
            if let Which::Next(count @ 2..) = which {
                mutants.push(("one less".to_owned(), strike(*how, Which::Next(count - 1), aim)));
            }
            mutants.extend(
                of_aim(aim)
                    .into_iter()
                    .map(|(change, aim)| (change, strike(*how, *which, &aim))),
            );
            mutants
        }
        Fault::Release {
            backwards,
            aim: Some(aim),
        } => of_aim(aim)
            .into_iter()
            .map(|(change, aim)| {
                let (backwards, aim) = (*backwards, Some(aim));
                (change, Fault::Release { backwards, aim })
            })
            .collect(),
        // With one segment held, or all of one kind, forwards and backwards are the same.
        Fault::Release { aim: None, .. } => Vec::new(),
        Fault::Cut { from, to } => vec![("other direction".to_owned(), Fault::Cut { from: *to, to: *from })],
        Fault::Restore { .. } => Vec::new(),
    }
}

/// Every change that hits other segments; less said may hit the same ones.
fn of_aim(aim: &Aim) -> Vec<(String, Aim)> {
    let changes = of_pattern(&aim.pattern).into_iter();
    changes
        .filter(|(_, pattern)| pattern.count == aim.pattern.count)
        .map(|(change, pattern)| {
            let data = aim.data;
            (change, Aim { pattern, data })
        })
        .collect()
}

fn of_want(want: &Want) -> Vec<(String, Want)> {
    match want {
        Want::Anything => Vec::new(),
        Want::Bytes(count) => vec![
            ("one byte more".to_owned(), Want::Bytes(count + 1)),
            ("one byte less".to_owned(), Want::Bytes(count - 1)),
            ("eof".to_owned(), Want::Eof),
        ],
        Want::Payload(payload) => {
            let changed = of_payload(payload)
                .into_iter()
                .map(|(change, payload)| (change, Want::Payload(payload)));
            changed.chain([("eof".to_owned(), Want::Eof)]).collect()
        }
        Want::Eof => vec![("one byte".to_owned(), Want::Bytes(1))],
    }
}

fn of_payload(payload: &Payload) -> Vec<(String, Payload)> {
    let len = payload.bytes.len();
    let stride = len.div_ceil(BYTES).max(1);
    let places = (0..len).step_by(stride).chain(len.checked_sub(1));
    let mut mutants: Vec<(String, Payload)> = places
        .map(|place| {
            let mut bytes = payload.bytes.to_vec();
            bytes[place] ^= 1;
            (
                format!("byte {place}"),
                Payload {
                    bytes: Arc::from(bytes),
                },
            )
        })
        .collect();
    if let Some((_, shorter)) = payload.bytes.split_last() {
        mutants.push((
            "last byte gone".to_owned(),
            Payload {
                bytes: Arc::from(shorter),
            },
        ));
    }
    let longer = [&*payload.bytes, b"x"].concat();
    mutants.push((
        "one byte more".to_owned(),
        Payload {
            bytes: Arc::from(longer),
        },
    ));
    mutants
}

type Changed = (String, std::ops::Range<usize>, Vec<Expect>);

/// Each line changed, left out, doubled, or exchanged with the next one.
fn of_sequence(lines: &[Expect]) -> Vec<Changed> {
    let mut mutants = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let span = line.span().clone();
        let mut without = lines.to_vec();
        without.remove(index);
        mutants.push(("line left out".to_owned(), span.clone(), without));
        let mut twice = lines.to_vec();
        twice.insert(index, line.clone());
        mutants.push(("line doubled".to_owned(), span.clone(), twice));
        if index + 1 < lines.len() {
            let mut exchanged = lines.to_vec();
            exchanged.swap(index, index + 1);
            mutants.push(("line exchanged with the next".to_owned(), span.clone(), exchanged));
        }
        for (change, span, mutant) in of_line(line) {
            let mut changed = lines.to_vec();
            changed[index] = mutant;
            mutants.push((change, span, changed));
        }
    }
    mutants
}

fn of_line(line: &Expect) -> Vec<(String, std::ops::Range<usize>, Expect)> {
    let span = line.span().clone();
    match line {
        Expect::Segment(pattern) => of_pattern(pattern)
            .into_iter()
            .map(|(change, pattern)| (change, span.clone(), Expect::Segment(pattern)))
            .collect(),
        Expect::Stream { from, to, bytes, .. } => {
            let stream = |from, to, bytes| Expect::Stream {
                span: span.clone(),
                from,
                to,
                bytes,
            };
            vec![
                ("one byte more".to_owned(), span.clone(), stream(*from, *to, bytes + 1)),
                ("one byte less".to_owned(), span.clone(), stream(*from, *to, bytes - 1)),
                ("other direction".to_owned(), span.clone(), stream(*to, *from, *bytes)),
            ]
        }
        Expect::AnyOrder { items, .. } => of_sequence(items)
            .into_iter()
            .map(|(change, inner, items)| {
                (
                    change,
                    inner,
                    Expect::AnyOrder {
                        span: span.clone(),
                        items,
                    },
                )
            })
            .collect(),
        Expect::Either { alternatives, .. } => alternatives
            .iter()
            .enumerate()
            .flat_map(|(index, lines)| {
                of_sequence(lines)
                    .into_iter()
                    .map(move |(change, inner, lines)| (index, change, inner, lines))
            })
            .map(|(index, change, inner, lines)| {
                let mut alternatives = alternatives.clone();
                alternatives[index] = lines;
                (
                    change,
                    inner,
                    Expect::Either {
                        span: span.clone(),
                        alternatives,
                    },
                )
            })
            .collect(),
        Expect::Anything { .. } => Vec::new(),
    }
}

fn of_pattern(pattern: &SegmentPattern) -> Vec<(String, SegmentPattern)> {
    let mut mutants = Vec::new();
    let mut change = |change: String, apply: &dyn Fn(&mut SegmentPattern)| {
        let mut mutant = pattern.clone();
        apply(&mut mutant);
        mutants.push((change, mutant));
    };
    if pattern.from != pattern.to {
        change("other direction".to_owned(), &|mutant| {
            std::mem::swap(&mut mutant.from, &mut mutant.to)
        });
    }
    if let Some(flags) = pattern.flags {
        for (name, flag) in Flags::NAMES {
            change(format!("{name} on or off"), &|mutant| mutant.flags = Some(flags ^ flag));
        }
    }
    type Field = fn(&mut SegmentPattern) -> &mut Option<u32>;
    let fields: [(&str, Field); 3] = [
        ("seq", |mutant| &mut mutant.seq),
        ("ack", |mutant| &mut mutant.ack),
        ("len", |mutant| &mut mutant.len),
    ];
    for (name, field) in fields {
        if let Some(number) = *field(&mut pattern.clone()) {
            change(format!("{name} + 1"), &|mutant| {
                *field(mutant) = Some(number.wrapping_add(1))
            });
            change(format!("{name} - 1"), &|mutant| {
                *field(mutant) = Some(number.wrapping_sub(1))
            });
        }
    }
    type Short = fn(&mut SegmentPattern) -> &mut Option<u16>;
    let fields: [(&str, Short); 2] = [
        ("win", |mutant| &mut mutant.window),
        ("urg", |mutant| &mut mutant.urgent),
    ];
    for (name, field) in fields {
        if let Some(number) = *field(&mut pattern.clone()) {
            change(format!("{name} + 1"), &|mutant| {
                *field(mutant) = Some(number.wrapping_add(1))
            });
        }
    }
    if let Some(dscp) = pattern.dscp {
        change("dscp".to_owned(), &|mutant| mutant.dscp = Some(dscp ^ 1));
    }
    if let Some(ttl) = pattern.ttl {
        change("ttl".to_owned(), &|mutant| mutant.ttl = Some(ttl ^ 1));
    }
    for ecn in Ecn::ALL
        .into_iter()
        .filter(|ecn| pattern.ecn.is_some_and(|named| named != *ecn))
    {
        change(format!("ecn {ecn}"), &|mutant| mutant.ecn = Some(ecn));
    }
    if let Some(payload) = &pattern.payload {
        for (name, payload) in of_payload(payload) {
            change(name, &|mutant| mutant.payload = Some(payload.clone()));
        }
    }
    if let Some(options) = &pattern.options {
        for (name, options) in of_options(options) {
            change(name, &|mutant| mutant.options = Some(options.clone()));
        }
    }
    let Count { min, max } = pattern.count;
    change("one more".to_owned(), &|mutant| {
        mutant.count = Count {
            min: max + 1,
            max: max + 1,
        }
    });
    if min > 0 {
        change("one less".to_owned(), &|mutant| {
            mutant.count = Count {
                min: min - 1,
                max: min - 1,
            }
        });
    }
    if let Some(Timing { since, .. }) = &pattern.timing {
        let since = *since;
        let (day, moment) = (Duration::from_secs(86_400), Duration::from_nanos(1));
        change("a day later".to_owned(), &|mutant| {
            mutant.timing = Some(Timing {
                min: day,
                max: None,
                since,
            })
        });
        change("at once".to_owned(), &|mutant| {
            mutant.timing = Some(Timing {
                min: Duration::ZERO,
                max: Some(moment),
                since,
            });
        });
    }
    mutants
}

fn of_options(options: &OptionsPattern) -> Vec<(String, OptionsPattern)> {
    let mut mutants = Vec::new();
    for (index, item) in options.items.iter().enumerate() {
        let mut without = options.clone();
        without.items.remove(index);
        mutants.push((format!("option {} left out", index + 1), without));
        let mut more = options.clone();
        more.items.insert(index, OptionPattern::Unknown(253));
        mutants.push((format!("another option before option {}", index + 1), more));
        let number = match item {
            OptionPattern::Mss(Some(size)) => Some(OptionPattern::Mss(Some(size ^ 1))),
            OptionPattern::WindowScale(Some(shift)) => Some(OptionPattern::WindowScale(Some(shift ^ 1))),
            OptionPattern::Unknown(kind) => Some(OptionPattern::Unknown(kind ^ 1)),
            OptionPattern::Sack(Some(blocks)) => {
                let moved = blocks
                    .iter()
                    .map(|(left, right)| (*left, right.wrapping_add(1)))
                    .collect();
                Some(OptionPattern::Sack(Some(moved)))
            }
            _ => None,
        };
        if let Some(number) = number {
            let mut changed = options.clone();
            changed.items[index] = number;
            mutants.push((format!("number of option {}", index + 1), changed));
        }
    }
    mutants
}
