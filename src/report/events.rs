//! The events of a suite as JSON lines: one object a line, for programs. `docs/events.md` is their description.
//!
//! Fields may be added under the same version. A field that goes, or comes to mean something else, takes a new one.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use nix::errno::Errno;
use serde::Serialize;

use super::live::option_text;
use super::verdict::{Outcome, culprits, witness_name};
use crate::judge::Status;
use crate::run::{ActionResult, Damage, Entry, Fate, IcmpFate, Mode};
use crate::scenario::Scenario;
use crate::suite::{Conclusion, Ended, Event};
use crate::tcp::{Conversation, Nanos, Origin, Party, Segment, State};

/// The version of the lines.
pub const VERSION: u32 = 1;

/// Writes each event as it comes.
#[derive(Debug)]
pub struct JsonLines<W> {
    out: W,
    runs: BTreeMap<usize, Running>,
}

#[derive(Debug)]
struct Running {
    scenario: Arc<Scenario>,
    conversation: Conversation,
    segments: usize,
}

impl<W: Write> JsonLines<W> {
    /// Lines go to `out`, each at once.
    pub fn new(out: W) -> JsonLines<W> {
        JsonLines {
            out,
            runs: BTreeMap::new(),
        }
    }

    /// Where the lines went.
    pub fn into_inner(self) -> W {
        self.out
    }

    /// Writes one event.
    ///
    /// # Errors
    /// The writer's.
    pub fn on(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::SuiteStarted(suite) => write(
                &mut self.out,
                &Line::Suite {
                    version: VERSION,
                    tcplab: &suite.tcplab,
                    kernel: &suite.kernel,
                    mode: suite.mode,
                    jobs: suite.jobs,
                    runs: suite.runs,
                    scenarios: suite.scenarios.iter().map(|scenario| &*scenario.name).collect(),
                },
            ),
            Event::RunStarted { run, scenario } => {
                let running = Running {
                    scenario: Arc::clone(scenario),
                    conversation: Conversation::default(),
                    segments: 0,
                };
                self.runs.insert(*run, running);
                write(
                    &mut self.out,
                    &Line::Run {
                        run: run + 1,
                        scenario: &scenario.name,
                        file: scenario.path.to_string_lossy().into_owned(),
                        steps: scenario.steps().count(),
                    },
                )
            }
            Event::Entry { run, entry } => match self.runs.get_mut(run) {
                Some(running) => {
                    let name = Arc::clone(&running.scenario);
                    write(&mut self.out, &running.line(run + 1, &name.name, entry))
                }
                None => Ok(()),
            },
            Event::RunEnded(ended) => {
                self.runs.remove(&ended.run);
                write(&mut self.out, &run_end(ended))
            }
            Event::SuiteEnded(totals) => write(
                &mut self.out,
                &Line::SuiteEnd {
                    counts: Conclusion::ALL.map(|kind| (kind.name(), totals.count(kind))).into(),
                    not_played: totals.not_played,
                    interrupted: totals.interrupted,
                    elapsed_ms: totals.elapsed.as_millis(),
                },
            ),
        }
    }
}

fn write(out: &mut impl Write, line: &Line<'_>) -> io::Result<()> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    out.write_all(&text)?;
    out.flush()
}

impl Running {
    fn line<'a>(&mut self, run: usize, scenario: &'a str, entry: &'a Entry) -> Line<'a> {
        match entry {
            Entry::ActionStarted { step, at } => {
                let action = self.scenario.steps().nth(*step).map(|step| &step.action.span);
                Line::Action {
                    run,
                    scenario,
                    step: step + 1,
                    at_ns: *at,
                    line: action.map(|span| self.scenario.line(span)),
                    text: action.map(|span| self.scenario.text(span).to_owned()),
                }
            }
            Entry::ActionEnded { step, at, result } => Line::Result {
                run,
                scenario,
                step: step + 1,
                at_ns: *at,
                result: Told::of(result),
            },
            Entry::Segment(segment) => {
                self.segments += 1;
                let relative = self.conversation.relate(segment);
                Line::Segment(Box::new(SegmentLine {
                    run,
                    scenario,
                    number: self.segments,
                    at_ns: segment.at,
                    from: segment.from,
                    to: segment.to,
                    flags: segment.flags.to_string(),
                    seq: relative.seq,
                    ack: relative.ack,
                    len: segment.len,
                    window: segment.window,
                    options: segment
                        .options
                        .iter()
                        .map(|option| option_text(option, segment, &self.conversation))
                        .collect(),
                    payload: payload(segment),
                    dscp: segment.ip.dscp,
                    ecn: segment.ip.ecn.name(),
                    ttl: segment.ip.ttl,
                    origin: segment.origin,
                }))
            }
            Entry::Fault {
                step,
                at,
                segment,
                fate,
                damage,
            } => Line::Fault {
                run,
                scenario,
                step: step + 1,
                at_ns: *at,
                segment: segment + 1,
                fate: *fate,
                damage: *damage,
            },
            Entry::Icmp(event) => Line::Icmp {
                run,
                scenario,
                step: event.step + 1,
                at_ns: event.at,
                kind: event.kind.to_string(),
                from: event.from,
                to: event.to,
                seq: self.conversation.relative_to(event.from, event.seq),
                mtu: event.mtu,
                fate: event.fate,
            },
            Entry::Settled { step, client, server } => Line::Settled {
                run,
                scenario,
                step: step + 1,
                client: client.map(State::name),
                server: server.map(State::name),
            },
        }
    }
}

/// The payload in the spelling of the scenario language.
fn payload(segment: &Segment) -> String {
    segment.payload.escape_ascii().to_string().replace("\\'", "'")
}

fn run_end(ended: &Ended) -> Line<'_> {
    let outcome = Outcome::of(&ended.scenario, &ended.result, ended.elapsed);
    let played = ended.result.as_ref().ok();
    let failed = match &outcome.result {
        Ok(judgement) => culprits(judgement)
            .map(|check| Failed {
                witness: witness_name(check.witness),
                check: check.name.clone(),
                status: check.status,
                detail: check.detail.clone(),
            })
            .collect(),
        Err(_) => Vec::new(),
    };
    let artefacts = played.map(|played| &played.artefacts);
    Line::RunEnd {
        run: ended.run + 1,
        scenario: &ended.scenario.name,
        verdict: outcome.conclusion().name(),
        reason: outcome.reason(),
        line: ended.line_at_fault(),
        failed,
        segments: outcome.segments,
        elapsed_ms: ended.elapsed.as_millis(),
        artefacts: artefacts.map(|artefacts| artefacts.folder.clone()),
        pending: played.is_some_and(|played| played.pending),
    }
}

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Line<'a> {
    Suite {
        version: u32,
        tcplab: &'a str,
        kernel: &'a str,
        mode: Mode,
        jobs: usize,
        runs: Option<usize>,
        scenarios: Vec<&'a str>,
    },
    Run {
        run: usize,
        scenario: &'a str,
        file: String,
        steps: usize,
    },
    Action {
        run: usize,
        scenario: &'a str,
        step: usize,
        at_ns: Nanos,
        line: Option<usize>,
        text: Option<String>,
    },
    Result {
        run: usize,
        scenario: &'a str,
        step: usize,
        at_ns: Nanos,
        #[serde(flatten)]
        result: Told<'a>,
    },
    Segment(Box<SegmentLine<'a>>),
    Fault {
        run: usize,
        scenario: &'a str,
        step: usize,
        at_ns: Nanos,
        segment: usize,
        fate: Fate,
        #[serde(skip_serializing_if = "Option::is_none")]
        damage: Option<Damage>,
    },
    Icmp {
        run: usize,
        scenario: &'a str,
        step: usize,
        at_ns: Nanos,
        kind: String,
        from: Party,
        to: Party,
        seq: u32,
        mtu: Option<u16>,
        fate: IcmpFate,
    },
    Settled {
        run: usize,
        scenario: &'a str,
        step: usize,
        client: Option<&'static str>,
        server: Option<&'static str>,
    },
    RunEnd {
        run: usize,
        scenario: &'a str,
        verdict: &'static str,
        reason: String,
        line: Option<usize>,
        failed: Vec<Failed>,
        segments: usize,
        elapsed_ms: u128,
        artefacts: Option<PathBuf>,
        pending: bool,
    },
    SuiteEnd {
        counts: BTreeMap<&'static str, usize>,
        not_played: usize,
        interrupted: bool,
        elapsed_ms: u128,
    },
}

#[derive(Serialize)]
struct SegmentLine<'a> {
    run: usize,
    scenario: &'a str,
    number: usize,
    at_ns: Nanos,
    from: Party,
    to: Party,
    flags: String,
    seq: u32,
    ack: Option<u32>,
    len: u32,
    window: u16,
    options: Vec<String>,
    payload: String,
    dscp: u8,
    ecn: &'static str,
    ttl: u8,
    origin: Origin,
}

/// What came of an action.
#[derive(Serialize)]
struct Told<'a> {
    result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    errno: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a str>,
    received: usize,
    sent: usize,
}

impl<'a> Told<'a> {
    fn of(result: &'a ActionResult) -> Told<'a> {
        let (word, errno, value) = match result {
            ActionResult::Done { value, .. } => ("done", None, value.as_deref()),
            ActionResult::Eof { .. } => ("eof", None, None),
            ActionResult::Failed { errno, .. } => ("failed", Some(format!("{:?}", Errno::from_raw(*errno))), None),
            ActionResult::Impossible { reason } => ("impossible", None, Some(&**reason)),
            ActionResult::Unfinished => ("unfinished", None, None),
        };
        Told {
            result: word,
            errno,
            value,
            received: result.bytes_received().len(),
            sent: result.bytes_sent().len(),
        }
    }
}

#[derive(Serialize)]
struct Failed {
    witness: &'static str,
    check: String,
    status: Status,
    detail: String,
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::samples::{ended, session, suite_ended};
    use super::*;

    fn lines() -> Vec<String> {
        let (scenario, mut events) = session();
        events.push(ended(0, &scenario, "epoll_wait"));
        events.push(suite_ended());
        let mut lines = JsonLines::new(Vec::new());
        events.iter().for_each(|event| lines.on(event).unwrap());
        let text = String::from_utf8(lines.into_inner()).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn every_event_is_one_line_of_json() {
        insta::assert_snapshot!(lines().join("\n"));
    }

    #[test]
    fn the_first_line_says_its_version_first() {
        assert!(lines()[0].starts_with(r#"{"event":"suite","version":1,"#));
    }

    #[test]
    fn lines_of_a_run_name_it() {
        for line in lines() {
            let line: Value = serde_json::from_str(&line).unwrap();
            let of_suite = line["event"].as_str().unwrap().starts_with("suite");
            assert_eq!(
                line["run"].is_u64() && line["scenario"].is_string(),
                !of_suite,
                "{line}"
            );
        }
    }
}
