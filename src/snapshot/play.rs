//! For tests: a scenario and its recording, written together.

use std::path::PathBuf;
use std::sync::Arc;

use crate::run::{ActionResult, CaptureStats, Ending, Entry, Environment, Mode, Recording, Stall};
use crate::scenario::{Action, Expect, Outcome, Phase, Scenario, Settings, Step, Verb};
use crate::tcp::{Checksum, Flags, Party, Segment, Seq, TcpOption};

pub const C: Party = Party::Client;
pub const S: Party = Party::Server;

/// Initial sequence numbers near the wrap, so that absolute numbers in a transcript stand out.
const ISN: [u32; 2] = [u32::MAX - 5, 3_000_000_000];

/// A session under construction.
pub struct Play {
    pub scenario: Scenario,
    pub recording: Recording,
}

impl Play {
    pub fn new() -> Play {
        Play {
            scenario: Scenario {
                phases: vec![Phase {
                    title: String::new(),
                    steps: Vec::new(),
                }],
                ..scenario("play", "scenarios/play.toml")
            },
            recording: Recording {
                scenario: "play".into(),
                environment: Environment {
                    kernel: "6.18.44".into(),
                    tcplab: "0.1.0".into(),
                    mode: Mode::Private,
                    sysctls: Default::default(),
                },
                entries: Vec::new(),
                ending: Ending::Completed,
                capture: CaptureStats::default(),
                counters: None,
                sockets: Vec::new(),
                stall: Stall::default(),
            },
        }
    }

    pub fn phase(&mut self, title: &str) -> &mut Play {
        self.scenario.phases.push(Phase {
            title: title.into(),
            steps: Vec::new(),
        });
        self
    }

    /// A step that begins now; its party is the first word of the text, `->` begins its outcome and `&` stands last.
    pub fn begin(&mut self, text: &str, verb: Verb, expect: Vec<Expect>) -> &mut Play {
        let start = self.scenario.source.len();
        self.scenario.source = format!("{}{text}\n", self.scenario.source).into();
        let background = text.ends_with('&');
        let outcome_span = text.find("->").map(|arrow| {
            let end = text.trim_end_matches('&').trim_end().len();
            start + arrow + 3..start + end
        });
        let step = self.scenario.steps().count();
        let phase = self.scenario.phases.last_mut().expect("there is one");
        phase.steps.push(Step {
            action: Action {
                span: start..start + text.len(),
                delay: None,
                party: if text.contains("client") { C } else { S },
                verb,
                outcome: Outcome::Success,
                outcome_span,
                background,
            },
            expect,
        });
        self.recording.entries.push(Entry::ActionStarted { step, at: 0 });
        self
    }

    /// The step of this number ends now.
    pub fn end(&mut self, step: usize, result: ActionResult) -> &mut Play {
        self.recording.entries.push(Entry::ActionEnded { step, at: 0, result });
        self
    }

    /// A step that begins and goes well at once.
    pub fn step(&mut self, text: &str, verb: Verb) -> &mut Play {
        let step = self.scenario.steps().count();
        self.begin(text, verb, Vec::new()).end(step, done())
    }

    /// A segment with relative numbers; `ack` 0 without the ACK bit.
    pub fn segment(&mut self, from: Party, flags: Flags, seq: u32, ack: u32, payload: &[u8]) -> &mut Play {
        self.push(segment(from, flags, seq, ack, payload))
    }

    pub fn push(&mut self, segment: Segment) -> &mut Play {
        self.recording.entries.push(Entry::Segment(segment));
        self
    }
}

/// A scenario in which nothing happens.
pub fn scenario(name: &str, path: impl Into<PathBuf>) -> Scenario {
    Scenario {
        name: name.into(),
        path: path.into(),
        source: Arc::from(""),
        title: String::new(),
        teaches: String::new(),
        covers: Vec::new(),
        findings: Vec::new(),
        deviations: Vec::new(),
        slow: false,
        settings: Settings::default(),
        phases: Vec::new(),
        written_out: Default::default(),
    }
}

/// A segment from one party to the other with relative numbers and the usual options.
pub fn segment(from: Party, flags: Flags, seq: u32, ack: u32, payload: &[u8]) -> Segment {
    let timestamps = TcpOption::Timestamps { value: 77, echo: 66 };
    Segment {
        at: 0,
        from,
        to: from.peer(),
        seq: number(from, seq),
        ack: if flags.contains(Flags::ACK) {
            number(from.peer(), ack)
        } else {
            Seq(0)
        },
        flags,
        window: 502,
        urgent: 0,
        options: if flags.contains(Flags::SYN) {
            vec![
                TcpOption::Mss(1460),
                TcpOption::SackPermitted,
                timestamps,
                TcpOption::Nop,
                TcpOption::WindowScale(7),
            ]
        } else {
            vec![TcpOption::Nop, TcpOption::Nop, timestamps]
        },
        len: payload.len() as u32,
        payload: payload.to_vec(),
        checksum: Checksum::Offloaded,
        origin: crate::tcp::Origin::Kernel,
        ip: crate::tcp::IpFields::default(),
        offset: None,
        sockets: None,
    }
}

/// The absolute number of a relative one.
pub fn number(party: Party, relative: u32) -> Seq {
    Seq(ISN[party as usize]) + relative
}

pub fn done() -> ActionResult {
    ActionResult::Done {
        received: None,
        sent: None,
        value: None,
    }
}

pub fn received(bytes: &[u8]) -> ActionResult {
    ActionResult::Done {
        received: Some(bytes.to_vec()),
        sent: None,
        value: None,
    }
}

pub fn failed(call: &str, errno: i32) -> ActionResult {
    ActionResult::Failed {
        call: call.into(),
        errno,
        received: Vec::new(),
        sent: Vec::new(),
    }
}
