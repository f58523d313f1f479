//! A run while it goes on: a line for every action and every segment, in the spelling of the scenario language, and
//! progress bars on a terminal.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;

use console::truncate_str;
use indicatif::ProgressDrawTarget;
use nix::errno::Errno;

use super::progress::Progress;
use super::suite;
use super::text::{clean, quote};
use super::theme::{MIN_WIDTH, Role, Theme};
use super::verdict::Outcome;
use crate::run::{ActionResult, Entry};
use crate::scenario::{Action, Scenario, Verb};
use crate::suite::{Conclusion, Event};
use crate::tcp::{Conversation, Nanos, Party, Segment, Seq, TcpOption};

/// Payload bytes that a segment line shows.
const PREVIEW: usize = 40;

/// The columns of the reason beside a quiet verdict.
const QUIET_REASON: usize = 160;

/// The columns of the time in front of a line, in milliseconds.
const TIME: usize = 8;

/// How much to show while runs go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Nothing but the progress of all runs: for many runs of each scenario, which are counted at the end.
    Silent,
    /// Verdict lines only.
    Quiet,
    /// Every action and segment, and no verdict lines: for a single run, whose verdict follows at length.
    Session,
    /// Verdict lines, and the progress of all runs: for a suite.
    Suite,
}

/// Shows run events as they come.
pub struct Live<'a> {
    theme: Theme,
    detail: Detail,
    out: &'a mut dyn Write,
    /// Whether lines are cut at the theme's width: on a terminal each must stay one line.
    cut: bool,
    progress: Progress,
    /// The columns of the longest name.
    names: usize,
    runs: BTreeMap<usize, Running>,
}

/// What must be known about a run that goes on.
struct Running {
    scenario: Arc<Scenario>,
    conversation: Conversation,
}

impl<'a> Live<'a> {
    /// Lines go to `out`; progress bars are drawn on `target`, which indicatif hides where it is not a terminal.
    pub fn new(detail: Detail, theme: Theme, out: &'a mut dyn Write, target: ProgressDrawTarget) -> Live<'a> {
        let target = if detail == Detail::Quiet {
            ProgressDrawTarget::hidden()
        } else {
            target
        };
        Live {
            theme,
            detail,
            out,
            cut: !target.is_hidden(),
            progress: Progress::new(theme, target),
            names: 0,
            runs: BTreeMap::new(),
        }
    }

    /// Shows one event.
    ///
    /// # Errors
    /// The writer's.
    pub fn on(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::SuiteStarted(suite) => {
                let lengths = suite.scenarios.iter().map(|scenario| scenario.name.len());
                self.names = lengths.max().unwrap_or_default();
                self.progress.begin(suite.runs, self.names);
                Ok(())
            }
            Event::RunStarted { run, scenario } => {
                self.progress.started(*run, &scenario.name, scenario.steps().count());
                let running = Running {
                    scenario: Arc::clone(scenario),
                    conversation: Conversation::default(),
                };
                self.runs.insert(*run, running);
                Ok(())
            }
            Event::Entry { run, entry } => self.entry(*run, entry),
            Event::RunEnded(ended) => {
                self.progress.finished(ended.run);
                self.runs.remove(&ended.run);
                self.judged(&Outcome::of(&ended.scenario, &ended.result, ended.elapsed))
            }
            Event::SuiteEnded(_) => {
                self.progress.end();
                Ok(())
            }
        }
    }

    /// Shows the verdict on a run that is over, in one line, unless it follows at length.
    fn judged(&mut self, outcome: &Outcome) -> io::Result<()> {
        if matches!(self.detail, Detail::Session | Detail::Silent) {
            return Ok(());
        }
        let mut line = suite::line(outcome, self.names, &self.theme);
        // Nothing else will be said about it.
        if self.detail == Detail::Quiet && outcome.conclusion() != Conclusion::Pass {
            let reason = outcome.reason();
            line = format!(
                "{line}  {}",
                truncate_str(&reason, QUIET_REASON, self.theme.glyphs().ellipsis)
            );
        }
        self.print(&line)
    }

    fn entry(&mut self, run: usize, entry: &Entry) -> io::Result<()> {
        let Some(running) = self.runs.get_mut(&run) else {
            return Ok(());
        };
        let theme = self.theme;
        let step = |number: usize| {
            let scenario = &*running.scenario;
            let action = &scenario.steps().nth(number)?.action;
            Some((action, clean(scenario.text(&action.span))))
        };
        let line = match entry {
            Entry::ActionStarted { step: number, at } => step(*number).map(|(action, text)| {
                self.progress.step(run, *number, &text);
                timed(*at, &theme.paint(actor(action), &text), &theme)
            }),
            Entry::ActionEnded {
                step: number,
                at,
                result,
            } => {
                let told = told(result, theme.glyphs().ellipsis);
                let news = step(*number).zip(told).filter(|((_, text), told)| !says(text, told));
                news.map(|((action, _), told)| {
                    let text = format!("{}  {} {told}", action.party, action.verb.name());
                    timed(*at, &theme.paint(actor(action), &text), &theme)
                })
            }
            Entry::Segment(segment) => Some(segment_line(segment, &mut running.conversation, &theme)),
            Entry::Fault { at, segment, fate, .. } => {
                let text = format!("wire  segment {} {}", segment + 1, fate.name());
                Some(timed(*at, &theme.paint(Role::Doubt, &text), &theme))
            }
            Entry::Icmp(event) => {
                let relative = running.conversation.relative_to(event.from, event.seq);
                let text = format!("icmp  {} {}", event.kind, event.describe(relative));
                Some(timed(event.at, &theme.paint(Role::Doubt, &text), &theme))
            }
            Entry::Settled { .. } => None,
        };
        match line.filter(|_| self.detail == Detail::Session) {
            Some(line) => self.print(&line),
            None => Ok(()),
        }
    }

    fn print(&mut self, line: &str) -> io::Result<()> {
        let ellipsis = self.theme.glyphs().ellipsis;
        let line = if self.cut {
            truncate_str(line, self.theme.width.max(MIN_WIDTH), ellipsis)
        } else {
            line.into()
        };
        let out = &mut self.out;
        self.progress.aside(|| {
            writeln!(out, "{line}")?;
            out.flush()
        })
    }
}

fn actor(action: &Action) -> Role {
    match action.party {
        _ if matches!(action.verb, Verb::Wire(_) | Verb::Icmp(_)) => Role::Doubt,
        Party::Client => Role::Client,
        Party::Server => Role::Server,
    }
}

fn timed(at: Nanos, text: &str, theme: &Theme) -> String {
    let time = format!("{:>TIME$.2} ms", at as f64 / 1e6);
    format!("{}  {text}", theme.paint(Role::Dim, &time))
}

/// What came of an action, where that says more than that it went well.
fn told(result: &ActionResult, ellipsis: &str) -> Option<String> {
    match result {
        ActionResult::Done { received, value, .. } => {
            let received = received.as_ref().filter(|bytes| !bytes.is_empty());
            let seen = value.as_deref().map(clean);
            let seen = seen.or_else(|| received.map(|bytes| quote(bytes, PREVIEW, ellipsis)))?;
            Some(format!("-> {seen}"))
        }
        ActionResult::Eof { .. } => Some("-> eof".to_owned()),
        ActionResult::Failed { errno, .. } => Some(format!("-> {:?}", Errno::from_raw(*errno))),
        ActionResult::Impossible { reason } => Some(format!("is impossible: {}", clean(reason))),
        ActionResult::Unfinished => Some("had not ended when the run ended".to_owned()),
    }
}

/// Whether the action line ends with what came of it: then it was as the scenario says, and is not told again.
fn says(action: &str, told: &str) -> bool {
    let action = action.strip_suffix('&').unwrap_or(action).trim_end();
    let told = told.strip_prefix("->").unwrap_or(told);
    action.ends_with(told)
}

/// A segment as the scenario language writes it, with its time and all that it carries.
fn segment_line(segment: &Segment, conversation: &mut Conversation, theme: &Theme) -> String {
    let relative = conversation.relate(segment);
    let direction = format!("{} > {}", segment.from.letter(), segment.to.letter());
    let role = match segment.from {
        Party::Client => Role::Client,
        Party::Server => Role::Server,
    };
    let mut fields = format!("seq {:<3}", relative.seq);
    fields += &relative
        .ack
        .map_or("       ".to_owned(), |ack| format!(" ack {ack:<3}"));
    fields += &format!(" len {}", segment.len);
    if segment.len > 0 && !segment.payload.is_empty() {
        fields += &format!(" {}", quote(&segment.payload, PREVIEW, theme.glyphs().ellipsis));
    }
    let options: Vec<String> = segment
        .options
        .iter()
        .map(|option| option_text(option, segment, conversation))
        .collect();
    let options = if options.is_empty() {
        String::new()
    } else {
        format!("  <{}>", options.join(", "))
    };
    if segment.is_injected() {
        fields += "  made by hand";
    }
    let text = format!(
        "  {}  {}  {fields}{}",
        theme.paint(role, &direction),
        theme.paint(Role::Strong, &format!("{:7}", segment.flags)),
        theme.paint(Role::Dim, &options),
    );
    timed(segment.at, &text, theme)
}

/// An option; SACK blocks with relative numbers, as all others in the line.
pub(super) fn option_text(option: &TcpOption, segment: &Segment, conversation: &Conversation) -> String {
    let TcpOption::Sack(blocks) = option else {
        return option.to_string();
    };
    let edge = |number| Seq(conversation.relative_to(segment.to, number));
    TcpOption::Sack(blocks.iter().map(|(left, right)| (edge(*left), edge(*right))).collect()).to_string()
}

#[cfg(test)]
mod tests {
    use super::super::samples::{ended, entries, outcome, session, suite_started, theme, visible};
    use super::*;
    use crate::judge::Verdict;
    use crate::tcp::Seq;

    /// What is printed for the session and its verdict, without bars.
    fn printed(detail: Detail, theme: Theme) -> String {
        let (scenario, mut events) = session();
        events.push(ended(0, &scenario, "the end of the events"));
        let mut out = Vec::new();
        let mut live = Live::new(detail, theme, &mut out, ProgressDrawTarget::hidden());
        for event in &events {
            live.on(event).unwrap();
        }
        live.judged(&outcome("basic", Verdict::Pass, Vec::new(), 41)).unwrap();
        assert!(live.runs.is_empty());
        drop(live);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_action_and_segment_is_a_line() {
        let mut all = String::new();
        let mut show = |label: &str, text: String| all += &format!("# {label}:\n{text}\n");
        show("session", printed(Detail::Session, theme(80)));
        let ascii = Theme {
            unicode: false,
            color: true,
            width: 80,
        };
        show("session, ASCII, colour", visible(&printed(Detail::Session, ascii)));
        show("suite", printed(Detail::Suite, theme(80)));
        show("quiet", printed(Detail::Quiet, theme(80)));
        show("silent", printed(Detail::Silent, theme(80)));
        insta::assert_snapshot!(all);
    }

    #[test]
    fn lines_of_a_pipe_have_no_escape_codes() {
        assert!(!printed(Detail::Session, theme(80)).contains('\u{1b}'));
    }

    #[test]
    fn parallel_runs_have_numbers_of_their_own() {
        let (scenario, _) = session();
        let mut out = Vec::new();
        let mut live = Live::new(Detail::Session, theme(80), &mut out, ProgressDrawTarget::hidden());
        live.on(&suite_started(std::slice::from_ref(&scenario))).unwrap();
        for run in 0..2 {
            let scenario = Arc::clone(&scenario);
            live.on(&Event::RunStarted { run, scenario }).unwrap();
        }
        for entry in entries() {
            let mut other = entry.clone();
            live.on(&Event::Entry { run: 0, entry }).unwrap();
            if let Entry::Segment(segment) = &mut other {
                segment.seq += 77;
                segment.ack += 77;
                for option in &mut segment.options {
                    if let TcpOption::Sack(blocks) = option {
                        let shifted = |edge: Seq| edge + 77;
                        blocks
                            .iter_mut()
                            .for_each(|(left, right)| (*left, *right) = (shifted(*left), shifted(*right)));
                    }
                }
            }
            live.on(&Event::Entry { run: 1, entry: other }).unwrap();
        }
        drop(live);
        let out = String::from_utf8(out).unwrap();
        let lines: Vec<&str> = out.lines().collect();
        assert!(!lines.is_empty());
        assert!(lines.chunks(2).all(|pair| pair[0] == pair[1]), "{out}");
    }

    #[test]
    fn an_event_of_an_unknown_run_is_no_error() {
        let mut out = Vec::new();
        let mut live = Live::new(Detail::Session, theme(80), &mut out, ProgressDrawTarget::hidden());
        for entry in entries() {
            live.on(&Event::Entry { run: 0, entry }).unwrap();
        }
        drop(live);
        assert!(out.is_empty());
    }
}
