//! Sessions and judgements for the tests of this layer.

use std::sync::Arc;
use std::time::Duration;

use crate::judge::{Check, Judgement, Status, Verdict, Witness};
use crate::report::{Outcome, Theme};
use crate::run::{ActionResult, Ending, Entry, Environment, Mode, Recording, RunError, Stall};
use crate::scenario::{
    Action, Outcome as ScriptedOutcome, Payload, Phase, Scenario, Settings, SocketOption, Step, Verb, Want,
};
use crate::snapshot::Transcript;
use crate::snapshot::transcript::{Line, SegmentLine};
use crate::suite::{Artefacts, Conclusion, Ended, Event, Played, Suite, SuiteError, Totals};
use crate::tcp::{Checksum, Flags, Nanos, Party, Segment, Seq, State, TcpOption};

pub(super) const SYN_OPTIONS: &str = "<mss 1460, sack_ok, ts, nop, wscale>";

/// Unicode without colour.
pub(super) fn theme(width: usize) -> Theme {
    Theme {
        color: false,
        unicode: true,
        width,
    }
}

/// Escape codes made visible.
pub(super) fn visible(text: &str) -> String {
    text.replace('\u{1b}', "␛")
}

/// A transcript from lines such as `== data ==`, `client  send "x" -> EPIPE`, `C > S  SYN  seq 0  len 0  "x"  <mss> |
/// SYN-SENT SYN-RECEIVED` (states that are not named stay as they were), `| CLOSED LISTEN` for states alone, `stream C > S
/// 5 9 text`, `!! text`.
pub(super) fn transcript(text: &str) -> Transcript {
    let mut states = [State::Closed; 2];
    let mut number = 0;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let lines = lines
        .map(|line| {
            let letters: Vec<Party> = line
                .chars()
                .filter_map(|letter| Party::ALL.into_iter().find(|party| party.letter() == letter))
                .collect();
            if let Some(title) = line.strip_prefix("== ") {
                Line::Phase(title.trim_end_matches(" ==").to_owned())
            } else if let Some(ending) = line.strip_prefix("!! ") {
                Line::Ending(ending.to_owned())
            } else if let Some(after) = line.strip_prefix('|') {
                name_states(after, &mut states);
                let [client, server] = states;
                Line::States { client, server }
            } else if let Some(stream) = line.strip_prefix("stream ") {
                let mut words = stream[6..].splitn(3, ' ');
                let mut count = || words.next().unwrap().parse().unwrap();
                let (first, last) = (count(), count());
                number += 1;
                Line::Stream {
                    number,
                    first,
                    last,
                    from: letters[0],
                    to: letters[1],
                    text: words.next().unwrap().to_owned(),
                    client: states[0],
                    server: states[1],
                }
            } else if line[1..].starts_with(" > ") {
                number += 1;
                Line::Segment(segment(number, letters[0], letters[1], &line[5..], &mut states))
            } else {
                let (text, result) = match line.split_once(" -> ") {
                    Some((text, result)) => (text, Some(format!("-> {result}"))),
                    None => (line, None),
                };
                Line::Action {
                    step: 0,
                    text: text.to_owned(),
                    result,
                }
            }
        })
        .collect();
    Transcript { lines }
}

fn name_states(names: &str, states: &mut [State; 2]) {
    for (state, name) in states.iter_mut().zip(names.split_whitespace()) {
        *state = State::by_name(name).unwrap();
    }
}

fn segment(number: usize, from: Party, to: Party, text: &str, states: &mut [State; 2]) -> SegmentLine {
    let (fields, after) = text.split_once('|').unwrap_or((text, ""));
    name_states(after, states);
    let fields: Vec<&str> = fields
        .split("  ")
        .map(str::trim)
        .filter(|field| !field.is_empty())
        .collect();
    let value = |name: &str| {
        let field = fields
            .iter()
            .find_map(|field| field.strip_prefix(name)?.strip_prefix(' '));
        field.map(|number| number.parse().unwrap())
    };
    let starting = |mark: char| {
        fields
            .iter()
            .find(|field| field.starts_with(mark))
            .unwrap_or(&"")
            .to_string()
    };
    SegmentLine {
        number,
        from,
        to,
        flags: fields[0].to_owned(),
        seq: value("seq").unwrap(),
        ack: value("ack"),
        len: value("len").unwrap_or_default(),
        options: starting('<'),
        payload: starting('"'),
        index: number - 1,
        notes: String::new(),
        fate: None,
        client: states[0],
        server: states[1],
    }
}

/// The session of the article: open, echo, close.
pub(super) fn basic() -> Transcript {
    transcript(&format!(
        r#"
        == handshake ==
        server  listen
        | CLOSED LISTEN
        client  connect
          C > S  SYN  seq 0  len 0  {SYN_OPTIONS}  | SYN-SENT SYN-RECEIVED
          S > C  SYN ACK  seq 0  ack 1  len 0  {SYN_OPTIONS}  | ESTABLISHED SYN-RECEIVED
          C > S  ACK  seq 1  ack 1  len 0  <nop, nop, ts>  | ESTABLISHED ESTABLISHED
        server  accept
        == data ==
        client  send "Hello World!"
          C > S  PSH ACK  seq 1  ack 1  len 12  "Hello World!"  <nop, nop, ts>
          S > C  ACK  seq 1  ack 13  len 0  <nop, nop, ts>
        server  echo -> "Hello World!"
          S > C  PSH ACK  seq 1  ack 13  len 12  "Hello World!"  <nop, nop, ts>
          C > S  ACK  seq 13  ack 13  len 0  <nop, nop, ts>
        client  recv "Hello World!"
        == close ==
        client  close
          C > S  FIN ACK  seq 13  ack 13  len 0  <nop, nop, ts>  | FIN-WAIT-1 CLOSE-WAIT
          S > C  ACK  seq 13  ack 14  len 0  <nop, nop, ts>  | FIN-WAIT-2 CLOSE-WAIT
        server  close
          S > C  FIN ACK  seq 13  ack 14  len 0  <nop, nop, ts>  | TIME-WAIT LAST-ACK
          C > S  ACK  seq 14  ack 14  len 0  <nop, nop, ts>  | TIME-WAIT CLOSED
        "#
    ))
}

/// A session with everything that is not in [`basic`].
pub(super) fn odd() -> Transcript {
    let long = format!("\"{}\"… (4096 bytes, sha256 5f70bf18)", "abcdefghij".repeat(6));
    transcript(&format!(
        r#"
        server  listen backlog 1
        | CLOSED LISTEN
          S > C  RST ACK  seq 0  ack 1  len 0  | CLOSED
          C > S  SYN ECE CWR  seq 0  len 5  "Hello"  <mss 65495, sack_ok, ts, nop, wscale, tfo 0102030405060708, kind 99 aabbccdd>  | SYN-SENT SYN-RECEIVED
        == a phase with a title that is longer than any terminal this ladder will ever be drawn for, which is a mistake ==
        wire  drop 2 of S > C data
        +1s client  send file "payload.bin" &
          C > S  PSH ACK  seq 1  ack 1  len 4096  {long}  <nop, nop, sack 1:13 14:15>
        client  recv "a text that is so long that it cannot stand in one row of the ladder, not even in a wide one, or can it?" -> ECONNRESET
        server  write "another text that is so long that it cannot stand in one row of the ladder, whatever the width" -> EPIPE
          stream C > S 4 705 stream 1 MiB: 719 segments of 1448, 1 of 664 bytes, 97 ACKs
          S > S  ACK  seq 1  ack 1048577  len 0
          C > S  RST  seq 4294967295  len 0  | CLOSED CLOSED
        !! stopped: a segment came that nobody expected
        "#
    ))
}

/// A socket that connects to itself.
pub(super) fn itself() -> Transcript {
    transcript(&format!(
        r#"
        client  connect self
          C > C  SYN  seq 0  len 0  {SYN_OPTIONS}  | SYN-RECEIVED
          C > C  SYN ACK  seq 0  ack 1  len 0  {SYN_OPTIONS}  | ESTABLISHED
        client  send "hi"
          C > C  PSH ACK  seq 1  ack 1  len 2  "hi"
        "#
    ))
}

pub(super) fn check(witness: Witness, name: &str, status: Status, detail: &str) -> Check {
    Check {
        witness,
        name: name.to_owned(),
        status,
        detail: detail.to_owned(),
        brief: None,
    }
}

pub(super) fn outcome(scenario: &str, verdict: Verdict, checks: Vec<Check>, millis: u64) -> Outcome {
    let judgement = Judgement {
        verdict,
        checks,
        findings: Vec::new(),
    };
    Outcome {
        scenario: scenario.to_owned(),
        result: Ok(judgement),
        segments: 11,
        wall: Duration::from_millis(millis),
    }
}

/// A scenario with these action lines, `client  connect` and the like; only actor and verb are real.
pub(super) fn scenario(name: &str, actions: &[(&str, Party, Verb)]) -> Scenario {
    let mut source = String::new();
    let mut steps = Vec::new();
    for (text, party, verb) in actions {
        let start = source.len();
        source += text;
        steps.push(Step {
            action: Action {
                span: start..source.len(),
                delay: None,
                party: *party,
                verb: verb.clone(),
                outcome: ScriptedOutcome::Success,
                outcome_span: None,
                background: false,
            },
            expect: Vec::new(),
        });
        source += "\n";
    }
    Scenario {
        name: name.to_owned(),
        path: "scenario.toml".into(),
        source: source.into(),
        title: String::new(),
        teaches: String::new(),
        covers: Vec::new(),
        findings: Vec::new(),
        deviations: Vec::new(),
        slow: false,
        settings: Settings::default(),
        phases: vec![Phase {
            title: String::new(),
            steps,
        }],
        written_out: Default::default(),
    }
}

/// The first event of a suite that plays each of these once.
pub(super) fn suite_started(scenarios: &[Arc<Scenario>]) -> Event {
    Event::SuiteStarted(Suite {
        tcplab: "0.1.0".to_owned(),
        kernel: "6.18.44".to_owned(),
        mode: Mode::Private,
        jobs: 4,
        scenarios: scenarios.to_vec(),
        runs: Some(scenarios.len()),
    })
}

/// The end of a run that could not take place.
pub(super) fn ended(run: usize, scenario: &Arc<Scenario>, call: &'static str) -> Event {
    Event::RunEnded(Box::new(Ended {
        run,
        scenario: Arc::clone(scenario),
        result: Err(SuiteError::Run(RunError::Io {
            call,
            error: std::io::ErrorKind::PermissionDenied.into(),
        })),
        elapsed: Duration::from_millis(9),
    }))
}

/// The events of a short session: a handshake, a message of the client, a failed read of the server, an option.
pub(super) fn session() -> (Arc<Scenario>, Vec<Event>) {
    let scenario = Arc::new(session_scenario());
    let mut events = vec![
        suite_started(std::slice::from_ref(&scenario)),
        Event::RunStarted {
            run: 0,
            scenario: Arc::clone(&scenario),
        },
    ];
    events.extend(entries().into_iter().map(|entry| Event::Entry { run: 0, entry }));
    (scenario, events)
}

fn session_scenario() -> Scenario {
    let payload = |text: &str| Payload {
        bytes: text.as_bytes().into(),
    };
    scenario(
        "basic",
        &[
            ("server  listen", Party::Server, Verb::Listen { backlog: 5 }),
            ("client  connect", Party::Client, Verb::Connect { to_self: false }),
            (
                "client  send \"It's\\x04\"",
                Party::Client,
                Verb::Send(payload("It's\x04")),
            ),
            (
                "server  recv 5 -> ECONNRESET",
                Party::Server,
                Verb::Recv(Want::Bytes(5)),
            ),
            ("client  read eof", Party::Client, Verb::Read(Want::Eof)),
            (
                "client  get SO_ERROR 0",
                Party::Client,
                Verb::Get(SocketOption::SoError, 0),
            ),
        ],
    )
}

/// What happens in it.
pub(super) fn entries() -> Vec<Entry> {
    let done = |received: Option<&str>, value: Option<&str>| ActionResult::Done {
        received: received.map(|text| text.as_bytes().to_vec()),
        sent: None,
        value: value.map(str::to_owned),
    };
    let segment = |at: Nanos, from: Party, flags, seq: u32, ack: u32, payload: &str, options: Vec<TcpOption>| {
        Entry::Segment(Segment {
            at,
            from,
            to: from.peer(),
            seq: Seq(seq),
            ack: Seq(ack),
            flags,
            window: 65_495,
            urgent: 0,
            options,
            len: payload.len() as u32,
            payload: payload.as_bytes().to_vec(),
            checksum: Checksum::Offloaded,
            origin: crate::tcp::Origin::Kernel,
            ip: crate::tcp::IpFields::default(),
            offset: None,
            sockets: None,
        })
    };
    let started = |step, at| Entry::ActionStarted { step, at };
    let ended = |step, at, result| Entry::ActionEnded { step, at, result };
    let (client, server) = (Party::Client, Party::Server);
    let failed = ActionResult::Failed {
        call: "read".to_owned(),
        errno: nix::libc::ECONNRESET,
        received: Vec::new(),
        sent: Vec::new(),
    };
    let sack = TcpOption::Sack(vec![(Seq(1005), Seq(1013))]);
    let long = "0123456789".repeat(5);
    vec![
        started(0, 50_000),
        ended(0, 81_000, done(None, None)),
        started(1, 110_000),
        segment(
            212_000,
            client,
            Flags::SYN,
            999,
            0,
            "",
            vec![TcpOption::Mss(1460), TcpOption::WindowScale(7)],
        ),
        segment(
            241_000,
            server,
            Flags::SYN | Flags::ACK,
            u32::MAX,
            1000,
            "",
            vec![TcpOption::Mss(1460)],
        ),
        segment(260_000, client, Flags::ACK, 1000, 0, "", Vec::new()),
        started(2, 300_000),
        segment(
            330_000,
            client,
            Flags::PSH | Flags::ACK,
            1000,
            0,
            "It's\x04",
            Vec::new(),
        ),
        segment(
            340_000,
            server,
            Flags::ACK,
            0,
            1005,
            "",
            vec![TcpOption::Nop, TcpOption::Nop, sack],
        ),
        Entry::Settled {
            step: 2,
            client: Some(State::Established),
            server: Some(State::Established),
        },
        started(3, 400_000),
        ended(3, 1_250_000_000, failed),
        segment(
            1_300_000_000,
            server,
            Flags::PSH | Flags::ACK,
            0,
            1005,
            &long,
            Vec::new(),
        ),
        started(4, 1_310_000_000),
        ended(4, 1_320_000_000, ActionResult::Eof { received: Vec::new() }),
        started(5, 1_330_000_000),
        ended(5, 1_330_200_000, done(None, Some("104"))),
        ended(2, 1_340_000_000, ActionResult::Unfinished),
    ]
}

/// The end of a suite of one run.
pub(super) fn suite_ended() -> Event {
    let mut totals = Totals {
        elapsed: Duration::from_millis(12),
        ..Totals::default()
    };
    totals.add(Conclusion::Unable);
    Event::SuiteEnded(totals)
}

/// The end of a run of this scenario with this judgement.
pub(super) fn judged(run: usize, scenario: &Arc<Scenario>, verdict: Verdict, checks: Vec<Check>) -> Event {
    let result = outcome(&scenario.name, verdict, checks, 41).result;
    Event::RunEnded(Box::new(Ended {
        run,
        scenario: Arc::clone(scenario),
        result: Ok(Played {
            scenario: Arc::clone(scenario),
            recording: Recording {
                scenario: scenario.name.clone(),
                environment: Environment {
                    kernel: "6.18.44".to_owned(),
                    tcplab: "0.1.0".to_owned(),
                    mode: Mode::Private,
                    sysctls: Default::default(),
                },
                entries: Vec::new(),
                ending: Ending::Completed,
                capture: Default::default(),
                counters: None,
                sockets: Vec::new(),
                stall: Stall::default(),
            },
            transcript: Transcript { lines: Vec::new() },
            judgement: result.expect("a judgement"),
            artefacts: Artefacts {
                folder: "runs/basic".into(),
            },
            pending: false,
        }),
        elapsed: Duration::from_millis(41),
    }))
}
