//! Builders for tests: scenarios and recordings by hand, in the spelling of the scenario language.

use std::path::PathBuf;

use crate::endpoint::ActionResult;
use crate::run::{CaptureStats, Counters, Ending, Entry, Environment, Mode, Recording, Stall};
use crate::scenario::{
    Action, Count, Expect, Fault, Finding, Outcome, Payload, Phase, Scenario, SegmentPattern, Settings, Span, Step,
    Verb,
};
use crate::tcp::{Checksum, Flags, Party, Segment, Seq, TcpOption};

const CLIENT_ISN: u32 = 0xffff_fff0;
const SERVER_ISN: u32 = 5000;

/// A scenario in the making.
#[derive(Default)]
pub(crate) struct Sketch {
    source: String,
    steps: Vec<Step>,
    pub(crate) findings: Vec<Finding>,
    pub(crate) settings: Settings,
}

impl Sketch {
    fn write(&mut self, text: &str) -> Span {
        let start = self.source.len();
        self.source.push_str(text);
        self.source.push('\n');
        start..start + text.len()
    }

    pub(crate) fn act(mut self, party: Party, verb: Verb) -> Sketch {
        let span = self.write(&format!("{party} {}", verb.name()));
        self.steps.push(Step {
            action: Action {
                span,
                ..action(party, verb)
            },
            expect: Vec::new(),
        });
        self
    }

    pub(crate) fn expect(mut self, expect: Expect) -> Sketch {
        self.steps.last_mut().unwrap().expect.push(expect);
        self
    }

    /// A segment line, `...`, or `C > S stream 5000`.
    pub(crate) fn line(mut self, text: &str) -> Sketch {
        let expect = self.parsed(text);
        self.expect(expect)
    }

    pub(crate) fn lines(self, lines: &[&str]) -> Sketch {
        lines.iter().fold(self, |sketch, line| sketch.line(line))
    }

    pub(crate) fn any_order(mut self, lines: &[&str]) -> Sketch {
        let span = self.write("any order");
        let items = lines.iter().map(|line| self.parsed(line)).collect();
        self.expect(Expect::AnyOrder { span, items })
    }

    pub(crate) fn either(mut self, sequences: &[&[&str]]) -> Sketch {
        let span = self.write("either");
        let alternatives = sequences
            .iter()
            .map(|lines| lines.iter().map(|line| self.parsed(line)).collect())
            .collect();
        self.expect(Expect::Either { span, alternatives })
    }

    fn parsed(&mut self, text: &str) -> Expect {
        let span = self.write(text);
        if text == "..." {
            return Expect::Anything { span };
        }
        if let Some((direction, bytes)) = text.split_once(" stream ") {
            let (from, to) = parties(direction);
            let bytes = bytes.parse().unwrap();
            return Expect::Stream { span, from, to, bytes };
        }
        Expect::Segment(SegmentPattern { span, ..pattern(text) })
    }

    pub(crate) fn scenario(self) -> Scenario {
        Scenario {
            name: "test".to_owned(),
            path: PathBuf::from("scenarios/test.toml"),
            source: self.source.into(),
            title: "A test".to_owned(),
            teaches: String::new(),
            covers: Vec::new(),
            findings: self.findings,
            deviations: Vec::new(),
            slow: false,
            settings: self.settings,
            phases: vec![Phase {
                title: String::new(),
                steps: self.steps,
            }],
            written_out: Default::default(),
        }
    }
}

pub(crate) fn action(party: Party, verb: Verb) -> Action {
    Action {
        span: 0..0,
        delay: None,
        party,
        verb,
        outcome: Outcome::Success,
        outcome_span: None,
        background: false,
    }
}

pub(crate) fn payload(text: &str) -> Payload {
    Payload {
        bytes: text.as_bytes().into(),
    }
}

/// The fault of a line: `wire drop 2 of C > S data`.
pub(crate) fn fault(line: &str) -> Fault {
    let text = format!("title = 't'\nteaches = 't'\ntimeline = '''\n{line}\n'''\n");
    let scenario = crate::scenario::parse("test", &PathBuf::from("test.toml"), text.as_bytes());
    match &scenario.unwrap().steps().next().unwrap().action.verb {
        Verb::Wire(fault) => fault.clone(),
        other => panic!("no fault: {other:?}"),
    }
}

fn parties(direction: &str) -> (Party, Party) {
    let party = |letter| match letter {
        Some("C") => Party::Client,
        Some("S") => Party::Server,
        other => panic!("no party: {other:?}"),
    };
    let mut words = direction.split(" > ");
    (party(words.next()), party(words.next()))
}

/// `C > S PSH ACK seq 1 ack 1 len 12 "Hello World!" x2..5 ?`; a payload holds no blank but in the quotes.
pub(crate) fn pattern(text: &str) -> SegmentPattern {
    let (from, to) = parties(&text[..5]);
    let (fields, quoted) = fields(&text[5..]);
    let mut pattern = SegmentPattern {
        span: 0..0,
        from,
        to,
        count: Count::ONE,
        flags: None,
        seq: None,
        ack: None,
        len: None,
        payload: quoted.map(payload),
        window: None,
        urgent: None,
        dscp: None,
        ecn: None,
        ttl: None,
        options: None,
        timing: None,
    };
    let mut words = fields.split_whitespace();
    while let Some(word) = words.next() {
        let mut number = || words.next().unwrap().parse().unwrap();
        match word {
            "seq" => pattern.seq = Some(number()),
            "ack" => pattern.ack = Some(number()),
            "len" => pattern.len = Some(number()),
            "?" => pattern.count = Count { min: 0, max: 1 },
            _ => match (Flags::by_name(word), word.strip_prefix('x')) {
                (Some(flag), _) => pattern.flags = Some(pattern.flags.unwrap_or_default() | flag),
                (None, Some(range)) => {
                    let (min, max) = range.split_once("..").unwrap_or((range, range));
                    pattern.count = Count {
                        min: min.parse().unwrap(),
                        max: max.parse().unwrap(),
                    };
                }
                _ => panic!("no field: {word}"),
            },
        }
    }
    pattern
}

fn fields(text: &str) -> (&str, Option<&str>) {
    match text.split_once('"') {
        Some((fields, rest)) => (fields, rest.strip_suffix('"')),
        None => (text, None),
    }
}

/// The segment of this line, with absolute numbers: `C > S PSH ACK seq 1 ack 1 "Hello World!"`. A length without a
/// payload means so many `x`.
pub(crate) fn segment(text: &str) -> Segment {
    let line = pattern(text);
    let isn = |party| match party {
        Party::Client => Seq(CLIENT_ISN),
        Party::Server => Seq(SERVER_ISN),
    };
    let flags = line.flags.unwrap_or_default();
    let payload = line.payload.map_or_else(
        || vec![b'x'; line.len.unwrap_or(0) as usize],
        |payload| payload.bytes.to_vec(),
    );
    Segment {
        at: 0,
        from: line.from,
        to: line.to,
        seq: isn(line.from) + line.seq.unwrap_or(0),
        ack: line.ack.map_or(Seq(0), |ack| isn(line.to) + ack),
        flags,
        window: 502,
        urgent: 0,
        options: if flags.contains(Flags::SYN) {
            vec![TcpOption::Mss(1460)]
        } else {
            Vec::new()
        },
        len: u32::try_from(payload.len()).unwrap(),
        payload,
        checksum: Checksum::Offloaded,
        origin: crate::tcp::Origin::Kernel,
        ip: crate::tcp::IpFields::default(),
        offset: None,
        sockets: None,
    }
}

/// A recording in the making, of a run that was played to its end; each entry comes 1 ms after the one before.
pub(crate) struct Tape {
    pub(crate) recording: Recording,
    pub(crate) now: u64,
}

impl Tape {
    pub(crate) fn new() -> Tape {
        Tape {
            recording: Recording {
                scenario: "test".to_owned(),
                environment: Environment {
                    kernel: "6.18.0".to_owned(),
                    tcplab: "0.1.0".to_owned(),
                    mode: Mode::Private,
                    sysctls: Default::default(),
                },
                entries: Vec::new(),
                ending: Ending::Completed,
                capture: CaptureStats::default(),
                counters: Some(Counters::default()),
                sockets: Vec::new(),
                stall: Stall::default(),
            },
            now: 0,
        }
    }

    fn tick(&mut self) -> u64 {
        self.now += 1_000_000;
        self.now
    }

    pub(crate) fn start(mut self, step: usize) -> Tape {
        let at = self.tick();
        self.recording.entries.push(Entry::ActionStarted { step, at });
        self
    }

    pub(crate) fn end(mut self, step: usize, result: ActionResult) -> Tape {
        let at = self.tick();
        self.recording.entries.push(Entry::ActionEnded { step, at, result });
        self
    }

    pub(crate) fn segment(mut self, text: &str) -> Tape {
        let at = self.tick();
        let segment = Segment { at, ..segment(text) };
        self.recording.entries.push(Entry::Segment(segment));
        self
    }

    pub(crate) fn segments(self, lines: &[&str]) -> Tape {
        lines.iter().fold(self, |tape, line| tape.segment(line))
    }
}
